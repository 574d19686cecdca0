//! What is over: a device's connections, firmwares and updates; and a product's notifications.

use super::extensions::{document, limit};
use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::{none, ok, page};
use crate::api::http::error::Result;
use crate::api::http::extract::Name;
use crate::api::http::params::{Params, paging};
use crate::app::App;
use crate::domain::devices::history::{
    self, IdentityRow, PastConnection, PastFirmware, PastUpdate,
};
use crate::domain::support::notifications::{self, NotificationRow};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// A connection that a device had, or has. Times end in `Z`.
#[derive(Serialize, JsonSchema)]
pub struct Connection {
    /// When it began.
    established_at: String,
    /// When the device was last heard on it.
    last_seen_at: String,
    /// When it ended; null while it lasts.
    disconnected_at: Option<String>,
    /// Why it ended.
    disconnected_reason: Option<String>,
    /// Where it came from.
    address: Option<String>,
    /// Kinds of networks that the device reported.
    connection_types: Option<Vec<String>>,
    /// The interface that it came over.
    network_interface: Option<String>,
    /// Version of the protocol that the device named.
    device_api_version: Option<String>,
}

fn connection_view(c: &PastConnection) -> Connection {
    let types = c.types.as_deref();
    Connection {
        established_at: c.established_at.zulu(),
        last_seen_at: c.last_seen_at.zulu(),
        disconnected_at: c.disconnected_at.map(|t| t.zulu()),
        disconnected_reason: c.reason.clone(),
        address: c.peer.clone(),
        connection_types: types.map(|t| t.split(',').map(str::to_owned).collect()),
        network_interface: (!c.interface.is_empty()).then(|| c.interface.clone()),
        device_api_version: c.api_version.clone(),
    }
}

/// A firmware that a device ran, or runs.
#[derive(Serialize, JsonSchema)]
pub struct DeviceFirmware {
    /// The image.
    uuid: String,
    /// Its version.
    version: Option<String>,
    /// Its platform.
    platform: Option<String>,
    /// Its architecture.
    architecture: Option<String>,
    /// `validated`, `not_validated` or `unknown`.
    validation_status: String,
    /// Whether the device fell back to it.
    auto_revert_detected: bool,
    /// Since when, `2026-08-22T08:33:49Z`.
    inserted_at: String,
}

fn firmware_view(f: &PastFirmware) -> DeviceFirmware {
    DeviceFirmware {
        uuid: f.uuid.clone(),
        version: f.version.clone(),
        platform: f.platform.clone(),
        architecture: f.architecture.clone(),
        validation_status: f.validation.clone(),
        auto_revert_detected: f.auto_revert,
        inserted_at: f.at.zulu(),
    }
}

/// All updates of a device.
#[derive(Serialize, JsonSchema)]
pub struct Updates {
    /// How many there were.
    num_updates: i64,
    /// Bytes sent for all.
    total_update_bytes: i64,
    /// Bytes that deltas saved.
    saved_bytes: i64,
    /// The newest.
    updates: Vec<Update>,
}

/// An update that a device finished.
#[derive(Serialize, JsonSchema)]
pub struct Update {
    /// `full` or `delta`.
    r#type: String,
    /// What it ran before.
    source_uuid: String,
    /// What it ran after.
    target_uuid: String,
    /// Bytes sent.
    update_bytes: i64,
    /// Bytes that a delta saved.
    saved_bytes: i64,
    /// When it was done, `2026-08-22T08:33:49Z`.
    inserted_at: String,
}

fn update_view(u: &PastUpdate) -> Update {
    Update {
        r#type: u.kind.clone(),
        source_uuid: u.source_uuid.clone(),
        target_uuid: u.target_uuid.clone(),
        update_bytes: u.sent_bytes,
        saved_bytes: u.full_bytes - u.sent_bytes,
        inserted_at: u.at.zulu(),
    }
}

