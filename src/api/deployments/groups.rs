//! Deployment groups; the path says deployments (docs/protocol/rest.md, "Deployment groups over REST").

use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::{created, in_product, none, ok};
use crate::api::http::contract::{Field, FieldType, optional_field};
use crate::api::http::error::{Error, Result};
use crate::api::http::extract::Name;
use crate::api::http::params::{Params, flag, number, tags};
use crate::app::App;
use crate::domain;
use crate::domain::deployments::groups::{
    self, Changes, Conditions, Group, NUMBERS, NewGroup, NewRelease, ReleaseRow,
};
use crate::domain::devices::iroh_takeover;
use crate::domain::error::{INVALID, field};
use crate::domain::events::broadcast;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// A deployment group.
#[derive(Serialize, JsonSchema)]
pub struct DeploymentGroup {
    /// Unique in the product.
    name: String,
    /// Whether it updates devices.
    is_active: bool,
    /// `on` or `off`: the same.
    state: &'static str,
    /// Firmware of the current release.
    firmware_uuid: Option<String>,
    /// The current release.
    current_release: Option<Release>,
    /// Archive of the current release.
    archive_uuid: Option<String>,
    /// Which devices it matches.
    conditions: ConditionsView,
    /// Whether devices may get deltas.
    delta_updatable: bool,
    /// Devices in it; null in the answer to its making.
    device_count: Option<i64>,
    /// Releases of it; null in the answer to its making.
    releases_count: Option<i64>,
    /// Free text.
    notes: Option<String>,
}

/// A release of a deployment group.
#[derive(Serialize, JsonSchema)]
pub struct Release {
    /// From 1.
    number: i64,
    /// What it brings.
    firmware: ReleaseFirmware,
    /// `2026-08-22T08:33:49`.
    inserted_at: String,
    /// `2026-08-22T08:33:49`.
    updated_at: String,
}

/// Firmware of a release.
#[derive(Serialize, JsonSchema)]
pub struct ReleaseFirmware {
    /// Semantic version.
    version: String,
    /// Such as `arm`.
    architecture: String,
    /// Such as `rpi4`.
    platform: String,
    /// The image.
    uuid: String,
}

/// Which devices a deployment group matches.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Conditions")]
pub struct ConditionsView {
    /// A requirement such as `>= 1.0.0`, or empty.
    version: String,
    /// Tags.
    tags: Vec<String>,
    /// `and`: all of the tags; `or`: any.
    tag_operator: String,
}

/// A release in the list of a group's.
#[derive(Serialize, JsonSchema)]
pub struct ListedRelease {
    #[serde(flatten)]
    release: Release,
    /// The archive that came with it.
    archive_uuid: Option<String>,
}

fn listed(r: &ReleaseRow) -> ListedRelease {
    ListedRelease {
        release: release_view(r),
        archive_uuid: r.archive_uuid.clone(),
    }
}

fn release_view(r: &ReleaseRow) -> Release {
    Release {
        number: r.number,
        firmware: ReleaseFirmware {
            version: r.version.clone(),
            architecture: r.architecture.clone(),
            platform: r.platform.clone(),
            uuid: r.uuid.clone(),
        },
        inserted_at: r.inserted_at.naive(),
        updated_at: r.inserted_at.naive(),
    }
}

fn view(g: &Group, counts: bool) -> DeploymentGroup {
    let release = g.release.as_ref();
    DeploymentGroup {
        name: g.row.name.clone(),
        is_active: g.row.is_active,
        state: if g.row.is_active { "on" } else { "off" },
        firmware_uuid: release.map(|r| r.uuid.clone()),
        current_release: release.map(release_view),
        archive_uuid: g.archive.clone(),
        conditions: ConditionsView {
            version: g.row.version_requirement.clone(),
            tags: g.tags.clone(),
            tag_operator: g.row.tag_operator.clone(),
        },
        delta_updatable: g.row.delta_updatable,
        device_count: counts.then_some(g.devices),
        releases_count: counts.then_some(g.releases),
        notes: g.row.notes.clone(),
    }
}

/// `GET /deployments`.
pub async fn list(State(app): State<App>, scope: Scope<Product>) -> Result {
    let all = groups::list(&app.db, &scope).await?;
    Ok(ok(&all.iter().map(|g| view(g, true)).collect::<Vec<_>>()))
}

/// `GET /deployments/:name/releases`: newest first.
pub async fn releases(State(app): State<App>, scope: Scope<Product>, Name(name): Name) -> Result {
    let all = groups::releases(&app.db, &scope, &name).await?;
    Ok(ok(&all.iter().map(listed).collect::<Vec<_>>()))
}

