//! Devices, as people manage them.

use super::error::{BLANK, DOTS, TAKEN, field, is_dots};
use super::{DomainError, Result};
use crate::access::random_id;
use crate::access::scope::{InOrg, Person, Product, Scope};
use crate::access::vault::{Secret, new_pair};
use crate::bus::DeviceSignal;
use crate::clock::{self, Micros};
use crate::domain::Context;
use crate::ids::{ClaimId, DeviceId, NodeId};
use crate::limits::{CODE_BYTES, IDENTIFIER_CHARS, READ_WAIT};
use crate::rollout::choice::unfit;
use crate::store::deployments::inflight::NewClaim;
use crate::store::devices::secrets::ProductSecret;
use crate::store::devices::{DeviceRow, Filter, Order};
use crate::store::events::audit::{self, Resource};
use crate::store::{self, Db, On, Write};
use device_protocol::terminal;
use std::collections::HashMap;

pub use crate::store::devices::query::{Compare, Test};
pub use crate::store::devices::{DeviceView, Filter as DeviceFilter, Order as DeviceOrder};
pub use crate::store::fold::Pattern;

/// A device with its tags; `None` when they were never set.
pub struct Device {
    /// The device.
    pub view: DeviceView,
    /// Its tags.
    pub tags: Option<Vec<String>>,
}

/// What a person may write about a device. An outer `None` leaves a field alone.
#[derive(Debug, Default)]
pub struct DeviceForm {
    /// Free text.
    pub description: Option<Option<String>>,
    /// Tags.
    pub tags: Option<Option<Vec<String>>>,
    /// Automatic updates.
    pub updates_enabled: Option<bool>,
    /// Switches of extensions, an object of booleans.
    pub extensions: Option<serde_json::Value>,
    /// Code that it runs when it connects.
    pub connecting_code: Option<Option<String>>,
    /// Restores a deleted device.
    pub restore: bool,
}

/// Refuses tags that cannot be tags.
///
/// # Errors
/// Under the field `tags`.
pub fn check_tags(tags: &[String]) -> Result<()> {
    if tags.iter().any(|t| t.contains(char::is_whitespace)) {
        return Err(field("tags", "tags cannot contain spaces"));
    }
    if tags.iter().any(|t| t.contains(',')) {
        return Err(field(
            "tags",
            "tags cannot contain commas, which stand between them",
        ));
    }
    if tags
        .iter()
        .any(|t| t.is_empty() || t.chars().count() > 255 || t.contains('\0'))
    {
        return Err(field("tags", "tags must have 1 to 255 characters"));
    }
    if tags.len() > 100 {
        return Err(field("tags", "a device can have at most 100 tags"));
    }
    Ok(())
}

async fn with_tags(on: &mut impl On, view: DeviceView) -> store::Result<Device> {
    let tags = if view.tags_set {
        Some(store::devices::tags(on, view.id).await?)
    } else {
        None
    };
    Ok(Device { view, tags })
}

/// The number of a device of the scope's organization.
///
/// # Errors
/// [`DomainError::NotFound`].
pub async fn id_of(on: &mut impl On, scope: &impl InOrg, identifier: &str) -> Result<DeviceId> {
    store::devices::id_of(on, scope, identifier)
        .await?
        .ok_or(DomainError::NotFound)
}

/// One device of the scope's organization.
///
/// # Errors
/// [`DomainError::NotFound`].
pub async fn show(db: &Db, scope: &impl InOrg, identifier: &str) -> Result<Device> {
    let mut r = db.read().await?;
    let view = store::devices::view(&mut r, scope, identifier)
        .await?
        .ok_or(DomainError::NotFound)?;
    Ok(with_tags(&mut r, view).await?)
}

/// Organization and product of a device, for addresses that do not name them.
///
/// # Errors
/// [`DomainError::NotFound`].
pub async fn locate(db: &Db, person: &Person, identifier: &str) -> Result<(String, String)> {
    let mut r = db.read().await?;
    store::devices::locate(&mut r, person.id, identifier)
        .await?
        .ok_or(DomainError::NotFound)
}

