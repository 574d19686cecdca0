//! What devices that have joined are told, read after the join is committed.

use crate::clock::Micros;
use crate::store::catalog::archives::ArchiveRow;
use crate::store::ids::{DeviceId, OrgId};
use crate::store::{On, Result};
use sqlx::FromRow;

/// What a device that has joined is told.
#[derive(Debug, Clone, FromRow)]
pub struct JoinedRow {
    /// The device.
    pub id: DeviceId,
    /// Its organization.
    pub org_id: OrgId,
    /// The extensions of its product, as bits.
    pub extensions: i64,
    /// Those that it does not use.
    pub extensions_off: i64,
    /// Code of its group.
    pub group_code: Option<String>,
    /// Code of its own.
    pub own_code: Option<String>,
    /// Whether a claim waits that it was not told of.
    pub waits: bool,
}

/// What these devices are told.
pub async fn joined(on: &mut impl On, devices: &[DeviceId]) -> Result<Vec<JoinedRow>> {
    fetch_rows!(
        on,
        "ingest.joined",
        devices,
        |d| [device BIGINT = *d],
        "SELECT d.id, d.org_id, p.extensions, d.extensions_off, g.connecting_code AS group_code,
                d.connecting_code AS own_code,
                (i.firmware_id IS NOT NULL AND i.sent_at IS NULL) AS waits
         FROM ",
        " JOIN devices d ON d.id = x.device
         JOIN products p ON p.id = d.product_id
         LEFT JOIN deployment_groups g ON g.id = d.group_id
         LEFT JOIN inflight i ON i.device_id = d.id",
    )
}

/// An archive that a device may have.
#[derive(Debug, Clone, FromRow)]
pub struct Archived {
    pub device: DeviceId,
    #[sqlx(flatten)]
    pub archive: ArchiveRow,
}

/// The archives of the current releases of these devices' groups, for those that may have them at their instant: automatic
/// updates are on and they are not in the penalty box. The device is looked up for each row by itself: joined with all the others, as
/// long as there are no archives PostgreSQL began with them and read all devices of the groups.
pub async fn archives(
    on: &mut impl On,
    devices: &[DeviceId],
    now: Micros,
) -> Result<Vec<Archived>> {
    fetch_rows!(
        on,
        "ingest.archives",
        devices,
        |d| [device BIGINT = *d, at BIGINT = now],
        "SELECT x.device AS device, a.id, a.uuid, a.version, a.platform, a.architecture, a.description,
                a.size, a.checksum, a.inserted_at, a.damaged_at
         FROM ",
        " JOIN archives a ON a.id =
           (SELECT r.archive_id FROM devices d JOIN releases r ON r.group_id = d.group_id
             WHERE d.id = x.device AND d.updates_enabled AND d.deleted_at IS NULL
               AND (d.blocked_until IS NULL OR d.blocked_until <= x.at)
             ORDER BY r.number DESC LIMIT 1)
         WHERE a.damaged_at IS NULL",
    )
}

/// The keys of these organizations that are of one scheme, oldest first.
pub async fn keys(
    on: &mut impl On,
    orgs: &[OrgId],
    scheme: &'static str,
) -> Result<Vec<(OrgId, String)>> {
    fetch_rows!(
        on,
        "ingest.keys",
        orgs,
        |o| [org BIGINT = *o, scheme TEXT = scheme],
        "SELECT k.org_id, k.key FROM ",
        " JOIN org_keys k ON k.org_id = x.org AND k.scheme = x.scheme ORDER BY k.id LIMIT 100000",
    )
}
