//! What a person asks of a device at once: reboot, reconnect, code to type, an update out of turn.

use super::*;

/// Asks a device to reboot.
///
/// # Errors
/// [`DomainError::NotFound`].
pub async fn reboot(context: &Context, scope: &Scope<Product>, identifier: &str) -> Result<()> {
    let text = format!("User {} rebooted device {identifier}", scope.person().name);
    ask(context, scope, identifier, &text, DeviceSignal::Reboot).await
}

/// Asks a device to show which one it is.
///
/// # Errors
/// [`DomainError::NotFound`].
pub async fn identify(context: &Context, scope: &Scope<Product>, identifier: &str) -> Result<()> {
    let name = &scope.person().name;
    let text = format!("User {name} asked device {identifier} to identify itself");
    ask(context, scope, identifier, &text, DeviceSignal::Identify).await
}

/// Types code into a device's console; what it prints is for whoever watches the console.
///
/// # Errors
/// [`DomainError::NotFound`], or more code than can be typed.
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
    audit::in_product(&mut w, scope, resource, &text, clock::now()).await?;
    let node = crate::store::devices::connections::node_of(&mut w, device).await?;
    w.commit().await?;
    let (Some(node), kind) = (node, terminal::TerminalKind::Console) else {
        return Ok(());
    };
    let nudge = || context.signal_device(node, device, DeviceSignal::Terminal(kind));
    if context.terminals.opened(device, kind, nudge).await {
        // A device that does not take it, or left meanwhile, is like one that was never there.
        let _ = context
            .terminals
            .type_in(device, kind, terminal::TerminalInput::Keys(code.into()));
        nudge();
    }
    Ok(())
}

/// Passes a person's wish on to a device, if it is there.
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
        clock::now(),
    )
    .await?;
    let node = crate::store::devices::connections::node_of(&mut w, device.id).await?;
    w.commit().await?;
    if let Some(node) = node {
        context.signal_device(node, device.id, nudge);
    }
    Ok(())
}

/// Drops a device's socket; it connects again by itself.
///
/// # Errors
/// [`DomainError::NotFound`].
pub async fn reconnect(context: &Context, scope: &Scope<Product>, identifier: &str) -> Result<()> {
    let name = &scope.person().name;
    let text = format!("User {name} disconnected device {identifier}");
    ask(context, scope, identifier, &text, DeviceSignal::Reconnect).await
}

/// Pushes one firmware, in full, and turns automatic updates off so that the group does not take it back.
///
/// # Errors
/// An unknown device or firmware, or an update that is under way.
pub async fn upgrade(
    context: &Context,
    scope: &Scope<Product>,
    identifier: &str,
    uuid: &str,
) -> Result<()> {
    let now = clock::now();
    let mut w = context.db.write().await?;
    let device = require_device(&mut w, scope, identifier).await?;
    let firmware = crate::store::catalog::firmwares::by_uuid(&mut w, device.product_id, uuid)
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
    };
    if !crate::store::deployments::inflight::add(&mut w, &claim, now).await? {
        return Err(DomainError::Detail(
            "An update of this device is under way; wait for it to end, or reconnect the device to drop it.".into(),
        ));
    }
    store::devices::set_updates_enabled(&mut w, device.id, false, now).await?;
    let name = &scope.person().name;
    let text = format!("User {name} disabled automatic updates for device {identifier}");
    audit::in_product(&mut w, scope, Resource::Device(device.id), &text, now).await?;
    let text = format!(
        "User {name} pushed firmware {} {uuid} to device {identifier}",
        firmware.version
    );
    audit::in_product(&mut w, scope, Resource::Device(device.id), &text, now).await?;
    w.commit().await?;
    Ok(crate::rollout::scheduler::tell(&context.db, &context.bus, &[device.id]).await?)
}

/// Closes the device's socket, if it has one, because what let it in or where it belongs has changed: it is judged anew
/// when it comes back.
pub fn cut(context: &Context, device: DeviceId, node: Option<NodeId>) {
    if let Some(node) = node {
        context.signal_device(node, device, DeviceSignal::Reconnect);
    }
}

/// Lets a device out of the penalty box and forgets its attempts.
///
/// # Errors
/// [`DomainError::NotFound`].
pub async fn clear_penalty(
    context: &Context,
    scope: &Scope<Product>,
    identifier: &str,
) -> Result<()> {
    let now = clock::now();
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
