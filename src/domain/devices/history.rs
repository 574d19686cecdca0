//! What is over: a device's connections, firmwares and updates, as people read them.

use crate::access::scope::{Product, Scope};
use crate::domain::{DomainError, Result, devices};
use crate::store::Db;

pub use crate::store::devices::history::{PastConnection, PastFirmware, PastUpdate};
pub use crate::store::devices::network_identities::IdentityRow;

/// Networks whose keys are kept.
pub const SERVICES: [&str; 4] = ["iroh", "netbird", "tailscale", "wireguard"];

/// A device's updates, newest first, and all of them summed up.
pub struct Updates {
    /// Some of them.
    pub newest: Vec<PastUpdate>,
    /// How many there were.
    pub count: i64,
    /// Bytes that were sent.
    pub sent_bytes: i64,
    /// Bytes that deltas saved.
    pub saved_bytes: i64,
}

/// A device's connections, newest first, the present one among them.
///
/// # Errors
/// [`DomainError::NotFound`].
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
/// [`DomainError::NotFound`].
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

/// A device's updates.
///
/// # Errors
/// [`DomainError::NotFound`].
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

/// The keys that a device holds on other networks; an empty filter takes all.
///
/// # Errors
/// [`DomainError::NotFound`], or a service that is not known.
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
