//! What is over: a device's connections, firmwares and updates; and a product's notifications.

use super::answer::{none, ok, page};
use super::error::Result;
use super::extensions::{document, limit};
use super::extract::Name;
use super::params::{Params, paging};
use crate::access::scope::{Product, Role, Scope};
use crate::app::App;
use crate::fleet::history::{self, IdentityRow, PastConnection, PastFirmware, PastUpdate};
use crate::fleet::notices::{self, NotificationRow};
use axum::extract::State;
use serde_json::{Value, json};

fn connection_view(c: &PastConnection) -> Value {
    json!({
        "established_at": c.established_at.zulu(),
        "last_seen_at": c.last_seen_at.zulu(),
        "disconnected_at": c.disconnected_at.map(|t| t.zulu()),
        "disconnected_reason": c.reason,
        "address": c.peer,
        "connection_types": c.types.as_deref().map(|t| t.split(',').collect::<Vec<_>>()),
        "network_interface": (!c.interface.is_empty()).then_some(&c.interface),
        "device_api_version": c.api_version,
    })
}

fn firmware_view(f: &PastFirmware) -> Value {
    json!({
        "uuid": f.uuid, "version": f.version, "platform": f.platform,
        "architecture": f.architecture, "validation_status": f.validation,
        "auto_revert_detected": f.auto_revert, "inserted_at": f.at.zulu(),
    })
}

fn update_view(u: &PastUpdate) -> Value {
    json!({
        "type": u.kind, "source_uuid": u.source_uuid, "target_uuid": u.target_uuid,
        "update_bytes": u.sent_bytes, "saved_bytes": u.full_bytes - u.sent_bytes,
        "inserted_at": u.at.zulu(),
    })
}

fn identity_view(i: &IdentityRow) -> Value {
    json!({
        "identifier": i.identifier, "service": i.service, "instance": i.instance,
        "source": "device_reported", "details": document(&i.details),
        "last_reported_at": i.updated_at.naive(), "inserted_at": i.inserted_at.naive(),
        "updated_at": i.updated_at.naive(),
    })
}

fn notification_view(n: &NotificationRow) -> Value {
    json!({
        "id": n.id, "event_key": n.event_key, "level": n.level, "title": n.title,
        "message": n.message, "occurrence_count": n.occurrences,
        "last_occurred_at": n.last_at.zulu(), "inserted_at": n.inserted_at.zulu(),
    })
}

/// `GET …/devices/:device/connections`: newest first, the present one among them; `limit` bounds it.
pub(super) async fn connections(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result {
    let found = history::connections(&app.db, &scope, &d, limit(&p)?).await?;
    Ok(ok(&found.iter().map(connection_view).collect()))
}

/// `GET …/devices/:device/firmwares`: what it ran, newest first; `limit` bounds it.
pub(super) async fn firmwares(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result {
    let found = history::firmwares(&app.db, &scope, &d, limit(&p)?).await?;
    Ok(ok(&found.iter().map(firmware_view).collect()))
}

/// `GET …/devices/:device/updates`: all of them summed up, and the newest; `limit` bounds these.
pub(super) async fn updates(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result {
    let found = history::updates(&app.db, &scope, &d, limit(&p)?).await?;
    Ok(ok(&json!({
        "num_updates": found.count,
        "total_update_bytes": found.sent_bytes,
        "saved_bytes": found.saved_bytes,
        "updates": found.newest.iter().map(update_view).collect::<Vec<_>>(),
    })))
}

/// `GET …/devices/:device/network_identities` (rest-api 12).
pub(super) async fn identities(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result {
    let text = |key: &str| p.text(key).unwrap_or_default().to_owned();
    let (service, instance) = (text("service"), text("instance"));
    let found = history::identities(&app.db, &scope, &d, &service, &instance).await?;
    Ok(ok(&found.iter().map(identity_view).collect()))
}

/// `GET /notifications`: last occurrence first.
pub(super) async fn notifications(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result {
    let (number, size) = paging(&p, 25)?;
    let (rows, total) = notices::list(&app.db, &scope, number, size).await?;
    let data = rows.iter().map(notification_view).collect();
    Ok(page(data, number, size, total))
}

/// `DELETE /notifications`: all of them, for everybody.
pub(super) async fn dismiss(State(app): State<App>, scope: Scope<Product>) -> Result {
    let scope = scope.allow(Role::Manage)?;
    notices::dismiss(&app.db, &scope).await?;
    Ok(none())
}
