//! Uploads that can go on after a cut, and their parts in the file store.
//!
//! Two numbers keep the requests about an upload apart. `writer` counts all of them, and each new one raises it: a request that writes
//! looks at it now and then, and stops when a newer one has come. `holder` says which one stores parts now. Every part is appended
//! under the condition that its request still is the holder, so that one that was given up for dead changes nothing any more.

mod parts;

pub use parts::{NewPart, PartRow, append, new_part_key, of_upload, unknown};

use crate::clock::Micros;
use crate::store::accounts::scope::{Product, Scope};
use crate::store::ids::{FileKey, UploadId, UserId};
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// Where the file store has the parts of uploads.
pub const FOLDER: &str = "uploads";

/// An upload as a request found it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct UploadRow {
    pub id: UploadId,
    /// The number of the newest request about it: of the one that has claimed it.
    pub writer: i64,
    /// The request that stores parts of it.
    pub holder: Option<i64>,
    /// Bytes of the whole file.
    pub size: i64,
    /// Bytes in stored parts.
    pub received: i64,
    /// What the client says is the SHA-256 of the file, in upper-case hex.
    pub sha256: String,
}

/// How an upload stands.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct UploadState {
    /// The number of the newest request about it.
    pub writer: i64,
    /// The request that stores parts of it.
    pub holder: Option<i64>,
    /// Bytes in stored parts.
    pub received: i64,
}

/// Uploads that can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct UploadCounts {
    /// Those of everybody.
    pub total: i64,
    /// Those of the person.
    pub own: i64,
}

/// Lets nobody else begin an upload until the transaction ends, so that what is counted in it stays so.
pub async fn turn(w: &mut Write) -> Result<()> {
    execute!(
        w,
        sql!(
            "uploads.turn",
            "UPDATE upload_turns SET turns = turns + 1 WHERE id = 1"
        )
    )?;
    Ok(())
}

/// The person's upload of the same file, if there is one.
pub async fn same(
    on: &mut impl On,
    scope: &Scope<Product>,
    size: i64,
    sha256: &str,
    now: Micros,
) -> Result<Option<UploadId>> {
    let row: Option<(UploadId,)> = fetch_optional!(
        on,
        sql!(
            "uploads.same",
            "SELECT id FROM uploads
             WHERE product_id = $1 AND user_id = $2 AND size = $3 AND sha256 = $4
               AND (finish_until IS NULL OR finish_until < $5)
             ORDER BY received DESC, id LIMIT 1"
        ),
        scope.product().id,
        scope.person().id,
        size,
        sha256,
        now
    )?;
    Ok(row.map(|r| r.0))
}

/// How many uploads there are that nobody makes a firmware or an archive of at this moment.
pub async fn counts(on: &mut impl On, user: UserId, now: Micros) -> Result<UploadCounts> {
    let row: Option<UploadCounts> = fetch_optional!(
        on,
        sql!(
            "uploads.counts",
            "SELECT COUNT(*) AS total,
                    CAST(COALESCE(SUM(CASE WHEN user_id = $1 THEN 1 ELSE 0 END), 0) AS BIGINT) AS own
             FROM uploads WHERE finish_until IS NULL OR finish_until < $2"
        ),
        user,
        now
    )?;
    Ok(row.unwrap_or(UploadCounts { total: 0, own: 0 }))
}

/// The uploads about which no request came since `before`, the one that waits for the longest time first.
pub async fn idle(
    on: &mut impl On,
    before: Micros,
    now: Micros,
    limit: i64,
) -> Result<Vec<UploadId>> {
    let rows: Vec<(UploadId,)> = fetch_all!(
        on,
        sql!(
            "uploads.idle",
            "SELECT id FROM uploads
             WHERE touched_at < $1 AND (finish_until IS NULL OR finish_until < $2)
             ORDER BY touched_at, id LIMIT $3"
        ),
        before,
        now,
        limit
    )?;
    Ok(rows.into_iter().map(|r| r.0).collect())
}

/// Adds an upload of which nothing has come yet.
pub async fn add(
    w: &mut Write,
    scope: &Scope<Product>,
    size: i64,
    sha256: &str,
    now: Micros,
) -> Result<UploadId> {
    let id = UploadId(uuid::Uuid::new_v4().to_string());
    execute!(
        w,
        sql!(
            "uploads.add",
            "INSERT INTO uploads (id, product_id, user_id, size, sha256, touched_at)
             VALUES ($1, $2, $3, $4, $5, $6)"
        ),
        &id,
        scope.product().id,
        scope.person().id,
        size,
        sha256,
        now
    )?;
    Ok(id)
}

