//! The audit log as people read it: pages, exports, and the logs of a product, a device, or a deployment group.
//! The audit chain that makes it tamper-evident is in `store::events::audit`.

use crate::access::scope::{InOrg, Product, Scope};
use crate::domain::{DomainError, Result, devices};
use crate::ids::GroupId;
use crate::store::{Db, On};

pub use crate::store::events::audit::list::{AuditFilter, Entry};

/// A page of audit entries, newest first, and the number of all. Pages count from 1.
pub async fn page(
    db: &Db,
    scope: &impl InOrg,
    narrow: &AuditFilter,
    number: u64,
    size: u64,
) -> Result<(Vec<Entry>, u64)> {
    let (offset, size) = crate::domain::limit_offset(number, size);
    let mut r = db.read().await?;
    let (rows, total) =
        crate::store::events::audit::list::page(&mut r, scope, narrow, offset, size).await?;
    Ok((rows, u64::try_from(total).unwrap_or(0)))
}

/// The entries after a given one, oldest first: one batch of an export.
pub async fn behind(
    db: &Db,
    scope: &impl InOrg,
    narrow: &AuditFilter,
    after: i64,
    most: i64,
) -> Result<Vec<Entry>> {
    let mut r = db.read().await?;
    Ok(crate::store::events::audit::list::behind(&mut r, scope, narrow, after, most).await?)
}

/// Restricts a filter to a product's entries.
#[must_use]
pub fn of_product(scope: &Scope<Product>, narrow: AuditFilter) -> AuditFilter {
    AuditFilter {
        product: Some(scope.product().id),
        ..narrow
    }
}

/// Restricts a filter to a device's entries.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such device.
pub async fn of_device(
    db: &Db,
    scope: &Scope<Product>,
    identifier: &str,
    narrow: AuditFilter,
) -> Result<AuditFilter> {
    let mut r = db.read().await?;
    let device = devices::id_of(&mut r, scope, identifier).await?;
    Ok(AuditFilter {
        device: Some(device),
        ..narrow
    })
}

/// The id of a deployment group of the product.
pub async fn group_of(on: &mut impl On, scope: &Scope<Product>, name: &str) -> Result<GroupId> {
    let group = crate::store::deployments::deployment_groups::by_name(on, scope, name).await?;
    group.map(|g| g.id).ok_or(DomainError::NotFound)
}

/// Restricts a filter to a deployment group's entries.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such group.
pub async fn of_group(
    db: &Db,
    scope: &Scope<Product>,
    name: &str,
    narrow: AuditFilter,
) -> Result<AuditFilter> {
    let mut r = db.read().await?;
    let group = group_of(&mut r, scope, name).await?;
    Ok(AuditFilter {
        group: Some(group),
        ..narrow
    })
}
