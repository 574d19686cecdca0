//! Offers a claimed update to its device. The claim is checked once more, because the group, the release or the device may have
//! changed since; then it is marked as told, and the `update` payload is built.

use crate::blob::Blob;
use crate::blob::download_urls::{DownloadUrls, StoredFileLink};
use crate::clock::Micros;
use crate::ids::{
    ClaimId, ConnectionId, DeviceId, FirmwareId, GroupId, OrgId, ProductId, ReleaseId,
};
use crate::store::catalog::deltas::DeltaRow;
use crate::store::catalog::files::{self, FileRow};
use crate::store::catalog::firmwares::FirmwareRow;
use crate::store::catalog::{deltas, firmwares};
use crate::store::deployments::attempts::{self, NewAttempt};
use crate::store::deployments::inflight::{self, UntoldClaim};
use crate::store::deployments::{deployment_groups, releases, rollouts};
use crate::store::ingest::told::{self, By, Entry};
use crate::store::words::{AttemptOutcome, DeltaState, FileSent, RolloutState};
use crate::store::{self, Write};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::hash::Hash;

/// An update that is offered to a device.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The target.
    pub firmware: FirmwareRow,
    /// The delta that is sent instead of the full file, if one is.
    pub delta: Option<DeltaRow>,
    /// The stored file that is sent, of either.
    pub file: FileRow,
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
    let mut taken = take_all(w, &[(device, None)], now).await?;
    Ok(taken.remove(&device).unwrap_or(Taken::Nothing))
}

/// Takes the claims that wait for these devices and marks them as told. A device that has another connection than the one it
/// asks through, if it names one, and a device without a claim are left out. Many devices cost hardly more than one, since a
/// release is told to all of its devices at once.
pub async fn take_all(
    w: &mut Write,
    asking: &[(DeviceId, Option<ConnectionId>)],
    now: Micros,
) -> store::Result<HashMap<DeviceId, Taken>> {
    let mut known = Known::default();
    let (mut all, mut tells) = (HashMap::new(), Vec::new());
    let through: HashMap<DeviceId, Option<ConnectionId>> = asking.iter().copied().collect();
    let devices: Vec<DeviceId> = through.keys().copied().collect();
    for claim in inflight::untold_of(w, &devices).await? {
        let through = through.get(&claim.device_id).copied().flatten();
        if through.is_some() && through != claim.connection {
            continue;
        }
        match known.tell(w, &claim).await? {
            Some(tell) => tells.push((claim, tell)),
            None => {
                let outcome = AttemptOutcome::Withdrawn;
                inflight::end(w, claim.device_id, outcome, None, now).await?;
                all.insert(claim.device_id, Taken::Withdrawn(claim.group_id));
            }
        }
    }
    let claims: Vec<_> = tells
        .iter()
        .map(|(c, _)| (c.device_id, c.claim_id))
        .collect();
    let sent = inflight::sent_all(w, &claims, now).await?;
    tells.retain(|(c, _)| sent.contains(&c.device_id));
    let attempts: Vec<NewAttempt<'_>> = tells.iter().map(|(c, t)| attempt(c, t)).collect();
    attempts::begin_all(w, &attempts, now).await?;
    let entries: Vec<Entry> = tells.iter().filter_map(|(c, t)| entry(c, t, now)).collect();
    told::audit(w, &entries).await?;
    for (claim, tell) in tells {
        let offer = Offer {
            firmware: tell.firmware,
            delta: tell.delta,
            file: tell.file,
            group: claim.group_id,
            group_name: tell.by.map(|by| by.name),
            claim: claim.claim_id,
            proxy: claim.firmware_proxy_url,
        };
        all.insert(claim.device_id, Taken::Tell(Box::new(offer)));
    }
    Ok(all)
}

/// What a device is told.
struct Tell {
    firmware: FirmwareRow,
    delta: Option<DeltaRow>,
    file: FileRow,
    /// The group that tells it; `None` for a push by hand.
    by: Option<Offering>,
}

/// A group that offers its current release.
#[derive(Debug, Clone)]
struct Offering {
    id: GroupId,
    name: String,
    org: OrgId,
    product: ProductId,
    release: ReleaseId,
    number: i64,
}

/// What was read already for the claims before: most are of one group, one firmware and one delta.
#[derive(Default)]
struct Known {
    groups: HashMap<GroupId, Option<Offering>>,
    firmwares: HashMap<FirmwareId, Option<FirmwareRow>>,
    deltas: HashMap<i64, Option<DeltaRow>>,
    files: HashMap<Blob, Option<FileRow>>,
}

