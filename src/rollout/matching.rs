//! Which group a device belongs to (docs/protocol/rules.md, "Matching"). One set of rules, used at the join and wherever members are counted.

use super::version_requirement::Requirement;
use crate::clock::Micros;
use crate::ids::GroupId;
use crate::store::deployments::deployment_groups::GroupRow;
use crate::store::deployments::{deployment_groups, releases};
use crate::store::devices::DeviceRow;
use crate::store::events::audit::{self, Actor, Resource};
use crate::store::{self, Write, devices};
use semver::Version;

/// Whether a device's tags satisfy a group's. A group without tags takes every device.
pub fn tags_fit(group: &[String], device: &[String], operator: &str) -> bool {
    let has = |tag: &String| device.contains(tag);
    group.is_empty()
        || if operator == "or" {
            group.iter().any(has)
        } else {
            group.iter().all(has)
        }
}

/// Whether a version satisfies a condition; none is satisfied by all, and what is no semantic version by no other.
pub fn version_fits(requirement: &str, version: &str) -> bool {
    if requirement.trim().is_empty() {
        return true;
    }
    match (Requirement::parse(requirement), Version::parse(version)) {
        (Ok(r), Ok(v)) => r.matches(&v),
        _ => false,
    }
}

/// What the device runs, as far as matching needs it. All three are known or membership is left alone.
struct Runs<'a> {
    version: &'a str,
    platform: &'a str,
    architecture: &'a str,
}

/// Looks at a joining device's membership again: out of a group whose conditions it breaks, into the best that takes
/// it. Returns the group it is in afterwards.
pub async fn assign_group(
    w: &mut Write,
    device: &DeviceRow,
    now: Micros,
) -> store::Result<Option<GroupId>> {
    let (Some(version), Some(platform), Some(architecture)) = (
        &device.fw_version,
        &device.fw_platform,
        &device.fw_architecture,
    ) else {
        return Ok(device.group_id);
    };
    let runs = Runs {
        version,
        platform,
        architecture,
    };
    if let Some(id) = device.group_id {
        let Some(group) = deployment_groups::row(w, id).await? else {
            return Ok(None);
        };
        let Some(why) = reason_to_leave(&group, &runs) else {
            return Ok(Some(id));
        };
        let text = format!("Device left deployment group {}: {why}", group.name);
        note(w, device, id, &text, now).await?;
    }
    let found = best(w, device, &runs).await?;
    devices::set_group(w, device.id, found.as_ref().map(|g| g.id), now).await?;
    if let Some(group) = &found {
        let text = format!(
            "Device entered deployment group {}, whose conditions it meets",
            group.name
        );
        note(w, device, group.id, &text, now).await?;
    }
    Ok(found.map(|g| g.id))
}

async fn note(
    w: &mut Write,
    device: &DeviceRow,
    group: GroupId,
    text: &str,
    now: Micros,
) -> store::Result<()> {
    let product = Some(device.product_id);
    let resource = Resource::Device(device.id);
    audit::add(
        w,
        device.org_id,
        product,
        Actor::Group(group),
        resource,
        text,
        now,
    )
    .await
}

fn reason_to_leave(group: &GroupRow, runs: &Runs<'_>) -> Option<String> {
    if group.lock_device_membership {
        return None;
    }
    if group.platform != runs.platform {
        return Some(format!(
            "its platform is {}, the group's {}",
            runs.platform, group.platform
        ));
    }
    if group.architecture != runs.architecture {
        return Some(format!(
            "its architecture is {}, the group's {}",
            runs.architecture, group.architecture
        ));
    }
    (!version_fits(&group.version_requirement, runs.version)).then(|| {
        format!(
            "it runs {}, which {:?} does not take",
            runs.version, group.version_requirement
        )
    })
}

/// The first of the groups that take the device: highest version of the current release, then more matching tags,
/// then the older group.
async fn best(
    w: &mut Write,
    device: &DeviceRow,
    runs: &Runs<'_>,
) -> store::Result<Option<GroupRow>> {
    let groups =
        deployment_groups::open_to(w, device.product_id, runs.platform, runs.architecture).await?;
    if groups.is_empty() {
        return Ok(None);
    }
    let tags = devices::tags(w, device.id).await?;
    let mut found: Option<(Option<Version>, usize, GroupRow)> = None;
    for group in groups {
        let wanted = deployment_groups::words(w, group.id, "tag").await?;
        if !tags_fit(&wanted, &tags, &group.tag_operator)
            || !version_fits(&group.version_requirement, runs.version)
        {
            continue;
        }
        let Some(release) = releases::current(w, group.id).await? else {
            continue;
        };
        if release.platform != runs.platform || release.architecture != runs.architecture {
            continue;
        }
        let version = Version::parse(&release.version).ok();
        let hits = wanted.iter().filter(|t| tags.contains(t)).count();
        let better = found
            .as_ref()
            .is_none_or(|(v, n, _)| (&version, hits) > (v, *n));
        if better {
            found = Some((version, hits, group));
        }
    }
    Ok(found.map(|f| f.2))
}

#[cfg(test)]
mod tests;
