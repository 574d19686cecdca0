//! How deployment groups and their releases are shown.

use crate::api::devices::extensions::document;
use crate::clock::Micros;
use crate::domain::deployments::groups::{Group, ReleaseRow, ReleaseWithNotes, policy_of};
use crate::domain::deployments::short_progress::ShortProgress;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

/// A deployment group.
#[derive(Serialize, JsonSchema)]
pub(super) struct DeploymentGroup {
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
    /// `preparing` while devices wait for deltas, `deltas_failed` when none could be made or all were withdrawn (they get the whole file), else `ready`. Beyond NervesHub.
    status: &'static str,
    /// What can be set of it; left out in lists. Beyond NervesHub.
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<Settings>,
    /// How far the current release is; in lists alone, where it is asked for, and not of a group without a release. Beyond NervesHub.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<ShortProgressView>,
}

/// How far the current release of a deployment group is, in short.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ShortProgress")]
pub(super) struct ShortProgressView {
    /// `running`, `paused`, `stopped` (by itself) or `aborted`.
    state: &'static str,
    /// What it does or waits for.
    reason: ReasonView,
    /// The number of the present step, from 1.
    step: i64,
    /// How many steps there are.
    steps: i64,
    /// Devices of the group that run the release, or take updates by themselves.
    eligible: i64,
    /// Those that run it.
    updated: i64,
    /// Updates to it in flight.
    updating: i64,
    /// Devices with a failed attempt that did not install it.
    failed: i64,
}

/// What a release does or waits for.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ProgressReason")]
struct ReasonView {
    /// `paused`, `stopped`, `aborted`, `off`, `deltas`, `in_flight`, `devices`, `approval`, `validation`, `soak`, `updating`, `done`, or
    /// the rule of the limit that it meets, such as `maintenance_window`.
    kind: &'static str,
    /// The same for people.
    sentence: String,
}

fn short(p: ShortProgress) -> ShortProgressView {
    ShortProgressView {
        state: p.state.word(),
        reason: ReasonView {
            kind: p.reason.kind,
            sentence: p.reason.sentence,
        },
        step: p.step.0,
        steps: p.step.1,
        eligible: p.eligible,
        updated: p.updated,
        updating: p.updating,
        failed: p.failed,
    }
}

/// A group in a list.
pub(super) fn row(g: &Group, progress: Option<ShortProgress>) -> DeploymentGroup {
    DeploymentGroup {
        progress: progress.map(short),
        ..view(g, true)
    }
}

/// What can be set of a deployment group: each field can be sent in `deployment` of the change.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DeploymentSettings")]
struct Settings {
    /// Updates in flight at once.
    concurrent_updates: i64,
    /// `FIFO`: who connected first is updated first; `LIFO`: who was seen last for the first time.
    queue_management: String,
    /// Whether devices with old versions have slots of their own.
    priority_queue_enabled: bool,
    /// How many.
    priority_queue_concurrent_updates: i64,
    /// Versions up to this one are old.
    priority_queue_firmware_version_threshold: Option<String>,
    /// Attempts of one release until a device rests.
    device_failure_threshold: i64,
    /// Attempts within `device_failure_rate_seconds` until a device rests.
    device_failure_rate_amount: i64,
    /// The time that these attempts are counted over.
    device_failure_rate_seconds: i64,
    /// How long a device rests.
    penalty_timeout_minutes: i64,
    /// Kept for NervesHub's tools; it has no effect.
    failure_threshold: i64,
    /// Whether no device enters or leaves by the conditions.
    lock_device_membership: bool,
    /// Code that devices run when they connect.
    connecting_code: Option<String>,
    /// Tags that a device needs to be updated.
    release_tags: Vec<String>,
    /// Interfaces over which devices are updated; none for all.
    release_network_interfaces: Vec<String>,
    /// The steps that the next release goes by; null for everyone at once.
    workflow: Value,
    /// No release below this version is made or offered.
    minimum_version: Option<String>,
    /// Whether a release stops by itself when its devices are worse off than the others.
    stop_when_worse: bool,
    /// Whether a release that stopped by itself is taken back.
    automatic_rollback: bool,
    /// When the group begins to update.
    starts_at: Option<String>,
    /// When it ceases to.
    ends_at: Option<String>,
    /// What it sends on average at most.
    bytes_per_second: Option<i64>,
    /// When devices may be told: `from`, `to`, `days`, `time_zone`.
    maintenance_window: Value,
    /// Metrics beyond which devices count as unhealthy: `metric`, `above`, `below`.
    health_limits: Value,
}