/// `GET /deployments/:name`.
pub async fn show(State(app): State<App>, scope: Scope<Product>, Name(name): Name) -> Result {
    Ok(ok(&view(
        &groups::show(&app.db, &scope, &name).await?,
        true,
    )))
}

/// Fields of `conditions`.
pub const CONDITIONS: &[Field] = &[
    optional_field(
        "version",
        FieldType::Text,
        "A requirement such as `>= 1.2.0`; empty for any version",
    ),
    optional_field("tags", FieldType::Tags, "Tags that a device has to have"),
    optional_field(
        "tag_operator",
        FieldType::Words(&["and", "or"]),
        "Whether it needs all of them or one",
    ),
];

/// Fields of `deployment`: with `firmware` or `archive` a release, else settings.
pub const CHANGES: &[Field] = &[
    optional_field(
        "firmware",
        FieldType::Text,
        "uuid of the firmware of a new release",
    ),
    optional_field(
        "firmware_id",
        FieldType::Number,
        "Not served: numbers of rows are the server's own",
    ),
    optional_field(
        "archive",
        FieldType::Text,
        "uuid of the archive of a new release; null for none",
    ),
    optional_field(
        "archive_id",
        FieldType::Number,
        "Not served: numbers of rows are the server's own",
    ),
    optional_field("description", FieldType::Text, "What the release is"),
    optional_field(
        "notes",
        FieldType::Text,
        "Free text, at most 1000 characters",
    ),
    optional_field("name", FieldType::Text, "Its name"),
    optional_field(
        "state",
        FieldType::Words(&["on", "off"]),
        "Whether it updates devices",
    ),
    optional_field("is_active", FieldType::Flag, "The same"),
    optional_field(
        "conditions",
        FieldType::Object(CONDITIONS),
        "Which devices it is for",
    ),
    optional_field(
        "delta_updatable",
        FieldType::Flag,
        "Whether devices may get deltas",
    ),
    optional_field(
        "lock_device_membership",
        FieldType::Flag,
        "Whether no device enters or leaves it by itself",
    ),
    optional_field(
        "connecting_code",
        FieldType::Text,
        "Code that its devices run when they connect",
    ),
    optional_field(
        "queue_management",
        FieldType::Words(&["FIFO", "LIFO"]),
        "Who is updated first",
    ),
    optional_field(
        "priority_queue_enabled",
        FieldType::Flag,
        "Whether old versions go first",
    ),
    optional_field(
        "priority_queue_firmware_version_threshold",
        FieldType::Text,
        "Devices that run this version or an older one go first",
    ),
    optional_field(
        "release_network_interfaces",
        FieldType::Tags,
        "Interfaces over which devices are updated",
    ),
    optional_field(
        "release_tags",
        FieldType::Tags,
        "Tags that a device needs to be updated",
    ),
    optional_field(
        "concurrent_updates",
        FieldType::Number,
        "Updates in flight at once",
    ),
    optional_field(
        "priority_queue_concurrent_updates",
        FieldType::Number,
        "Those beside them for the priority queue",
    ),
    optional_field(
        "device_failure_threshold",
        FieldType::Number,
        "Failed attempts until a device rests",
    ),
    optional_field(
        "device_failure_rate_amount",
        FieldType::Number,
        "Attempts in a while until a device rests",
    ),
    optional_field(
        "device_failure_rate_seconds",
        FieldType::Number,
        "That while, in seconds",
    ),
    optional_field(
        "failure_threshold",
        FieldType::Number,
        "Failing devices until the group stops",
    ),
    optional_field(
        "penalty_timeout_minutes",
        FieldType::Number,
        "How long a device rests, in minutes",
    ),
];

fn conditions(value: &Value) -> domain::Result<Conditions> {
    let map = value
        .as_object()
        .ok_or_else(|| field("conditions", INVALID))?;
    let text = |key: &str| {
        map.get(key)
            .map(|v| v.as_str().unwrap_or_default().to_owned())
    };
    let wanted = match map.get("tags") {
        None => None,
        Some(Value::Null) => Some(Vec::new()),
        Some(v) => Some(tags(v).ok_or_else(|| {
            domain::DomainError::Fields(json!({"conditions": {"tags": [INVALID]}}))
        })?),
    };
    Ok(Conditions {
        version: text("version"),
        tags: wanted,
        tag_operator: text("tag_operator"),
    })
}

