//! Devices that people have pinned, each for themselves.

use crate::access::scope::{Person, Product, Scope};
use crate::domain::devices;
use crate::domain::{DomainError, Result};
use crate::limits::PINS_A_PERSON;
use crate::store::Db;
use crate::store::accounts::pins::{self as table, PinRow};

/// Where a pinned device is.
#[derive(Debug)]
pub struct Pin {
    pub org: String,
    pub product: String,
    pub device: String,
}

/// The devices that the person has pinned, as far as they may still see them.
///
/// # Errors
/// The database fails.
pub async fn list(db: &Db, person: &Person) -> Result<Vec<Pin>> {
    let mut r = db.read().await?;
    let pin = |row: PinRow| Pin {
        org: row.org,
        product: row.product,
        device: row.identifier,
    };
    let all = table::list(&mut r, person.id, person.grant.product).await?;
    Ok(all.into_iter().map(pin).collect())
}

/// Pins a device for the person.
///
/// # Errors
/// [`DomainError::NotFound`] for an unknown device; a refusal when the person has too many pins.
pub async fn pin(db: &Db, scope: &Scope<Product>, device: &str) -> Result<()> {
    let mut w = db.write().await?;
    let id = devices::id_of(&mut w, scope, device).await?;
    if !table::pin(&mut w, scope.person().id, id, PINS_A_PERSON).await? {
        let text = format!("You have pinned {PINS_A_PERSON} devices; take a pin off first.");
        return Err(DomainError::Detail(text));
    }
    w.commit().await?;
    Ok(())
}

/// Takes the person's pin off a device.
///
/// # Errors
/// [`DomainError::NotFound`] for an unknown device.
pub async fn unpin(db: &Db, scope: &Scope<Product>, device: &str) -> Result<()> {
    let mut w = db.write().await?;
    let id = devices::id_of(&mut w, scope, device).await?;
    table::unpin(&mut w, scope.person().id, id).await?;
    w.commit().await?;
    Ok(())
}
