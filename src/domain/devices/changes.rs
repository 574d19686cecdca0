//! Creating, changing, deleting, and destroying devices.

use super::*;
use crate::rollout::policy::is_time_zone;
use crate::store::deployments::inflight;
use crate::store::words::AttemptOutcome;

/// Explains how to free an identifier that a deleted device holds.
pub const HOW_TO_FREE: &str = "belongs to a deleted device: restore it with PUT …/devices/IDENTIFIER and deleted_at null, \
                               or free the identifier with DELETE …/devices/IDENTIFIER/destroy";

/// Whether a deleted device that the caller may see has this identifier.
pub async fn held_by_deleted(
    on: &mut impl On,
    scope: &Scope<Product>,
    identifier: &str,
) -> store::Result<bool> {
    let holder = store::devices::view(on, scope, identifier).await?;
    Ok(holder.is_some_and(|d| d.deleted_at.is_some()))
}

/// Whether a text is allowed as a device identifier.
pub fn identifier_ok(text: &str) -> bool {
    !text.is_empty()
        && text.chars().count() <= IDENTIFIER_CHARS
        && !text.chars().any(char::is_control)
        && !is_dots(text)
}

/// Registers a device.
///
/// # Errors
/// A validation error for a blank or taken identifier, or malformed tags.
pub async fn create(
    context: &Context,
    scope: &Scope<Product>,
    identifier: Option<&str>,
    form: DeviceForm,
) -> Result<Device> {
    let identifier = identifier.map(str::trim).unwrap_or_default();
    if identifier.is_empty() {
        return Err(field("identifier", BLANK));
    }
    if is_dots(identifier) {
        return Err(field("identifier", DOTS));
    }
    if !identifier_ok(identifier) {
        return Err(field(
            "identifier",
            "must have at most 255 characters, none of them control characters",
        ));
    }
    let tags = form.tags.clone().flatten();
    check_tags(tags.as_deref().unwrap_or_default())?;
    let now = context.now();
    let p = scope.product();
    let mut w = context.db.write().await?;
    let description = form.description.clone().flatten();
    let id = store::devices::add(
        &mut w,
        p.org.id,
        p.id,
        identifier,
        description.as_deref(),
        tags.as_deref(),
        now,
    )
    .await?;
    let Some(id) = id else {
        let mut why = vec![TAKEN];
        if held_by_deleted(&mut w, scope, identifier).await? {
            why.push(HOW_TO_FREE);
        }
        return Err(DomainError::Fields(
            serde_json::json!({ "identifier": why }),
        ));
    };
    if form.updates_enabled == Some(false) {
        store::devices::set_updates_enabled(&mut w, id, false, now).await?;
    }
    apply_settings(&mut w, id, &form, now).await?;
    let text = format!("{} registered device {identifier}", scope.person().name);
    audit::in_product(&mut w, scope, Resource::Device(id), &text, now).await?;
    w.commit().await?;
    show(&context.db, scope, identifier).await
}

pub(super) async fn require_device(
    w: &mut Write,
    scope: &impl InOrg,
    identifier: &str,
) -> Result<DeviceRow> {
    store::devices::named(w, scope, identifier)
        .await?
        .ok_or(DomainError::NotFound)
}

/// Applies the settings that have an effect on the connected device.
pub(super) async fn apply_settings(
    w: &mut Write,
    device: DeviceId,
    form: &DeviceForm,
    now: Micros,
) -> Result<()> {
    if let Some(wanted) = &form.extensions {
        crate::domain::devices::extensions::set_device(w, device, wanted, now).await?;
    }
    if let Some(code) = &form.connecting_code {
        let too_long = code.as_deref().is_some_and(|c| c.len() > CODE_BYTES);
        if too_long {
            return Err(field("connecting_code", "must be at most 16384 bytes"));
        }
        store::devices::set_connecting_code(w, device, code.as_deref(), now).await?;
    }
    if let Some(zone) = &form.time_zone {
        let zone = zone.as_deref().filter(|z| !z.is_empty());
        if zone.is_some_and(|z| !is_time_zone(z)) {
            let text = "must be a time zone, such as Europe/Berlin";
            return Err(field("time_zone", text));
        }
        store::devices::set_time_zone(w, device, zone, now).await?;
    }
    Ok(())
}

