//! Moves a device to another product, in the same organization or in another (docs/protocol/rules.md,
//! "Devices").

use crate::access::scope::{Product, Role, Scope};
use crate::clock::Micros;
use crate::domain::Context;
use crate::domain::accounts::scopes;
use crate::domain::devices::{self, Device};
use crate::domain::error::field;
use crate::domain::{DomainError, Result};
use crate::ids::{DeviceId, OrgId, ProductId};
use crate::store;
use crate::store::Write;
use crate::store::catalog::keys;
use crate::store::deployments::inflight;
use crate::store::devices::DeviceRow;
use crate::store::events::audit::{self, Actor, Resource};
use crate::store::words::AttemptOutcome;

/// Moves a device. Its history, certificates, and settings are kept. It leaves its deployment group, and an
/// in-flight update ends. Its connection is closed, so that it joins again in the new product.
///
/// # Errors
/// [`DomainError::NotFound`] for an unknown device or target product; [`DomainError::Denied`] below the role
/// `manage` in either organization or without a membership in the target one; a refusal for a deleted device.
pub async fn move_device(
    context: &Context,
    scope: &Scope<Product>,
    identifier: &str,
    org: &str,
    product: &str,
) -> Result<Device> {
    // As in NervesHub, an organization of which the caller is not a member is refused like a role that is too
    // low, whether or not it exists.
    let own = scopes::org(&context.db, scope.person().clone(), org).await;
    match own {
        Err(DomainError::NotFound) => return Err(DomainError::Denied(Role::Manage)),
        other => other?,
    };
    let target = scopes::product(&context.db, scope.person().clone(), org, product)
        .await?
        .allow(Role::Manage)?;
    let now = context.now();
    let mut w = context.db.write().await?;
    let id = devices::id_of(&mut w, scope, identifier).await?;
    let device = store::devices::row(&mut w, id)
        .await?
        .ok_or(DomainError::NotFound)?;
    if device.deleted_at.is_some() {
        return Err(field("deleted_at", "cannot move while marked as deleted"));
    }
    if device.product_id == target.product().id {
        return devices::show(&context.db, &target, identifier).await;
    }
    carry_over(&mut w, &device, &target, now).await?;
    let node = crate::store::devices::connections::node_of(&mut w, id).await?;
    w.commit().await?;
    devices::cut(context, id, node);
    context.wake_group(device.group_id);
    devices::show(&context.db, &target, identifier).await
}

/// Moves a device that is there and not deleted into another product, with the key that it needs there, and notes it on both sides.
pub(super) async fn carry_over(
    w: &mut Write,
    device: &DeviceRow,
    target: &Scope<Product>,
    now: Micros,
) -> Result<()> {
    bring_key(w, device, target, now).await?;
    let to = target.product();
    relocate(w, device.id, (to.org.id, to.id), now).await?;
    note(w, device, target, now).await?;
    Ok(())
}

/// Puts a device into another product. It leaves its group, and an update in flight ends.
pub async fn relocate(
    w: &mut Write,
    device: DeviceId,
    (org, product): (OrgId, ProductId),
    now: Micros,
) -> store::Result<()> {
    let why = Some("the device was moved to another product");
    inflight::end(w, device, AttemptOutcome::Withdrawn, why, now).await?;
    inflight::clear_attempts(w, device).await?;
    store::devices::relocate(w, device, org, product, now).await?;
    store::devices::certificates::relocate(w, device, org).await
}

/// Copies the signing key of the running firmware, so that the device accepts updates in its new organization.
async fn bring_key(
    w: &mut Write,
    device: &DeviceRow,
    target: &Scope<Product>,
    now: Micros,
) -> store::Result<()> {
    let Some(key) = keys::of_firmware(w, device.product_id, &device.fw_uuid).await? else {
        return Ok(());
    };
    let org = target.product().org.id;
    let held = keys::of_org(w, org).await?;
    if held.iter().any(|k| k.key == key.key) {
        return Ok(());
    }
    let mut name = key.name.clone();
    while held.iter().any(|k| k.name == name) {
        name.push_str("-moved");
    }
    keys::add(w, org, &name, &key.key, &key.scheme, now).await?;
    Ok(())
}

/// Writes the same audit entry for the device, the target product, and the source product.
async fn note(
    w: &mut Write,
    device: &DeviceRow,
    target: &Scope<Product>,
    now: Micros,
) -> store::Result<()> {
    let (person, to) = (target.person(), target.product());
    let text = format!(
        "User {} moved device {} to {} : {}",
        person.name, device.identifier, to.org.name, to.name
    );
    let actor = Actor::Person(person);
    for (org, product, resource) in [
        (to.org.id, to.id, Resource::Device(device.id)),
        (to.org.id, to.id, Resource::Product(to.id)),
        (
            device.org_id,
            device.product_id,
            Resource::Product(device.product_id),
        ),
    ] {
        audit::add(w, org, Some(product), actor, resource, &text, now).await?;
    }
    Ok(())
}
