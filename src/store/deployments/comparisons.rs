//! What became of the devices of a release, and of the others of its group: what a release is judged by.

use crate::clock::Micros;
use crate::store::ids::{GroupId, ReleaseId};
use crate::store::{On, Result};
use sqlx::FromRow;

/// Devices, and how many of them are in trouble: an attempt failed and none succeeded, they were connected after the release was
/// made and are not any more, or their newest health report says unhealthy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromRow)]
pub struct Trouble {
    pub total: i64,
    pub troubled: i64,
}

/// Outcomes of an attempt that count as failed.
macro_rules! failed_outcomes {
    () => {
        "('failed', 'ignored', 'returned', 'reverted', 'lapsed', 'other_firmware')"
    };
}

pub(in crate::store) use failed_outcomes;

/// Whether the device `d` with the connection `c` is lost or unhealthy, since `$2`.
macro_rules! lost_or_unhealthy {
    () => {
        "(NOT d.online AND NOT d.in_flight AND c.disconnected_at >= $2)
         OR d.health = 'unhealthy'"
    };
}

/// How many attempts of a release failed since an instant, at most `most`. Costs in proportion to them.
pub async fn failures(
    on: &mut impl On,
    release: ReleaseId,
    since: Micros,
    most: i64,
) -> Result<i64> {
    let row: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "comparisons.failures",
            concat!(
                "SELECT COUNT(*) FROM (SELECT 1 FROM attempts WHERE release_id = $1 AND outcome IN ",
                failed_outcomes!(),
                " AND ended_at >= $2 LIMIT $3) t"
            )
        ),
        release,
        since,
        most
    )?;
    Ok(row.map_or(0, |r| r.0))
}

/// Whether an attempt of a group has begun since an instant.
pub async fn any_since(on: &mut impl On, group: GroupId, since: Micros) -> Result<bool> {
    let row: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "comparisons.any_since",
            "SELECT claim_id FROM attempts WHERE group_id = $1 AND at >= $2 LIMIT 1"
        ),
        group,
        since
    )?;
    Ok(row.is_some())
}

/// The devices for which an attempt of a release has ended since an instant. Costs in proportion to them.
pub async fn updated(on: &mut impl On, release: ReleaseId, since: Micros) -> Result<Trouble> {
    let row = fetch_optional!(
        on,
        sql!(
            "comparisons.updated",
            concat!(
                "SELECT COUNT(*) AS total, CAST(COALESCE(SUM(CASE WHEN (t.failed = 1 AND t.installed = 0) OR ",
                lost_or_unhealthy!(),
                " THEN 1 ELSE 0 END), 0) AS BIGINT) AS troubled FROM (
                   SELECT device_id, MAX(CASE WHEN outcome = 'installed' THEN 1 ELSE 0 END) AS installed,
                          MAX(CASE WHEN outcome IN ",
                failed_outcomes!(),
                " THEN 1 ELSE 0 END) AS failed
                   FROM attempts WHERE release_id = $1 AND ended_at >= $2
                     AND outcome NOT IN ('withdrawn', 'rescheduled') GROUP BY device_id) t
                 JOIN devices d ON d.id = t.device_id LEFT JOIN connections c ON c.device_id = d.id"
            )
        ),
        release,
        since
    )?;
    Ok(row.unwrap_or_default())
}

/// The devices of a group that the release `$3` was not offered to, and that were connected after an instant. Costs in proportion
/// to the group.
pub async fn others(
    on: &mut impl On,
    group: GroupId,
    release: ReleaseId,
    since: Micros,
) -> Result<Trouble> {
    let row = fetch_optional!(
        on,
        sql!(
            "comparisons.others",
            concat!(
                "SELECT COUNT(*) AS total, CAST(COALESCE(SUM(CASE WHEN ",
                lost_or_unhealthy!(),
                " THEN 1 ELSE 0 END), 0) AS BIGINT) AS troubled
                 FROM devices d LEFT JOIN connections c ON c.device_id = d.id
                 WHERE d.group_id = $1 AND d.deleted_at IS NULL AND NOT d.in_flight
                   AND (d.online OR c.disconnected_at >= $2)
                   AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.release_id = $3 AND a.device_id = d.id)"
            )
        ),
        group,
        since,
        release
    )?;
    Ok(row.unwrap_or_default())
}

/// The firmwares from which the delta to the firmware of a release has failed, since an instant, on at least `least` devices that
/// are at least one in `share` of those that tried it: uuid, devices that failed, devices that tried.
pub async fn bad_deltas(
    on: &mut impl On,
    release: ReleaseId,
    since: Micros,
    least: i64,
    share: i64,
) -> Result<Vec<(String, i64, i64)>> {
    fetch_all!(
        on,
        sql!(
            "comparisons.bad_deltas",
            concat!(
                "SELECT source_uuid, failed, tried FROM (
                   SELECT source_uuid, COUNT(DISTINCT device_id) AS tried,
                          COUNT(DISTINCT CASE WHEN outcome IN ",
                failed_outcomes!(),
                " THEN device_id END) AS failed
                   FROM attempts WHERE release_id = $1 AND kind = 'delta' AND outcome IS NOT NULL
                     AND ended_at >= $2 GROUP BY source_uuid) t
                 WHERE failed >= $3 AND failed * $4 >= tried ORDER BY source_uuid LIMIT 100"
            )
        ),
        release,
        since,
        least,
        share
    )
}
