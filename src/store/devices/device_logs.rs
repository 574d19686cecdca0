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

/// A device's newest lines.
pub async fn newest(on: &mut impl On, device: DeviceId, most: i64) -> Result<Vec<LogLine>> {
    fetch_all!(
        on,
        sql!(
            "device_logs.newest",
            "SELECT at, level, message, meta FROM device_logs
             WHERE device_id = $1 ORDER BY at DESC, id DESC LIMIT $2"
        ),
        device,
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
