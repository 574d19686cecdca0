//! What decides about each device that an action is about.

use super::action::Plan;
use crate::domain::deployments::strays;
use crate::rollout::choice::unfit;
use crate::rollout::matching::RunningFirmware;
use crate::store::deployments::deployment_groups::GroupRow;
use crate::store::devices::targets::{Facts, Target};
use semver::Version;

/// What an action does to a device.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::domain::devices) enum Verdict {
    Change,
    /// It is as it should be.
    Unchanged,
    /// It is left as it is, for this reason.
    Refused(String),
}

fn refused(why: &str) -> Verdict {
    Verdict::Refused(why.to_owned())
}

impl Plan {
    /// What the judgement looks at.
    pub(super) fn facts(&self) -> Facts<'_> {
        let mut facts = Facts::default();
        match self {
            Self::TagsAdd(tags) | Self::TagsRemove(tags) | Self::TagsSet(tags) => {
                facts.tags = Some(tags);
            }
            Self::Group(_) | Self::Firmware(_) => facts.place = true,
            Self::Updates(_) | Self::ClearPenalty => facts.updates = true,
            Self::Reboot | Self::Reconnect => facts.online = true,
            Self::Script(_) => facts = SCRIPT_FACTS,
            Self::Move(_) | Self::Delete | Self::Restore => {}
        }
        facts
    }

    /// What becomes of a device of the product.
    pub(super) fn judge(&self, device: &Target) -> Verdict {
        let change = |wanted: bool| {
            if wanted {
                Verdict::Change
            } else {
                Verdict::Unchanged
            }
        };
        match self {
            Self::Delete => change(!device.deleted),
            Self::Restore => change(device.deleted),
            _ if device.deleted => refused("is deleted; restore it first"),
            Self::TagsAdd(tags) => {
                let wanted = i64::try_from(tags.len()).unwrap_or(i64::MAX);
                if device.all_tags - device.has_tags + wanted > 100 {
                    return refused("would have more than 100 tags");
                }
                change(device.has_tags < wanted)
            }
            Self::TagsRemove(_) => change(device.has_tags > 0),
            Self::TagsSet(tags) => {
                let wanted = i64::try_from(tags.len()).unwrap_or(i64::MAX);
                let same = device.has_tags == wanted && device.all_tags == wanted;
                change(!(same && device.tags_set))
            }
            Self::Group(group) => judge_group(group.as_deref(), device),
            Self::Updates(enabled) => change(device.updates_enabled != *enabled),
            Self::ClearPenalty => change(device.resting),
            Self::Reboot | Self::Reconnect if device.online => Verdict::Change,
            Self::Reboot | Self::Reconnect => refused("is not connected"),
            Self::Firmware(_) if device.in_flight => refused("an update of it is under way"),
            Self::Firmware(firmware) => match unfit(device.fw_fwup_version.as_deref(), firmware) {
                Some(why) => Verdict::Refused(format!("cannot install it: {why}")),
                None => Verdict::Change,
            },
            Self::Script(_) => judge_script(device),
            Self::Move(_) => Verdict::Change,
        }
    }
}

/// What decides whether a device is told to run a script.
pub(super) const SCRIPT_FACTS: Facts<'static> = Facts {
    place: false,
    updates: false,
    online: true,
    api_version: true,
    tags: None,
};

/// Whether a device is told to run a script. Into the console of an older client it could only be typed, where somebody may be at
/// work; for one device people decide that themselves.
pub(super) fn judge_script(device: &Target) -> Verdict {
    if device.deleted {
        return refused("is deleted; restore it first");
    }
    if !device.online {
        return refused("is not connected");
    }
    let speaks = device.api_version.as_deref();
    match speaks.and_then(|v| Version::parse(v).ok()) {
        Some(speaks) if speaks >= Version::new(2, 1, 0) => Verdict::Change,
        _ => refused("has a client that does not run scripts by itself"),
    }
}

fn judge_group(group: Option<&GroupRow>, device: &Target) -> Verdict {
    if device.group_id == group.map(|g| g.id) {
        return Verdict::Unchanged;
    }
    let runs = RunningFirmware::of(
        &device.fw_version,
        &device.fw_platform,
        &device.fw_architecture,
    );
    match group.and_then(|g| strays::does_not_stay(g, runs)) {
        Some(why) => Verdict::Refused(format!("would not stay in the group: {why}")),
        None => Verdict::Change,
    }
}
