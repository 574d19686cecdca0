//! Puts back what a job has changed, at the devices whose value is still the one that the job made: what somebody has changed
//! since is not overwritten.

use super::action::Plan;
use super::aftermath::Aftermath;
use super::apply::{changed, left};
use super::judge::Verdict;
use super::sets::{Penalty, tags_of, withdraw};
use crate::access::scope::{Product, Scope};
use crate::bus::DeviceSignal;
use crate::clock::Micros;
use crate::domain::Result;
use crate::ids::{DeviceId, GroupId};
use crate::store::Write;
use crate::store::deployments::deployment_groups::{self, GroupRow};
use crate::store::devices::jobs::DeviceResult;
use crate::store::devices::many;
use crate::store::devices::targets::{Facts, TargetDevice};
use crate::store::words::BulkAction;
use serde::de::DeserializeOwned;
use std::collections::HashMap;

/// What a job changed at a device, as JSON, before and after.
pub(super) type Values = HashMap<DeviceId, (Option<String>, Option<String>)>;

const SINCE: &str = "was changed since";

/// What is looked at to undo an action.
pub(super) fn facts(action: BulkAction) -> Facts<'static> {
    let mut facts = Facts::default();
    match action {
        BulkAction::Group => facts.place = true,
        BulkAction::Updates | BulkAction::ClearPenalty => facts.updates = true,
        // Without a tag in particular.
        _ => facts.tags = Some(&[]),
    }
    facts
}

/// Devices that are put back, each with the value that it had and the one that it gets again.
struct Restored<'d, V> {
    devices: Vec<(&'d TargetDevice, V, V)>,
    results: Vec<DeviceResult>,
}

/// Sorts out the devices whose value is still what the job made it.
fn unchanged<'d, V: DeserializeOwned + PartialEq>(
    devices: &'d [TargetDevice],
    values: &Values,
    now_is: impl Fn(&TargetDevice) -> V,
) -> Restored<'d, V> {
    let mut found = Restored {
        devices: Vec::new(),
        results: Vec::new(),
    };
    for device in devices {
        if device.target.deleted {
            let why = "is deleted; restore it first";
            found.results.push(left(device.id, why));
            continue;
        }
        let read = |text: &Option<String>| serde_json::from_str::<V>(text.as_deref()?).ok();
        let own = values.get(&device.id);
        let own = own.and_then(|(before, after)| Some((read(before)?, read(after)?)));
        match own {
            Some((before, after)) if now_is(device) == after => {
                found.devices.push((device, before, after));
            }
            _ => found.results.push(left(device.id, SINCE)),
        }
    }
    found
}

/// Puts these devices back; what it came to at each.
pub(super) async fn undo(
    w: &mut Write,
    scope: &Scope<Product>,
    (action, values): (BulkAction, &Values),
    devices: &[TargetDevice],
    (now, aftermath): (Micros, &mut Aftermath),
) -> Result<Vec<DeviceResult>> {
    devices.iter().for_each(|d| aftermath.wake(d.member_of));
    match action {
        BulkAction::Group => regroup(w, scope, values, devices, (now, aftermath)).await,
        BulkAction::Updates => {
            let is = |d: &TargetDevice| d.target.updates_enabled;
            let Restored {
                devices,
                mut results,
            } = unchanged(devices, values, is);
            let all: Vec<_> = devices
                .iter()
                .map(|(d, before, _)| (d.id, *before))
                .collect();
            many::set_updates_enabled(w, &all, now).await?;
            let on = all.iter().filter(|d| d.1).map(|d| d.0);
            aftermath.signal(&on.collect::<Vec<_>>(), DeviceSignal::Archive);
            results.extend(devices.iter().map(|(d, b, a)| changed(d.id, a, b)));
            Ok(results)
        }
        BulkAction::ClearPenalty => penalise(w, values, devices, now).await,
        _ => retag(w, values, devices).await,
    }
}

async fn retag(
    w: &mut Write,
    values: &Values,
    devices: &[TargetDevice],
) -> Result<Vec<DeviceResult>> {
    let all: Vec<&TargetDevice> = devices.iter().collect();
    let held = tags_of(w, &all).await?;
    let is = |d: &TargetDevice| {
        let own = held.get(&d.id).cloned().unwrap_or_default();
        d.target.tags_set.then_some(own)
    };
    let Restored {
        devices,
        mut results,
    } = unchanged(devices, values, is);
    results.extend(devices.iter().map(|(d, b, a)| changed(d.id, a, b)));
    let new: Vec<_> = devices.into_iter().map(|(d, b, _)| (d.id, b)).collect();
    many::set_tags(w, &new).await?;
    Ok(results)
}

async fn penalise(
    w: &mut Write,
    values: &Values,
    devices: &[TargetDevice],
    now: Micros,
) -> Result<Vec<DeviceResult>> {
    let is = |d: &TargetDevice| Penalty {
        until: d.blocked_until.map(|at| at.0),
        updates_enabled: d.target.updates_enabled,
    };
    let Restored {
        devices,
        mut results,
    } = unchanged(devices, values, is);
    // What would have ended in the meantime is not begun anew.
    let until = |p: &Penalty| p.until.map(Micros).filter(|at| *at > now);
    let blocks: Vec<_> = devices.iter().map(|(d, b, _)| (d.id, until(b))).collect();
    let updates: Vec<_> = devices
        .iter()
        .map(|(d, b, _)| (d.id, b.updates_enabled))
        .collect();
    many::block(w, &blocks).await?;
    many::set_updates_enabled(w, &updates, now).await?;
    results.extend(devices.iter().map(|(d, b, a)| changed(d.id, a, b)));
    Ok(results)
}

/// The groups that devices go back to, by name.
async fn groups(
    w: &mut Write,
    scope: &Scope<Product>,
    devices: &[(&TargetDevice, Option<String>, Option<String>)],
) -> Result<HashMap<String, Option<Box<GroupRow>>>> {
    let mut groups = HashMap::new();
    for name in devices.iter().filter_map(|(_, before, _)| before.as_ref()) {
        if !groups.contains_key(name) {
            let group = deployment_groups::by_name(w, scope, name).await?;
            groups.insert(name.clone(), group.map(Box::new));
        }
    }
    Ok(groups)
}

async fn regroup(
    w: &mut Write,
    scope: &Scope<Product>,
    values: &Values,
    devices: &[TargetDevice],
    (now, aftermath): (Micros, &mut Aftermath),
) -> Result<Vec<DeviceResult>> {
    let is = |d: &TargetDevice| d.target.group_name.clone();
    let Restored {
        devices,
        mut results,
    } = unchanged(devices, values, is);
    let known = groups(w, scope, &devices).await?;
    let mut to: HashMap<Option<GroupId>, Vec<DeviceId>> = HashMap::new();
    for (device, before, after) in devices {
        let group = match &before {
            None => None,
            Some(name) => match known.get(name).and_then(Option::as_ref) {
                Some(group) => Some(group.clone()),
                None => {
                    let why = format!("was in the deployment group {name}, which is no more");
                    results.push(left(device.id, why));
                    continue;
                }
            },
        };
        let id = group.as_ref().map(|g| g.id);
        match Plan::Group(group).judge(&device.target) {
            Verdict::Refused(why) => results.push(left(device.id, why)),
            Verdict::Change | Verdict::Unchanged => {
                to.entry(id).or_default().push(device.id);
                results.push(changed(device.id, &after, &before));
            }
        }
    }
    for (group, ids) in to {
        withdraw(w, &ids, now).await?;
        many::set_group(w, &ids, group, now).await?;
        aftermath.wake(group);
    }
    Ok(results)
}
