//! Signing keys of organizations in the database.

use crate::clock::Micros;
use crate::store::accounts::scope::{InOrg, Org, Scope};
use crate::store::ids::{KeyId, OrgId, ProductId};
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// A public key that uploads are verified with.
#[derive(Debug, Clone, FromRow)]
pub struct KeyRow {
    /// The key's id in the database.
    pub id: KeyId,
    /// Unique in the organization.
    pub name: String,
    /// Padded standard Base64 of the 32 bytes, or the PEM of an RSA key.
    pub key: String,
    /// `ed25519` for fwup archives, or `secure_boot_v2_rsa` for ESP-IDF images.
    pub scheme: String,
}

/// Adds a key; `None` when its name or the key itself is taken.
pub async fn add(
    w: &mut Write,
    org: OrgId,
    name: &str,
    key: &str,
    scheme: &str,
    now: Micros,
) -> Result<Option<KeyId>> {
    let row: Option<(KeyId,)> = fetch_optional!(
        w,
        sql!(
            "keys.add",
            "INSERT INTO org_keys (org_id, name, key, scheme, inserted_at)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING id"
        ),
        org,
        name,
        key,
        scheme,
        now
    )?;
    Ok(row.map(|r| r.0))
}

/// The organization's keys, oldest first; for devices and for uploads.
pub async fn of_org(on: &mut impl On, org: OrgId) -> Result<Vec<KeyRow>> {
    fetch_all!(
        on,
        sql!(
            "keys.of_org",
            "SELECT id, name, key, scheme FROM org_keys WHERE org_id = $1 ORDER BY id LIMIT 1000"
        ),
        org
    )
}

/// Finds a key by name.
pub async fn by_name(on: &mut impl On, scope: &Scope<Org>, name: &str) -> Result<Option<KeyRow>> {
    fetch_optional!(
        on,
        sql!(
            "keys.by_name",
            "SELECT id, name, key, scheme FROM org_keys WHERE org_id = $1 AND name = $2"
        ),
        scope.org().id,
        name
    )
}

/// The key that signed a firmware of a product.
pub async fn of_firmware(
    on: &mut impl On,
    product: ProductId,
    uuid: &str,
) -> Result<Option<KeyRow>> {
    fetch_optional!(
        on,
        sql!(
            "keys.of_firmware",
            "SELECT k.id, k.name, k.key, k.scheme FROM firmwares f JOIN org_keys k ON k.id = f.signer_id
             WHERE f.product_id = $1 AND f.uuid = $2"
        ),
        product,
        uuid
    )
}

/// Whether a stored firmware or archive was verified with this key.
pub async fn in_use(on: &mut impl On, key: KeyId) -> Result<bool> {
    let row: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "keys.in_use",
            "SELECT id FROM firmwares WHERE signer_id = $1
             UNION ALL SELECT id FROM archives WHERE key_id = $1 ORDER BY 1 LIMIT 1"
        ),
        key
    )?;
    Ok(row.is_some())
}

/// Deletes a key.
pub async fn delete(w: &mut Write, scope: &Scope<Org>, key: KeyId) -> Result<()> {
    execute!(
        w,
        sql!(
            "keys.delete",
            "DELETE FROM org_keys WHERE org_id = $1 AND id = $2"
        ),
        scope.org().id,
        key
    )?;
    Ok(())
}