/// A page of a product's devices.
pub struct Page {
    /// Devices.
    pub devices: Vec<Device>,
    /// How many match in all.
    pub total: u64,
}

/// Lists devices. Pages count from 1; a page is at most [`crate::limits::PAGE_SIZE`].
///
/// # Errors
/// The database's; when no index finds them, that too many such lists are asked for.
pub async fn list(
    context: &Context,
    scope: &Scope<Product>,
    filter: &Filter,
    order: (Order, bool),
    page: u64,
    size: u64,
) -> Result<Page> {
    let (offset, size) = super::limit_offset(page, size);
    let _lane = if filter.reads_all() {
        Some(
            context
                .limiters
                .scan_lane
                .enter(&scope.product().org.id, READ_WAIT)
                .await?,
        )
    } else {
        None
    };
    let mut r = context.db.read().await?;
    let (rows, total) =
        store::devices::list(&mut r, scope, filter, order, offset, size, clock::now()).await?;
    let ids: Vec<DeviceId> = rows.iter().map(|d| d.id).collect();
    let mut tags: HashMap<DeviceId, Vec<String>> = HashMap::new();
    for (id, tag) in store::devices::tags_of(&mut r, &ids).await? {
        tags.entry(id).or_default().push(tag);
    }
    let devices = rows
        .into_iter()
        .map(|view| {
            let own = tags.remove(&view.id).unwrap_or_default();
            Device {
                tags: view.tags_set.then_some(own),
                view,
            }
        })
        .collect();
    Ok(Page {
        devices,
        total: u64::try_from(total).unwrap_or(0),
    })
}

/// Whether a text can be a device's identifier.
pub fn identifier_ok(text: &str) -> bool {
    !text.is_empty()
        && text.chars().count() <= IDENTIFIER_CHARS
        && !text.chars().any(char::is_control)
        && !is_dots(text)
}

/// How an identifier gets free that a deleted device holds.
pub const HOW_TO_FREE: &str = "belongs to a deleted device: restore it with PUT …/devices/IDENTIFIER and deleted_at null, \
                               or free the identifier with DELETE …/devices/IDENTIFIER/destroy";

/// Whether a deleted device that the asker may see has this identifier.
pub async fn held_by_deleted(
    on: &mut impl On,
    scope: &Scope<Product>,
    identifier: &str,
) -> store::Result<bool> {
    let holder = store::devices::view(on, scope, identifier).await?;
    Ok(holder.is_some_and(|d| d.deleted_at.is_some()))
}

/// Registers a device.
///
/// # Errors
/// A blank or taken identifier, bad tags.
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
    let now = clock::now();
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

async fn require_device(w: &mut Write, scope: &impl InOrg, identifier: &str) -> Result<DeviceRow> {
    let view = store::devices::view(w, scope, identifier)
        .await?
        .ok_or(DomainError::NotFound)?;
    store::devices::row(w, view.id)
        .await?
        .ok_or(DomainError::NotFound)
}

/// The settings that take effect on the device itself.
async fn apply_settings(
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
    Ok(())
}

