//! Deltas in the database. A row is also the job that makes the delta: `processing` rows that no node has
//! taken, or whose node went silent, are work.

use crate::clock::Micros;
use crate::store::ids::{FileKey, FirmwareId, GroupId, NodeId};
use crate::store::words::DeltaState;
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// A delta between two firmwares.
#[derive(Debug, Clone, FromRow)]
pub struct DeltaRow {
    /// The delta's id in the database.
    pub id: i64,
    /// The firmware that devices run before the update.
    pub source_id: FirmwareId,
    /// The firmware that the delta leads to.
    pub target_id: FirmwareId,
    /// How far it is.
    pub status: DeltaState,
    /// How often it was tried.
    pub tries: i64,
    /// Size in bytes, once completed.
    pub size: Option<i64>,
    /// SHA-256 of the file in upper-case hex.
    pub checksum: Option<String>,
    /// SHA-256 of each MiB, joined by commas.
    pub partials: Option<String>,
    /// When it was requested.
    pub inserted_at: Micros,
}

macro_rules! delta_columns {
    () => {
        "id, source_id, target_id, status, tries, size, checksum, partials, inserted_at"
    };
}

/// Requests a delta; true when the row is new. A pair that failed is not requested again.
pub async fn ask(
    w: &mut Write,
    source: FirmwareId,
    target: FirmwareId,
    now: Micros,
) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "deltas.ask",
            "INSERT INTO deltas (source_id, target_id, status, tries, inserted_at, updated_at)
             VALUES ($1, $2, 'processing', 0, $3, $3) ON CONFLICT (source_id, target_id) DO NOTHING"
        ),
        source,
        target,
        now
    )?;
    Ok(n == 1)
}

/// The delta between two firmwares.
pub async fn of_pair(
    on: &mut impl On,
    source: FirmwareId,
    target: FirmwareId,
) -> Result<Option<DeltaRow>> {
    fetch_optional!(
        on,
        sql!(
            "deltas.of_pair",
            concat!(
                "SELECT ",
                delta_columns!(),
                " FROM deltas WHERE source_id = $1 AND target_id = $2"
            )
        ),
        source,
        target
    )
}

/// Finds a delta by id.
pub async fn row(on: &mut impl On, id: i64) -> Result<Option<DeltaRow>> {
    fetch_optional!(
        on,
        sql!(
            "deltas.row",
            concat!("SELECT ", delta_columns!(), " FROM deltas WHERE id = $1")
        ),
        id
    )
}

/// Takes the next job: one that was never taken, or that was taken before `stale`. Two nodes never get the same
/// one.
pub async fn take(
    w: &mut Write,
    node: NodeId,
    stale: Micros,
    now: Micros,
) -> Result<Option<DeltaRow>> {
    fetch_optional!(
        w,
        sql!(
            "deltas.take",
            "UPDATE deltas SET taken_by = $1, taken_at = $3, tries = tries + 1, updated_at = $3
             WHERE status = 'processing' AND (taken_at IS NULL OR taken_at < $2) AND id =
               (SELECT id FROM deltas WHERE status = 'processing'
                  AND (taken_at IS NULL OR taken_at < $2)
                ORDER BY taken_at NULLS FIRST, id LIMIT 1)
             RETURNING id, source_id, target_id, status, tries, size, checksum, partials, inserted_at"
        ),
        node,
        stale,
        now
    )
}

/// Releases the jobs that a stopped or crashed node had taken.
pub async fn give_back(w: &mut Write, node: NodeId) -> Result<()> {
    execute!(
        w,
        sql!(
            "deltas.give_back",
            "UPDATE deltas SET taken_at = NULL, taken_by = NULL
             WHERE status = 'processing' AND taken_by = $1"
        ),
        node
    )?;
    Ok(())
}

