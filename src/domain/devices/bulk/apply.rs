//! Does an action to the devices of a batch: by one statement for all where one does it, else one by one with what is done to
//! single devices.

use super::action::Plan;
use super::aftermath::Aftermath;
use super::judge::Verdict;
use super::sets::{regroup, release, retag};
use super::single::single;
use crate::access::scope::{Product, Scope};
use crate::bus::DeviceSignal;
use crate::clock::Micros;
use crate::domain::{DomainError, Result};
use crate::ids::DeviceId;
use crate::store::Write;
use crate::store::devices::jobs::DeviceResult;
use crate::store::devices::many;
use crate::store::devices::targets::TargetDevice;
use crate::store::words::JobOutcome;
use serde::Serialize;

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
        // `script_turn` runs these.
        Plan::Script(_) => {
            let text = "a script is not run in a batch";
            return Err(DomainError::Fault(text.into()));
        }
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
