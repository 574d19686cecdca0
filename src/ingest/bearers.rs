//! Devices that bring certificates which are not known: a whole fleet within minutes when it is moved to this server, or when a
//! batch leaves the factory. They are let in by the set, as all that they do afterwards.

use crate::domain::devices::provisioning::{Bearer, Judged, NOT_KEPT, Provisioned, TAKEN};
use crate::ids::DeviceId;
use crate::store::devices::bulk;
use crate::store::ingest::bearers::{self, Introduced, Kept, Registered};
use crate::store::ingest::told::{self, By, Entry};
use crate::store::{self, Error, Write, batch};
use std::collections::{HashMap, HashSet};

/// Lets bearers of certificates in. The outcome is the device, or why it is refused.
#[derive(Debug)]
pub struct BearerWriter;

type Outcome = Result<Provisioned, &'static str>;

/// A bearer that gets in, with its index in the batch.
struct Accepted<'b> {
    index: usize,
    bearer: &'b Bearer,
    judged: Judged<'b>,
}

impl batch::Writer for BearerWriter {
    type Record = Bearer;
    type Outcome = Outcome;

    /// They have no number yet; those that are added are put in the order of their names.
    fn key(_: &Bearer) -> i64 {
        0
    }

    async fn write(
        &self,
        w: &mut Write,
        records: &[&Bearer],
    ) -> store::Result<Vec<store::Result<Outcome>>> {
        let mut outcomes: Vec<Option<Outcome>> = records.iter().map(|_| None).collect();
        let mut left: Vec<usize> = (0..records.len()).collect();
        left.sort_by_key(|n| &records[*n].name);
        while !left.is_empty() {
            left = write_independent(w, records, left, &mut outcomes).await?;
        }
        let outcomes = outcomes.into_iter();
        Ok(outcomes.map(|o| Ok(o.unwrap_or(Err(NOT_KEPT)))).collect())
    }
}

/// Lets as many of these in as do not depend on each other: nearly always all. The others, which are returned, have the name or the
/// key of one before them.
async fn write_independent(
    w: &mut Write,
    records: &[&Bearer],
    mut left: Vec<usize>,
    outcomes: &mut [Option<Outcome>],
) -> store::Result<Vec<usize>> {
    let (mut names, mut keys) = (HashSet::new(), HashSet::new());
    let later = left
        .extract_if(.., |n| {
            let bearer = records[*n];
            let name = names.insert(bearer.name.as_str());
            let key = keys.insert(bearer.certificate.public_key_fingerprint.as_str());
            !(name && key)
        })
        .collect();
    let mut accepted = judge(w, records, left, outcomes).await?;
    let devices = add(w, &mut accepted, outcomes).await?;
    keep(w, &accepted, &devices, outcomes).await?;
    Ok(later)
}

/// Decides who gets in.
async fn judge<'b>(
    w: &mut Write,
    records: &[&'b Bearer],
    indexes: Vec<usize>,
    outcomes: &mut [Option<Outcome>],
) -> store::Result<Vec<Accepted<'b>>> {
    let now: Vec<&Bearer> = indexes.iter().map(|n| records[*n]).collect();
    let keys: Vec<&str> = now
        .iter()
        .map(|b| b.certificate.public_key_fingerprint.as_str())
        .collect();
    let names: Vec<&str> = now.iter().map(|b| b.name.as_str()).collect();
    let holders = bearers::holders_of_keys(w, &keys).await?;
    let holders: HashMap<_, _> = holders
        .into_iter()
        .map(|known| (known.public_key, known.holder))
        .collect();
    let registered = bearers::registered(w, &names).await?;
    let registered: HashMap<String, Registered> = registered
        .into_iter()
        .map(|d| (d.identifier.clone(), d))
        .collect();
    let mut accepted = Vec::with_capacity(indexes.len());
    for index in indexes {
        let bearer = records[index];
        let holder = holders.get(&bearer.certificate.public_key_fingerprint);
        match bearer.judge(holder, registered.get(&bearer.name)) {
            Ok(judged) => accepted.push(Accepted {
                index,
                bearer,
                judged,
            }),
            Err(why) => outcomes[index] = Some(Err(why)),
        }
    }
    Ok(accepted)
}

/// Adds the devices that are not there yet; the numbers of all, in the order of `accepted`.
async fn add(
    w: &mut Write,
    accepted: &mut Vec<Accepted<'_>>,
    outcomes: &mut [Option<Outcome>],
) -> store::Result<Vec<DeviceId>> {
    let new = accepted.iter().filter(|x| x.judged.device.is_none());
    let new: Vec<Introduced<'_>> = new
        .map(|x| Introduced {
            org: x.judged.authority.org_id,
            product: x.judged.product,
            identifier: &x.bearer.name,
            description: x.judged.authority.jitp_description.as_deref(),
            at: x.bearer.at,
        })
        .collect();
    let added = bearers::add(w, &new).await?;
    let added: HashMap<String, DeviceId> = added.into_iter().map(|(id, name)| (name, id)).collect();
    let mut devices = Vec::with_capacity(accepted.len());
    let mut tags: Vec<(DeviceId, i64, String)> = Vec::new();
    accepted.retain(|x| {
        let fresh = added.get(&x.bearer.name).copied();
        let Some(device) = x.judged.device.or(fresh) else {
            outcomes[x.index] = Some(Err(TAKEN));
            return false;
        };
        if x.judged.device.is_none() {
            let placed = (0_i64..).zip(x.judged.tags());
            tags.extend(placed.map(|(n, tag)| (device, n, tag)));
        }
        devices.push(device);
        true
    });
    let tags: Vec<_> = tags.iter().map(|(d, n, tag)| (*d, *n, &**tag)).collect();
    bulk::tag_many(w, &tags).await?;
    Ok(devices)
}

/// Keeps the certificates, and says so in the audit log.
async fn keep(
    w: &mut Write,
    accepted: &[Accepted<'_>],
    devices: &[DeviceId],
    outcomes: &mut [Option<Outcome>],
) -> store::Result<()> {
    let all: Vec<Kept> = accepted
        .iter()
        .zip(devices)
        .map(|(x, device)| Kept {
            org: x.judged.authority.org_id,
            device: *device,
            certificate: x.bearer.certificate.clone(),
            at: x.bearer.at,
        })
        .collect();
    let kept: HashSet<String> = bearers::keep(w, &all).await?.into_iter().collect();
    let mut entries = Vec::with_capacity(all.len());
    for (x, device) in accepted.iter().zip(devices) {
        if !kept.contains(&x.bearer.certificate.fingerprint) {
            if x.judged.device.is_none() {
                // A device that was added for its certificate goes with it.
                return Err(Error::Taken("device_certificates".into()));
            }
            outcomes[x.index] = Some(Err(NOT_KEPT));
            continue;
        }
        let text = x.judged.audit_text(x.bearer);
        tracing::info!(device = %x.bearer.name, "{text}");
        entries.push(Entry {
            org: x.judged.authority.org_id,
            product: x.judged.product,
            by: By::Device,
            device: *device,
            text,
            at: x.bearer.at,
        });
        outcomes[x.index] = Some(Ok(Provisioned {
            device: *device,
            identifier: x.bearer.name.clone(),
            product: x.judged.product,
        }));
    }
    told::audit(w, &entries).await
}
