//! The history of a device: its past connections, firmwares, and updates.

use crate::access::scope::{Product, Scope};
use crate::domain::{DomainError, Result, devices};
use crate::store::Db;

pub use crate::store::devices::history::{PastConnection, PastFirmware, PastUpdate};
pub use crate::store::devices::network_identities::IdentityRow;

/// Networks whose identities are stored.
pub const SERVICES: [&str; 4] = ["iroh", "netbird", "tailscale", "wireguard"];

/// The newest updates of a device, and totals over all of them.
pub struct Updates {
    /// The newest updates, newest first.
    pub newest: Vec<PastUpdate>,
    /// The number of all updates.
    pub count: i64,
    /// Bytes that were sent in all updates.
    pub sent_bytes: i64,
    /// Bytes that deltas saved in all updates.
    pub saved_bytes: i64,
}

/// The connections of a device, newest first, including the present one.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such device.
pub async fn connections(
    db: &Db,
    scope: &Scope<Product>,
    identifier: &str,
    most: i64,
) -> Result<Vec<PastConnection>> {
    let mut r = db.read().await?;
    let device = devices::id_of(&mut r, scope, identifier).await?;
    Ok(crate::store::devices::history::connections(&mut r, device, most).await?)
}

/// The firmwares that a device ran, newest first.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such device.
pub async fn firmwares(
    db: &Db,
    scope: &Scope<Product>,
    identifier: &str,
    most: i64,
) -> Result<Vec<PastFirmware>> {
    let mut r = db.read().await?;
    let device = devices::id_of(&mut r, scope, identifier).await?;
    Ok(crate::store::devices::history::firmwares(&mut r, device, most).await?)
}

/// The updates of a device.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such device.
pub async fn updates(
    db: &Db,
    scope: &Scope<Product>,
    identifier: &str,
    most: i64,
) -> Result<Updates> {
    let mut r = db.read().await?;
    let device = devices::id_of(&mut r, scope, identifier).await?;
    let newest = crate::store::devices::history::updates(&mut r, device, most).await?;
    let (count, sent_bytes, saved_bytes) =
        crate::store::devices::history::update_sums(&mut r, device).await?;
    Ok(Updates {
        newest,
        count,
        sent_bytes,
        saved_bytes,
    })
}

/// The identities of a device on other networks. An empty filter returns those of all services.
///
/// # Errors
/// [`DomainError::NotFound`] for an unknown device; a validation error for an unknown service.
pub async fn identities(
    db: &Db,
    scope: &Scope<Product>,
    identifier: &str,
    service: &str,
    instance: &str,
) -> Result<Vec<IdentityRow>> {
    if !service.is_empty() && !SERVICES.contains(&service) {
        let known = SERVICES.join(", ");
        return Err(DomainError::Detail(format!(
            "That is not a service this server knows about; it knows {known}."
        )));
    }
    let mut r = db.read().await?;
    let device = devices::id_of(&mut r, scope, identifier).await?;
    Ok(
        crate::store::devices::network_identities::of_device(&mut r, device, service, instance)
            .await?,
    )
}