/// Changes a device's settings.
///
/// # Errors
/// [`DomainError::NotFound`] for an unknown device; a validation error for malformed tags; a refusal for a
/// deleted device.
pub async fn update(
    context: &Context,
    scope: &Scope<Product>,
    identifier: &str,
    form: DeviceForm,
) -> Result<Device> {
    let now = context.now();
    let mut w = context.db.write().await?;
    let device = require_device(&mut w, scope, identifier).await?;
    if form.restore {
        store::devices::set_deleted(&mut w, device.id, None, now).await?;
    } else if device.deleted_at.is_some() {
        return Err(field("deleted_at", "cannot update while marked as deleted"));
    }
    if let Some(description) = &form.description {
        store::devices::describe(&mut w, device.id, description.as_deref(), now).await?;
    }
    if let Some(tags) = &form.tags {
        check_tags(tags.as_deref().unwrap_or_default())?;
        store::devices::set_tags(&mut w, device.id, tags.as_deref()).await?;
    }
    if let Some(on) = form.updates_enabled {
        store::devices::set_updates_enabled(&mut w, device.id, on, now).await?;
    }
    apply_settings(&mut w, device.id, &form, now).await?;
    let text = format!("{} updated device {identifier}", scope.person().name);
    let (actor, resource) = (Actor::Person(scope.person()), Resource::Device(device.id));
    let (org, product) = (device.org_id, Some(device.product_id));
    audit::add(&mut w, org, product, actor, resource, &text, now).await?;
    let tells = form.extensions.is_some() || form.updates_enabled == Some(true);
    let node = if tells {
        crate::store::devices::connections::node_of(&mut w, device.id).await?
    } else {
        None
    };
    w.commit().await?;
    if let Some(node) = node.filter(|_| form.extensions.is_some()) {
        context.signal_device(node, device.id, DeviceSignal::Extensions);
    }
    if let Some(node) = node.filter(|_| form.updates_enabled == Some(true)) {
        context.signal_device(node, device.id, DeviceSignal::Archive);
    }
    context.wake_group(device.group_id);
    show(&context.db, scope, identifier).await
}

/// Soft-deletes a device, deletes its certificates, and closes its connection.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such device.
pub async fn delete(context: &Context, scope: &Scope<Product>, identifier: &str) -> Result<()> {
    let now = context.now();
    let mut w = context.db.write().await?;
    let device = require_device(&mut w, scope, identifier).await?;
    mark_deleted(&mut w, device.id, now).await?;
    let text = format!("{} deleted device {identifier}", scope.person().name);
    audit::in_product(&mut w, scope, Resource::Device(device.id), &text, now).await?;
    let node = crate::store::devices::connections::node_of(&mut w, device.id).await?;
    w.commit().await?;
    cut(context, device.id, node);
    context.wake_group(device.group_id);
    Ok(())
}

/// Marks a device as deleted: an update in flight ends, and it has no keys on other networks any more.
pub async fn mark_deleted(w: &mut Write, device: DeviceId, now: Micros) -> store::Result<()> {
    store::devices::set_deleted(w, device, Some(now), now).await?;
    store::devices::network_identities::drop_all(w, device).await?;
    let why = Some("the device was deleted");
    inflight::end(w, device, AttemptOutcome::Withdrawn, why, now).await
}

/// Destroys a deleted device. Nothing of it can be restored, and its identifier can be used again.
///
/// # Errors
/// [`DomainError::NotFound`] for an unknown device; [`DomainError::Conflict`] for one that was not deleted
/// before.
pub async fn destroy(context: &Context, scope: &Scope<Product>, identifier: &str) -> Result<()> {
    let mut w = context.db.write().await?;
    let device = require_device(&mut w, scope, identifier).await?;
    let text = format!("{} destroyed device {identifier}", scope.person().name);
    let resource = Resource::Device(device.id);
    audit::in_product(&mut w, scope, resource, &text, context.now()).await?;
    if !store::devices::destroy(&mut w, device.id).await? {
        return Err(DomainError::Conflict(
            "The device is not deleted. Delete it first; what is deleted can still be restored, what is destroyed cannot.".into(),
        ));
    }
    w.commit().await?;
    Ok(())
}
