//! Stored files of every kind with their expected size and checksum, for downloads and for the scrub job.

use crate::clock::Micros;
use crate::store::catalog::deltas;
use crate::store::ids::{ArchiveId, Blob, FileKey, FirmwareId, ProductId};
use crate::store::words::DeltaState;
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// A stored file as it was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRow {
    /// The row's id in its own table, by which a walk through all files continues.
    pub id: i64,
    /// What it is.
    pub blob: Blob,
    /// Its name in the file store.
    pub file: FileKey,
    /// The product that it belongs to.
    pub product: ProductId,
    /// UUID of the firmware or archive; for a delta, that of its target.
    pub uuid: String,
    /// Version of the firmware or archive; for a delta, that of its target.
    pub version: String,
    /// `fwup` or `esp-idf`.
    pub tool: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 in upper-case hex.
    pub checksum: String,
    /// Whether it was found damaged. A damaged delta has no such mark, because it is made again.
    pub damaged: bool,
}

/// The kinds of stored files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// Firmwares.
    Firmware,
    /// Archives.
    Archive,
    /// Completed deltas.
    Delta,
}

impl FileKind {
    /// A name for a file that is about to be stored.
    pub fn new_key(self) -> FileKey {
        FileKey(format!("{}/{}.fw", self.folder(), uuid::Uuid::now_v7()))
    }

    /// Where the file store has files of this kind.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Firmware => "firmware",
            Self::Archive => "archives",
            Self::Delta => "deltas",
        }
    }
}

/// The columns that all kinds share.
#[derive(FromRow)]
struct Stored {
    id: i64,
    source_id: i64,
    target_id: i64,
    product_id: ProductId,
    uuid: String,
    version: String,
    tool: String,
    size: i64,
    checksum: String,
    file: FileKey,
    damaged_at: Option<Micros>,
}

impl Stored {
    fn file(self, kind: FileKind) -> FileRow {
        FileRow {
            id: self.id,
            blob: match kind {
                FileKind::Firmware => Blob::Firmware(FirmwareId(self.id)),
                FileKind::Archive => Blob::Archive(ArchiveId(self.id)),
                FileKind::Delta => {
                    Blob::Delta(FirmwareId(self.source_id), FirmwareId(self.target_id))
                }
            },
            file: self.file,
            product: self.product_id,
            uuid: self.uuid,
            version: self.version,
            tool: self.tool,
            size: u64::try_from(self.size).unwrap_or(0),
            checksum: self.checksum,
            damaged: self.damaged_at.is_some(),
        }
    }
}

macro_rules! firmware_files {
    () => {
        "SELECT id, id AS source_id, id AS target_id, product_id, uuid, version, tool, size, checksum, file,
                damaged_at
         FROM firmwares "
    };
}

macro_rules! archive_files {
    () => {
        "SELECT id, id AS source_id, id AS target_id, product_id, uuid, version, 'fwup' AS tool, size, checksum,
                file, damaged_at
         FROM archives "
    };
}

macro_rules! delta_files {
    () => {
        "SELECT d.id, d.source_id, d.target_id, f.product_id, f.uuid, f.version, f.tool, d.size, d.checksum,
                d.file, CAST(NULL AS BIGINT) AS damaged_at
         FROM deltas d JOIN firmwares f ON f.id = d.target_id WHERE d.file IS NOT NULL "
    };
}

/// The expected size and checksum of a file; `None` when it was deleted, or when the delta is not made. A delta that was withdrawn has
/// its file still: devices that were sent its link before go on.
pub async fn of(on: &mut impl On, blob: Blob) -> Result<Option<FileRow>> {
    let (kind, found): (_, Option<Stored>) = match blob {
        Blob::Firmware(id) => (
            FileKind::Firmware,
            fetch_optional!(
                on,
                sql!(
                    "files.firmware",
                    concat!(firmware_files!(), "WHERE id = $1")
                ),
                id
            )?,
        ),
        Blob::Archive(id) => (
            FileKind::Archive,
            fetch_optional!(
                on,
                sql!("files.archive", concat!(archive_files!(), "WHERE id = $1")),
                id
            )?,
        ),
        Blob::Delta(source, target) => (
            FileKind::Delta,
            fetch_optional!(
                on,
                sql!(
                    "files.delta",
                    concat!(
                        delta_files!(),
                        "AND d.status <> 'processing' AND d.source_id = $1 AND d.target_id = $2"
                    )
                ),
                source,
                target
            )?,
        ),
    };
    Ok(found.map(|f| f.file(kind)))
}

/// Whether this is a delta that was sent before and is being made again, so that it will be available later.
pub async fn remade(on: &mut impl On, blob: Blob) -> Result<bool> {
    let Blob::Delta(source, target) = blob else {
        return Ok(false);
    };
    let delta = deltas::of_pair(on, source, target).await?;
    Ok(delta.is_some_and(|d| d.status == DeltaState::Processing))
}

