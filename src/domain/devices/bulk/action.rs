//! What is done to many devices, and what decides about each of them. The preview of an action and the job that carries it out
//! go by the same judgement.

use super::args::BulkArgs;
use crate::access;
use crate::access::scope::{Product, Role, Scope};
use crate::domain::devices::check_tags;
use crate::domain::error::{BLANK, field, within};
use crate::domain::support::scripts;
use crate::domain::{DomainError, Result};
use crate::limits::{SCRIPT_TIME, SCRIPT_TIME_MOST};
use crate::store::On;
use crate::store::catalog::firmwares::{self, FirmwareRow};
use crate::store::deployments::deployment_groups::{self, GroupRow};
use crate::store::support::scripts::ScriptRow;
use crate::store::words::BulkAction;
use std::time::Duration;

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
    Script(Box<ScriptRow>),
    Move(Box<Scope<Product>>),
    Delete,
    Restore,
}

impl Plan {
    /// The script that devices run.
    pub(super) fn script(&self) -> Option<&ScriptRow> {
        match self {
            Self::Script(script) => Some(script),
            _ => None,
        }
    }
}

/// How long a device may take for a script.
///
/// # Errors
/// A validation error for a time that is too short or too long.
pub(super) fn script_time(args: &BulkArgs) -> Result<Duration> {
    let Some(millis) = args.timeout else {
        return Ok(SCRIPT_TIME);
    };
    let time = u64::try_from(millis).map(Duration::from_millis);
    let time = time.ok().filter(|t| !t.is_zero() && *t <= SCRIPT_TIME_MOST);
    time.ok_or_else(|| {
        let most = SCRIPT_TIME_MOST.as_millis();
        let text = format!("must be a number of milliseconds from 1 to {most}");
        field("timeout", &text)
    })
}

async fn script_of(on: &mut impl On, scope: &Scope<Product>, args: &BulkArgs) -> Result<ScriptRow> {
    script_time(args)?;
    let name = args.script.as_deref().filter(|s| !s.is_empty());
    let name = name.ok_or_else(|| field("script", BLANK))?;
    let script = scripts::by_name_or_number(on, scope, name).await?;
    let text = "is neither the name nor the number of a script of this product";
    script.ok_or_else(|| field("script", text))
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
        BulkAction::Script => Plan::Script(Box::new(script_of(on, scope, args).await?)),
        BulkAction::Move => Plan::Move(Box::new(target_of(on, scope, args).await?)),
        BulkAction::Delete => Plan::Delete,
        BulkAction::Restore => Plan::Restore,
    })
}
