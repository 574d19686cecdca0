//! The writer: takes a batch of what devices say, reads, decides, and writes the changes by the set.

mod changed;
mod identities;

use super::ask;
use super::decide::{Addition, Rest, addition, decide, looks_for};
use super::poll;
use super::said::{DeviceWrite, Join, Record, Reported, WriteOutcome};
use super::state::{DeviceState, Known};
use crate::ids::{DeviceId, GroupId, ProductId};
use crate::limits::{HISTORY_A_DEVICE, TRIM_ONE_IN};
use crate::rollout::matching;
use crate::rollout::offer::{self, Taken};
use crate::rollout::policy::Policy;
use crate::store::devices::locks;
use crate::store::ingest::{read, reports};
use crate::store::{self, Db, Error, Write, batch};
use changed::{Batch, States};
use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes what devices say.
#[derive(Debug, Default)]
pub struct IngestWriter {
    /// Connections that were recorded so far.
    connections: AtomicU64,
}

impl batch::Writer for IngestWriter {
    type Record = Record;
    type Outcome = WriteOutcome;

    fn key(record: &Record) -> i64 {
        record.device.number()
    }

    async fn write(
        &self,
        w: &mut Write,
        records: &[&Record],
    ) -> store::Result<Vec<store::Result<WriteOutcome>>> {
        let mut outcomes: Vec<Option<store::Result<WriteOutcome>>> =
            records.iter().map(|_| None).collect();
        let mut left: Vec<usize> = (0..records.len()).collect();
        while !left.is_empty() {
            left = self.some(w, records, left, &mut outcomes).await?;
        }
        let outcomes = outcomes.into_iter();
        Ok(outcomes
            .map(|o| o.unwrap_or(Err(Error::Stopping)))
            .collect())
    }

    fn asks(outcome: &WriteOutcome) -> bool {
        ask::wanted(outcome)
    }

    async fn ask(db: &Db, outcomes: &mut [WriteOutcome]) -> store::Result<()> {
        ask::tell(db, outcomes).await
    }

    /// Deletes what is kept of devices beyond its bounds, now and then.
    async fn tidy(&self, db: &Db, records: &[&Record]) -> store::Result<()> {
        let due = records.iter().filter(|r| {
            matches!(r.said, DeviceWrite::Connecting(_))
                && r.connection.0.unsigned_abs().is_multiple_of(TRIM_ONE_IN)
        });
        let due: BTreeSet<DeviceId> = due.map(|r| r.device).collect();
        if due.is_empty() {
            return Ok(());
        }
        let due: Vec<DeviceId> = due.into_iter().collect();
        let mut w = db.write().await?;
        reports::trim(&mut w, &due, HISTORY_A_DEVICE).await?;
        w.commit().await
    }
}

/// What is left to do one by one, of which record.
type Left = (usize, Rest);

impl IngestWriter {
    /// Writes as many of these records as can be written together: nearly always all. What a device says behind something
    /// that is done one by one comes next; those are returned.
    async fn some(
        &self,
        w: &mut Write,
        records: &[&Record],
        mut left: Vec<usize>,
        outcomes: &mut [Option<store::Result<WriteOutcome>>],
    ) -> store::Result<Vec<usize>> {
        let mut waits: HashSet<DeviceId> = HashSet::new();
        let later = left
            .extract_if(.., |n| {
                let record = records[*n];
                if waits.contains(&record.device) {
                    return true;
                }
                if one_by_one(&record.said) {
                    waits.insert(record.device);
                }
                false
            })
            .collect();
        let now: Vec<&Record> = left.iter().map(|n| records[*n]).collect();
        let mut states = states(w, &now).await?;
        let known = known(w, &now, &states).await?;
        let mut batch = Batch::default();
        let (mut asking, mut rest): (Vec<usize>, Vec<Left>) = (Vec::new(), Vec::new());
        for n in left {
            let record = records[n];
            if matches!(record.said, DeviceWrite::TakeClaim) {
                asking.push(n);
                continue;
            }
            let (outcome, after) = self.one(record, &mut states, &known, &mut batch);
            outcomes[n] = Some(outcome);
            if after != Rest::Nothing || matches!(record.said, DeviceWrite::Identities(_)) {
                rest.push((n, after));
            }
        }
        batch.write(w, states).await?;
        claims(w, records, &asking, outcomes).await?;
        // Turns lock their groups, in one order at all nodes.
        rest.sort_by_key(|(n, _)| match &outcomes[*n] {
            Some(Ok(WriteOutcome::Polled(polled))) => polled.group,
            _ => None,
        });
        for (n, rest) in rest {
            finish(w, records[n], rest, &mut outcomes[n]).await?;
        }
        Ok(later)
    }