fn settings(g: &Group) -> Option<Settings> {
    let (release_tags, interfaces) = g.release_words.clone()?;
    let policy = policy_of(&g.row).unwrap_or_default();
    let row = &g.row;
    Some(Settings {
        concurrent_updates: row.concurrent_updates,
        queue_management: row.queue_management.word().into(),
        priority_queue_enabled: row.priority_queue_enabled,
        priority_queue_concurrent_updates: row.priority_queue_concurrent_updates,
        priority_queue_firmware_version_threshold: row
            .priority_queue_firmware_version_threshold
            .clone(),
        device_failure_threshold: row.device_failure_threshold,
        device_failure_rate_amount: row.device_failure_rate_amount,
        device_failure_rate_seconds: row.device_failure_rate_seconds,
        penalty_timeout_minutes: row.penalty_timeout_minutes,
        failure_threshold: row.failure_threshold,
        lock_device_membership: row.lock_device_membership,
        connecting_code: row.connecting_code.clone(),
        release_tags,
        release_network_interfaces: interfaces,
        workflow: row.workflow.as_deref().map_or(Value::Null, document),
        minimum_version: policy.minimum_version,
        stop_when_worse: policy.stop_when_worse,
        automatic_rollback: policy.automatic_rollback,
        starts_at: policy.starts_at.map(Micros::zulu),
        ends_at: policy.ends_at.map(Micros::zulu),
        bytes_per_second: policy.bytes_per_second,
        maintenance_window: json!(policy.maintenance_window),
        health_limits: json!(policy.health_limits),
    })
}

/// A release of a deployment group.
#[derive(Serialize, JsonSchema)]
struct Release {
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
struct ReleaseFirmware {
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
struct ConditionsView {
    /// A requirement such as `>= 1.0.0`, or empty.
    version: String,
    /// Tags.
    tags: Vec<String>,
    /// `and`: all of the tags; `or`: any.
    tag_operator: String,
}

/// A release in the list of a group's.
#[derive(Serialize, JsonSchema)]
pub(super) struct ListedRelease {
    #[serde(flatten)]
    release: Release,
    /// The archive that came with it.
    archive_uuid: Option<String>,
    /// What was written of it when it was made.
    description: Option<String>,
    /// See `description`.
    notes: Option<String>,
    /// The name of who made it; null for the server itself, and for somebody who is no more.
    created_by: Option<String>,
    /// `running`, `paused`, `stopped` or `aborted`; null for a release that went to the whole group at once.
    state: Option<&'static str>,
    /// Why it is in that state, where somebody or something gave a reason.
    reason: Option<String>,
    /// The number of the release that it takes back.
    takes_back: Option<i64>,
}

pub(super) fn listed(r: &ReleaseWithNotes) -> ListedRelease {
    ListedRelease {
        release: release_view(&r.release),
        archive_uuid: r.release.archive_uuid.clone(),
        description: r.description.clone(),
        notes: r.notes.clone(),
        created_by: r.created_by.clone(),
        state: r.state.map(|s| s.word()),
        reason: r.reason.clone(),
        takes_back: r.release.takes_back,
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

pub(super) fn view(g: &Group, counts: bool) -> DeploymentGroup {
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
            tag_operator: g.row.tag_operator.word().into(),
        },
        delta_updatable: g.row.delta_updatable,
        device_count: counts.then_some(g.devices),
        releases_count: counts.then_some(g.releases),
        notes: g.row.notes.clone(),
        status: g.status.word(),
        settings: settings(g),
        progress: None,
    }
}