/// Finds an upload. `None` when the person has no such upload in the product, or when a firmware or an archive is being made of it.
pub async fn find(
    on: &mut impl On,
    scope: &Scope<Product>,
    id: &str,
    now: Micros,
) -> Result<Option<UploadRow>> {
    fetch_optional!(
        on,
        sql!(
            "uploads.find",
            "SELECT id, writer, holder, size, received, sha256 FROM uploads
             WHERE id = $1 AND product_id = $2 AND user_id = $3 AND (finish_until IS NULL OR finish_until < $4)"
        ),
        id,
        scope.product().id,
        scope.person().id,
        now
    )
}

/// Makes the caller the newest request about an upload. `None` when [`find`] would not find it.
pub async fn claim(
    w: &mut Write,
    scope: &Scope<Product>,
    id: &str,
    now: Micros,
) -> Result<Option<UploadRow>> {
    fetch_optional!(
        w,
        sql!(
            "uploads.claim",
            "UPDATE uploads SET writer = writer + 1, touched_at = $4
             WHERE id = $1 AND product_id = $2 AND user_id = $3 AND (finish_until IS NULL OR finish_until < $4)
             RETURNING id, writer, holder, size, received, sha256"
        ),
        id,
        scope.product().id,
        scope.person().id,
        now
    )
}

/// How an upload stands; `None` when it is over.
pub async fn state(on: &mut impl On, id: &UploadId) -> Result<Option<UploadState>> {
    fetch_optional!(
        on,
        sql!(
            "uploads.state",
            "SELECT writer, holder, received FROM uploads WHERE id = $1"
        ),
        id
    )
}

/// Makes a request the one that stores parts, and returns the bytes that are stored. `None` when a newer request has come, or another
/// one stores parts.
pub async fn hold(w: &mut Write, id: &UploadId, writer: i64) -> Result<Option<i64>> {
    let row: Option<(i64,)> = fetch_optional!(
        w,
        sql!(
            "uploads.hold",
            "UPDATE uploads SET holder = $2 WHERE id = $1 AND writer = $2 AND holder IS NULL
             RETURNING received"
        ),
        id,
        writer
    )?;
    Ok(row.map(|r| r.0))
}

/// Ends the right of a request to store parts.
pub async fn release(w: &mut Write, id: &UploadId, holder: i64) -> Result<()> {
    execute!(
        w,
        sql!(
            "uploads.release",
            "UPDATE uploads SET holder = NULL WHERE id = $1 AND holder = $2"
        ),
        id,
        holder
    )?;
    Ok(())
}

/// Takes a complete upload to make something of it, until a time after which others may take it. Of several who come at once one gets
/// true.
pub async fn take(w: &mut Write, id: &UploadId, until: Micros, now: Micros) -> Result<bool> {
    let taken = execute!(
        w,
        sql!(
            "uploads.take",
            "UPDATE uploads SET finish_until = $2
             WHERE id = $1 AND received = size AND holder IS NULL AND (finish_until IS NULL OR finish_until < $3)"
        ),
        id,
        until,
        now
    )?;
    Ok(taken > 0)
}

/// Gives an upload back that was taken until this time.
pub async fn give_back(w: &mut Write, id: &UploadId, until: Micros) -> Result<()> {
    execute!(
        w,
        sql!(
            "uploads.give_back",
            "UPDATE uploads SET finish_until = NULL WHERE id = $1 AND finish_until = $2"
        ),
        id,
        until
    )?;
    Ok(())
}

/// Ends an upload; the files of its parts, which are to be removed after the transaction.
pub async fn remove(w: &mut Write, id: &UploadId) -> Result<Vec<FileKey>> {
    // This row first: whoever appends a part has it locked meanwhile.
    execute!(
        w,
        sql!(
            "uploads.end",
            "UPDATE uploads SET writer = writer + 1, holder = NULL WHERE id = $1"
        ),
        id
    )?;
    let files: Vec<(FileKey,)> = fetch_all!(
        w,
        sql!(
            "uploads.remove_parts",
            "DELETE FROM upload_parts WHERE upload_id = $1 RETURNING file"
        ),
        id
    )?;
    execute!(
        w,
        sql!("uploads.remove", "DELETE FROM uploads WHERE id = $1"),
        id
    )?;
    Ok(files.into_iter().map(|f| f.0).collect())
}
