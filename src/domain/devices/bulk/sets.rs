//! What is done to the devices of a batch by one statement for all.

use super::action::Plan;
use super::aftermath::Aftermath;
use super::apply::changed;
use crate::clock::Micros;
use crate::domain::Result;
use crate::ids::DeviceId;
use crate::store::deployments::inflight;
use crate::store::devices::jobs::DeviceResult;
use crate::store::devices::targets::TargetDevice;
use crate::store::devices::{self as table, many};
use crate::store::ingest::updates;
use crate::store::words::AttemptOutcome;
use crate::store::{self, Write};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The value of a penalty that a device was let out of.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Penalty {
    pub(super) until: Option<i64>,
    pub(super) updates_enabled: bool,
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

pub(super) async fn retag(
    w: &mut Write,
    plan: &Plan,
    devices: &[&TargetDevice],
) -> Result<Vec<DeviceResult>> {
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

pub(super) async fn regroup(
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

pub(super) async fn release(
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
