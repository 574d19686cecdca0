//! What a list of devices shows of each besides the device itself, where it is asked for.

use crate::clock::Micros;
use crate::store::ids::{DeviceId, UserId};
use crate::store::words::{FileSent, HealthState};
use crate::store::{On, Result};
use sqlx::FromRow;

/// How a device is at this moment.
#[derive(Debug, Clone, FromRow)]
pub struct DeviceDetails {
    pub id: DeviceId,
    /// Status of its newest health report.
    pub health: HealthState,
    /// The interface that it spoke over last; empty when never reported.
    pub interface: String,
    /// When its connection was let in, if it has one.
    pub connected_since: Option<Micros>,
    /// The stage of its update in flight, if there is one.
    pub stage: Option<String>,
    /// How far that stage is, in per cent.
    pub percent: Option<i64>,
    /// Which file the update sends.
    pub kind: Option<FileSent>,
    /// Whether the person has pinned it.
    pub pinned: bool,
}

/// The details of these devices as a person sees them, in any order.
pub async fn of(on: &mut impl On, ids: &[DeviceId], person: UserId) -> Result<Vec<DeviceDetails>> {
    fetch_rows!(
        on,
        "details.of",
        ids,
        |d| [device BIGINT = *d, person BIGINT = person],
        "SELECT d.id, d.health, d.interface,
                CASE WHEN c.status = 'connected' THEN c.established_at END AS connected_since,
                i.status AS stage, i.progress AS percent,
                CASE WHEN i.device_id IS NULL THEN NULL WHEN i.delta_id IS NULL THEN 'full' ELSE 'delta' END AS kind,
                EXISTS (SELECT 1 FROM pins n WHERE n.user_id = x.person AND n.device_id = d.id) AS pinned
         FROM ",
        " JOIN devices d ON d.id = x.device LEFT JOIN connections c ON c.device_id = d.id
         LEFT JOIN inflight i ON i.device_id = d.id",
    )
}

/// The newest health report of each of these devices, as it was sent; nothing of one that has none.
pub async fn reports(on: &mut impl On, ids: &[DeviceId]) -> Result<Vec<(DeviceId, String)>> {
    fetch_rows!(
        on,
        "details.reports",
        ids,
        |d| [device BIGINT = *d],
        "SELECT h.device_id, h.report FROM ",
        " JOIN health_reports h ON h.device_id = x.device
           AND h.at = (SELECT MAX(n.at) FROM health_reports n WHERE n.device_id = x.device)",
    )
}
