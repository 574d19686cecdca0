//! Archives in the database: signed fwup files for the application on the device, which no device boots.

use crate::clock::Micros;
use crate::store::accounts::scope::{Product, Scope};
use crate::store::ids::{ArchiveId, DeviceId, FileKey, GroupId, KeyId, ProductId};
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// A stored archive.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct ArchiveRow {
    /// The archive's id in the database, which also names its blob.
    pub id: ArchiveId,
    /// Unique in the product.
    pub uuid: String,
    /// Semantic version.
    pub version: String,
    /// Platform that its metadata names.
    pub platform: String,
    /// Architecture that its metadata names.
    pub architecture: String,
    /// Description from its metadata.
    pub description: Option<String>,
    /// Size of the file in bytes.
    pub size: i64,
    /// SHA-256 of the file in upper-case hex.
    pub checksum: String,
    /// When it was uploaded.
    pub inserted_at: Micros,
    /// When its file was found missing or damaged. Such an archive is sent to no device.
    pub damaged_at: Option<Micros>,
}

/// An archive to store.
#[derive(Debug, Clone)]
pub struct NewArchive {
    /// The key that its signature was verified with.
    pub key: KeyId,
    /// UUID from its metadata.
    pub uuid: String,
    /// Semantic version.
    pub version: String,
    /// Platform that its metadata names.
    pub platform: String,
    /// Architecture that its metadata names.
    pub architecture: String,
    /// Description from its metadata.
    pub description: Option<String>,
    /// Size of the file in bytes.
    pub size: i64,
    /// SHA-256 of the file in upper-case hex.
    pub checksum: String,
}

macro_rules! archive_columns {
    () => {
        "SELECT a.id, a.uuid, a.version, a.platform, a.architecture, a.description, a.size,
                a.checksum, a.inserted_at, a.damaged_at FROM archives a "
    };
}

/// Adds an archive; `None` when the UUID is taken in the product.
pub async fn add(
    w: &mut Write,
    scope: &Scope<Product>,
    a: &NewArchive,
    file: &FileKey,
    now: Micros,
) -> Result<Option<ArchiveId>> {
    let row: Option<(ArchiveId,)> = fetch_optional!(
        w,
        sql!(
            "archives.add",
            "INSERT INTO archives (product_id, key_id, uuid, version, platform, architecture,
                                   description, size, checksum, file, inserted_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             ON CONFLICT (product_id, uuid) DO NOTHING RETURNING id"
        ),
        scope.product().id,
        a.key,
        &a.uuid,
        &a.version,
        &a.platform,
        &a.architecture,
        a.description.as_deref(),
        a.size,
        &a.checksum,
        file,
        now
    )?;
    Ok(row.map(|r| r.0))
}

/// All archives of the product, newest upload first.
pub async fn list(on: &mut impl On, scope: &Scope<Product>) -> Result<Vec<ArchiveRow>> {
    fetch_all!(
        on,
        sql!(
            "archives.list",
            concat!(
                archive_columns!(),
                "WHERE a.product_id = $1 ORDER BY a.id DESC LIMIT 10000"
            )
        ),
        scope.product().id
    )
}

/// The numbers and versions of all archives of the product, newest upload first.
pub async fn versions(
    on: &mut impl On,
    scope: &Scope<Product>,
) -> Result<Vec<(ArchiveId, String)>> {
    fetch_all!(
        on,
        sql!(
            "archives.versions",
            "SELECT id, version FROM archives WHERE product_id = $1 ORDER BY id DESC LIMIT 10000"
        ),
        scope.product().id
    )
}

/// The archives with these numbers, which come from [`versions`], in any order.
pub async fn of_ids(on: &mut impl On, ids: &[ArchiveId]) -> Result<Vec<ArchiveRow>> {
    fetch_rows!(
        on,
        "archives.of_ids",
        ids,
        |id| [wanted BIGINT = *id],
        concat!(archive_columns!(), "WHERE a.id IN (SELECT x.wanted FROM "),
        ")",
    )
}

/// Finds an archive of a product by UUID.
pub async fn by_uuid(
    on: &mut impl On,
    product: ProductId,
    uuid: &str,
) -> Result<Option<ArchiveRow>> {
    fetch_optional!(
        on,
        sql!(
            "archives.by_uuid",
            concat!(
                archive_columns!(),
                "WHERE a.product_id = $1 AND a.uuid = $2"
            )
        ),
        product,
        uuid
    )
}

/// The archive of the current release of a device's deployment group, if the device may have it: automatic
/// updates are on and it is not in the penalty box.
pub async fn of_device(
    on: &mut impl On,
    device: DeviceId,
    now: Micros,
) -> Result<Option<ArchiveRow>> {
    fetch_optional!(
        on,
        sql!(
            "archives.of_device",
            concat!(
                archive_columns!(),
                "JOIN releases r ON r.archive_id = a.id
                 JOIN devices d ON d.group_id = r.group_id
                 WHERE d.id = $1 AND d.updates_enabled AND d.deleted_at IS NULL AND a.damaged_at IS NULL
                   AND (d.blocked_until IS NULL OR d.blocked_until <= $2)
                   AND r.number = (SELECT MAX(x.number) FROM releases x WHERE x.group_id = r.group_id)"
            )
        ),
        device,
        now
    )
}

/// UUID of the archive of a group's current release.
pub async fn of_group(on: &mut impl On, group: GroupId) -> Result<Option<String>> {
    let row: Option<(String,)> = fetch_optional!(
        on,
        sql!(
            "archives.of_group",
            "SELECT a.uuid FROM releases r JOIN archives a ON a.id = r.archive_id
             WHERE r.group_id = $1
               AND r.number = (SELECT MAX(x.number) FROM releases x WHERE x.group_id = r.group_id)"
        ),
        group
    )?;
    Ok(row.map(|r| r.0))
}

/// Whether any release includes it.
pub async fn pinned(on: &mut impl On, id: ArchiveId) -> Result<bool> {
    let row: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "archives.pinned",
            "SELECT number FROM releases WHERE archive_id = $1 ORDER BY number LIMIT 1"
        ),
        id
    )?;
    Ok(row.is_some())
}

/// Deletes the archive's row.
pub async fn delete(w: &mut Write, scope: &Scope<Product>, id: ArchiveId) -> Result<()> {
    execute!(
        w,
        sql!(
            "archives.delete",
            "DELETE FROM archives WHERE product_id = $1 AND id = $2"
        ),
        scope.product().id,
        id
    )?;
    Ok(())
}
