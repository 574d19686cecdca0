//! Immediate commands to a device: reboot, identify, reconnect, run code, push a firmware, and clear the
//! penalty box.

use super::*;
use crate::limits::{PUSHES, PUSHES_AT_ONCE, REMOTE_TERMINAL_OPEN_TIME, TERMINAL_OPEN_TIME};
use crate::store::catalog::firmwares;
use crate::store::devices::locks;

/// Tells a device to reboot.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such device.
pub async fn reboot(context: &Context, scope: &Scope<Product>, identifier: &str) -> Result<()> {
    let text = format!("User {} rebooted device {identifier}", scope.person().name);
    ask(context, scope, identifier, &text, DeviceSignal::Reboot).await
}

/// Tells a device to identify itself, for instance by blinking.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such device.
pub async fn identify(context: &Context, scope: &Scope<Product>, identifier: &str) -> Result<()> {
    let name = &scope.person().name;
    let text = format!("User {name} asked device {identifier} to identify itself");
    ask(context, scope, identifier, &text, DeviceSignal::Identify).await
}

/// Runs code in a device's console. Its output is shown to those who watch the console.
///
/// # Errors
/// [`DomainError::NotFound`] for an unknown device; a refusal for more code than the console takes.
pub async fn type_code(
    context: &Context,
    scope: &Scope<Product>,
    identifier: &str,
    code: &str,
) -> Result<()> {
    if code.len() > CODE_BYTES {
        return Err(field("code", "must be at most 16384 bytes"));
    }
    let mut w = context.db.write().await?;
    let device = require_device(&mut w, scope, identifier).await?.id;
    let name = &scope.person().name;
    let text = format!("User {name} typed code into the console of device {identifier}");
    let resource = Resource::Device(device);
    audit::in_product(&mut w, scope, resource, &text, context.now()).await?;
    let node = crate::store::devices::connections::node_of(&mut w, device).await?;
    w.commit().await?;
    let time = match node {
        None => return Ok(()),
        Some(node) if node == context.node => TERMINAL_OPEN_TIME,
        Some(_) => REMOTE_TERMINAL_OPEN_TIME,
    };
    let kind = terminal::TerminalKind::Console;
    let nudge = || context.signal_terminal(device, kind);
    if context.terminals.opened(device, kind, time, nudge).await {
        // A device that refuses the code or has just disconnected is treated like one that was offline.
        let _ = context
            .terminals
            .type_in(device, kind, terminal::TerminalInput::Keys(code.into()));
        nudge();
    }
    Ok(())
}

/// Sends a command to a device, if it is connected.
pub(super) async fn ask(
    context: &Context,
    scope: &Scope<Product>,
    identifier: &str,
    text: &str,
    nudge: DeviceSignal,
) -> Result<()> {
    let mut w = context.db.write().await?;
    let device = require_device(&mut w, scope, identifier).await?;
    audit::in_product(
        &mut w,
        scope,
        Resource::Device(device.id),
        text,
        context.now(),
    )
    .await?;
    let node = crate::store::devices::connections::node_of(&mut w, device.id).await?;
    w.commit().await?;
    if let Some(node) = node {
        context.signal_device(node, device.id, nudge);
    }
    Ok(())
}

/// Closes a device's connection; the device reconnects by itself.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such device.
pub async fn reconnect(context: &Context, scope: &Scope<Product>, identifier: &str) -> Result<()> {
    let name = &scope.person().name;
    let text = format!("User {name} disconnected device {identifier}");
    ask(context, scope, identifier, &text, DeviceSignal::Reconnect).await
}

/// Pushes a firmware in full, and turns automatic updates off so that the deployment group does not undo it.
///
/// # Errors
/// [`DomainError::NotFound`] for an unknown device or firmware; a refusal while an update is in flight.
pub async fn upgrade(
    context: &Context,
    scope: &Scope<Product>,
    identifier: &str,
    uuid: &str,
) -> Result<()> {
    let mut w = context.db.write().await?;
    let device = push(&mut w, scope, identifier, uuid, context.now()).await?;
    w.commit().await?;
    Ok(crate::rollout::scheduler::tell(&context.db, &context.bus, &[device]).await?)
}

/// What became of a push to many devices.
#[derive(Debug, Default)]
pub struct Pushes {
    /// How many devices are told, at once or as soon as they are connected.
    pub pushed: usize,
    /// Devices that are not, with the reason.
    pub refused: Vec<(String, String)>,
}

