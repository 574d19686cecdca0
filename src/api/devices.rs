//! Devices (rest-api 10).

use super::answer::{created, none, ok, page, path};
use super::error::Result;
use super::extract::Name;
use super::params::{Params, flag, paging, tags};
use crate::access::scope::{InOrg as _, Product, Role, Scope};
use crate::app::App;
use crate::fleet;
use crate::fleet::devices::{self, Device, DeviceFilter, DeviceForm, DeviceOrder};
use crate::fleet::moves;
use crate::fleet::refusal::{INVALID, field};
use axum::extract::State;
use serde_json::{Map, Value, json};

/// A device, every field always present (rest-api 10.1).
fn view(d: &Device) -> Value {
    let v = &d.view;
    let status = v.connection_status.as_deref().unwrap_or("not_seen");
    let metadata = (!v.fw_uuid.is_empty()).then(|| {
        json!({
            "id": uuid::Uuid::from_u64_pair(0, v.id.0.unsigned_abs()).to_string(),
            "uuid": v.fw_uuid, "product": v.fw_product, "version": v.fw_version,
            "architecture": v.fw_architecture, "platform": v.fw_platform,
            "author": v.fw_author, "description": v.fw_description,
            "fwup_version": v.fw_fwup_version, "vcs_identifier": v.fw_vcs_identifier,
            "misc": v.fw_misc,
        })
    });
    let group = v.group_name.as_ref().map(|name| {
        json!({
            "name": name, "is_active": v.group_active,
            "firmware_uuid": v.release_uuid, "firmware_version": v.release_version,
        })
    });
    json!({
        "identifier": v.identifier,
        "description": v.description,
        "tags": d.tags,
        "online": status,
        "connection_status": status,
        "firmware_metadata": metadata,
        "version": v.fw_version.as_deref().unwrap_or("unknown"),
        "deployment_group": group,
        "updates_enabled": v.updates_enabled,
        "updates_blocked_until": v.blocked_until.map(|t| t.zulu()),
        "org_name": v.org_name,
        "product_name": v.product_name,
        "last_communication": v.last_seen_at.map_or("never".into(), |t| t.spaced()),
        "deleted": v.deleted_at.is_some(),
    })
}

fn filter(map: Option<&Map<String, Value>>) -> Result<DeviceFilter> {
    let mut f = DeviceFilter::default();
    for (key, value) in map.into_iter().flatten() {
        let text = match value {
            Value::String(s) => s.clone(),
            other => other.to_string(),
        };
        if text.is_empty() {
            continue;
        }
        let one_of = |words: &[&str]| {
            if words.contains(&text.as_str()) {
                Ok(Some(text.clone()))
            } else {
                Err(field(key, &format!("must be one of: {}", words.join(", "))))
            }
        };
        match key.as_str() {
            "identifier" => f.identifier = Some(text),
            "search" => f.search = Some(text),
            "tags" => f.tags = tags(value).unwrap_or_default(),
            "has_no_tags" => f.has_no_tags = flag(value) != Some(false),
            "connection" => {
                f.connection = one_of(&["connecting", "connected", "disconnected", "not_seen"])?;
            }
            "firmware_version" => f.firmware_version = Some(text),
            "platform" => f.platform = Some(text),
            "updates" => f.updates = one_of(&["enabled", "disabled", "penalty-box"])?,
            "only_updating" => f.only_updating = flag(value) == Some(true),
            // Known in the original, but about things that this version does not keep.
            "display_deleted" | "connection_type" | "deployment_id" | "health_status"
            | "alarm_status" | "alarm" | "metrics_key" | "metrics_operator" | "metrics_value" => {}
            _ => return Err(field(key, "is not a filter of this list").into()),
        }
    }
    Ok(f)
}

fn order(p: &Params) -> Result<(DeviceOrder, bool)> {
    let order = match p.text("sort").unwrap_or("identifier") {
        "identifier" => DeviceOrder::Identifier,
        "description" => DeviceOrder::Description,
        "inserted_at" => DeviceOrder::InsertedAt,
        "updated_at" => DeviceOrder::UpdatedAt,
        "updates_enabled" => DeviceOrder::UpdatesEnabled,
        "connection_established_at" => DeviceOrder::EstablishedAt,
        "connection_last_seen_at" => DeviceOrder::LastSeenAt,
        _ => return Err(field("sort", "is not a column that devices can be sorted by").into()),
    };
    match p.text("sort_direction").unwrap_or("asc") {
        "asc" => Ok((order, false)),
        "desc" => Ok((order, true)),
        _ => Err(field("sort_direction", "must be asc or desc").into()),
    }
}

