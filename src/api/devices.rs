//! Devices (docs/protocol/rest.md, "Devices over REST").

use crate::access::scope::{InOrg as _, Product, Role, Scope};
use crate::api::http::answer::{created, in_product, none, ok, page};
use crate::api::http::contract::{Field, FieldType, optional_field};
use crate::api::http::error::Result;
use crate::api::http::extract::Name;
use crate::api::http::params::{Params, flag, number, paging, tags};
use crate::app::App;
use crate::domain;
use crate::domain::devices::{
    self, Compare, Device, DeviceFilter, DeviceForm, DeviceOrder, Pattern, Test,
};
use crate::domain::devices::{query, transfer};
use crate::domain::error::field;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// A device; every field is always there (docs/protocol/rest.md, "Devices over REST").
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Device")]
pub struct DeviceView {
    /// Unique on the whole server.
    identifier: String,
    /// Free text.
    description: Option<String>,
    /// Null when never set.
    tags: Option<Vec<String>>,
    /// The same as `connection_status`.
    online: String,
    /// `connecting`, `connected`, `disconnected` or `not_seen`.
    connection_status: String,
    /// The same as `connection_status`, for `nh`.
    status: String,
    /// What the device says it runs.
    firmware_metadata: Option<Metadata>,
    /// Version that it runs, or `unknown`.
    version: String,
    /// The group that it is in.
    deployment_group: Option<GroupOfDevice>,
    /// Whether it is updated by itself.
    updates_enabled: bool,
    /// Until when it is in the penalty box, `2026-08-22T08:33:49Z`.
    updates_blocked_until: Option<String>,
    /// Its organization.
    org_name: String,
    /// Its product.
    product_name: String,
    /// `2026-08-22 08:33:49.123456Z`, or `never`.
    last_communication: String,
    /// Whether it was deleted, and can be restored.
    deleted: bool,
}

/// What a device says it runs.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FirmwareMetadata")]
pub struct Metadata {
    /// A uuid of this entry.
    id: String,
    /// The image.
    uuid: String,
    /// Its product.
    product: Option<String>,
    /// Its version.
    version: Option<String>,
    /// Its architecture.
    architecture: Option<String>,
    /// Its platform.
    platform: Option<String>,
    /// Its author.
    author: Option<String>,
    /// Its description.
    description: Option<String>,
    /// Version of fwup on the device.
    fwup_version: Option<String>,
    /// The commit that it was built of.
    vcs_identifier: Option<String>,
    /// Free text.
    misc: Option<String>,
}

/// The group that a device is in.
#[derive(Serialize, JsonSchema)]
pub struct GroupOfDevice {
    /// Its name.
    name: String,
    /// Whether it updates devices.
    is_active: Option<bool>,
    /// Firmware of its current release.
    firmware_uuid: Option<String>,
    /// Version of its current release.
    firmware_version: Option<String>,
}

pub fn view(d: &Device) -> DeviceView {
    let v = &d.view;
    let status = v.connection_status.as_deref().unwrap_or("not_seen");
    DeviceView {
        identifier: v.identifier.clone(),
        description: v.description.clone(),
        tags: d.tags.clone(),
        online: status.to_owned(),
        connection_status: status.to_owned(),
        status: status.to_owned(),
        firmware_metadata: (!v.fw_uuid.is_empty()).then(|| Metadata {
            id: uuid::Uuid::from_u64_pair(0, v.id.number().unsigned_abs()).to_string(),
            uuid: v.fw_uuid.clone(),
            product: v.fw_product.clone(),
            version: v.fw_version.clone(),
            architecture: v.fw_architecture.clone(),
            platform: v.fw_platform.clone(),
            author: v.fw_author.clone(),
            description: v.fw_description.clone(),
            fwup_version: v.fw_fwup_version.clone(),
            vcs_identifier: v.fw_vcs_identifier.clone(),
            misc: v.fw_misc.clone(),
        }),
        version: v.fw_version.clone().unwrap_or_else(|| "unknown".into()),
        deployment_group: v.group_name.clone().map(|name| GroupOfDevice {
            name,
            is_active: v.group_active,
            firmware_uuid: v.release_uuid.clone(),
            firmware_version: v.release_version.clone(),
        }),
        updates_enabled: v.updates_enabled,
        updates_blocked_until: v.blocked_until.map(|t| t.zulu()),
        org_name: v.org_name.clone(),
        product_name: v.product_name.clone(),
        last_communication: v.last_seen_at.map_or("never".into(), |t| t.spaced()),
        deleted: v.deleted_at.is_some(),
    }
}

