//! The parts of uploads: stretches of a file, each stored under a name of its own before its row is written.

use super::FOLDER;
use crate::clock::Micros;
use crate::limits::UPLOAD_PARTS;
use crate::store::ids::{FileKey, UploadId};
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// A part that is stored and has no row yet.
#[derive(Debug, Clone)]
pub struct NewPart {
    /// Where in the file it begins.
    pub begins_at: i64,
    /// Bytes of it.
    pub length: i64,
    /// Its name in the file store.
    pub file: FileKey,
}

/// A part of an upload.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct PartRow {
    /// Where in the file it begins.
    pub begins_at: i64,
    /// Bytes of it.
    pub length: i64,
    /// Its name in the file store.
    pub file: FileKey,
}

/// A name for a part that is about to be stored.
pub fn new_part_key() -> FileKey {
    FileKey(format!("{FOLDER}/{}.part", uuid::Uuid::now_v7()))
}

/// Appends a part that the request `holder` has stored. With `last` it stores none after it. The number of parts that the upload has
/// then; `None` when the request is not the one that stores parts, or the upload does not stand where the part begins, and nothing was
/// changed.
pub async fn append(
    w: &mut Write,
    id: &UploadId,
    holder: i64,
    part: &NewPart,
    last: bool,
    now: Micros,
) -> Result<Option<i64>> {
    let row: Option<(i64,)> = fetch_optional!(
        w,
        sql!(
            "uploads.append",
            "UPDATE uploads SET received = received + $4, parts = parts + 1, touched_at = $5,
                                holder = CASE WHEN $6 THEN NULL ELSE holder END
             WHERE id = $1 AND holder = $2 AND received = $3 RETURNING parts"
        ),
        id,
        holder,
        part.begins_at,
        part.length,
        now,
        last
    )?;
    let Some((parts,)) = row else {
        return Ok(None);
    };
    execute!(
        w,
        sql!(
            "uploads.add_part",
            "INSERT INTO upload_parts (upload_id, begins_at, length, file) VALUES ($1, $2, $3, $4)"
        ),
        id,
        part.begins_at,
        part.length,
        &part.file
    )?;
    Ok(Some(parts))
}

/// The parts of an upload, in the order of the file.
pub async fn of_upload(on: &mut impl On, id: &UploadId) -> Result<Vec<PartRow>> {
    fetch_all!(
        on,
        sql!(
            "uploads.parts",
            "SELECT begins_at, length, file FROM upload_parts WHERE upload_id = $1
             ORDER BY begins_at LIMIT $2"
        ),
        id,
        UPLOAD_PARTS
    )
}

/// Of these names in the file store those that no part has. Unlike a firmware, a part is worth nothing after some hours, so that they
/// are left over whatever else the database knows.
pub async fn unknown(on: &mut impl On, names: Vec<String>) -> Result<Vec<FileKey>> {
    let mut unknown = Vec::new();
    for name in names {
        let rows: Option<(i64,)> = fetch_optional!(
            on,
            sql!(
                "uploads.named",
                "SELECT COUNT(*) FROM upload_parts WHERE file = $1"
            ),
            name.as_str()
        )?;
        if rows.is_none_or(|r| r.0 == 0) {
            unknown.push(FileKey(name));
        }
    }
    Ok(unknown)
}