/// Changes what people write about a device.
///
/// # Errors
/// [`DomainError::NotFound`], bad tags, or a change of a deleted device.
pub async fn update(
    context: &Context,
    scope: &Scope<Product>,
    identifier: &str,
    form: DeviceForm,
) -> Result<Device> {
    let now = clock::now();
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
    audit::in_product(&mut w, scope, Resource::Device(device.id), &text, now).await?;
    let node = crate::store::devices::connections::node_of(&mut w, device.id).await?;
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

/// Deletes a device softly, drops its certificates and closes its socket.
///
/// # Errors
/// [`DomainError::NotFound`].
pub async fn delete(context: &Context, scope: &Scope<Product>, identifier: &str) -> Result<()> {
    let now = clock::now();
    let mut w = context.db.write().await?;
    let device = require_device(&mut w, scope, identifier).await?;
    store::devices::set_deleted(&mut w, device.id, Some(now), now).await?;
    crate::store::devices::network_identities::drop_all(&mut w, device.id).await?;
    crate::store::deployments::inflight::remove(&mut w, device.id).await?;
    let text = format!("{} deleted device {identifier}", scope.person().name);
    audit::in_product(&mut w, scope, Resource::Device(device.id), &text, now).await?;
    let node = crate::store::devices::connections::node_of(&mut w, device.id).await?;
    w.commit().await?;
    cut(context, device.id, node);
    context.wake_group(device.group_id);
    Ok(())
}

/// Destroys a deleted device: nothing of it can be restored, and its identifier is free again.
///
/// # Errors
/// [`DomainError::NotFound`]; [`DomainError::Conflict`] for one that was not deleted before.
pub async fn destroy(context: &Context, scope: &Scope<Product>, identifier: &str) -> Result<()> {
    let mut w = context.db.write().await?;
    let device = require_device(&mut w, scope, identifier).await?;
    let text = format!("{} destroyed device {identifier}", scope.person().name);
    let resource = Resource::Device(device.id);
    audit::in_product(&mut w, scope, resource, &text, clock::now()).await?;
    if !store::devices::destroy(&mut w, device.id).await? {
        return Err(DomainError::Conflict(
            "The device is not deleted. Delete it first; what is deleted can still be restored, what is destroyed cannot.".into(),
        ));
    }
    w.commit().await?;
    Ok(())
}

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
async fn ask(
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

/// Makes a shared secret for one device; it is shown this once.
///
/// # Errors
/// [`DomainError::NotFound`].
pub async fn add_secret(
    context: &Context,
    scope: &Scope<Product>,
    identifier: &str,
) -> Result<(String, Secret)> {
    let now = clock::now();
    let mut w = context.db.write().await?;
    let device = require_device(&mut w, scope, identifier).await?;
    let (key, secret) = new_pair("nhd_");
    let sealed = context.vault.seal(&secret, &key);
    crate::store::devices::secrets::add_for_device(&mut w, device.id, &key, &sealed, now).await?;
    let text = format!(
        "{} created a shared secret for device {identifier}",
        scope.person().name
    );
    audit::in_product(&mut w, scope, Resource::Device(device.id), &text, now).await?;
    w.commit().await?;
    Ok((key, secret))
}

/// A device's shared secrets, without the secrets.
///
/// # Errors
/// [`DomainError::NotFound`].
pub async fn secrets(
    db: &Db,
    scope: &Scope<Product>,
    identifier: &str,
) -> Result<Vec<ProductSecret>> {
    let mut r = db.read().await?;
    let device = id_of(&mut r, scope, identifier).await?;
    Ok(crate::store::devices::secrets::of_device(&mut r, device).await?)
}

/// Closes the device's socket, if it has one, because what let it in or where it belongs has changed: it is judged anew
/// when it comes back.
pub fn cut(context: &Context, device: DeviceId, node: Option<NodeId>) {
    if let Some(node) = node {
        context.signal_device(node, device, DeviceSignal::Reconnect);
    }
}

/// Deactivates a shared secret of a device: its socket is closed, and it is not let in by this secret again.
///
/// # Errors
/// [`DomainError::NotFound`].
pub async fn deactivate_secret(
    context: &Context,
    scope: &Scope<Product>,
    identifier: &str,
    key: &str,
) -> Result<()> {
    let now = clock::now();
    let mut w = context.db.write().await?;
    let device = require_device(&mut w, scope, identifier).await?;
    if !crate::store::devices::secrets::deactivate_of_device(&mut w, device.id, key, now).await? {
        return Err(DomainError::NotFound);
    }
    let text = format!(
        "{} deactivated a shared secret of device {identifier}",
        scope.person().name
    );
    audit::in_product(&mut w, scope, Resource::Device(device.id), &text, now).await?;
    let node = crate::store::devices::connections::node_of(&mut w, device.id).await?;
    w.commit().await?;
    cut(context, device.id, node);
    Ok(())
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
pub mod certificate_signature;
pub mod certificates;
pub mod csv_cells;
pub mod csv_import;
pub mod extensions;
pub mod history;
pub mod iroh_endpoints;
pub mod iroh_takeover;
pub mod query;
pub mod transfer;
pub mod x509;
