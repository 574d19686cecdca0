//! Does an action to the devices of a batch: by one statement for all where one does it, else one by one with what is done to
//! single devices.

use super::action::{Plan, Verdict};
use super::run::Aftermath;
use crate::access::scope::{Product, Scope};
use crate::bus::DeviceSignal;
use crate::clock::Micros;
use crate::domain::devices::commands::push;
use crate::domain::devices::{mark_deleted, transfer};
use crate::domain::{DomainError, Result};
use crate::ids::DeviceId;
use crate::store::deployments::inflight;
use crate::store::devices::jobs::DeviceResult;
use crate::store::devices::targets::TargetDevice;
use crate::store::devices::{self as table, many};
use crate::store::events::audit::{self, Resource};
use crate::store::ingest::updates;
use crate::store::words::{AttemptOutcome, JobOutcome};
use crate::store::{self, Write};
use serde::Serialize;
use std::collections::HashMap;

/// The value of a penalty that a device was let out of.
#[derive(Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub(super) struct Penalty {
    pub(super) until: Option<i64>,
    pub(super) updates_enabled: bool,
}

pub(super) fn result(device: DeviceId, outcome: JobOutcome) -> DeviceResult {
    DeviceResult {
        device,
        outcome,
        reason: None,
        before: None,
        after: None,
    }
}

pub(super) fn left(device: DeviceId, why: impl Into<String>) -> DeviceResult {
    DeviceResult {
        reason: Some(why.into()),
        ..result(device, JobOutcome::Refused)
    }
}

/// A device that was changed, with the value that it had and the one that it has.
pub(super) fn changed<V: Serialize>(device: DeviceId, before: &V, after: &V) -> DeviceResult {
    let text = |value: &V| serde_json::to_string(value).ok();
    DeviceResult {
        before: text(before),
        after: text(after),
        ..result(device, JobOutcome::Changed)
    }
}

/// Does the action to these devices of the scope's product; what it came to at each.
pub(super) async fn apply(
    w: &mut Write,
    scope: &Scope<Product>,
    plan: &Plan,
    devices: &[TargetDevice],
    (now, aftermath): (Micros, &mut Aftermath),
) -> Result<Vec<DeviceResult>> {
    let mut results = Vec::with_capacity(devices.len());
    let mut wanted: Vec<&TargetDevice> = Vec::new();
    for device in devices {
        match plan.judge(&device.target) {
            Verdict::Change => wanted.push(device),
            Verdict::Unchanged => results.push(result(device.id, JobOutcome::Unchanged)),
            Verdict::Refused(why) => results.push(left(device.id, why)),
        }
    }
    let ids: Vec<DeviceId> = wanted.iter().map(|d| d.id).collect();
    wanted.iter().for_each(|d| aftermath.wake(d.member_of));
    let done = match plan {
        Plan::TagsAdd(_) | Plan::TagsRemove(_) | Plan::TagsSet(_) => {
            retag(w, plan, &wanted).await?
        }
        Plan::Group(_) => regroup(w, plan, &wanted, now, aftermath).await?,
        Plan::Updates(enabled) => {
            let all: Vec<_> = ids.iter().map(|id| (*id, *enabled)).collect();
            many::set_updates_enabled(w, &all, now).await?;
            if *enabled {
                aftermath.signal(&ids, DeviceSignal::Archive);
            }
            let of = |id: &DeviceId| changed(*id, &!enabled, enabled);
            ids.iter().map(of).collect()
        }
        Plan::ClearPenalty => release(w, &wanted, now).await?,
        Plan::Reboot => command(&ids, DeviceSignal::Reboot, aftermath),
        Plan::Reconnect => command(&ids, DeviceSignal::Reconnect, aftermath),
        Plan::Firmware(_) | Plan::Move(_) | Plan::Delete | Plan::Restore => {
            let mut done = Vec::new();
            for device in &wanted {
                done.push(single(w, scope, plan, device, (now, &mut *aftermath)).await?);
            }
            done
        }
    };
    results.extend(done);
    Ok(results)
}

fn command(ids: &[DeviceId], signal: DeviceSignal, aftermath: &mut Aftermath) -> Vec<DeviceResult> {
    aftermath.signal(ids, signal);
    let told = |id: &DeviceId| result(*id, JobOutcome::Changed);
    ids.iter().map(told).collect()
}

/// The tags of these devices, in their order.
pub(super) async fn tags_of(
    w: &mut Write,
    devices: &[&TargetDevice],
) -> store::Result<HashMap<DeviceId, Vec<String>>> {
    let ids: Vec<DeviceId> = devices.iter().map(|d| d.id).collect();
    let mut all: HashMap<DeviceId, Vec<String>> = HashMap::new();
    for (device, tag) in table::tags_of(w, &ids).await? {
        all.entry(device).or_default().push(tag);
    }
    Ok(all)
}

