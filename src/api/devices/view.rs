//! How a device is shown (docs/protocol/rest.md, "Devices over REST").

use crate::domain::devices::Device;
use crate::domain::devices::details::{PageDetails, Wanted};
use schemars::JsonSchema;
use serde::Serialize;

/// A device; every field is always there (docs/protocol/rest.md, "Devices over REST").
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Device")]
pub(super) struct DeviceView {
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
    firmware_metadata: Option<FirmwareMetadataView>,
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
    /// Where its maintenance windows are; left out for the time zone of the window. Beyond NervesHub.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
    /// Status of the newest health report, `unknown` without one. This and the fields below: only in a list that asks for them
    /// by `fields`. Beyond NervesHub.
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<&'static str>,
    /// Names of the alarms in the newest health report.
    #[serde(skip_serializing_if = "Option::is_none")]
    alarms: Option<Vec<String>>,
    /// The update in flight; null without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    update: Option<Option<UpdateOfDevice>>,
    /// Since when it is connected, `2026-08-22T08:33:49Z`; null while it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    connected_since: Option<Option<String>>,
    /// `wifi`, `ethernet`, `cellular`, or `unknown`: what it spoke over last.
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    /// Whether you have pinned it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pinned: Option<bool>,
}

/// The update of a device that is in flight.
#[derive(Serialize, JsonSchema)]
struct UpdateOfDevice {
    /// `requested` until the device says more.
    stage: String,
    /// How far that stage is, where the device tells.
    percent: Option<i64>,
    /// `full` or `delta`.
    kind: String,
}

/// What a device says it runs.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FirmwareMetadata")]
struct FirmwareMetadataView {
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
struct GroupOfDevice {
    /// Its name.
    name: String,
    /// Whether it updates devices.
    is_active: Option<bool>,
    /// Firmware of its current release.
    firmware_uuid: Option<String>,
    /// Version of its current release.
    firmware_version: Option<String>,
}

pub(super) fn view(d: &Device) -> DeviceView {
    let v = &d.view;
    let status = v.connection_status.as_deref().unwrap_or("not_seen");
    DeviceView {
        identifier: v.identifier.clone(),
        description: v.description.clone(),
        tags: d.tags.clone(),
        online: status.to_owned(),
        connection_status: status.to_owned(),
        status: status.to_owned(),
        firmware_metadata: (!v.fw_uuid.is_empty()).then(|| FirmwareMetadataView {
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
        time_zone: v.time_zone.clone(),
        health: None,
        alarms: None,
        update: None,
        connected_since: None,
        network: None,
        pinned: None,
    }
}

impl DeviceView {
    /// Adds what a list asks for besides the device itself.
    pub(super) fn add(&mut self, d: &Device, more: &mut PageDetails, wanted: Wanted) {
        if wanted.alarms {
            self.alarms = Some(more.alarms.remove(&d.view.id).unwrap_or_default());
        }
        let Some(details) = more.details.remove(&d.view.id) else {
            return;
        };
        let (kind, percent) = (details.kind, details.percent);
        self.health = Some(details.health.word());
        self.update = Some(details.stage.map(|stage| UpdateOfDevice {
            stage,
            percent,
            kind: kind.map_or_else(String::new, |k| k.word().to_owned()),
        }));
        self.connected_since = Some(details.connected_since.map(|at| at.zulu()));
        let told = Some(details.interface).filter(|i| !i.is_empty());
        self.network = Some(told.unwrap_or_else(|| "unknown".into()));
        self.pinned = Some(details.pinned);
    }
}
