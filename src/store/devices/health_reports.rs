//! Health reports of devices, newest first.

use crate::clock::Micros;
use crate::store::fold::beyond_ascii;
use crate::store::ids::DeviceId;
use crate::store::words::HealthState;
use crate::store::{On, Result, Write};
use sqlx::FromRow;

#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct HealthReport {
    /// When it came.
    pub at: Micros,
    /// `unknown`, `healthy`, `warning`, `unhealthy`.
    pub status: HealthState,
    /// Which metrics passed which threshold, JSON.
    pub reasons: String,
    /// The report as the device sent it, JSON.
    pub report: String,
}

/// The alarms of a report, folded, where they have letters beyond ASCII.
pub(in crate::store) fn folded_alarms(report: &str) -> Option<String> {
    if report.is_ascii() {
        return None;
    }
    let report: serde_json::Value = serde_json::from_str(report).ok()?;
    beyond_ascii(&report.get("alarms")?.to_string())
}

/// Adds a report that a device sent to another server; false when there is one of that instant.
pub async fn add_past(w: &mut Write, device: DeviceId, report: &HealthReport) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "health_reports.add_past",
            "INSERT INTO health_reports (device_id, at, status, reasons, report, folded_alarms)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (device_id, at) DO NOTHING"
        ),
        device,
        report.at,
        report.status,
        &report.reasons,
        &report.report,
        folded_alarms(&report.report)
    )?;
    Ok(n == 1)
}

/// Notes the status of a device's newest report with the device, after reports of the past were added.
pub async fn note_newest(w: &mut Write, device: DeviceId) -> Result<()> {
    execute!(
        w,
        sql!(
            "health_reports.note_newest",
            "UPDATE devices SET health = COALESCE(
               (SELECT h.status FROM health_reports h WHERE h.device_id = devices.id ORDER BY h.at DESC LIMIT 1), 'unknown')
             WHERE id = $1"
        ),
        device
    )?;
    Ok(())
}

/// A device's newest reports since an instant.
pub async fn newest(
    on: &mut impl On,
    device: DeviceId,
    since: Micros,
    most: i64,
) -> Result<Vec<HealthReport>> {
    fetch_all!(
        on,
        sql!(
            "health_reports.newest",
            "SELECT at, status, reasons, report FROM health_reports
             WHERE device_id = $1 AND at >= $2 ORDER BY at DESC LIMIT $3"
        ),
        device,
        since,
        most
    )
}

/// Reports of a device behind an instant and before another one, oldest first.
pub async fn between(
    on: &mut impl On,
    device: DeviceId,
    after: Micros,
    before: Micros,
    most: i64,
) -> Result<Vec<HealthReport>> {
    fetch_all!(
        on,
        sql!(
            "health_reports.between",
            "SELECT at, status, reasons, report FROM health_reports
             WHERE device_id = $1 AND at > $2 AND at < $3 ORDER BY at LIMIT $4"
        ),
        device,
        after,
        before,
        most
    )
}

/// Deletes some reports from before an instant, but never a device's newest; how many.
pub async fn sweep(w: &mut Write, before: Micros, most: i64) -> Result<u64> {
    execute!(
        w,
        sql!(
            "health_reports.sweep",
            "DELETE FROM health_reports WHERE (device_id, at) IN (
               SELECT h.device_id, h.at FROM health_reports h WHERE h.at < $1
                 AND EXISTS (SELECT 1 FROM health_reports n
                             WHERE n.device_id = h.device_id AND n.at > h.at)
               ORDER BY h.at LIMIT $2)"
        ),
        before,
        most
    )
}