/// What a list can be narrowed and ordered by.
pub const FILTERS: &[Field] = &[
    optional_field(
        "filters[identifier]",
        FieldType::Text,
        "Part of the identifier",
    ),
    optional_field(
        "filters[search]",
        FieldType::Text,
        "Part of identifier, version, platform or a tag",
    ),
    optional_field(
        "filters[tags]",
        FieldType::Text,
        "With commas; each a part of some tag",
    ),
    optional_field("filters[has_no_tags]", FieldType::Flag, "Without tags"),
    optional_field(
        "filters[connection]",
        FieldType::Words(CONNECTIONS),
        "Its connection",
    ),
    optional_field(
        "filters[connection_type]",
        FieldType::Words(INTERFACES),
        "The interface that it speaks over",
    ),
    optional_field(
        "filters[health_status]",
        FieldType::Words(HEALTH),
        "Status of its newest health report",
    ),
    optional_field(
        "filters[alarm_status]",
        FieldType::Words(&["with", "without"]),
        "Whether its newest health report has alarms",
    ),
    optional_field("filters[alarm]", FieldType::Text, "Part of an alarm"),
    optional_field(
        "filters[metrics_key]",
        FieldType::Text,
        "A metric of its newest health report",
    ),
    optional_field(
        "filters[metrics_operator]",
        FieldType::Words(&["gt", "lt"]),
        "More or less than",
    ),
    optional_field("filters[metrics_value]", FieldType::Text, "A number"),
    optional_field(
        "filters[deployment_id]",
        FieldType::Number,
        "Number of its deployment group",
    ),
    optional_field(
        "query",
        FieldType::Text,
        "A query such as `connection = connected and not (tags contains prod)`; beyond NervesHub",
    ),
    optional_field("filters[firmware_version]", FieldType::Text, "The version"),
    optional_field(
        "filters[platform]",
        FieldType::Text,
        "The platform; `Unknown` for none",
    ),
    optional_field(
        "filters[updates]",
        FieldType::Words(&["enabled", "disabled", "penalty-box"]),
        "Its automatic updates",
    ),
    optional_field(
        "filters[only_updating]",
        FieldType::Flag,
        "With an update in flight",
    ),
    optional_field(
        "sort",
        FieldType::Text,
        "A column: `identifier` unless given",
    ),
    optional_field(
        "sort_direction",
        FieldType::Words(&["asc", "desc"]),
        "`asc` unless given",
    ),
];

