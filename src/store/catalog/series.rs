//! How the fleets of products were over time: a row a minute for some days, a row an hour for longer.

use crate::clock::Micros;
use crate::store::ids::ProductId;
use crate::store::{On, Result, Write};
use sqlx::FromRow;
use std::collections::HashMap;

/// What is counted of a product's devices at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    pub product: ProductId,
    pub devices: i64,
    pub connected: i64,
    /// Devices whose newest health report says so.
    pub healthy: i64,
    pub warning: i64,
    pub unhealthy: i64,
    /// Devices with an update in flight.
    pub updating: i64,
}

/// Counts the devices of all products that have some. Reads an index of all devices, twice.
pub async fn count(on: &mut impl On) -> Result<Vec<Counted>> {
    let totals: Vec<(ProductId, i64, i64)> = fetch_all!(
        on,
        sql!(
            "series.connected",
            "SELECT product_id, COUNT(*), CAST(SUM(CASE WHEN online THEN 1 ELSE 0 END) AS BIGINT)
             FROM devices WHERE deleted_at IS NULL GROUP BY product_id"
        ),
    )?;
    let health: Vec<(ProductId, String, i64)> = fetch_all!(
        on,
        sql!(
            "series.health",
            "SELECT product_id, health, COUNT(*) FROM devices
             WHERE deleted_at IS NULL AND health <> 'unknown' GROUP BY product_id, health"
        ),
    )?;
    let updating: Vec<(ProductId, i64)> = fetch_all!(
        on,
        sql!(
            "series.updating",
            "SELECT d.product_id, COUNT(*) FROM inflight i JOIN devices d ON d.id = i.device_id GROUP BY d.product_id"
        ),
    )?;
    let updating: HashMap<ProductId, i64> = updating.into_iter().collect();
    let health: HashMap<(ProductId, String), i64> = health
        .into_iter()
        .map(|(p, word, n)| ((p, word), n))
        .collect();
    let of = |product, word: &str| {
        health
            .get(&(product, word.to_owned()))
            .copied()
            .unwrap_or(0)
    };
    let counted = totals
        .into_iter()
        .map(|(product, devices, connected)| Counted {
            product,
            devices,
            connected,
            healthy: of(product, "healthy"),
            warning: of(product, "warning"),
            unhealthy: of(product, "unhealthy"),
            updating: updating.get(&product).copied().unwrap_or(0),
        });
    Ok(counted.collect())
}

/// Writes what was counted into the minute that begins at `at`.
pub async fn keep_counts(w: &mut Write, counted: &[Counted], at: Micros) -> Result<()> {
    execute_rows!(
        w,
        "series.keep_counts",
        counted,
        |c| [
            product BIGINT = c.product,
            at BIGINT = at,
            devices BIGINT = c.devices,
            connected BIGINT = c.connected,
            healthy BIGINT = c.healthy,
            warning BIGINT = c.warning,
            unhealthy BIGINT = c.unhealthy,
            updating BIGINT = c.updating,
        ],
        "INSERT INTO series (product_id, span, at, devices, connected, healthy, warning, unhealthy, updating)
         SELECT p.id, 'minute', x.at, x.devices, x.connected, x.healthy, x.warning, x.unhealthy, x.updating FROM ",
        " JOIN products p ON p.id = x.product
         WHERE TRUE ON CONFLICT (product_id, span, at) DO UPDATE SET devices = excluded.devices,
           connected = excluded.connected, healthy = excluded.healthy, warning = excluded.warning,
           unhealthy = excluded.unhealthy, updating = excluded.updating",
    )?;
    Ok(())
}

/// Writes how many attempts ended in each minute of a span, and the bytes of their files. Both ends are the beginnings of minutes.
/// May be repeated.
pub async fn keep_ended(w: &mut Write, from: Micros, to: Micros) -> Result<()> {
    execute!(
        w,
        sql!(
            "series.keep_ended",
            "INSERT INTO series (product_id, span, at, installed, failed, reverted, lapsed, full_bytes, delta_bytes)
             SELECT product_id, 'minute', (ended_at / 60000000) * 60000000,
                    SUM(CASE WHEN outcome = 'installed' THEN 1 ELSE 0 END),
                    SUM(CASE WHEN outcome IN ('failed', 'ignored', 'returned', 'other_firmware') THEN 1 ELSE 0 END),
                    SUM(CASE WHEN outcome = 'reverted' THEN 1 ELSE 0 END),
                    SUM(CASE WHEN outcome = 'lapsed' THEN 1 ELSE 0 END),
                    CAST(SUM(CASE WHEN kind = 'full' THEN bytes ELSE 0 END) AS BIGINT),
                    CAST(SUM(CASE WHEN kind = 'delta' THEN bytes ELSE 0 END) AS BIGINT)
             FROM attempts WHERE ended_at >= $1 AND ended_at < $2 AND outcome NOT IN ('rescheduled', 'withdrawn')
             GROUP BY product_id, (ended_at / 60000000) * 60000000
             ON CONFLICT (product_id, span, at) DO UPDATE SET installed = excluded.installed,
               failed = excluded.failed, reverted = excluded.reverted, lapsed = excluded.lapsed,
               full_bytes = excluded.full_bytes, delta_bytes = excluded.delta_bytes"
        ),
        from,
        to
    )?;
    Ok(())
}