async fn retag(w: &mut Write, plan: &Plan, devices: &[&TargetDevice]) -> Result<Vec<DeviceResult>> {
    let mut held = tags_of(w, devices).await?;
    let (mut results, mut new) = (Vec::new(), Vec::new());
    for device in devices {
        let before = held.remove(&device.id).unwrap_or_default();
        let after = match plan {
            Plan::TagsAdd(tags) => {
                let more = tags.iter().filter(|t| !before.contains(t));
                before.iter().chain(more).cloned().collect()
            }
            Plan::TagsRemove(tags) => {
                let mut kept = before.clone();
                kept.retain(|t| !tags.contains(t));
                kept
            }
            Plan::TagsSet(tags) => tags.clone(),
            _ => before.clone(),
        };
        let before = device.target.tags_set.then_some(before);
        let after = Some(after);
        results.push(changed(device.id, &before, &after));
        new.push((device.id, after));
    }
    many::set_tags(w, &new).await?;
    Ok(results)
}

/// Ends the offers of a group that devices leave, as far as they were not told of them.
pub(super) async fn withdraw(w: &mut Write, ids: &[DeviceId], now: Micros) -> store::Result<()> {
    let mut claims = inflight::untold_of(w, ids).await?;
    claims.retain(|c| c.group_id.is_some());
    for claim in claims {
        let why = Some("the device was moved to another deployment group");
        inflight::end(w, claim.device_id, AttemptOutcome::Withdrawn, why, now).await?;
    }
    Ok(())
}

async fn regroup(
    w: &mut Write,
    plan: &Plan,
    devices: &[&TargetDevice],
    now: Micros,
    aftermath: &mut Aftermath,
) -> Result<Vec<DeviceResult>> {
    let Plan::Group(group) = plan else {
        return Ok(Vec::new());
    };
    let ids: Vec<DeviceId> = devices.iter().map(|d| d.id).collect();
    withdraw(w, &ids, now).await?;
    let to = group.as_ref().map(|g| g.id);
    many::set_group(w, &ids, to, now).await?;
    aftermath.wake(to);
    let after = group.as_ref().map(|g| g.name.clone());
    let of = |d: &&TargetDevice| changed(d.id, &d.target.group_name, &after);
    Ok(devices.iter().map(of).collect())
}

async fn release(
    w: &mut Write,
    devices: &[&TargetDevice],
    now: Micros,
) -> Result<Vec<DeviceResult>> {
    let ids: Vec<DeviceId> = devices.iter().map(|d| d.id).collect();
    let out: Vec<_> = ids.iter().map(|id| (*id, None)).collect();
    let on: Vec<_> = ids.iter().map(|id| (*id, true)).collect();
    many::block(w, &out).await?;
    updates::attempts_cleared(w, &ids).await?;
    many::set_updates_enabled(w, &on, now).await?;
    let of = |d: &&TargetDevice| {
        let before = Penalty {
            until: d.blocked_until.map(|at| at.0),
            updates_enabled: d.target.updates_enabled,
        };
        let after = Penalty {
            until: None,
            updates_enabled: true,
        };
        changed(d.id, &before, &after)
    };
    Ok(devices.iter().map(of).collect())
}

/// What one device needs that no statement does for many.
async fn single(
    w: &mut Write,
    scope: &Scope<Product>,
    plan: &Plan,
    device: &TargetDevice,
    (now, aftermath): (Micros, &mut Aftermath),
) -> Result<DeviceResult> {
    let (id, name) = (device.id, &scope.person().name);
    let Some(row) = table::row(w, id).await? else {
        return Ok(left(id, "was destroyed"));
    };
    let text = match plan {
        Plan::Firmware(firmware) => {
            return match push(w, scope, &device.identifier, &firmware.uuid, now).await {
                Ok(device) => {
                    aftermath.claims.push(device);
                    Ok(result(id, JobOutcome::Changed))
                }
                Err(DomainError::Detail(why)) => Ok(left(id, why)),
                Err(e) => Err(e),
            };
        }
        Plan::Move(target) => {
            transfer::carry_over(w, &row, target, now).await?;
            aftermath.signal(&[id], DeviceSignal::Reconnect);
            return Ok(result(id, JobOutcome::Changed));
        }
        Plan::Restore => {
            table::set_deleted(w, id, None, now).await?;
            format!("{name} restored device {}", device.identifier)
        }
        _ => {
            mark_deleted(w, id, now).await?;
            aftermath.signal(&[id], DeviceSignal::Reconnect);
            format!("{name} deleted device {}", device.identifier)
        }
    };
    audit::in_product(w, scope, Resource::Device(id), &text, now).await?;
    Ok(result(id, JobOutcome::Changed))
}
