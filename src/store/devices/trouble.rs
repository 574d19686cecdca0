//! What went wrong among the devices of a product in a span of time: failed attempts by what they have in common, and devices that
//! lose their connections again and again.

use crate::clock::Micros;
use crate::store::deployments::comparisons::failed_outcomes;
use crate::store::ids::ProductId;
use crate::store::{On, Result};
use sqlx::FromRow;

/// Failed attempts that have something in common.
#[derive(Debug, Clone, FromRow)]
pub struct FailureCount {
    /// What they have in common; empty where nothing was told.
    pub value: String,
    pub attempts: i64,
    pub devices: i64,
    /// When the first of them ended, and the last.
    pub first: Micros,
    pub last: Micros,
}

/// The failed attempts of a product that ended in a span of time (`$2` to `$3`), each with what it has in common with others by
/// `$4`.
macro_rules! failed {
    () => {
        concat!(
            "(SELECT a.device_id, a.ended_at,
                     CASE $4 WHEN 'reason' THEN COALESCE(a.reason, a.outcome) WHEN 'stage' THEN a.stage
                             WHEN 'group' THEN COALESCE(g.name, '') WHEN 'target' THEN a.target_version
                             ELSE COALESCE(a.source_version, '') END AS value
              FROM attempts a LEFT JOIN deployment_groups g ON g.id = a.group_id
              WHERE a.product_id = $1 AND a.ended_at >= $2 AND a.ended_at < $3 AND a.outcome IN ",
            failed_outcomes!(),
            ")"
        )
    };
}

/// What the failed attempts of a product in a span of time have in common by `reason`, `stage`, `group`, `target` (the version that
/// they were to bring) or `version` (the one that devices ran), most devices first.
pub async fn failures(
    on: &mut impl On,
    product: ProductId,
    (from, to): (Micros, Micros),
    by: &str,
    most: i64,
) -> Result<Vec<FailureCount>> {
    fetch_all!(
        on,
        sql!(
            "trouble.failures",
            concat!(
                "SELECT t.value, COUNT(*) AS attempts, COUNT(DISTINCT t.device_id) AS devices,
                        MIN(t.ended_at) AS first, MAX(t.ended_at) AS last
                 FROM ",
                failed!(),
                " t GROUP BY t.value ORDER BY devices DESC, t.value LIMIT $5"
            )
        ),
        product,
        from,
        to,
        by,
        most
    )
}

/// A value with the identifiers of the devices whose attempts with it failed last.
pub async fn failed_devices(
    on: &mut impl On,
    product: ProductId,
    (from, to): (Micros, Micros),
    by: &str,
    most: i64,
) -> Result<Vec<(String, String)>> {
    fetch_all!(
        on,
        sql!(
            "trouble.failed_devices",
            concat!(
                "SELECT n.value, d.identifier FROM
                   (SELECT l.value, l.device_id,
                           ROW_NUMBER() OVER (PARTITION BY l.value ORDER BY l.last DESC, l.device_id) AS place
                    FROM (SELECT t.value, t.device_id, MAX(t.ended_at) AS last FROM ",
                failed!(),
                " t GROUP BY t.value, t.device_id) l) n
                 JOIN devices d ON d.id = n.device_id WHERE n.place <= $5 ORDER BY n.value, n.place"
            )
        ),
        product,
        from,
        to,
        by,
        most
    )
}

/// A device that lost its connection often.
#[derive(Debug, Clone, FromRow)]
pub struct Flapping {
    pub identifier: String,
    /// Connections that ended.
    pub connections: i64,
    /// When the last of them ended.
    pub last: Micros,
}

/// The devices of a product whose connections ended at least so often since an instant, most often first.
pub async fn flapping(
    on: &mut impl On,
    product: ProductId,
    since: Micros,
    least: i64,
    most: i64,
) -> Result<Vec<Flapping>> {
    fetch_all!(
        on,
        sql!(
            "trouble.flapping",
            "SELECT d.identifier, COUNT(*) AS connections, MAX(h.disconnected_at) AS last
             FROM connection_history h JOIN devices d ON d.id = h.device_id
             WHERE h.disconnected_at >= $2 AND d.product_id = $1 AND d.deleted_at IS NULL
             GROUP BY d.id, d.identifier HAVING COUNT(*) >= $3
             ORDER BY connections DESC, d.identifier LIMIT $4"
        ),
        product,
        since,
        least,
        most
    )
}
