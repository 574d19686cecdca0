//! Which group a device belongs to (docs/protocol/rules.md, "Matching"). One set of rules, used at the join and wherever members are counted.

use super::version_requirement::Requirement;
use crate::clock::Micros;
use crate::ids::GroupId;
use crate::store::devices::DeviceRow;
use crate::store::events::audit::{self, Actor, Resource};
use crate::store::ingest::read::{self, Kind, OpenGroup};
use crate::store::words::TagOperator;
use crate::store::{self, Write, devices};
use semver::Version;
use std::collections::HashMap;

/// Whether a device's tags satisfy a group's. A group without tags takes every device.
pub fn tags_fit(group: &[String], device: &[String], operator: TagOperator) -> bool {
    let has = |tag: &String| device.contains(tag);
    group.is_empty()
        || if operator == TagOperator::Or {
            group.iter().any(has)
        } else {
            group.iter().all(has)
        }
}

/// Whether a version satisfies a requirement. An empty requirement takes every version; any other takes semantic versions only.
pub fn version_fits(requirement: &str, version: &str) -> bool {
    if requirement.trim().is_empty() {
        return true;
    }
    match (Requirement::parse(requirement), Version::parse(version)) {
        (Ok(r), Ok(v)) => r.matches(&v),
        _ => false,
    }
}

/// The part of a device's firmware that matching looks at. A device that has not reported all three keeps its group.
#[derive(Debug, Clone, Copy)]
pub struct RunningFirmware<'a> {
    pub version: &'a str,
    pub platform: &'a str,
    pub architecture: &'a str,
}

impl<'a> RunningFirmware<'a> {
    /// `None` unless the device has reported all three.
    pub fn of(
        version: &'a Option<String>,
        platform: &'a Option<String>,
        architecture: &'a Option<String>,
    ) -> Option<Self> {
        Some(Self {
            version: version.as_deref()?,
            platform: platform.as_deref()?,
            architecture: architecture.as_deref()?,
        })
    }

    /// What a device has reported.
    pub fn of_device(device: &'a DeviceRow) -> Option<Self> {
        Self::of(
            &device.fw_version,
            &device.fw_platform,
            &device.fw_architecture,
        )
    }
}

/// The conditions of a group, which decide whom it takes.
#[derive(Debug, Clone, Copy)]
pub struct GroupConditions<'a> {
    pub platform: &'a str,
    pub architecture: &'a str,
    /// An Elixir version requirement on the device's version; empty for every version.
    pub requirement: &'a str,
    /// Tags that a device needs; none for all devices.
    pub tags: &'a [String],
    /// Whether it needs all of them or one.
    pub operator: TagOperator,
}

impl GroupConditions<'_> {
    /// Whether a device with these tags meets them.
    pub fn take(&self, tags: &[String], runs: RunningFirmware<'_>) -> bool {
        self.platform == runs.platform
            && self.architecture == runs.architecture
            && tags_fit(self.tags, tags, self.operator)
            && version_fits(self.requirement, runs.version)
    }
}

/// The part of a device's group that decides whether the device stays in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub id: GroupId,
    pub name: String,
    pub platform: String,
    pub architecture: String,
    /// An Elixir version requirement on the device's version; empty for every version.
    pub requirement: String,
    /// Whether devices enter and leave by hand only (`lock_device_membership`).
    pub locked: bool,
}

/// Why a device must leave its group, if it must.
pub fn reason_to_leave(group: &Group, runs: RunningFirmware<'_>) -> Option<String> {
    if group.locked {
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
    (!version_fits(&group.requirement, runs.version)).then(|| {
        format!(
            "it runs {}, which {:?} does not take",
            runs.version, group.requirement
        )
    })
}

/// The first of the open groups that take the device: highest version of the current release, then more matching tags,
/// then the older group.
pub fn best<'g>(
    open: impl Iterator<Item = &'g OpenGroup>,
    wanted: &HashMap<GroupId, Vec<String>>,
    tags: &[String],
    runs: RunningFirmware<'_>,
) -> Option<&'g OpenGroup> {
    let mut found: Option<(Option<Version>, usize, &OpenGroup)> = None;
    for group in open {
        let wanted = wanted.get(&group.id).map_or(&[][..], Vec::as_slice);
        let conditions = GroupConditions {
            platform: &group.platform,
            architecture: &group.architecture,
            requirement: &group.version_requirement,
            tags: wanted,
            operator: group.tag_operator,
        };
        if !conditions.take(tags, runs) {
            continue;
        }
        let version = Version::parse(&group.release_version).ok();
        let hits = wanted.iter().filter(|t| tags.contains(t)).count();
        let better = found
            .as_ref()
            .is_none_or(|(v, n, _)| (&version, hits) > (v, *n));
        if better {
            found = Some((version, hits, group));
        }
    }
    found.map(|f| f.2)
}

/// Puts a device without a group into the best one that takes it. Returns the device's group.
pub async fn assign_group(
    w: &mut Write,
    device: &DeviceRow,
    now: Micros,
) -> store::Result<Option<GroupId>> {
    if device.group_id.is_some() {
        return Ok(device.group_id);
    }
    let Some(runs) = RunningFirmware::of_device(device) else {
        return Ok(None);
    };
    let kind = Kind {
        product: device.product_id,
        platform: runs.platform.to_owned(),
        architecture: runs.architecture.to_owned(),
    };
    let open = read::open_groups(w, &[kind]).await?;
    let groups: Vec<GroupId> = open.iter().map(|g| g.id).collect();
    let (of_groups, of_device) = read::tags(w, &groups, &[device.id]).await?;
    let tags: Vec<String> = of_device.into_iter().map(|(_, tag)| tag).collect();
    let Some(group) = best(open.iter(), &by_group(of_groups), &tags, runs) else {
        return Ok(None);
    };
    devices::set_group(w, device.id, Some(group.id), now).await?;
    let (actor, resource) = (Actor::Group(group.id), Resource::Device(device.id));
    let (org, product) = (device.org_id, Some(device.product_id));
    audit::add(w, org, product, actor, resource, &entered(&group.name), now).await?;
    Ok(Some(group.id))
}

/// The tags of each group.
pub fn by_group(all: Vec<(GroupId, String)>) -> HashMap<GroupId, Vec<String>> {
    let mut tags: HashMap<_, Vec<_>> = HashMap::new();
    for (group, tag) in all {
        tags.entry(group).or_default().push(tag);
    }
    tags
}

/// The audit entry of a device that enters a group.
pub fn entered(group: &str) -> String {
    format!("Device entered deployment group {group}, whose conditions it meets")
}

#[cfg(test)]
mod tests;