/// `GET /devices`.
pub(super) async fn list(State(app): State<App>, scope: Scope<Product>, p: Params) -> Result {
    let (number, size) = paging(&p, 10)?;
    let (filter, order) = (filter(p.map("filters"))?, order(&p)?);
    let found = devices::list(&app.db, &scope, &filter, order, number, size).await?;
    let data = found.devices.iter().map(view).collect();
    Ok(page(data, number, size, found.total))
}

fn form(p: &Params) -> fleet::Result<DeviceForm> {
    let updates_enabled = match p.0.get("updates_enabled") {
        None => None,
        Some(v) => Some(flag(v).ok_or_else(|| field("updates_enabled", INVALID))?),
    };
    Ok(DeviceForm {
        description: p.nullable("description"),
        tags: p.tags()?,
        updates_enabled,
        extensions: p.0.get("extensions").cloned(),
        connecting_code: p.nullable("connecting_code"),
        restore: p.0.get("deleted_at").is_some_and(Value::is_null),
    })
}

/// `POST /devices`.
pub(super) async fn create(State(app): State<App>, scope: Scope<Product>, p: Params) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let device = devices::create(&app, &scope, p.text("identifier"), form(&p)?).await?;
    let at = scope.product();
    let location = path(&[
        "orgs",
        &at.org.name,
        "products",
        &at.name,
        "devices",
        &device.view.identifier,
    ]);
    Ok(created(Some(&location), &view(&device)))
}

/// `GET /devices/:device`, long and short.
pub(super) async fn show(State(app): State<App>, scope: Scope<Product>, Name(d): Name) -> Result {
    Ok(ok(&view(&devices::show(&app.db, &scope, &d).await?)))
}

/// `PUT /devices/:device`: 201, as clients expect.
pub(super) async fn update(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let device = devices::update(&app, &scope, &d, form(&p)?).await?;
    tracing::debug!(org = %scope.org().name, device = %d, "device updated");
    Ok(created(None, &view(&device)))
}

/// `DELETE /devices/:device`.
pub(super) async fn delete(State(app): State<App>, scope: Scope<Product>, Name(d): Name) -> Result {
    let scope = scope.allow(Role::Manage)?;
    devices::delete(&app, &scope, &d).await?;
    Ok(none())
}

/// `POST …/reboot`.
pub(super) async fn reboot(State(app): State<App>, scope: Scope<Product>, Name(d): Name) -> Result {
    let scope = scope.allow(Role::Manage)?;
    devices::reboot(&app, &scope, &d).await?;
    Ok(none())
}

/// `POST …/identify`: the device shows which one it is, if its client knows how.
pub(super) async fn identify(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    devices::identify(&app, &scope, &d).await?;
    Ok(none())
}

/// `POST …/move` with `new_org_name` and `new_product_name` (rest-api 10.9).
pub(super) async fn move_to(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let (Some(org), Some(product)) = (p.text("new_org_name"), p.text("new_product_name")) else {
        return Err(super::error::Error::Malformed);
    };
    let device = moves::move_device(&app, &scope, &d, org, product).await?;
    Ok(ok(&view(&device)))
}

/// `POST …/code` with `code` or `body`: typed into the console, 204 at once.
pub(super) async fn code(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let code = p
        .text("code")
        .or_else(|| p.text("body"))
        .ok_or(super::error::Error::Malformed)?;
    devices::type_code(&app, &scope, &d, code).await?;
    Ok(none())
}

/// `POST …/reconnect`.
pub(super) async fn reconnect(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    devices::reconnect(&app, &scope, &d).await?;
    Ok(none())
}

/// `POST …/upgrade`.
pub(super) async fn upgrade(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let uuid = p.text("uuid").ok_or(super::error::Error::Malformed)?;
    devices::upgrade(&app, &scope, &d, uuid).await?;
    Ok(none())
}

/// `DELETE …/penalty`.
pub(super) async fn clear_penalty(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    devices::clear_penalty(&app, &scope, &d).await?;
    Ok(none())
}