/// Marks a delta as stored and available for offers. False when the node that made it has it no more: it was taken for dead, and
/// another one makes it, or has made it.
pub async fn completed(
    w: &mut Write,
    id: i64,
    node: NodeId,
    size: i64,
    checksum: &str,
    partials: &str,
    file: &FileKey,
    now: Micros,
) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "deltas.completed",
            "UPDATE deltas SET status = 'completed', size = $2, checksum = $3, partials = $4,
               file = $5, reason = NULL, updated_at = $6
             WHERE id = $1 AND status = 'processing' AND taken_by = $7"
        ),
        id,
        size,
        checksum,
        partials,
        file,
        now,
        node
    )?;
    Ok(n == 1)
}

/// Marks a delta as impossible that a node was making, unless it has it no more. The reason is shown to operators.
pub async fn not_made(
    w: &mut Write,
    id: i64,
    node: NodeId,
    status: DeltaState,
    reason: &str,
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "deltas.not_made",
            "UPDATE deltas SET status = $3, reason = $4, updated_at = $5
             WHERE id = $1 AND status = 'processing' AND taken_by = $2"
        ),
        id,
        node,
        status,
        reason,
        now
    )?;
    Ok(())
}

/// Withdraws a delta. The reason is shown to operators.
pub async fn withdraw(w: &mut Write, id: i64, reason: &str, now: Micros) -> Result<()> {
    execute!(
        w,
        sql!(
            "deltas.withdraw",
            "UPDATE deltas SET status = 'failed', reason = $2, updated_at = $3 WHERE id = $1"
        ),
        id,
        reason,
        now
    )?;
    Ok(())
}

/// Schedules another try after a failed one. The job counts as taken at `taken`, so that [`take`] finds it
/// stale when its pause is over. The count of tries that ended without a result starts again.
pub async fn retry(
    w: &mut Write,
    id: i64,
    node: NodeId,
    reason: &str,
    taken: Micros,
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "deltas.retry",
            "UPDATE deltas SET taken_at = $2, taken_by = NULL, tries = 0, reason = $3, updated_at = $4
             WHERE id = $1 AND status = 'processing' AND taken_by = $5"
        ),
        id,
        taken,
        reason,
        now,
        node
    )?;
    Ok(())
}

/// Requests deltas to a firmware again that could not be made, timed out or were withdrawn: the one from this uuid, or all. How many.
pub async fn again(
    w: &mut Write,
    target: FirmwareId,
    from: Option<&str>,
    now: Micros,
) -> Result<u64> {
    execute!(
        w,
        sql!(
            "deltas.again",
            "UPDATE deltas SET status = 'processing', tries = 0, taken_at = NULL, taken_by = NULL, reason = NULL,
               inserted_at = $3, updated_at = $3
             WHERE target_id = $1 AND status IN ('failed', 'timed_out')
               AND (CAST($2 AS TEXT) IS NULL OR source_id IN (SELECT id FROM firmwares WHERE uuid = $2))"
        ),
        target,
        from,
        now
    )
}

/// The stored files of a firmware's deltas, which are removed once the firmware is deleted.
pub async fn of_firmware(on: &mut impl On, id: FirmwareId) -> Result<Vec<(FileKey,)>> {
    fetch_all!(
        on,
        sql!(
            "deltas.of_firmware",
            "SELECT file FROM deltas WHERE (source_id = $1 OR target_id = $1) AND file IS NOT NULL
             ORDER BY id LIMIT 10000"
        ),
        id
    )
}

/// Groups whose current release has this target, which may offer the delta now.
pub async fn groups_of_target(on: &mut impl On, target: FirmwareId) -> Result<Vec<(GroupId,)>> {
    fetch_all!(
        on,
        sql!(
            "deltas.groups_of_target",
            "SELECT r.group_id FROM releases r WHERE r.firmware_id = $1 AND r.number =
               (SELECT MAX(x.number) FROM releases x WHERE x.group_id = r.group_id)
             ORDER BY r.group_id LIMIT 10000"
        ),
        target
    )
}