/// Pushes a firmware in full to these devices of a product, as [`upgrade`] does to one.
///
/// # Errors
/// A validation error for too many devices, or for a firmware that the product does not have.
pub async fn upgrade_many(
    context: &Context,
    scope: &Scope<Product>,
    identifiers: &[String],
    uuid: &str,
) -> Result<Pushes> {
    if identifiers.len() > PUSHES {
        let text = format!("should have at most {PUSHES} item(s)");
        return Err(field("devices", &text));
    }
    let product = scope.product().id;
    let known = firmwares::by_uuid(&mut context.db.read().await?, product, uuid).await?;
    if known.is_none() {
        let text = "is not the uuid of a firmware of this product";
        return Err(field("uuid", text));
    }
    let mut done = Pushes::default();
    for some in identifiers.chunks(PUSHES_AT_ONCE) {
        let mut w = context.db.write().await?;
        let ids = store::devices::ids_of(&mut w, scope, some).await?;
        locks::lock(&mut w, &ids).await?;
        let mut new = Vec::new();
        for identifier in some {
            match push(&mut w, scope, identifier, uuid, context.now()).await {
                Ok(device) => new.push(device),
                Err(DomainError::NotFound) => {
                    let text = "There is no such device in this product.";
                    done.refused.push((identifier.clone(), text.into()));
                }
                Err(DomainError::Detail(why)) => done.refused.push((identifier.clone(), why)),
                Err(e) => return Err(e),
            }
        }
        w.commit().await?;
        crate::rollout::scheduler::tell(&context.db, &context.bus, &new).await?;
        done.pushed += new.len();
    }
    Ok(done)
}

pub(super) async fn push(
    w: &mut Write,
    scope: &Scope<Product>,
    identifier: &str,
    uuid: &str,
    now: Micros,
) -> Result<DeviceId> {
    let device = require_device(w, scope, identifier).await?;
    let firmware = firmwares::by_uuid(w, device.product_id, uuid)
        .await?
        .ok_or(DomainError::NotFound)?;
    if let Some(why) = unfit(device.fw_fwup_version.as_deref(), &firmware) {
        return Err(DomainError::Detail(format!(
            "The update cannot be installed: {why}."
        )));
    }
    let claim = NewClaim {
        device: device.id,
        claim: ClaimId(random_id()),
        group: None,
        release: None,
        firmware: Some(firmware.id),
        delta: None,
        priority: false,
        step: None,
    };
    if !crate::store::deployments::inflight::add(w, &claim, now).await? {
        return Err(DomainError::Detail(
            "An update of this device is under way; wait for it to end, or reconnect the device to drop it.".into(),
        ));
    }
    store::devices::set_updates_enabled(w, device.id, false, now).await?;
    let name = &scope.person().name;
    let text = format!("User {name} disabled automatic updates for device {identifier}");
    audit::in_product(w, scope, Resource::Device(device.id), &text, now).await?;
    let text = format!(
        "User {name} pushed firmware {} {uuid} to device {identifier}",
        firmware.version
    );
    audit::in_product(w, scope, Resource::Device(device.id), &text, now).await?;
    Ok(device.id)
}

/// Closes the device's connection, if there is one, because its credentials or its place have changed. When it
/// reconnects, it is authenticated again.
pub fn cut(context: &Context, device: DeviceId, node: Option<NodeId>) {
    if let Some(node) = node {
        context.signal_device(node, device, DeviceSignal::Reconnect);
    }
}

/// Releases a device from the penalty box and clears its update attempts.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such device.
pub async fn clear_penalty(
    context: &Context,
    scope: &Scope<Product>,
    identifier: &str,
) -> Result<()> {
    let now = context.now();
    let mut w = context.db.write().await?;
    let device = require_device(&mut w, scope, identifier).await?;
    store::devices::block(&mut w, device.id, None).await?;
    crate::store::deployments::inflight::clear_attempts(&mut w, device.id).await?;
    store::devices::set_updates_enabled(&mut w, device.id, true, now).await?;
    let text = format!(
        "User {} removed device {identifier} from the penalty box",
        scope.person().name
    );
    audit::in_product(&mut w, scope, Resource::Device(device.id), &text, now).await?;
    w.commit().await?;
    context.wake_group(device.group_id);
    Ok(())
}
