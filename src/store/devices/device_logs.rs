//! Log lines of devices.

use crate::clock::Micros;
use crate::store::ids::DeviceId;
use crate::store::{On, Result, Write};
use sqlx::FromRow;

#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct LogLine {
    /// When, by the device's clock.
    pub at: Micros,
    /// `info`, `error`, …
    pub level: String,
    /// The text.
    pub message: String,
    /// JSON object of texts.
    pub meta: String,
}

/// A line with its number.
#[derive(Debug, Clone, FromRow)]
pub struct LogRow {
    pub id: i64,
    #[sqlx(flatten)]
    pub line: LogLine,
}

/// The newest lines of a device, of this level if one is given, behind the line of this instant and number.
pub async fn behind(
    on: &mut impl On,
    device: DeviceId,
    (at, id): (Micros, i64),
    level: Option<&str>,
    most: i64,
) -> Result<Vec<LogRow>> {
    fetch_all!(
        on,
        sql!(
            "device_logs.behind",
            "SELECT id, at, level, message, meta FROM device_logs
             WHERE device_id = $1 AND at <= $2 AND (at < $2 OR id < $3)
               AND (CAST($4 AS TEXT) IS NULL OR level = $4)
             ORDER BY at DESC, id DESC LIMIT $5"
        ),
        device,
        at,
        id,
        level,
        most
    )
}

/// Deletes some lines that came before an instant; how many.
pub async fn sweep(w: &mut Write, before: Micros, most: i64) -> Result<u64> {
    execute!(
        w,
        sql!(
            "device_logs.sweep",
            "DELETE FROM device_logs WHERE id IN (
               SELECT id FROM device_logs WHERE received_at < $1 ORDER BY received_at LIMIT $2)"
        ),
        before,
        most
    )
}