/// The filters of a list (docs/protocol/rest.md, "Filters"), as a request or a command line has them.
///
/// # Errors
/// A filter that is none, or a value that it cannot have.
pub fn filter(map: Option<&Map<String, Value>>) -> domain::Result<DeviceFilter> {
    let mut f = DeviceFilter::default();
    let mut metric = (None, None, None);
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
                Ok(text.clone())
            } else {
                Err(field(key, &format!("must be one of: {}", words.join(", "))))
            }
        };
        match key.as_str() {
            "identifier" => f.and(Test::Identifier(Pattern::part(&text))),
            "search" => f.and(Test::Search(Pattern::part(&text))),
            "tags" => {
                for tag in tags(value).unwrap_or_default() {
                    f.and(Test::TagPart(tag));
                }
            }
            "has_no_tags" if flag(value) == Some(false) => {}
            "has_no_tags" => f.and(Test::Untagged),
            "connection" => match one_of(CONNECTIONS)?.as_str() {
                "not_seen_in_seven_days" => f.and(Test::LastSeen {
                    days: 7,
                    later: false,
                }),
                "not_seen_in_fourteen_days" => f.and(Test::LastSeen {
                    days: 14,
                    later: false,
                }),
                other => f.and(Test::Connection(other.to_owned())),
            },
            "connection_type" => f.and(Test::Interface(one_of(INTERFACES)?)),
            "firmware_version" => f.and(Test::Version(text)),
            "platform" if text == "Unknown" => f.and(Test::NoPlatform),
            "platform" => f.and(Test::Platform(text, false)),
            "updates" => f.and(Test::Updates(one_of(UPDATES)?)),
            "health_status" => f.and(Test::Health(one_of(HEALTH)?)),
            "alarm_status" if one_of(&["with", "without"])? == "with" => f.and(Test::Alarms),
            "alarm_status" => f.and_not(Test::Alarms),
            "alarm" => f.and(Test::Alarm(text)),
            "deployment_id" => {
                let id = number(value).ok_or_else(|| field(key, "must be a number"))?;
                f.and(Test::GroupNumber(id));
            }
            "metrics_key" => metric.0 = Some(text),
            "metrics_operator" => {
                metric.1 = Some(match one_of(&["gt", "lt"])?.as_str() {
                    "gt" => Compare::More,
                    _ => Compare::Less,
                });
            }
            "metrics_value" => {
                let n = text.parse::<f64>().ok().filter(|n| n.is_finite());
                metric.2 = Some(n.ok_or_else(|| field(key, "must be a number"))?);
            }
            "only_updating" if flag(value) == Some(true) => f.and(Test::Updating),
            // It changes nothing in the original's API either: deleted devices are never listed.
            "only_updating" | "display_deleted" => {}
            _ => return Err(field(key, "is not a filter of this list")),
        }
    }
    match metric {
        (Some(key), Some(compare), Some(n)) => f.and(Test::Metric(key, compare, n)),
        (None, None, None) => {}
        _ => {
            let text = "metrics_key, metrics_operator and metrics_value go together";
            return Err(field("metrics_key", text));
        }
    }
    Ok(f)
}

const CONNECTIONS: &[&str] = &[
    "connecting",
    "connected",
    "disconnected",
    "not_seen",
    "not_seen_in_seven_days",
    "not_seen_in_fourteen_days",
];
const INTERFACES: &[&str] = &["wifi", "ethernet", "cellular", "unknown"];
const UPDATES: &[&str] = &["enabled", "disabled", "penalty-box"];
const HEALTH: &[&str] = &["healthy", "warning", "unhealthy", "unknown"];

fn order(p: &Params) -> Result<(DeviceOrder, bool)> {
    let order = DeviceOrder::parse(p.text("sort").unwrap_or("identifier"));
    let order =
        order.ok_or_else(|| field("sort", "is not a column that devices can be sorted by"))?;
    match p.text("sort_direction").unwrap_or("asc") {
        "asc" => Ok((order, false)),
        "desc" => Ok((order, true)),
        _ => Err(field("sort_direction", "must be asc or desc").into()),
    }
}

/// `GET /devices`.
pub async fn list(State(app): State<App>, scope: Scope<Product>, p: Params) -> Result {
    let (number, size) = paging(&p, 10)?;
    let (mut filter, order) = (filter(p.map("filters"))?, order(&p)?);
    if let Some(text) = p.text("query").filter(|q| !q.trim().is_empty()) {
        query::narrow(&app.db, &scope, &mut filter, text).await?;
    }
    let found = devices::list(&app, &scope, &filter, order, number, size).await?;
    let data: Vec<_> = found.devices.iter().map(view).collect();
    Ok(page(&data, number, size, found.total))
}

