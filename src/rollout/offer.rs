//! Offers a claimed update to its device. The claim is checked once more, because the group, the release or the device may have
//! changed since; then it is marked as told, and the `update` payload is built.

use crate::blob::Blob;
use crate::blob::download_urls::{DownloadUrls, StoredFileLink};
use crate::clock::Micros;
use crate::ids::{ClaimId, DeviceId, GroupId, ReleaseId};
use crate::store::accounts::orgs;
use crate::store::catalog::deltas::DeltaRow;
use crate::store::catalog::firmwares::FirmwareRow;
use crate::store::catalog::{deltas, firmwares};
use crate::store::deployments::attempts::{self, NewAttempt};
use crate::store::deployments::deployment_groups::GroupRow;
use crate::store::deployments::inflight::{self, InFlight};
use crate::store::deployments::{deployment_groups, releases, rollouts};
use crate::store::events::audit::{self, Actor, Resource};
use crate::store::words::{AttemptOutcome, DeltaState, FileSent, RolloutState};
use crate::store::{self, Write, devices};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// An update that is offered to a device.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The target.
    pub firmware: FirmwareRow,
    /// The delta that is sent instead of the full file, if one is.
    pub delta: Option<DeltaRow>,
    /// The deployment group; `None` for a push by hand.
    pub group: Option<GroupId>,
    /// The group's name, for the log.
    pub group_name: Option<String>,
    /// The claim that it fulfils.
    pub claim: ClaimId,
    /// Where the device's organization wants its devices to fetch the file from.
    pub proxy: Option<String>,
}

/// What became of a claim when its device was about to be told.
#[derive(Debug)]
pub enum Taken {
    /// No claim waits for the device.
    Nothing,
    /// The claim was withdrawn, and its slot in this group is free.
    Withdrawn(Option<GroupId>),
    /// The device is to be told.
    Tell(Box<Offer>),
}

/// Takes the claim that waits for a device, if there is one, and marks it as told.
pub async fn take(w: &mut Write, device: DeviceId, now: Micros) -> store::Result<Taken> {
    let Some(row) = super::outcome::untold(w, device).await? else {
        return Ok(Taken::Nothing);
    };
    let Some(firmware) = row.firmware_id else {
        return Ok(Taken::Nothing);
    };
    let by = match row.group_id {
        None => None,
        Some(group) => {
            let by = still_wanted(w, device, group, row.release_id).await?;
            if by.is_none() {
                inflight::end(w, device, AttemptOutcome::Withdrawn, None, now).await?;
                return Ok(Taken::Withdrawn(Some(group)));
            }
            by
        }
    };
    let Some(firmware) = firmwares::row(w, firmware)
        .await?
        .filter(|f| f.damaged_at.is_none())
    else {
        inflight::end(w, device, AttemptOutcome::Withdrawn, None, now).await?;
        return Ok(Taken::Withdrawn(row.group_id));
    };
    let delta = match row.delta_id {
        Some(id) => deltas::row(w, id)
            .await?
            .filter(|d| d.status == DeltaState::Completed),
        None => None,
    };
    if !inflight::sent(w, device, row.claim_id, now).await? {
        return Ok(Taken::Nothing);
    }
    let proxy = begin(w, device, &row, (&firmware, delta.as_ref()), now).await?;
    if let Some((group, release)) = &by {
        let text = format!(
            "Release {release} of deployment group {} offered the update to {} ({})",
            group.name, firmware.version, firmware.uuid
        );
        let (actor, resource) = (Actor::Group(group.id), Resource::Device(device));
        let product = Some(group.product_id);
        audit::add(w, group.org_id, product, actor, resource, &text, now).await?;
    }
    Ok(Taken::Tell(Box::new(Offer {
        firmware,
        delta,
        group: row.group_id,
        group_name: by.map(|(group, _)| group.name),
        claim: row.claim_id,
        proxy,
    })))
}

