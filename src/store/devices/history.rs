//! What is over: connections that ended, firmwares that a device ran, updates that succeeded. Written with the event
//! itself, swept by age.

mod sweeps;

use crate::clock::Micros;
use crate::store::ids::{ConnectionId, DeviceId, GroupId, NodeId};
use crate::store::words::Validation;
use crate::store::{On, Result, Write};
use sqlx::FromRow;
pub use sweeps::*;

/// A connection, over or not.
#[derive(Debug, Clone, FromRow)]
pub struct PastConnection {
    /// When the device was let in.
    pub established_at: Micros,
    /// Its last stored sign of life.
    pub last_seen_at: Micros,
    /// When it ended; absent while it goes on.
    pub disconnected_at: Option<Micros>,
    /// Why it ended.
    pub reason: Option<String>,
    /// The address that it came from.
    pub peer: Option<String>,
    /// The connection types that the device named, joined by commas.
    pub types: Option<String>,
    /// `wifi`, `ethernet`, `cellular`, `unknown`, or empty when never reported.
    pub interface: String,
    /// The client's API version.
    pub api_version: Option<String>,
}

/// A firmware that a device ran.
#[derive(Debug, Clone, FromRow)]
pub struct PastFirmware {
    pub uuid: String,
    pub version: Option<String>,
    pub platform: Option<String>,
    pub architecture: Option<String>,
    /// Whether the device marked it as good.
    pub validation: Validation,
    /// Whether the other slot held firmware that was never validated.
    pub auto_revert: bool,
    /// When the device first joined with it.
    pub at: Micros,
}

/// An update that succeeded.
#[derive(Debug, Clone, FromRow)]
pub struct PastUpdate {
    /// `full` or `delta`.
    pub kind: String,
    /// uuid before.
    pub source_uuid: String,
    /// uuid after.
    pub target_uuid: String,
    /// Bytes of the file that was sent.
    pub sent_bytes: i64,
    /// Bytes of the full file.
    pub full_bytes: i64,
    /// When the device joined with it.
    pub at: Micros,
}

/// Keeps the connections that a dead node left open, before they are closed; as many as will be closed.
pub async fn keep_left_by(w: &mut Write, node: NodeId, limit: i64, now: Micros) -> Result<()> {
    execute!(
        w,
        sql!(
            "history.keep_left_by",
            "INSERT INTO connection_history
               (id, device_id, established_at, last_seen_at, disconnected_at, reason, peer, types,
                interface, api_version)
             SELECT c.id, c.device_id, c.established_at, c.last_seen_at, $3, 'server gone', c.peer,
                    c.types, d.interface, c.api_version
             FROM connections c JOIN devices d ON d.id = c.device_id
             WHERE c.node_id = $1 AND c.status <> 'disconnected' ORDER BY c.device_id LIMIT $2
             ON CONFLICT (id) DO NOTHING"
        ),
        node,
        limit,
        now
    )?;
    Ok(())
}

/// A device's connections, newest first, the present one among them.
pub async fn connections(
    on: &mut impl On,
    device: DeviceId,
    most: i64,
) -> Result<Vec<PastConnection>> {
    fetch_all!(
        on,
        sql!(
            "history.connections",
            "SELECT c.established_at, c.last_seen_at, CAST(NULL AS BIGINT) AS disconnected_at,
                    c.reason, c.peer, c.types, d.interface, c.api_version
             FROM connections c JOIN devices d ON d.id = c.device_id
             WHERE c.device_id = $1 AND c.status <> 'disconnected'
             UNION ALL
             SELECT h.established_at, h.last_seen_at, h.disconnected_at, h.reason, h.peer, h.types,
                    h.interface, h.api_version
             FROM connection_history h WHERE h.device_id = $1
             ORDER BY 1 DESC LIMIT $2"
        ),
        device,
        most
    )
}

