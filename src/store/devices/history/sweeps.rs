//! Ends of what is kept: old connections, firmwares and updates are removed in slices.

use super::*;

/// Deletes some connections that ended before an instant; how many.
pub async fn sweep_connections(w: &mut Write, before: Micros, most: i64) -> Result<u64> {
    execute!(
        w,
        sql!(
            "history.sweep_connections",
            "DELETE FROM connection_history WHERE id IN (SELECT id FROM connection_history
               WHERE disconnected_at < $1 ORDER BY disconnected_at LIMIT $2)"
        ),
        before,
        most
    )
}

/// Deletes some firmwares of before an instant, but never a device's newest; how many.
pub async fn sweep_firmwares(w: &mut Write, before: Micros, most: i64) -> Result<u64> {
    execute!(
        w,
        sql!(
            "history.sweep_firmwares",
            "DELETE FROM device_firmwares WHERE id IN (SELECT f.id FROM device_firmwares f
               WHERE f.at < $1 AND EXISTS (SELECT 1 FROM device_firmwares n
                 WHERE n.device_id = f.device_id AND n.id > f.id) ORDER BY f.at LIMIT $2)"
        ),
        before,
        most
    )
}

/// Deletes some updates of before an instant; how many.
pub async fn sweep_updates(w: &mut Write, before: Micros, most: i64) -> Result<u64> {
    execute!(
        w,
        sql!(
            "history.sweep_updates",
            "DELETE FROM update_stats WHERE id IN (SELECT id FROM update_stats
               WHERE at < $1 ORDER BY at LIMIT $2)"
        ),
        before,
        most
    )
}