/// `POST /deployments`: always off.
pub async fn create(State(app): State<App>, scope: Scope<Product>, p: Params) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let form = NewGroup {
        name: p.string("name"),
        firmware: p.string("firmware"),
        archive: p.string("archive"),
        conditions: p
            .0
            .get("conditions")
            .filter(|c| !c.is_null())
            .map(conditions)
            .transpose()?,
        delta_updatable: p.flag("delta_updatable"),
        notes: p.string("notes"),
        platform: p.string("platform"),
        architecture: p.string("architecture"),
    };
    let group = groups::create(&app.db, &scope, form).await?;
    let location = in_product(&scope, &["deployments", &group.row.name]);
    Ok(created(Some(&location), &view(&group, false)))
}

/// `PUT /deployments/:name`: a new release when the body names a firmware, else settings.
pub async fn update(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(name): Name,
    p: std::result::Result<Params, Error>,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    match change(&app, &scope, &name, p).await {
        // Several things may have been wanted at once: that none was done is seen from what stays.
        Err(Error::Refused(domain::DomainError::Fields(errors))) => {
            let group = groups::show(&app.db, &scope, &name).await?;
            let data = json!(view(&group, true));
            Err(Error::Unchanged { errors, data })
        }
        done => done,
    }
}

async fn change(
    app: &App,
    scope: &Scope<Product>,
    name: &str,
    p: std::result::Result<Params, Error>,
) -> Result {
    let p = p?;
    let body = p.map("deployment").ok_or(Error::Malformed)?;
    for (number, uuid) in [("firmware_id", "firmware"), ("archive_id", "archive")] {
        if body.get(number).is_some_and(|v| !v.is_null()) {
            let text = format!(
                "is a number of a row, which this server does not show; give the uuid as {uuid}"
            );
            return Err(field(number, &text).into());
        }
    }
    let release = ["firmware", "archive"]
        .iter()
        .any(|k| body.contains_key(*k));
    let group = if release {
        let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
        let form = NewRelease {
            firmware: text("firmware"),
            archive: text("archive"),
            description: text("description"),
            notes: text("notes"),
        };
        groups::release(&app.db, &app.bus, scope, name, form).await?
    } else {
        let group = groups::update(&app.db, &app.bus, scope, name, changes(body)?).await?;
        iroh_takeover::begin(app, &group.row);
        group
    };
    if group.archive.is_some() {
        // An archive only reaches devices that are told; to be told twice does no harm.
        broadcast::of_archive(app, group.row.id);
    }
    Ok(ok(&view(&group, true)))
}

fn changes(body: &Map<String, Value>) -> domain::Result<Changes> {
    let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
    let nullable = |key: &str| body.get(key).map(|v| v.as_str().map(str::to_owned));
    let switch = |key: &str| match body.get(key) {
        None => Ok(None),
        Some(v) => flag(v).map(Some).ok_or_else(|| field(key, INVALID)),
    };
    let words = |key: &str| match body.get(key) {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(Vec::new())),
        Some(v) => tags(v).map(Some).ok_or_else(|| field(key, INVALID)),
    };
    let state = match body.get("state") {
        None => None,
        Some(Value::String(s)) if s.eq_ignore_ascii_case("on") => Some(true),
        Some(Value::String(s)) if s.eq_ignore_ascii_case("off") => Some(false),
        Some(_) => return Err(field("state", "must be \"on\" or \"off\"")),
    };
    let mut numbers = Vec::new();
    for (key, ..) in NUMBERS {
        match body.get(key) {
            None => {}
            Some(Value::Null) => numbers.push((key, None)),
            Some(v) => {
                let n = number(v).ok_or_else(|| field(key, INVALID))?;
                numbers.push((key, Some(n)));
            }
        }
    }
    Ok(Changes {
        name: body
            .get("name")
            .map(|v| v.as_str().unwrap_or_default().to_owned()),
        is_active: switch("is_active")?.or(state),
        conditions: body
            .get("conditions")
            .filter(|c| !c.is_null())
            .map(conditions)
            .transpose()?,
        delta_updatable: switch("delta_updatable")?,
        lock_device_membership: switch("lock_device_membership")?,
        connecting_code: nullable("connecting_code"),
        notes: nullable("notes"),
        queue_management: text("queue_management"),
        priority_queue_enabled: switch("priority_queue_enabled")?,
        priority_threshold: nullable("priority_queue_firmware_version_threshold"),
        interfaces: words("release_network_interfaces")?,
        release_tags: words("release_tags")?,
        numbers,
    })
}

/// `DELETE /deployments/:name`.
pub async fn delete(State(app): State<App>, scope: Scope<Product>, Name(name): Name) -> Result {
    let scope = scope.allow(Role::Manage)?;
    groups::delete(&app.db, &scope, &name).await?;
    Ok(none())
}
