//! Shared secrets of products and devices. The secret column is ciphertext: the node key opens it (access::vault).

use crate::clock::Micros;
use crate::store::accounts::scope::{Product, Scope};
use crate::store::ids::{DeviceId, OrgId, ProductId, SecretId};
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// A secret of a product or of one device.
#[derive(Debug, Clone, FromRow)]
pub struct ProductSecret {
    /// `nhp_…`, what the device names.
    pub key: String,
    /// Ciphertext.
    pub secret: Vec<u8>,
    /// Since when it is refused.
    pub deactivated_at: Option<Micros>,
    /// When it was made.
    pub inserted_at: Micros,
}

/// A key found while a device connects.
#[derive(Debug, Clone, FromRow)]
pub struct FoundSecret {
    pub id: SecretId,
    /// Ciphertext.
    pub secret: Vec<u8>,
    /// The product that the device belongs or will belong to.
    pub product_id: ProductId,
    /// Its organization.
    pub org_id: OrgId,
}

/// A device's own key, found while it connects.
#[derive(Debug, Clone, FromRow)]
pub struct FoundDeviceSecret {
    /// Ciphertext.
    pub secret: Vec<u8>,
    pub device_id: DeviceId,
}

/// Adds a product secret.
pub async fn add(
    w: &mut Write,
    product: ProductId,
    key: &str,
    secret: &[u8],
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "secrets.add",
            "INSERT INTO product_secrets (product_id, key, secret, inserted_at) VALUES ($1, $2, $3, $4)"
        ),
        product,
        key,
        secret,
        now
    )?;
    Ok(())
}

/// The product's secrets, oldest first.
pub async fn of_product(on: &mut impl On, product: ProductId) -> Result<Vec<ProductSecret>> {
    fetch_all!(
        on,
        sql!(
            "secrets.of_product",
            "SELECT key, secret, deactivated_at, inserted_at FROM product_secrets
             WHERE product_id = $1 ORDER BY id LIMIT 1000"
        ),
        product
    )
}

/// Those of these secrets that are active.
pub async fn active_of(on: &mut impl On, secrets: &[SecretId]) -> Result<Vec<(SecretId,)>> {
    fetch_rows!(
        on,
        "secrets.active_of",
        secrets,
        |s| [secret BIGINT = *s],
        "SELECT s.id FROM ",
        " JOIN product_secrets s ON s.id = x.secret AND s.deactivated_at IS NULL",
    )
}

/// Deactivates one secret; `None` when there is none of this name.
pub async fn deactivate(
    w: &mut Write,
    scope: &Scope<Product>,
    key: &str,
    now: Micros,
) -> Result<Option<SecretId>> {
    let row: Option<(SecretId,)> = fetch_optional!(
        w,
        sql!(
            "secrets.deactivate",
            "UPDATE product_secrets SET deactivated_at = $3
             WHERE product_id = $1 AND key = $2 AND deactivated_at IS NULL RETURNING id"
        ),
        scope.product().id,
        key,
        now
    )?;
    Ok(row.map(|r| r.0))
}

/// The active product secret of this name.
pub async fn find(on: &mut impl On, key: &str) -> Result<Option<FoundSecret>> {
    fetch_optional!(
        on,
        sql!(
            "secrets.find",
            "SELECT s.id, s.secret, p.id AS product_id, p.org_id FROM product_secrets s
             JOIN products p ON p.id = s.product_id WHERE s.key = $1 AND s.deactivated_at IS NULL"
        ),
        key
    )
}

/// Adds a secret for one device.
pub async fn add_for_device(
    w: &mut Write,
    device: DeviceId,
    key: &str,
    secret: &[u8],
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "secrets.add_for_device",
            "INSERT INTO device_secrets (device_id, key, secret, inserted_at) VALUES ($1, $2, $3, $4)"
        ),
        device,
        key,
        secret,
        now
    )?;
    Ok(())
}

/// A device's secrets, oldest first.
pub async fn of_device(on: &mut impl On, device: DeviceId) -> Result<Vec<ProductSecret>> {
    fetch_all!(
        on,
        sql!(
            "secrets.of_device",
            "SELECT key, secret, deactivated_at, inserted_at FROM device_secrets
             WHERE device_id = $1 ORDER BY id LIMIT 1000"
        ),
        device
    )
}

/// Deactivates one secret of a device; false when there is none of this name.
pub async fn deactivate_of_device(
    w: &mut Write,
    device: DeviceId,
    key: &str,
    now: Micros,
) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "secrets.deactivate_of_device",
            "UPDATE device_secrets SET deactivated_at = $3
             WHERE device_id = $1 AND key = $2 AND deactivated_at IS NULL"
        ),
        device,
        key,
        now
    )?;
    Ok(n > 0)
}

/// The active device secret of this name.
pub async fn find_device(on: &mut impl On, key: &str) -> Result<Option<FoundDeviceSecret>> {
    fetch_optional!(
        on,
        sql!(
            "secrets.find_device",
            "SELECT secret, device_id FROM device_secrets WHERE key = $1 AND deactivated_at IS NULL"
        ),
        key
    )
}