fn form(p: &Params) -> domain::Result<DeviceForm> {
    Ok(DeviceForm {
        description: p.nullable("description"),
        tags: p.tags()?,
        updates_enabled: p.switch("updates_enabled")?,
        extensions: p.0.get("extensions").cloned(),
        connecting_code: p.nullable("connecting_code"),
        restore: p.0.get("deleted_at").is_some_and(Value::is_null),
    })
}

/// `POST /devices`.
pub async fn create(State(app): State<App>, scope: Scope<Product>, p: Params) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let device = devices::create(&app, &scope, p.text("identifier"), form(&p)?).await?;
    let location = in_product(&scope, &["devices", &device.view.identifier]);
    Ok(created(Some(&location), &view(&device)))
}

/// `GET /devices/:device`, long and short.
pub async fn show(State(app): State<App>, scope: Scope<Product>, Name(d): Name) -> Result {
    Ok(ok(&view(&devices::show(&app.db, &scope, &d).await?)))
}

/// `PUT /devices/:device`: 201, as clients expect.
pub async fn update(
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
pub async fn delete(State(app): State<App>, scope: Scope<Product>, Name(d): Name) -> Result {
    let scope = scope.allow(Role::Manage)?;
    devices::delete(&app, &scope, &d).await?;
    Ok(none())
}

/// `DELETE …/destroy`.
pub async fn destroy(State(app): State<App>, scope: Scope<Product>, Name(d): Name) -> Result {
    let scope = scope.allow(Role::Manage)?;
    devices::destroy(&app, &scope, &d).await?;
    Ok(none())
}

/// `POST …/reboot`.
pub async fn reboot(State(app): State<App>, scope: Scope<Product>, Name(d): Name) -> Result {
    let scope = scope.allow(Role::Manage)?;
    devices::reboot(&app, &scope, &d).await?;
    Ok(none())
}

/// `POST …/identify`: the device shows which one it is, if its client knows how.
pub async fn identify(State(app): State<App>, scope: Scope<Product>, Name(d): Name) -> Result {
    let scope = scope.allow(Role::Manage)?;
    devices::identify(&app, &scope, &d).await?;
    Ok(none())
}

/// `POST …/move` with `new_org_name` and `new_product_name` (docs/protocol/rest.md, "Devices over REST").
pub async fn move_to(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let (Some(org), Some(product)) = (p.text("new_org_name"), p.text("new_product_name")) else {
        return Err(crate::api::http::error::Error::Malformed);
    };
    let device = transfer::move_device(&app, &scope, &d, org, product).await?;
    Ok(ok(&view(&device)))
}

/// `POST …/code` with `code` or `body`: typed into the console, 204 at once.
pub async fn code(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let code = p
        .text("code")
        .or_else(|| p.text("body"))
        .ok_or(crate::api::http::error::Error::Malformed)?;
    devices::type_code(&app, &scope, &d, code).await?;
    Ok(none())
}

/// `POST …/reconnect`.
pub async fn reconnect(State(app): State<App>, scope: Scope<Product>, Name(d): Name) -> Result {
    let scope = scope.allow(Role::Manage)?;
    devices::reconnect(&app, &scope, &d).await?;
    Ok(none())
}

/// `POST …/upgrade`.
pub async fn upgrade(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let uuid = p
        .text("uuid")
        .ok_or(crate::api::http::error::Error::Malformed)?;
    devices::upgrade(&app, &scope, &d, uuid).await?;
    Ok(none())
}

/// `DELETE …/penalty`.
pub async fn clear_penalty(State(app): State<App>, scope: Scope<Product>, Name(d): Name) -> Result {
    let scope = scope.allow(Role::Manage)?;
    devices::clear_penalty(&app, &scope, &d).await?;
    Ok(none())
}
pub mod ca_certificates;
pub mod csv_import;
pub mod device_certificates;
pub mod extensions;
pub mod history;
pub mod iroh_endpoints;