impl Known {
    /// What the claim tells its device; `None` when its group no longer offers the release, the device left it or may not be updated,
    /// or the file is damaged.
    async fn tell(&mut self, w: &mut Write, claim: &UntoldClaim) -> store::Result<Option<Tell>> {
        let by = match claim.group_id {
            None => None,
            Some(group) => {
                let offering = once(&mut self.groups, group, offering(w, group)).await?;
                let may = claim.member_of == Some(group)
                    && claim.updates_enabled
                    && claim.blocked_until.is_none()
                    && claim.deleted_at.is_none();
                let offering = offering.filter(|o| may && Some(o.release) == claim.release_id);
                if offering.is_none() {
                    return Ok(None);
                }
                offering
            }
        };
        let id = claim.firmware_id;
        let firmware = once(&mut self.firmwares, id, firmwares::row(w, id)).await?;
        let Some(firmware) = firmware.filter(|f| f.damaged_at.is_none()) else {
            return Ok(None);
        };
        let delta = match claim.delta_id {
            Some(id) => once(&mut self.deltas, id, deltas::row(w, id)).await?,
            None => None,
        };
        let delta = delta.filter(|d| d.status == DeltaState::Completed);
        let blob = match &delta {
            Some(d) => Blob::Delta(d.source_id, d.target_id),
            None => Blob::Firmware(firmware.id),
        };
        let file = once(&mut self.files, blob, files::of(w, blob)).await?;
        Ok(file.map(|file| Tell {
            firmware,
            delta,
            file,
            by,
        }))
    }
}

/// What is known under this key; it is looked up the first time.
async fn once<K: Eq + Hash, V: Clone>(
    known: &mut HashMap<K, Option<V>>,
    key: K,
    look: impl Future<Output = store::Result<Option<V>>>,
) -> store::Result<Option<V>> {
    if let Some(found) = known.get(&key) {
        return Ok(found.clone());
    }
    let found = look.await?;
    known.insert(key, found.clone());
    Ok(found)
}

/// A group's current release, if the group is on and the release runs.
async fn offering(w: &mut Write, group: GroupId) -> store::Result<Option<Offering>> {
    let row = deployment_groups::row(w, group).await?;
    let row = row.filter(|g| g.is_active);
    let Some((group, release)) = row.zip(releases::current(w, group).await?) else {
        return Ok(None);
    };
    let rollout = rollouts::of(w, release.id).await?;
    let runs = rollout.is_none_or(|r| r.state == RolloutState::Running);
    Ok(runs.then_some(Offering {
        id: group.id,
        name: group.name,
        org: group.org_id,
        product: group.product_id,
        release: release.id,
        number: release.number,
    }))
}

/// The attempt that an offer begins.
fn attempt<'a>(claim: &'a UntoldClaim, tell: &'a Tell) -> NewAttempt<'a> {
    let delta = tell.delta.as_ref();
    NewAttempt {
        claim: claim.claim_id,
        product: claim.product_id,
        device: claim.device_id,
        group: claim.group_id,
        release: claim.release_id,
        step: claim.step,
        source: (&claim.fw_uuid, claim.fw_version.as_deref()),
        target: (&tell.firmware.uuid, &tell.firmware.version),
        kind: delta.map_or(FileSent::Full, |_| FileSent::Delta),
        bytes: delta.and_then(|d| d.size).unwrap_or(tell.firmware.size),
    }
}

/// The entry of the audit log about an offer of a group.
fn entry(claim: &UntoldClaim, tell: &Tell, now: Micros) -> Option<Entry> {
    let by = tell.by.as_ref()?;
    Some(Entry {
        org: by.org,
        product: by.product,
        by: By::Group(by.id),
        device: claim.device_id,
        text: format!(
            "Release {} of deployment group {} offered the update to {} ({})",
            by.number, by.name, tell.firmware.version, tell.firmware.uuid
        ),
        at: now,
    })
}

impl Offer {
    /// The address that a device which dialled `host` fetches the file from.
    pub fn url(&self, links: &DownloadUrls, host: &str, now: Micros) -> String {
        let url = links.url(host, &StoredFileLink::file(&self.file), now);
        match &self.proxy {
            None => url,
            Some(proxy) => format!("{proxy}?firmware={}", URL_SAFE_NO_PAD.encode(url)),
        }
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