/// The next file of this kind after an id, for a walk through all of them.
pub async fn next(on: &mut impl On, kind: FileKind, after: i64) -> Result<Option<FileRow>> {
    let found: Option<Stored> = match kind {
        FileKind::Firmware => fetch_optional!(
            on,
            sql!(
                "files.next_firmware",
                concat!(firmware_files!(), "WHERE id > $1 ORDER BY id LIMIT 1")
            ),
            after
        )?,
        FileKind::Archive => fetch_optional!(
            on,
            sql!(
                "files.next_archive",
                concat!(archive_files!(), "WHERE id > $1 ORDER BY id LIMIT 1")
            ),
            after
        )?,
        FileKind::Delta => fetch_optional!(
            on,
            sql!(
                "files.next_delta",
                concat!(
                    delta_files!(),
                    "AND d.status = 'completed' AND d.id > $1 ORDER BY d.id LIMIT 1"
                )
            ),
            after
        )?,
    };
    Ok(found.map(|f| f.file(kind)))
}

/// Files that were found damaged and may have been repaired since, at most a hundred of each kind.
pub async fn damaged(on: &mut impl On) -> Result<Vec<FileRow>> {
    let firmwares: Vec<Stored> = fetch_all!(
        on,
        sql!(
            "files.damaged_firmwares",
            concat!(
                firmware_files!(),
                "WHERE damaged_at IS NOT NULL ORDER BY id LIMIT 100"
            )
        )
    )?;
    let archives: Vec<Stored> = fetch_all!(
        on,
        sql!(
            "files.damaged_archives",
            concat!(
                archive_files!(),
                "WHERE damaged_at IS NOT NULL ORDER BY id LIMIT 100"
            )
        )
    )?;
    let firmwares = firmwares.into_iter().map(|f| f.file(FileKind::Firmware));
    let archives = archives.into_iter().map(|a| a.file(FileKind::Archive));
    Ok(firmwares.chain(archives).collect())
}

/// Marks a file as damaged, or with `None` as sound again. Returns false when that was known. A damaged delta
/// is queued to be made again.
pub async fn mark(w: &mut Write, blob: Blob, damaged: Option<Micros>) -> Result<bool> {
    let changed = match (blob, damaged) {
        (Blob::Firmware(id), _) => execute!(
            w,
            sql!(
                "files.mark_firmware",
                "UPDATE firmwares SET damaged_at = $2
                 WHERE id = $1 AND (damaged_at IS NULL) <> (CAST($2 AS BIGINT) IS NULL)"
            ),
            id,
            damaged
        )?,
        (Blob::Archive(id), _) => execute!(
            w,
            sql!(
                "files.mark_archive",
                "UPDATE archives SET damaged_at = $2
                 WHERE id = $1 AND (damaged_at IS NULL) <> (CAST($2 AS BIGINT) IS NULL)"
            ),
            id,
            damaged
        )?,
        (Blob::Delta(source, target), Some(now)) => execute!(
            w,
            sql!(
                "files.remake_delta",
                "UPDATE deltas SET status = 'processing', taken_at = NULL, taken_by = NULL, tries = 0,
                   size = NULL, checksum = NULL, partials = NULL, file = NULL, inserted_at = $3, updated_at = $3
                 WHERE source_id = $1 AND target_id = $2 AND status = 'completed'"
            ),
            source,
            target,
            now
        )?,
        (Blob::Delta(..), None) => 0,
    };
    Ok(changed > 0)
}

/// Of these names in the file store those that no row has. None at all when the database knows no file: then it is rather
/// the wrong database than that all files are left over.
pub async fn unknown(on: &mut impl On, names: Vec<String>) -> Result<Vec<FileKey>> {
    let mut known = 0;
    for kind in [FileKind::Firmware, FileKind::Archive] {
        known = known.max(last(on, kind).await?);
    }
    let mut unknown = Vec::new();
    for name in names {
        let rows: Option<(i64,)> = fetch_optional!(
            on,
            sql!(
                "files.named",
                "SELECT (SELECT COUNT(*) FROM firmwares WHERE file = $1)
                      + (SELECT COUNT(*) FROM archives WHERE file = $1)
                      + (SELECT COUNT(*) FROM deltas WHERE file = $1)"
            ),
            name.as_str()
        )?;
        if known > 0 && rows.is_none_or(|r| r.0 == 0) {
            unknown.push(FileKey(name));
        }
    }
    Ok(unknown)
}

/// The highest id of this kind; 0 when there is none.
pub async fn last(on: &mut impl On, kind: FileKind) -> Result<i64> {
    let last: Option<(i64,)> = match kind {
        FileKind::Firmware => fetch_optional!(
            on,
            sql!(
                "files.last_firmware",
                "SELECT id FROM firmwares ORDER BY id DESC LIMIT 1"
            )
        )?,
        FileKind::Archive => fetch_optional!(
            on,
            sql!(
                "files.last_archive",
                "SELECT id FROM archives ORDER BY id DESC LIMIT 1"
            )
        )?,
        FileKind::Delta => fetch_optional!(
            on,
            sql!(
                "files.last_delta",
                "SELECT id FROM deltas ORDER BY id DESC LIMIT 1"
            )
        )?,
    };
    Ok(last.map_or(0, |l| l.0))
}