/// Adds a firmware that a device ran before it came to this server; false when it is known, or anything newer is.
pub async fn add_past_firmware(w: &mut Write, device: DeviceId, f: &PastFirmware) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "history.add_past_firmware",
            "INSERT INTO device_firmwares
               (device_id, uuid, version, platform, architecture, validation, auto_revert, at)
             SELECT d.id, $2, $3, $4, $5, $6, CAST($7 AS BOOLEAN), $8 FROM devices d
             WHERE d.id = $1 AND NOT EXISTS (SELECT 1 FROM device_firmwares f
               WHERE f.device_id = $1 AND (f.at > $8 OR f.at = $8 AND f.uuid = $2))"
        ),
        device,
        &f.uuid,
        f.version.as_deref(),
        f.platform.as_deref(),
        f.architecture.as_deref(),
        &f.validation,
        f.auto_revert,
        f.at
    )?;
    Ok(n == 1)
}

/// Adds an update that a device made before it came to this server; false when it is known.
pub async fn add_past_update(
    w: &mut Write,
    device: DeviceId,
    group: Option<GroupId>,
    u: &PastUpdate,
) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "history.add_past_update",
            "INSERT INTO update_stats
               (product_id, device_id, group_id, kind, source_uuid, target_uuid, sent_bytes,
                full_bytes, at)
             SELECT d.product_id, d.id, CAST($2 AS BIGINT), $3, $4, $5, CAST($6 AS BIGINT),
                    CAST($7 AS BIGINT), $8 FROM devices d
             WHERE d.id = $1 AND NOT EXISTS (SELECT 1 FROM update_stats s
               WHERE s.device_id = $1 AND s.at = $8 AND s.target_uuid = $5)"
        ),
        device,
        group,
        &u.kind,
        &u.source_uuid,
        &u.target_uuid,
        u.sent_bytes,
        u.full_bytes,
        u.at
    )?;
    Ok(n == 1)
}

/// Adds the last connection that a device had to another server; false when it has had one here.
pub async fn add_past_connection(
    w: &mut Write,
    device: DeviceId,
    id: ConnectionId,
    c: &PastConnection,
) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "history.add_past_connection",
            "INSERT INTO connections
               (device_id, id, node_id, status, established_at, last_seen_at, disconnected_at,
                api_version, peer, reason, types)
             VALUES ($1, $2, 0, 'disconnected', $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (device_id) DO NOTHING"
        ),
        device,
        id,
        c.established_at,
        c.last_seen_at,
        c.disconnected_at,
        c.api_version.as_deref(),
        c.peer.as_deref(),
        c.reason.as_deref(),
        c.types.as_deref()
    )?;
    Ok(n == 1)
}

/// The firmwares that a device ran, newest first.
pub async fn firmwares(on: &mut impl On, device: DeviceId, most: i64) -> Result<Vec<PastFirmware>> {
    fetch_all!(
        on,
        sql!(
            "history.firmwares",
            "SELECT uuid, version, platform, architecture, validation, auto_revert, at
             FROM device_firmwares WHERE device_id = $1 ORDER BY id DESC LIMIT $2"
        ),
        device,
        most
    )
}

/// A device's updates, newest first.
pub async fn updates(on: &mut impl On, device: DeviceId, most: i64) -> Result<Vec<PastUpdate>> {
    fetch_all!(
        on,
        sql!(
            "history.updates",
            "SELECT kind, source_uuid, target_uuid, sent_bytes, full_bytes, at
             FROM update_stats WHERE device_id = $1 ORDER BY at DESC, id DESC LIMIT $2"
        ),
        device,
        most
    )
}

/// A device's updates in all: how many, bytes sent, bytes saved.
pub async fn update_sums(on: &mut impl On, device: DeviceId) -> Result<(i64, i64, i64)> {
    let row: Option<(i64, i64, i64)> = fetch_optional!(
        on,
        sql!(
            "history.update_sums",
            "SELECT COUNT(*), CAST(COALESCE(SUM(sent_bytes), 0) AS BIGINT),
                    CAST(COALESCE(SUM(full_bytes - sent_bytes), 0) AS BIGINT)
             FROM update_stats WHERE device_id = $1"
        ),
        device
    )?;
    Ok(row.unwrap_or_default())
}
