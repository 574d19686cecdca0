//! What a deployment group can be told: the fields of bodies, and how they are read.

use crate::api::http::contract::{Field, FieldType, optional_field, required};
use crate::api::http::params::{flag, number, tags};
use crate::domain;
use crate::domain::deployments::groups::{Changes, Conditions, NUMBERS, POLICY};
use crate::domain::error::{INVALID, field};
use crate::store::words::QueueOrder;
use serde_json::{Map, Value, json};

/// Fields of `conditions`.
const CONDITIONS: &[Field] = &[
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

/// Fields of a new group.
pub(super) const NEW_GROUP: &[Field] = &[
    required("name", FieldType::Text, "Its name"),
    required(
        "firmware",
        FieldType::Text,
        "uuid of the firmware of its first release",
    ),
    required(
        "conditions",
        FieldType::Object(CONDITIONS),
        "Which devices it is for; `{}` matches every device",
    ),
    optional_field("archive", FieldType::Text, "uuid of an archive"),
    optional_field(
        "delta_updatable",
        FieldType::Flag,
        "Whether devices may get deltas",
    ),
    optional_field(
        "notes",
        FieldType::Text,
        "Free text, at most 1000 characters",
    ),
    optional_field("platform", FieldType::Text, "Must be the firmware's"),
    optional_field("architecture", FieldType::Text, "Must be the firmware's"),
];

const CONDITIONS_FIELD: Field = optional_field(
    "conditions",
    FieldType::Object(CONDITIONS),
    "Which devices it is for",
);

const CONCURRENT_UPDATES: Field = optional_field(
    "concurrent_updates",
    FieldType::Number,
    "Updates in flight at once",
);

const DELTA_UPDATABLE: Field = optional_field(
    "delta_updatable",
    FieldType::Flag,
    "Whether devices may get deltas",
);

const WORKFLOW: Field = optional_field(
    "workflow",
    FieldType::Map,
    "The steps that the next release goes by; null for everyone at once. Beyond NervesHub",
);

const MINIMUM_VERSION: Field = optional_field(
    "minimum_version",
    FieldType::Text,
    "No release below this semantic version is made or offered; null for none. Beyond NervesHub, like the seven after it",
);

const STARTS_AT: Field = optional_field(
    "starts_at",
    FieldType::Text,
    "When the group begins to update, such as `2026-12-01T22:00:00Z`; null for at once",
);

const ENDS_AT: Field = optional_field(
    "ends_at",
    FieldType::Text,
    "When it ceases to; null for never",
);

const BYTES_PER_SECOND: Field = optional_field(
    "bytes_per_second",
    FieldType::Number,
    "What it sends on average at most; null for no limit",
);

const MAINTENANCE_WINDOW: Field = optional_field(
    "maintenance_window",
    FieldType::Map,
    "When devices may be told: `{\"from\": \"22:00\", \"to\": \"05:00\", \"days\": [\"saturday\"], \"time_zone\": \"Europe/Berlin\"}`, in the time zone of the device if it has one; null for always",
);

const RELEASE_TAGS: Field = optional_field(
    "release_tags",
    FieldType::Tags,
    "Tags that a device needs to be updated",
);

const RELEASE_INTERFACES: Field = optional_field(
    "release_network_interfaces",
    FieldType::Tags,
    "Interfaces over which devices are updated",
);

/// Fields of a forecast: these, and the settings of a group that decide what becomes of a release.
macro_rules! forecast_fields {
    ($($first:expr),+) => {
        &[
            $($first,)+
            DELTA_UPDATABLE,
            WORKFLOW,
            MINIMUM_VERSION,
            STARTS_AT,
            ENDS_AT,
            BYTES_PER_SECOND,
            MAINTENANCE_WINDOW,
            RELEASE_TAGS,
            RELEASE_INTERFACES,
            CONCURRENT_UPDATES,
            CONDITIONS_FIELD,
        ]
    };
}

const FIRMWARE: &str = "uuid of the firmware";

/// Fields of a dry run.
pub(super) const DRY_RUN: &[Field] =
    forecast_fields!(optional_field("firmware", FieldType::Text, FIRMWARE));

/// Fields of a preview.
pub(super) const PREVIEW: &[Field] =
    forecast_fields!(required("firmware", FieldType::Text, FIRMWARE));

/// Fields of `deployment`: with `firmware` or `archive` a release, else settings.
pub(super) const CHANGES: &[Field] = &[
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
    CONDITIONS_FIELD,
    DELTA_UPDATABLE,
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
    WORKFLOW,
    MINIMUM_VERSION,
    optional_field(
        "stop_when_worse",
        FieldType::Flag,
        "Whether a release stops by itself when its devices are worse off than the others of the group",
    ),
    optional_field(
        "automatic_rollback",
        FieldType::Flag,
        "Whether a release that stopped by itself is taken back",
    ),
    STARTS_AT,
    ENDS_AT,
    BYTES_PER_SECOND,
    MAINTENANCE_WINDOW,
    optional_field(
        "health_limits",
        FieldType::Maps,
        "Metrics beyond which a device counts as unhealthy, and so as worse off: `[{\"metric\": \"cpu_temp\", \"above\": 80}]`, each with `above` or `below`",
    ),
    optional_field(
        "queue_management",
        FieldType::Words(QueueOrder::WORDS),
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
    RELEASE_INTERFACES,
    RELEASE_TAGS,
    CONCURRENT_UPDATES,
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

pub(super) fn conditions(value: &Value) -> domain::Result<Conditions> {
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

pub(super) fn changes(body: &Map<String, Value>) -> domain::Result<Changes> {
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
    for setting in &NUMBERS {
        match body.get(setting.field) {
            None => {}
            Some(Value::Null) => numbers.push((setting, None)),
            Some(v) => {
                let n = number(v).ok_or_else(|| field(setting.field, INVALID))?;
                numbers.push((setting, Some(n)));
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
        workflow: body
            .get("workflow")
            .map(|v| Some(v.clone()).filter(|v| !v.is_null())),
        policy: POLICY
            .iter()
            .filter_map(|limit| Some((limit, body.get(limit.field)?.clone())))
            .collect(),
        queue_management: text("queue_management"),
        priority_queue_enabled: switch("priority_queue_enabled")?,
        priority_threshold: nullable("priority_queue_firmware_version_threshold"),
        interfaces: words("release_network_interfaces")?,
        release_tags: words("release_tags")?,
        numbers,
    })
}