    /// Decides about one record.
    fn one<'r>(
        &self,
        record: &'r Record,
        states: &mut States,
        known: &Known,
        batch: &mut Batch<'r>,
    ) -> (store::Result<WriteOutcome>, Rest) {
        let (device, connection) = (record.device, record.connection);
        if let Some(more) = addition(device, connection, &record.said, known, record.at) {
            let outcome = match &more {
                Addition::Health(report) => WriteOutcome::Health(report.status),
                _ => WriteOutcome::Done(None),
            };
            batch.add(device, more, record.at);
            return (Ok(outcome), Rest::Nothing);
        }
        let Some(before) = states.remove(&record.device) else {
            return (gone(&record.said), Rest::Nothing);
        };
        let mut changes = decide(&before, record.connection, &record.said, known, record.at);
        if let WriteOutcome::Connecting { order, .. } = &mut changes.outcome {
            *order = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        }
        let rest = changes.rest;
        let (after, outcome) = batch.change(before, changes, record.at);
        states.insert(record.device, after);
        (Ok(outcome), rest)
    }
}

/// What a word of a device comes to whose row is gone.
fn gone(said: &DeviceWrite) -> store::Result<WriteOutcome> {
    match said {
        DeviceWrite::Connecting(_) | DeviceWrite::Poll(_) => Err(Error::Missing("devices")),
        DeviceWrite::Join(_) => Ok(WriteOutcome::Joined(Box::default())),
        _ => Ok(WriteOutcome::Done(None)),
    }
}

fn one_by_one(said: &DeviceWrite) -> bool {
    matches!(
        said,
        DeviceWrite::TakeClaim | DeviceWrite::Poll(_) | DeviceWrite::Identities(_)
    )
}

/// Takes the claims that wait for devices, all at once.
async fn claims(
    w: &mut Write,
    records: &[&Record],
    asked: &[usize],
    outcomes: &mut [Option<store::Result<WriteOutcome>>],
) -> store::Result<()> {
    let Some(now) = asked.iter().map(|n| records[*n].at).max() else {
        return Ok(());
    };
    // One record of a device at a time comes here.
    let asking: Vec<_> = asked
        .iter()
        .map(|n| (records[*n].device, Some(records[*n].connection)))
        .collect();
    let mut taken = offer::take_all(w, &asking, now).await?;
    for n in asked {
        let own = taken.remove(&records[*n].device).unwrap_or(Taken::Nothing);
        outcomes[*n] = Some(Ok(WriteOutcome::Claim(own)));
    }
    Ok(())
}

/// Does what could not be done for all at once.
async fn finish(
    w: &mut Write,
    record: &Record,
    rest: Rest,
    outcome: &mut Option<store::Result<WriteOutcome>>,
) -> store::Result<()> {
    let (device, now) = (record.device, record.at);
    match (rest, &record.said, outcome) {
        (Rest::Turn, DeviceWrite::Poll(_), Some(Ok(WriteOutcome::Polled(polled)))) => {
            poll::turn(w, device, polled, now).await?;
        }
        (_, DeviceWrite::Identities(all), _) => identities::report(w, device, all, now).await?,
        _ => {}
    }
    Ok(())
}

