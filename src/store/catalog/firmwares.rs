//! Firmware in the database: the metadata and checksums of each uploaded file.

use crate::clock::Micros;
use crate::store::accounts::scope::{Product, Scope};
use crate::store::ids::{FileKey, FirmwareId, KeyId, ProductId};
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// A stored firmware.
#[derive(Debug, Clone, FromRow)]
pub struct FirmwareRow {
    /// The firmware's id in the database, which also names its blob.
    pub id: FirmwareId,
    /// Name of the product.
    pub product: String,
    /// Unique in the product.
    pub uuid: String,
    /// Semantic version.
    pub version: String,
    /// Platform that its metadata names.
    pub platform: String,
    /// Architecture that its metadata names.
    pub architecture: String,
    /// Author from its metadata.
    pub author: Option<String>,
    /// Description from its metadata.
    pub description: Option<String>,
    /// `meta-misc` from its metadata.
    pub misc: Option<String>,
    /// VCS identifier from its metadata.
    pub vcs_identifier: Option<String>,
    /// `fwup` or `esp-idf`.
    pub tool: String,
    /// Size of the file in bytes.
    pub size: i64,
    /// SHA-256 of the file in upper-case hex.
    pub checksum: String,
    /// SHA-256 of each MiB in upper-case hex, joined by commas.
    pub partials: String,
    /// Whether any resource can be updated by a delta.
    pub delta_updatable: bool,
    /// The oldest fwup version that can install the full file.
    pub full_fwup_version: String,
    /// The oldest fwup version that can install a delta to it.
    pub delta_fwup_version: String,
    /// When its file was found missing or damaged. Such a firmware is offered to no device.
    pub damaged_at: Option<Micros>,
    /// When it was uploaded.
    pub inserted_at: Micros,
    /// The name of the signing key that its signature fits; none of an image without a signature, or when the key was deleted.
    pub signed_by: Option<String>,
}

/// A firmware to store.
#[derive(Debug, Clone)]
pub struct NewFirmware {
    /// `fwup` or `esp-idf`.
    pub tool: &'static str,
    /// The key that its signature was verified with; `None` for an unsigned ESP-IDF image.
    pub signer: Option<KeyId>,
    /// UUID from its metadata.
    pub uuid: String,
    /// Semantic version.
    pub version: String,
    /// Platform that its metadata names.
    pub platform: String,
    /// Architecture that its metadata names.
    pub architecture: String,
    /// Author from its metadata.
    pub author: Option<String>,
    /// Description from its metadata.
    pub description: Option<String>,
    /// `meta-misc` from its metadata.
    pub misc: Option<String>,
    /// VCS identifier from its metadata.
    pub vcs_identifier: Option<String>,
    /// Size of the file in bytes.
    pub size: i64,
    /// SHA-256 of the file in upper-case hex.
    pub checksum: String,
    /// SHA-256 of each MiB, joined by commas.
    pub partials: String,
    /// Whether any resource can be updated by a delta.
    pub delta_updatable: bool,
    /// The oldest fwup version that can install the full file.
    pub full_fwup_version: String,
    /// The oldest fwup version that can install a delta to it.
    pub delta_fwup_version: String,
}

macro_rules! firmware_columns {
    () => {
        "SELECT f.id, p.name AS product, f.uuid, f.version, f.platform,
                f.architecture, f.author, f.description, f.misc, f.vcs_identifier, f.tool, f.size,
                f.checksum, f.partials, f.delta_updatable, f.full_fwup_version, f.delta_fwup_version, f.damaged_at,
                f.inserted_at, k.name AS signed_by
         FROM firmwares f JOIN products p ON p.id = f.product_id LEFT JOIN org_keys k ON k.id = f.signer_id "
    };
}

/// Adds a firmware; `None` when the UUID is taken in the product.
pub async fn add(
    w: &mut Write,
    scope: &Scope<Product>,
    f: &NewFirmware,
    file: &FileKey,
    now: Micros,
) -> Result<Option<FirmwareId>> {
    let row: Option<(FirmwareId,)> = fetch_optional!(
        w,
        sql!(
            "firmwares.add",
            "INSERT INTO firmwares
               (org_id, product_id, tool, signer_id, uuid, version, platform, architecture, author,
                description, misc, vcs_identifier, size, checksum, partials, delta_updatable,
                full_fwup_version, delta_fwup_version, file, inserted_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
                     $20)
             ON CONFLICT (product_id, uuid) DO NOTHING RETURNING id"
        ),
        scope.product().org.id,
        scope.product().id,
        f.tool,
        f.signer,
        &f.uuid,
        &f.version,
        &f.platform,
        &f.architecture,
        f.author.as_deref(),
        f.description.as_deref(),
        f.misc.as_deref(),
        f.vcs_identifier.as_deref(),
        f.size,
        &f.checksum,
        &f.partials,
        f.delta_updatable,
        &f.full_fwup_version,
        &f.delta_fwup_version,
        file,
        now
    )?;
    Ok(row.map(|r| r.0))
}

