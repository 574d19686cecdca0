//! What is over: a device's connections, firmwares and updates, and its keys on other networks.

use super::extensions::{LIMIT, document, limit};
use crate::access::scope::{Product, Scope};
use crate::api::http::answer::Data;
use crate::api::http::contract::{Auth, Contract, FieldType, optional_field};
use crate::api::http::error::Result;
use crate::api::http::extract::Name;
use crate::api::http::params::Params;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::devices::history::{
    self, IdentityRow, PastConnection, PastFirmware, PastUpdate,
};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// A connection that a device had, or has. Times end in `Z`.
#[derive(Serialize, JsonSchema)]
struct Connection {
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
struct DeviceFirmware {
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
        validation_status: f.validation.word().into(),
        auto_revert_detected: f.auto_revert,
        inserted_at: f.at.zulu(),
    }
}

/// All updates of a device.
#[derive(Serialize, JsonSchema)]
struct Updates {
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
struct Update {
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
struct NetworkIdentity {
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

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::NetworkIdentities);
    contract
        .get(
            "history.identities",
            "/orgs/{org}/products/{product}/devices/{device}/network_identities",
            Auth::VIEW,
            identities,
        )
        .summary("The device's keys")
        .query(&[
            optional_field(
                "service",
                FieldType::Text,
                "`iroh`, `netbird`, `tailscale` or `wireguard`",
            ),
            optional_field("instance", FieldType::Text, "One of several"),
        ]);
    contract.tag(Tag::DeviceReports);
    contract
        .get(
            "history.connections",
            "/orgs/{org}/products/{product}/devices/{device}/connections",
            Auth::VIEW,
            connections,
        )
        .summary("Connections, newest first")
        .query(LIMIT);
    contract
        .get(
            "history.firmwares",
            "/orgs/{org}/products/{product}/devices/{device}/firmwares",
            Auth::VIEW,
            firmwares,
        )
        .summary("What it ran, newest first")
        .query(LIMIT);
    contract
        .get(
            "history.updates",
            "/orgs/{org}/products/{product}/devices/{device}/updates",
            Auth::VIEW,
            updates,
        )
        .summary("Updates, summed up and the newest")
        .query(LIMIT);
}

/// `GET …/devices/:device/connections`: newest first, the present one among them; `limit` bounds it.
async fn connections(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result<Data<Vec<Connection>>> {
    let found = history::connections(&app.db, &scope, &d, limit(&p)?).await?;
    Ok(Data(found.iter().map(connection_view).collect()))
}

/// `GET …/devices/:device/firmwares`: what it ran, newest first; `limit` bounds it.
async fn firmwares(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result<Data<Vec<DeviceFirmware>>> {
    let found = history::firmwares(&app.db, &scope, &d, limit(&p)?).await?;
    Ok(Data(found.iter().map(firmware_view).collect()))
}

/// `GET …/devices/:device/updates`: all of them summed up, and the newest; `limit` bounds these.
async fn updates(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result<Data<Updates>> {
    let found = history::updates(&app.db, &scope, &d, limit(&p)?).await?;
    Ok(Data(Updates {
        num_updates: found.count,
        total_update_bytes: found.sent_bytes,
        saved_bytes: found.saved_bytes,
        updates: found.newest.iter().map(update_view).collect(),
    }))
}

/// `GET …/devices/:device/network_identities` (docs/protocol/rest.md, "Filters").
async fn identities(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result<Data<Vec<NetworkIdentity>>> {
    let text = |key: &str| p.text(key).unwrap_or_default().to_owned();
    let (service, instance) = (text("service"), text("instance"));
    let found = history::identities(&app.db, &scope, &d, &service, &instance).await?;
    Ok(Data(found.iter().map(identity_view).collect()))
}