/// Adds the attempt that this offer begins. Returns the proxy of the device's organization.
async fn begin(
    w: &mut Write,
    device: DeviceId,
    row: &InFlight,
    (firmware, delta): (&FirmwareRow, Option<&DeltaRow>),
    now: Micros,
) -> store::Result<Option<String>> {
    let Some(d) = devices::row(w, device).await? else {
        return Ok(None);
    };
    let attempt = NewAttempt {
        claim: row.claim_id,
        product: d.product_id,
        device,
        group: row.group_id,
        release: row.release_id,
        step: row.step,
        source: (&d.fw_uuid, d.fw_version.as_deref()),
        target: (&firmware.uuid, &firmware.version),
        kind: delta.map_or(FileSent::Full, |_| FileSent::Delta),
        bytes: delta.and_then(|d| d.size).unwrap_or(firmware.size),
    };
    attempts::begin(w, &attempt, now).await?;
    orgs::firmware_proxy(w, d.org_id).await
}

/// The claim's group and release number; `None` when the group no longer offers that release or the device may not be updated.
async fn still_wanted(
    w: &mut Write,
    device: DeviceId,
    group: GroupId,
    release: Option<ReleaseId>,
) -> store::Result<Option<(GroupRow, i64)>> {
    let group_row = deployment_groups::row(w, group).await?;
    let current = releases::current(w, group).await?;
    let device = devices::row(w, device).await?;
    let runs = match &current {
        Some(current) => rollouts::of(w, current.id)
            .await?
            .is_none_or(|r| r.state == RolloutState::Running),
        None => false,
    };
    let may = device.is_some_and(|d| {
        d.group_id == Some(group)
            && d.updates_enabled
            && d.blocked_until.is_none()
            && d.deleted_at.is_none()
    });
    Ok(group_row
        .filter(|g| g.is_active && may && runs)
        .zip(current.filter(|r| Some(r.id) == release).map(|r| r.number)))
}

impl Offer {
    /// The stored file.
    pub fn blob(&self) -> Blob {
        match &self.delta {
            Some(d) => Blob::Delta(d.source_id, d.target_id),
            None => Blob::Firmware(self.firmware.id),
        }
    }

    /// The address that a device which dialled `host` fetches the file from.
    pub fn url(&self, links: &DownloadUrls, host: &str, now: Micros) -> String {
        let url = links.url(host, &self.linked(), now);
        match &self.proxy {
            None => url,
            Some(proxy) => format!("{proxy}?firmware={}", URL_SAFE_NO_PAD.encode(url)),
        }
    }

    /// The parts of the download link to that file.
    pub fn linked(&self) -> StoredFileLink<'_> {
        let (f, delta) = (&self.firmware, self.delta.as_ref());
        let checksum = delta.and_then(|d| d.checksum.as_deref());
        StoredFileLink::new(
            self.blob(),
            &f.uuid,
            checksum.unwrap_or(&f.checksum),
            &f.tool,
        )
    }

    /// The `update` payload (docs/protocol/device.md, "Messages to the device"); size and sums are those of the file that is sent.
    pub fn payload(&self, url: &str) -> Value {
        let f = &self.firmware;
        let (size, checksum, partials) = match &self.delta {
            Some(DeltaRow {
                size: Some(s),
                checksum: Some(c),
                partials: Some(p),
                ..
            }) => (*s, c.as_str(), p.as_str()),
            _ => (f.size, f.checksum.as_str(), f.partials.as_str()),
        };
        json!({
            "update_available": true,
            "firmware_url": url,
            "firmware_meta": {
                "uuid": f.uuid,
                "product": f.product,
                "version": f.version,
                "platform": f.platform,
                "architecture": f.architecture,
                "author": f.author,
                "description": f.description,
                "misc": f.misc,
                "vcs_identifier": f.vcs_identifier,
                "sha256": checksum.to_lowercase(),
            },
            "size": size,
            "checksum": checksum,
            "partials_checksums": partials.split(',').collect::<Vec<_>>(),
            "deployment_id": self.group.map(GroupId::number),
        })
    }
}