/// Whether the product has this version for this platform and architecture.
pub async fn version_taken(
    on: &mut impl On,
    scope: &Scope<Product>,
    version: &str,
    platform: &str,
    architecture: &str,
) -> Result<bool> {
    let row: Option<(FirmwareId,)> = fetch_optional!(
        on,
        sql!(
            "firmwares.version_taken",
            "SELECT id FROM firmwares
             WHERE product_id = $1 AND version = $2 AND platform = $3 AND architecture = $4
             ORDER BY id LIMIT 1"
        ),
        scope.product().id,
        version,
        platform,
        architecture
    )?;
    Ok(row.is_some())
}

/// All firmwares of the product, newest upload first.
pub async fn list(on: &mut impl On, scope: &Scope<Product>) -> Result<Vec<FirmwareRow>> {
    fetch_all!(
        on,
        sql!(
            "firmwares.list",
            concat!(
                firmware_columns!(),
                "WHERE f.product_id = $1 ORDER BY f.id DESC LIMIT 100000"
            )
        ),
        scope.product().id
    )
}

/// The numbers and versions of all firmwares of the product, newest upload first.
pub async fn versions(
    on: &mut impl On,
    scope: &Scope<Product>,
) -> Result<Vec<(FirmwareId, String)>> {
    fetch_all!(
        on,
        sql!(
            "firmwares.versions",
            "SELECT id, version FROM firmwares WHERE product_id = $1 ORDER BY id DESC LIMIT 100000"
        ),
        scope.product().id
    )
}

/// The firmwares with these numbers, which come from [`versions`], in any order.
pub async fn of_ids(on: &mut impl On, ids: &[FirmwareId]) -> Result<Vec<FirmwareRow>> {
    fetch_rows!(
        on,
        "firmwares.of_ids",
        ids,
        |id| [wanted BIGINT = *id],
        concat!(firmware_columns!(), "WHERE f.id IN (SELECT x.wanted FROM "),
        ")",
    )
}

/// Finds a firmware by UUID. The caller takes the product from a scope or from an authenticated device.
pub async fn by_uuid(
    on: &mut impl On,
    product: ProductId,
    uuid: &str,
) -> Result<Option<FirmwareRow>> {
    fetch_optional!(
        on,
        sql!(
            "firmwares.by_uuid",
            concat!(
                firmware_columns!(),
                "WHERE f.product_id = $1 AND f.uuid = $2"
            )
        ),
        product,
        uuid
    )
}

/// Finds a firmware by id; for claims, releases, jobs, and signed links.
pub async fn row(on: &mut impl On, id: FirmwareId) -> Result<Option<FirmwareRow>> {
    fetch_optional!(
        on,
        sql!(
            "firmwares.row",
            concat!(firmware_columns!(), "WHERE f.id = $1")
        ),
        id
    )
}

/// Whether a release, past or current, or an in-flight update uses the firmware. A manual push that the device
/// has installed is not in flight any more.
pub async fn pinned(on: &mut impl On, id: FirmwareId) -> Result<bool> {
    let row: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "firmwares.pinned",
            "SELECT id FROM releases WHERE firmware_id = $1
             UNION ALL SELECT device_id FROM inflight WHERE firmware_id = $1
               AND NOT (release_id IS NULL AND status = 'completed') LIMIT 1"
        ),
        id
    )?;
    Ok(row.is_some())
}

/// Deletes a firmware that is not pinned, its deltas, and the records of finished updates to it.
pub async fn delete(w: &mut Write, scope: &Scope<Product>, id: FirmwareId) -> Result<()> {
    execute!(
        w,
        sql!(
            "firmwares.forget_updates",
            "DELETE FROM inflight WHERE firmware_id = $1 AND EXISTS
               (SELECT 1 FROM firmwares f WHERE f.id = $1 AND f.product_id = $2)"
        ),
        id,
        scope.product().id
    )?;
    execute!(
        w,
        sql!(
            "firmwares.delete",
            "DELETE FROM firmwares WHERE product_id = $1 AND id = $2"
        ),
        scope.product().id,
        id
    )?;
    Ok(())
}
