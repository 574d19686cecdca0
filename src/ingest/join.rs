//! What the server does when a device joins (docs/protocol/device.md, "Join"), in one transaction.

use crate::clock::Micros;
use crate::domain::catalog::keys;
use crate::domain::devices::extensions;
use crate::domain::support::notifications;
use crate::ids::{ConnectionId, DeviceId, Extensions, GroupId};
use crate::rollout::{matching, outcome};
use crate::store::catalog::archives::ArchiveRow;
use crate::store::catalog::{archives, firmwares};
use crate::store::deployments::deployment_groups;
use crate::store::devices::{self, connections, history};
use crate::store::devices::{DeviceRow, Metadata};
use crate::store::support::messages;
use crate::store::{self, Error, Write};
use serde_json::json;

/// What a device says about its firmware.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Reported {
    /// Everything that is needed.
    Complete(Box<Metadata>),
    /// Only the uuid, and maybe the fwup version.
    Uuid(String, Option<String>),
    /// Nothing that could be used.
    #[default]
    Nothing,
}

/// A device joins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Join {
    /// Its firmware.
    pub reported: Reported,
    /// `device_api_version`, `1.0.0` when absent or unreadable.
    pub api: String,
    /// Whether an update goes on in it.
    pub downloading: bool,
    /// `meta.firmware_validated`.
    pub validated: Option<bool>,
    /// `meta.firmware_auto_revert_detected`.
    pub reverted: bool,
    /// Wants the organization's signing keys.
    pub wants_keys: bool,
    /// Wants the keys for archives; they are the same.
    pub wants_archive_keys: bool,
    /// Whether its client knows archives.
    pub takes_archives: bool,
}

/// What to do after a join.
#[derive(Debug, Default)]
pub struct Joined {
    /// The organization's public keys, when the device asked for any.
    pub keys: Vec<String>,
    /// The archive of its group.
    pub archive: Option<ArchiveRow>,
    /// Code to run on the device now.
    pub connecting_code: Option<String>,
    /// The extensions that it may use.
    pub extensions: Extensions,
    /// Whether a claim waits for it.
    pub claim: bool,
    /// Groups that may have a free slot, or a new candidate.
    pub wake: Vec<GroupId>,
    /// Whether it runs what it was sent, which it did not before.
    pub installed: bool,
    /// The version of its firmware, as it says.
    pub version: Option<String>,
    /// False when a newer connection of the device has taken over meanwhile.
    pub current: bool,
}

/// Applies a join.
///
/// # Errors
/// The database's.
pub async fn apply(
    w: &mut Write,
    device: DeviceId,
    connection: ConnectionId,
    join: &Join,
    now: Micros,
) -> store::Result<Joined> {
    if !connections::connected(w, device, connection, &join.api, now).await? {
        return Ok(Joined::default());
    }
    let before = devices::row(w, device)
        .await?
        .ok_or(Error::Missing("devices"))?;
    let mut out = Joined {
        current: true,
        ..Joined::default()
    };
    let judged = arrive(w, &before, join, now).await?;
    out.wake.extend(judged.wake);
    out.installed = judged.installed;
    devices::joined(w, device, now).await?;
    let after = devices::row(w, device)
        .await?
        .ok_or(Error::Missing("devices"))?;
    let group = matching::assign_group(w, &after, now).await?;
    out.wake.extend(group);
    if join.takes_archives && group.is_some() {
        out.archive = archives::of_device(w, device, now).await?;
    }
    if join.wants_keys || join.wants_archive_keys {
        out.keys = keys::for_devices(w, after.org_id).await?;
    }
    // The group's code first, then the device's own (docs/protocol/device.md, "Join").
    let of_group = match group {
        Some(group) => deployment_groups::row(w, group).await?,
        None => None,
    };
    let code: Vec<String> = of_group
        .and_then(|g| g.connecting_code)
        .into_iter()
        .chain(after.connecting_code)
        .filter(|c| !c.is_empty())
        .collect();
    out.connecting_code = (!code.is_empty()).then(|| code.join("\n"));
    out.extensions = extensions::of_device(w, device).await?.usable();
    out.claim = outcome::untold(w, device).await?.is_some();
    out.wake.dedup();
    out.version.clone_from(&after.fw_version);
    let data = || json!({"firmware_uuid": after.fw_uuid, "version": after.fw_version});
    messages::file_of_device(w, device, "device.online", data, now).await?;
    Ok(out)
}

/// Takes what a device says of its firmware, on whichever way it says so: the outcome of its update, the record of what
/// it runs, the history.
///
/// # Errors
/// The database's.
pub async fn arrive(
    w: &mut Write,
    before: &DeviceRow,
    join: &Join,
    now: Micros,
) -> store::Result<outcome::Judged> {
    let running = metadata(w, before, &join.reported).await?;
    if running.is_none() && before.fw_uuid.is_empty() {
        notifications::without_metadata(w, before, now).await?;
    }
    // Without usable metadata what is on record stays, and so does what it says about an update.
    let uuid = running
        .as_ref()
        .map_or(before.fw_uuid.as_str(), |m| m.uuid.as_str());
    let arrival = outcome::Arrival {
        uuid,
        downloading: join.downloading,
        unvalidated: join.validated == Some(false),
        reverted: join.reverted,
    };
    let judged = outcome::arrived(w, before, arrival, now).await?;
    if let Some(m) = &running {
        let known = before.fw_uuid == m.uuid && before.fw_fwup_version == m.fwup_version;
        if !known {
            devices::report_firmware(w, before.id, m, now).await?;
        }
    }
    let validation = match join.validated {
        Some(true) => "validated",
        Some(false) => "not_validated",
        None => "unknown",
    };
    let changed = devices::set_validation(w, before.id, validation, join.reverted).await?;
    if before.fw_uuid != uuid {
        history::firmware(w, before.id, now).await?;
    } else if changed {
        history::validation(w, before.id).await?;
    }
    Ok(judged)
}

/// What the device runs: as reported, or by its uuid when it is a firmware of the product.
async fn metadata(
    w: &mut Write,
    device: &DeviceRow,
    reported: &Reported,
) -> store::Result<Option<Metadata>> {
    let (uuid, fwup) = match reported {
        Reported::Complete(m) => return Ok(Some((**m).clone())),
        Reported::Uuid(uuid, fwup) => (uuid, fwup),
        Reported::Nothing => return Ok(None),
    };
    let found = firmwares::by_uuid(w, device.product_id, uuid).await?;
    Ok(found.map(|f| Metadata {
        uuid: f.uuid,
        product: f.product,
        version: f.version,
        platform: f.platform,
        architecture: f.architecture,
        author: f.author,
        description: f.description,
        misc: f.misc,
        vcs_identifier: f.vcs_identifier,
        fwup_version: fwup.clone(),
    }))
}