/// When the newest hour begins that is summed up, of any product.
pub async fn newest_hour(on: &mut impl On) -> Result<Option<Micros>> {
    let row: Option<(Option<Micros>,)> = fetch_optional!(
        on,
        sql!(
            "series.newest_hour",
            "SELECT MAX(at) FROM series WHERE span = 'hour'"
        ),
    )?;
    Ok(row.and_then(|r| r.0))
}

/// Sums the minutes of a span up into hours: averages of what was counted, sums of what ended. Both ends are the beginnings of hours.
/// May be repeated.
pub async fn roll_up(w: &mut Write, from: Micros, to: Micros) -> Result<()> {
    execute!(
        w,
        sql!(
            "series.roll_up",
            "INSERT INTO series (product_id, span, at, devices, connected, healthy, warning, unhealthy, updating,
                                 installed, failed, reverted, lapsed, full_bytes, delta_bytes)
             SELECT product_id, 'hour', (at / 3600000000) * 3600000000, CAST(ROUND(AVG(devices)) AS BIGINT),
                    CAST(ROUND(AVG(connected)) AS BIGINT), CAST(ROUND(AVG(healthy)) AS BIGINT),
                    CAST(ROUND(AVG(warning)) AS BIGINT), CAST(ROUND(AVG(unhealthy)) AS BIGINT),
                    CAST(ROUND(AVG(updating)) AS BIGINT), CAST(SUM(installed) AS BIGINT),
                    CAST(SUM(failed) AS BIGINT), CAST(SUM(reverted) AS BIGINT), CAST(SUM(lapsed) AS BIGINT),
                    CAST(SUM(full_bytes) AS BIGINT), CAST(SUM(delta_bytes) AS BIGINT)
             FROM series WHERE span = 'minute' AND at >= $1 AND at < $2
             GROUP BY product_id, (at / 3600000000) * 3600000000
             ON CONFLICT (product_id, span, at) DO UPDATE SET devices = excluded.devices,
               connected = excluded.connected, healthy = excluded.healthy, warning = excluded.warning,
               unhealthy = excluded.unhealthy, updating = excluded.updating, installed = excluded.installed,
               failed = excluded.failed, reverted = excluded.reverted, lapsed = excluded.lapsed,
               full_bytes = excluded.full_bytes, delta_bytes = excluded.delta_bytes"
        ),
        from,
        to
    )?;
    Ok(())
}

/// A minute or an hour of a product.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct SeriesRow {
    /// When it begins.
    pub at: Micros,
    /// Null where nobody counted.
    pub devices: Option<i64>,
    pub connected: Option<i64>,
    pub healthy: Option<i64>,
    pub warning: Option<i64>,
    pub unhealthy: Option<i64>,
    pub updating: Option<i64>,
    /// Attempts that ended in it.
    pub installed: i64,
    pub failed: i64,
    pub reverted: i64,
    pub lapsed: i64,
    /// Bytes of their files.
    pub full_bytes: i64,
    pub delta_bytes: i64,
}

/// The rows of a product that begin in a span of time, oldest first: its hours, or its minutes.
pub async fn rows(
    on: &mut impl On,
    product: ProductId,
    hours: bool,
    (from, to): (Micros, Micros),
) -> Result<Vec<SeriesRow>> {
    fetch_all!(
        on,
        sql!(
            "series.rows",
            "SELECT at, devices, connected, healthy, warning, unhealthy, updating, installed, failed, reverted,
                    lapsed, full_bytes, delta_bytes
             FROM series WHERE product_id = $1 AND span = $2 AND at >= $3 AND at < $4 ORDER BY at"
        ),
        product,
        if hours { "hour" } else { "minute" },
        from,
        to
    )
}

/// Deletes some minutes and hours from before these instants; how many.
pub async fn sweep(w: &mut Write, minutes: Micros, hours: Micros, most: i64) -> Result<u64> {
    execute!(
        w,
        sql!(
            "series.sweep",
            "DELETE FROM series WHERE (product_id, span, at) IN (
               SELECT product_id, span, at FROM series
               WHERE (span = 'minute' AND at < $1) OR (span = 'hour' AND at < $2) ORDER BY span, at LIMIT $3)"
        ),
        minutes,
        hours,
        most
    )
}
