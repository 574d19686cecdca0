//! Devices as people manage them: list, show, settings, and locating a device by its identifier.

mod commands;

mod device_secrets;

mod changes;

use super::error::{BLANK, DOTS, TAKEN, field, is_dots};
use super::{DomainError, Result};
use crate::access::random_id;
use crate::access::scope::{InOrg, Person, Product, Scope};
use crate::access::vault::{Secret, new_pair};
use crate::budget::LaneTurn;
use crate::bus::DeviceSignal;
use crate::clock::Micros;
use crate::domain::Context;
use crate::ids::{ClaimId, DeviceId, NodeId};
use crate::limits::{CODE_BYTES, IDENTIFIER_CHARS, READ_WAIT};
use crate::rollout::choice::unfit;
use crate::store::deployments::inflight::NewClaim;
use crate::store::devices::secrets::ProductSecret;
use crate::store::devices::{DeviceRow, Filter, Order};
use crate::store::events::audit::{self, Actor, Resource};
use crate::store::{self, Db, On, Write};
use device_protocol::terminal;
use std::collections::HashMap;

pub use crate::store::devices::query::{Compare, Test};
pub use crate::store::devices::{DeviceView, Filter as DeviceFilter, Order as DeviceOrder};
pub use crate::store::fold::Pattern;
pub use changes::*;
pub use commands::*;
pub use device_secrets::*;

/// A device with its tags.
pub struct Device {
    /// The device's row with what is shown beside it.
    pub view: DeviceView,
    /// Its tags; `None` when they were never set.
    pub tags: Option<Vec<String>>,
}

/// The settings of a device. An outer `None` leaves a field as it is.
#[derive(Debug, Default)]
pub struct DeviceForm {
    /// Free text.
    pub description: Option<Option<String>>,
    /// Tags; an inner `None` removes them.
    pub tags: Option<Option<Vec<String>>>,
    /// Whether the device gets automatic updates.
    pub updates_enabled: Option<bool>,
    /// Extension settings: an object of booleans.
    pub extensions: Option<serde_json::Value>,
    /// Elixir code that the device runs when it connects.
    pub connecting_code: Option<Option<String>>,
    /// The time zone (IANA) of its maintenance windows; an inner `None` for the window's own.
    pub time_zone: Option<Option<String>>,
    /// Whether to restore a deleted device.
    pub restore: bool,
}

/// Refuses malformed tags.
///
/// # Errors
/// A validation error under the field `tags`.
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

/// The id of a device of the scope's organization.
///
/// # Errors
/// [`DomainError::NotFound`] when the scope has no such device.
pub async fn id_of(on: &mut impl On, scope: &impl InOrg, identifier: &str) -> Result<DeviceId> {
    store::devices::id_of(on, scope, identifier)
        .await?
        .ok_or(DomainError::NotFound)
}

/// Finds a device of the scope's organization.
///
/// # Errors
/// [`DomainError::NotFound`] when the scope has no such device.
pub async fn show(db: &Db, scope: &impl InOrg, identifier: &str) -> Result<Device> {
    let mut r = db.read().await?;
    let view = store::devices::view(&mut r, scope, identifier)
        .await?
        .ok_or(DomainError::NotFound)?;
    Ok(with_tags(&mut r, view).await?)
}

/// The names of a device's organization and product, for URLs that do not contain them.
///
/// # Errors
/// [`DomainError::NotFound`] when there is no such device that the person may see.
pub async fn locate(db: &Db, person: &Person, identifier: &str) -> Result<(String, String)> {
    let mut r = db.read().await?;
    store::devices::locate(&mut r, person.id, identifier)
        .await?
        .ok_or(DomainError::NotFound)
}

/// A place among the queries that read every device, for one that does.
async fn enter_lane(
    context: &Context,
    scope: &Scope<Product>,
    filter: &Filter,
) -> Result<Option<LaneTurn>> {
    if !filter.reads_all() {
        return Ok(None);
    }
    let lane = &context.limiters.scan_lane;
    Ok(Some(lane.enter(&scope.product().org.id, READ_WAIT).await?))
}

/// A page of a product's devices.
pub struct Page {
    /// The devices of this page.
    pub devices: Vec<Device>,
    /// The number of all matching devices.
    pub total: u64,
}

/// Lists devices. Pages count from 1 and hold at most [`crate::limits::PAGE_SIZE`] devices.
///
/// # Errors
/// [`DomainError::Busy`] when the query can use no index and too many such queries run already.
pub async fn list(
    context: &Context,
    scope: &Scope<Product>,
    filter: &Filter,
    order: (Order, bool),
    page: u64,
    size: u64,
) -> Result<Page> {
    let (offset, size) = super::limit_offset(page, size);
    let _lane = enter_lane(context, scope, filter).await?;
    let mut r = context.db.read().await?;
    let (rows, total) =
        store::devices::list(&mut r, scope, filter, order, offset, size, context.now()).await?;
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

pub mod attempts;
pub mod bulk;
pub mod certificate_signature;
pub mod certificates;
pub mod csv_cells;
pub mod csv_import;
pub mod details;
pub mod extensions;
pub mod facets;
pub mod history;
pub mod iroh_endpoints;
pub mod iroh_takeover;
pub mod jobs;
pub mod location;
pub mod logs;
pub mod map;
pub mod metrics;
pub mod provisioning;
pub mod query;
pub mod transfer;
pub mod trouble;
pub mod why;
pub mod x509;
