//! What is done to many devices, and what decides about each of them. The preview of an action and the job that carries it out
//! go by the same judgement.

use crate::access;
use crate::access::scope::{Product, Role, Scope};
use crate::domain::deployments::strays;
use crate::domain::devices::check_tags;
use crate::domain::error::{BLANK, field, within};
use crate::domain::{DomainError, Result};
use crate::rollout::choice::unfit;
use crate::rollout::matching::RunningFirmware;
use crate::store::On;
use crate::store::catalog::firmwares::{self, FirmwareRow};
use crate::store::deployments::deployment_groups::{self, GroupRow};
use crate::store::devices::targets::{Facts, Target};
use crate::store::words::BulkAction;
use serde::{Deserialize, Deserializer, Serialize};

/// What an action is given beside its devices. Each action takes its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkArgs {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// The name of a deployment group; an inner `None` for no group.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub group: Option<Option<String>>,
    /// Whether automatic updates are on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// A firmware.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// Where devices go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
}

/// Null is no group, and not the same as nothing said.
fn given<'de, D: Deserializer<'de>>(
    from: D,
) -> std::result::Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

impl BulkArgs {
    /// Refuses what the action does not take: who gives it has another action in mind.
    fn only(&self, action: BulkAction) -> Result<()> {
        let taken: &[&str] = match action {
            BulkAction::TagsAdd | BulkAction::TagsRemove | BulkAction::TagsSet => &["tags"],
            BulkAction::Group => &["group"],
            BulkAction::Updates => &["enabled"],
            BulkAction::Firmware => &["uuid"],
            BulkAction::Move => &["org", "product"],
            _ => &[],
        };
        for (name, given) in [
            ("tags", self.tags.is_some()),
            ("group", self.group.is_some()),
            ("enabled", self.enabled.is_some()),
            ("uuid", self.uuid.is_some()),
            ("org", self.org.is_some()),
            ("product", self.product.is_some()),
        ] {
            if given && !taken.contains(&name) {
                return Err(field(name, &format!("is nothing that {action} takes")));
            }
        }
        Ok(())
    }
}

/// Whether what an action changes can be put back.
pub fn can_be_undone(action: BulkAction) -> bool {
    matches!(
        action,
        BulkAction::TagsAdd
            | BulkAction::TagsRemove
            | BulkAction::TagsSet
            | BulkAction::Group
            | BulkAction::Updates
            | BulkAction::ClearPenalty
    )
}

/// An action with what its arguments name.
#[derive(Debug)]
pub(in crate::domain::devices) enum Plan {
    TagsAdd(Vec<String>),
    TagsRemove(Vec<String>),
    TagsSet(Vec<String>),
    Group(Option<Box<GroupRow>>),
    Updates(bool),
    ClearPenalty,
    Reboot,
    Reconnect,
    Firmware(Box<FirmwareRow>),
    Move(Box<Scope<Product>>),
    Delete,
    Restore,
}

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

fn tags_of(args: &BulkArgs, may_be_none: bool) -> Result<Vec<String>> {
    let mut tags = Vec::new();
    for tag in args.tags.iter().flatten() {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    if args.tags.is_none() || (tags.is_empty() && !may_be_none) {
        return Err(field("tags", BLANK));
    }
    check_tags(&tags)?;
    Ok(tags)
}

async fn group_of(
    on: &mut impl On,
    scope: &Scope<Product>,
    args: &BulkArgs,
) -> Result<Option<Box<GroupRow>>> {
    let text =
        "can't be left out: name a deployment group, or give null to take devices out of theirs";
    let Some(name) = args.group.as_ref().ok_or_else(|| field("group", text))? else {
        return Ok(None);
    };
    let group = deployment_groups::by_name(on, scope, name).await?;
    let text = "is not the name of a deployment group of this product";
    Ok(Some(Box::new(group.ok_or_else(|| field("group", text))?)))
}

/// The product that devices go to, for which the person needs the role `manage` too.
async fn target_of(
    on: &mut impl On,
    scope: &Scope<Product>,
    args: &BulkArgs,
) -> Result<Scope<Product>> {
    let org = args.org.as_deref().ok_or_else(|| field("org", BLANK))?;
    let product = args.product.as_deref();
    let product = product.ok_or_else(|| field("product", BLANK))?;
    let person = || scope.person().clone();
    // As for one device: an organization of others is refused like a role that is too low, whether or not it exists.
    let own = access::org_scope(on, person(), org).await?;
    own.ok_or(DomainError::Denied(Role::Manage))?;
    let target = access::product_scope(on, person(), org, product).await?;
    let text = "is not a product of that organization";
    let target = target.ok_or_else(|| field("product", text))?;
    let target = target.allow(Role::Manage)?;
    if target.product().id == scope.product().id {
        return Err(field("product", "is the one that the devices are in"));
    }
    Ok(target)
}

/// Finds what the arguments of an action name.
///
/// # Errors
/// A validation error below `args`; [`DomainError::Denied`] for a product to which the person may move nothing.
pub(in crate::domain::devices) async fn resolve(
    on: &mut impl On,
    scope: &Scope<Product>,
    action: BulkAction,
    args: &BulkArgs,
) -> Result<Plan> {
    let found = find(on, scope, action, args).await;
    found.map_err(|e| within("args", e))
}

async fn find(
    on: &mut impl On,
    scope: &Scope<Product>,
    action: BulkAction,
    args: &BulkArgs,
) -> Result<Plan> {
    args.only(action)?;
    Ok(match action {
        BulkAction::TagsAdd => Plan::TagsAdd(tags_of(args, false)?),
        BulkAction::TagsRemove => Plan::TagsRemove(tags_of(args, false)?),
        BulkAction::TagsSet => Plan::TagsSet(tags_of(args, true)?),
        BulkAction::Group => Plan::Group(group_of(on, scope, args).await?),
        BulkAction::Updates => Plan::Updates(args.enabled.ok_or_else(|| field("enabled", BLANK))?),
        BulkAction::ClearPenalty => Plan::ClearPenalty,
        BulkAction::Reboot => Plan::Reboot,
        BulkAction::Reconnect => Plan::Reconnect,
        BulkAction::Firmware => {
            let uuid = args.uuid.as_deref().ok_or_else(|| field("uuid", BLANK))?;
            let firmware = firmwares::by_uuid(on, scope.product().id, uuid).await?;
            let text = "is not the uuid of a firmware of this product";
            Plan::Firmware(Box::new(firmware.ok_or_else(|| field("uuid", text))?))
        }
        BulkAction::Move => Plan::Move(Box::new(target_of(on, scope, args).await?)),
        BulkAction::Delete => Plan::Delete,
        BulkAction::Restore => Plan::Restore,
    })
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
            Self::Move(_) => Verdict::Change,
        }
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