/// What is on record of the devices whose words depend on it.
async fn states(w: &mut Write, records: &[&Record]) -> store::Result<States> {
    let devices_of = |which: fn(&DeviceWrite) -> bool| -> Vec<DeviceId> {
        let some = records.iter().filter(|r| which(&r.said));
        let devices: BTreeSet<DeviceId> = some.map(|r| r.device).collect();
        devices.into_iter().collect()
    };
    locks::lock(w, &devices_of(|said| !said.adds_only())).await?;
    // What a claim depends on is read with it.
    let decided = devices_of(|s| !s.adds_only() && !matches!(s, DeviceWrite::TakeClaim));
    let rows = read::states(w, &decided).await?;
    Ok(rows.into_iter().map(|r| (r.id, r.into())).collect())
}

/// What a record says of a device's firmware.
fn joins(said: &DeviceWrite) -> Option<&Join> {
    match said {
        DeviceWrite::Join(join) => Some(join),
        DeviceWrite::Poll(poll) if poll.update => Some(&poll.join),
        _ => None,
    }
}

/// Reads what else is needed to decide about these records.
async fn known(w: &mut Write, records: &[&Record], states: &States) -> store::Result<Known> {
    let joins: Vec<(&DeviceState, &Join)> = records
        .iter()
        .filter_map(|r| states.get(&r.device).zip(joins(&r.said)))
        .collect();
    let mut known = Known::default();
    let named: BTreeSet<(ProductId, &str)> = joins
        .iter()
        .filter_map(|(device, join)| match &join.reported {
            Reported::Uuid(uuid, _) => Some((device.product, uuid.as_str())),
            _ => None,
        })
        .collect();
    let named: Vec<_> = named.into_iter().collect();
    for f in read::firmwares(w, &named).await? {
        known.firmwares.insert((f.product_id, f.uuid.clone()), f);
    }
    let reverted: BTreeSet<(DeviceId, GroupId)> = joins
        .iter()
        .filter(|(_, join)| join.reverted)
        .filter_map(|(device, _)| Some((device.id, device.group.as_ref()?.id)))
        .collect();
    let reverted: Vec<_> = reverted.into_iter().collect();
    for c in read::current_releases(w, &reverted).await? {
        known.current.insert(c.device, c);
    }
    groups(w, &joins, &mut known).await?;
    let report = records
        .iter()
        .filter(|r| matches!(r.said, DeviceWrite::Health(_)));
    let report: BTreeSet<DeviceId> = report.map(|r| r.device).collect();
    let report: Vec<DeviceId> = report.into_iter().collect();
    for (device, policy) in read::group_policies(w, &report).await? {
        // Limits that a newer server wrote mark nobody.
        let policy = Policy::kept(Some(&policy)).unwrap_or_default();
        known.health_limits.insert(device, policy.health_limits);
    }
    Ok(known)
}

/// Reads the groups that are open to devices that will look for one.
async fn groups(
    w: &mut Write,
    joins: &[(&DeviceState, &Join)],
    known: &mut Known,
) -> store::Result<()> {
    let mut looking: BTreeSet<DeviceId> = BTreeSet::new();
    let mut kinds = BTreeSet::new();
    for (device, join) in joins {
        if let Some(kind) = looks_for(device, &join.reported, known) {
            looking.insert(device.id);
            kinds.insert(kind);
        }
    }
    let kinds: Vec<_> = kinds.into_iter().collect();
    known.open = read::open_groups(w, &kinds).await?;
    if known.open.is_empty() {
        return Ok(());
    }
    let open: Vec<GroupId> = known.open.iter().map(|g| g.id).collect();
    let looking: Vec<DeviceId> = looking.into_iter().collect();
    let (of_groups, of_devices) = read::tags(w, &open, &looking).await?;
    known.wanted = matching::by_group(of_groups);
    for (device, tag) in of_devices {
        known.tags.entry(device).or_default().push(tag);
    }
    Ok(())
}
