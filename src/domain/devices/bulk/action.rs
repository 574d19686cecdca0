//! What is done to many devices, and what decides about each of them. The preview of an action and the job that carries it out
//! go by the same judgement.

use super::args::BulkArgs;
use crate::access;
use crate::access::scope::{Product, Role, Scope};
use crate::domain::devices::check_tags;
use crate::domain::error::{BLANK, field, within};
use crate::domain::{DomainError, Result};
use crate::store::On;
use crate::store::catalog::firmwares::{self, FirmwareRow};
use crate::store::deployments::deployment_groups::{self, GroupRow};
use crate::store::words::BulkAction;

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
