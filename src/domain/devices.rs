//! Devices, as people manage them.

mod commands;

mod device_secrets;

mod changes;

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
pub use changes::*;
pub use commands::*;
pub use device_secrets::*;

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