/// A key that a device holds on another network.
#[derive(Serialize, JsonSchema)]
pub struct NetworkIdentity {
    /// The key.
    identifier: String,
    /// `iroh`, `netbird`, `tailscale` or `wireguard`.
    service: String,
    /// One of several of the service.
    instance: String,
    /// `device_reported` or `operator`.
    source: String,
    /// What the device says about it.
    details: Value,
    /// `2026-08-22T08:33:49Z`.
    last_reported_at: Option<String>,
    /// `2026-08-22T08:33:49`.
    inserted_at: String,
    /// `2026-08-22T08:33:49`.
    updated_at: String,
}

fn identity_view(i: &IdentityRow) -> NetworkIdentity {
    NetworkIdentity {
        identifier: i.identifier.clone(),
        service: i.service.clone(),
        instance: i.instance.clone(),
        source: "device_reported".into(),
        details: document(&i.details),
        last_reported_at: Some(i.updated_at.zulu()),
        inserted_at: i.inserted_at.naive(),
        updated_at: i.updated_at.naive(),
    }
}

/// What a product's people should know.
#[derive(Serialize, JsonSchema)]
pub struct Notification {
    /// A number.
    id: i64,
    /// What makes two of them the same.
    event_key: String,
    /// `info`, `warning` or `error`.
    level: String,
    /// A few words.
    title: String,
    /// A sentence.
    message: String,
    /// How often it happened.
    occurrence_count: i64,
    /// `2026-08-22T08:33:49Z`.
    last_occurred_at: String,
    /// `2026-08-22T08:33:49Z`.
    inserted_at: String,
}

fn notification_view(n: &NotificationRow) -> Notification {
    Notification {
        id: n.id,
        event_key: n.event_key.clone(),
        level: n.level.clone(),
        title: n.title.clone(),
        message: n.message.clone(),
        occurrence_count: n.occurrences,
        last_occurred_at: n.last_at.zulu(),
        inserted_at: n.inserted_at.zulu(),
    }
}

/// `GET …/devices/:device/connections`: newest first, the present one among them; `limit` bounds it.
pub async fn connections(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result {
    let found = history::connections(&app.db, &scope, &d, limit(&p)?).await?;
    Ok(ok(&found.iter().map(connection_view).collect::<Vec<_>>()))
}

/// `GET …/devices/:device/firmwares`: what it ran, newest first; `limit` bounds it.
pub async fn firmwares(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result {
    let found = history::firmwares(&app.db, &scope, &d, limit(&p)?).await?;
    Ok(ok(&found.iter().map(firmware_view).collect::<Vec<_>>()))
}

/// `GET …/devices/:device/updates`: all of them summed up, and the newest; `limit` bounds these.
pub async fn updates(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result {
    let found = history::updates(&app.db, &scope, &d, limit(&p)?).await?;
    Ok(ok(&Updates {
        num_updates: found.count,
        total_update_bytes: found.sent_bytes,
        saved_bytes: found.saved_bytes,
        updates: found.newest.iter().map(update_view).collect(),
    }))
}

/// `GET …/devices/:device/network_identities` (docs/protocol/rest.md, "Filters").
pub async fn identities(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result {
    let text = |key: &str| p.text(key).unwrap_or_default().to_owned();
    let (service, instance) = (text("service"), text("instance"));
    let found = history::identities(&app.db, &scope, &d, &service, &instance).await?;
    Ok(ok(&found.iter().map(identity_view).collect::<Vec<_>>()))
}

/// `GET /notifications`: last occurrence first.
pub async fn notifications(State(app): State<App>, scope: Scope<Product>, p: Params) -> Result {
    let (number, size) = paging(&p, 25)?;
    let (rows, total) = notifications::list(&app.db, &scope, number, size).await?;
    let data: Vec<_> = rows.iter().map(notification_view).collect();
    Ok(page(&data, number, size, total))
}

/// `DELETE /notifications`: all of them, for everybody.
pub async fn dismiss(State(app): State<App>, scope: Scope<Product>) -> Result {
    let scope = scope.allow(Role::Manage)?;
    notifications::dismiss(&app.db, &scope).await?;
    Ok(none())
}
