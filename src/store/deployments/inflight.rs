//! In-flight updates in the database: at most one for each device. A row with a deployment group takes one of
//! the group's slots.

use crate::clock::Micros;
use crate::store::devices::locks;
use crate::store::ids::{
    ClaimId, ConnectionId, DeviceId, FirmwareId, GroupId, NodeId, ProductId, ReleaseId,
};
use crate::store::words::AttemptOutcome;
use crate::store::{On, Result, Write};
use sqlx::FromRow;
use std::collections::HashSet;

/// An in-flight update.
#[derive(Debug, Clone, FromRow)]
pub struct InFlight {
    /// The claim's id.
    pub claim_id: ClaimId,
    /// The group whose slot it takes; `None` for a manual push, or for an update that the device began by
    /// itself.
    pub group_id: Option<GroupId>,
    /// The release that is installed.
    pub release_id: Option<ReleaseId>,
    /// The target firmware.
    pub firmware_id: Option<FirmwareId>,
    /// The step of the release's rollout.
    pub step: Option<i64>,
    /// The delta that was chosen.
    pub delta_id: Option<i64>,
    /// Whether it was counted as an attempt already.
    pub attempted: bool,
    /// When the offer was sent to the device; `None` until then.
    pub sent_at: Option<Micros>,
}

macro_rules! inflight_columns {
    () => {
        "SELECT i.claim_id, i.group_id, i.release_id, i.step, i.firmware_id, i.delta_id, i.attempted,
                i.sent_at
         FROM inflight i "
    };
}

/// A claim to make.
#[derive(Debug, Clone, Copy)]
pub struct NewClaim {
    pub device: DeviceId,
    /// The claim's id.
    pub claim: ClaimId,
    /// The group whose slot it takes.
    pub group: Option<GroupId>,
    /// The release to install.
    pub release: Option<ReleaseId>,
    /// The target firmware.
    pub firmware: Option<FirmwareId>,
    /// The delta to send; `None` for the full file.
    pub delta: Option<i64>,
    /// Whether it takes a slot of the priority queue.
    pub priority: bool,
    /// The step of the release's rollout.
    pub step: Option<i64>,
}

/// Adds a claim; false when the device has an in-flight update already.
pub async fn add(w: &mut Write, c: &NewClaim, now: Micros) -> Result<bool> {
    Ok(!add_all(w, std::slice::from_ref(c), now).await?.is_empty())
}

/// Adds claims of different devices. Returns the devices that had no in-flight update.
pub async fn add_all(w: &mut Write, claims: &[NewClaim], now: Micros) -> Result<Vec<DeviceId>> {
    let devices: Vec<DeviceId> = claims.iter().map(|c| c.device).collect();
    locks::lock(w, &devices).await?;
    let added: Vec<(DeviceId,)> = fetch_rows!(
        w,
        "inflight.add_all",
        claims,
        |c| [
            device_id BIGINT = c.device,
            claim_id BIGINT = c.claim,
            group_id BIGINT = c.group,
            release_id BIGINT = c.release,
            firmware_id BIGINT = c.firmware,
            delta_id BIGINT = c.delta,
            priority BOOLEAN = c.priority,
            at BIGINT = now,
            step BIGINT = c.step,
        ],
        "INSERT INTO inflight
           (device_id, claim_id, group_id, release_id, firmware_id, delta_id, priority, status,
            attempted, inserted_at, updated_at, step)
         SELECT x.device_id, x.claim_id, x.group_id, x.release_id, x.firmware_id, x.delta_id, x.priority,
                'requested', FALSE, x.at, x.at, x.step FROM ",
        " WHERE TRUE ON CONFLICT (device_id) DO NOTHING RETURNING device_id",
    )?;
    execute_rows!(
        w,
        "inflight.mark_all",
        &added,
        |d| [device BIGINT = d.0],
        "UPDATE devices SET in_flight = TRUE FROM ",
        " WHERE devices.id = x.device",
    )?;
    Ok(added.into_iter().map(|d| d.0).collect())
}

/// The in-flight update of a device.
pub async fn of_device(on: &mut impl On, device: DeviceId) -> Result<Option<InFlight>> {
    fetch_optional!(
        on,
        sql!(
            "inflight.of_device",
            concat!(inflight_columns!(), "WHERE i.device_id = $1")
        ),
        device
    )
}

/// Ends the in-flight update of a device, and its attempt with this outcome if the device was told of it.
pub async fn end(
    w: &mut Write,
    device: DeviceId,
    outcome: AttemptOutcome,
    reason: Option<&str>,
    now: Micros,
) -> Result<()> {
    // The device first: see `store::devices::locks`.
    crate::store::devices::set_in_flight(w, device, false).await?;
    super::attempts::end(w, device, outcome, reason, now).await?;
    execute!(
        w,
        sql!("inflight.end", "DELETE FROM inflight WHERE device_id = $1"),
        device
    )?;
    Ok(())
}

/// The number of taken slots in one of the group's two queues.
pub async fn count(on: &mut impl On, group: GroupId, priority: bool) -> Result<i64> {
    let row: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "inflight.count",
            "SELECT COUNT(*) FROM inflight WHERE group_id = $1 AND priority = $2"
        ),
        group,
        priority
    )?;
    Ok(row.map_or(0, |r| r.0))
}

/// A claim whose device was not told of it, with what decides whether it is.
#[derive(Debug, Clone, FromRow)]
pub struct UntoldClaim {
    pub device_id: DeviceId,
    pub claim_id: ClaimId,
    /// The group whose slot it takes; `None` for a push by hand.
    pub group_id: Option<GroupId>,
    pub release_id: Option<ReleaseId>,
    /// The step of the release's rollout.
    pub step: Option<i64>,
    pub firmware_id: FirmwareId,
    pub delta_id: Option<i64>,
    /// The device's product.
    pub product_id: ProductId,
    /// The group that the device is in now.
    pub member_of: Option<GroupId>,
    /// What the device runs: uuid and version.
    pub fw_uuid: String,
    pub fw_version: Option<String>,
    pub updates_enabled: bool,
    pub blocked_until: Option<Micros>,
    pub deleted_at: Option<Micros>,
    /// The device's newest connection.
    pub connection: Option<ConnectionId>,
    /// Where the device's organization wants its devices to fetch files from.
    pub firmware_proxy_url: Option<String>,
}

/// The claims of these devices that they were not told of, by device.
pub async fn untold_of(on: &mut impl On, devices: &[DeviceId]) -> Result<Vec<UntoldClaim>> {
    fetch_rows!(
        on,
        "inflight.untold_of",
        devices,
        |d| [device BIGINT = *d],
        "SELECT i.device_id, i.claim_id, i.group_id, i.release_id, i.step, i.firmware_id, i.delta_id,
                d.product_id, d.group_id AS member_of, d.fw_uuid, d.fw_version, d.updates_enabled,
                d.blocked_until, d.deleted_at, c.id AS connection, o.firmware_proxy_url
         FROM ",
        " JOIN inflight i ON i.device_id = x.device AND i.sent_at IS NULL AND i.firmware_id IS NOT NULL
         JOIN devices d ON d.id = i.device_id JOIN orgs o ON o.id = d.org_id
         LEFT JOIN connections c ON c.device_id = d.id ORDER BY i.device_id",
    )
}

/// Marks claims as sent to their devices. Returns the devices whose claims are still there and were not sent before.
pub async fn sent_all(
    w: &mut Write,
    claims: &[(DeviceId, ClaimId)],
    now: Micros,
) -> Result<HashSet<DeviceId>> {
    let sent: Vec<(DeviceId,)> = fetch_rows!(
        w,
        "inflight.sent_all",
        claims,
        |c| [device BIGINT = c.0, claim BIGINT = c.1, at BIGINT = now],
        "UPDATE inflight SET sent_at = x.at, updated_at = x.at FROM ",
        " WHERE inflight.device_id = x.device AND inflight.claim_id = x.claim AND inflight.sent_at IS NULL
         RETURNING device_id",
    )?;
    Ok(sent.into_iter().map(|s| s.0).collect())
}

/// Counts an attempt to install a release on a device.
pub async fn attempt(
    w: &mut Write,
    device: DeviceId,
    release: ReleaseId,
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "inflight.attempt",
            "INSERT INTO update_attempts (device_id, release_id, at, cleared)
             VALUES ($1, $2, $3, FALSE)"
        ),
        device,
        release,
        now
    )?;
    Ok(())
}

/// The attempts of a release on a device that still count: all of them, and those since `since`.
pub async fn attempts(
    on: &mut impl On,
    device: DeviceId,
    release: ReleaseId,
    since: Micros,
) -> Result<(i64, i64)> {
    let row: Option<(i64, i64)> = fetch_optional!(
        on,
        sql!(
            "inflight.attempts",
            "SELECT COUNT(*), CAST(COALESCE(SUM(CASE WHEN at >= $3 THEN 1 ELSE 0 END), 0) AS BIGINT)
             FROM update_attempts WHERE device_id = $1 AND release_id = $2 AND NOT cleared"
        ),
        device,
        release,
        since
    )?;
    Ok(row.unwrap_or((0, 0)))
}

/// The same of many devices; those without an attempt are left out.
pub async fn attempts_of(
    on: &mut impl On,
    devices: &[DeviceId],
    release: ReleaseId,
    since: Micros,
) -> Result<Vec<(DeviceId, i64, i64)>> {
    fetch_rows!(
        on,
        "inflight.attempts_of",
        devices,
        |d| [device BIGINT = *d, release_id BIGINT = release, since BIGINT = since],
        "SELECT a.device_id, COUNT(*), CAST(SUM(CASE WHEN a.at >= x.since THEN 1 ELSE 0 END) AS BIGINT)
         FROM ",
        " JOIN update_attempts a ON a.device_id = x.device AND a.release_id = x.release_id AND NOT a.cleared
         GROUP BY a.device_id",
    )
}

/// Stops counting the attempts of a device (after a success, after the penalty box, or by a person). They stay
/// as history.
pub async fn clear_attempts(w: &mut Write, device: DeviceId) -> Result<()> {
    execute!(
        w,
        sql!(
            "inflight.clear_attempts",
            "UPDATE update_attempts SET cleared = TRUE WHERE device_id = $1 AND NOT cleared"
        ),
        device
    )?;
    Ok(())
}

/// Claims older than `before` that were not sent to their device, with the node that holds its connection.
pub async fn unsent(
    on: &mut impl On,
    before: Micros,
) -> Result<Vec<(DeviceId, bool, Option<NodeId>)>> {
    fetch_all!(
        on,
        sql!(
            "inflight.unsent",
            "SELECT i.device_id, d.online, c.node_id FROM inflight i
             JOIN devices d ON d.id = i.device_id
             LEFT JOIN connections c ON c.device_id = i.device_id AND c.status <> 'disconnected'
             WHERE i.sent_at IS NULL AND i.inserted_at < $1 ORDER BY i.inserted_at, i.device_id LIMIT 1000"
        ),
        before
    )
}

/// Devices of a node with a claim of which they were not told since `before`, at most a thousand.
pub async fn unsent_at(on: &mut impl On, node: NodeId, before: Micros) -> Result<Vec<(DeviceId,)>> {
    fetch_all!(
        on,
        sql!(
            "inflight.unsent_at",
            "SELECT i.device_id FROM inflight i
             JOIN connections c ON c.device_id = i.device_id AND c.status <> 'disconnected' AND c.node_id = $1
             WHERE i.sent_at IS NULL AND i.inserted_at < $2 ORDER BY i.inserted_at, i.device_id LIMIT 1000"
        ),
        node,
        before
    )
}

/// Updates without a sign of life since `before`, and unanswered offers to devices that have been offline since
/// `unanswered`.
pub async fn lapsed(
    on: &mut impl On,
    before: Micros,
    unanswered: Micros,
) -> Result<Vec<(DeviceId, Option<GroupId>)>> {
    fetch_all!(
        on,
        sql!(
            "inflight.lapsed",
            "SELECT i.device_id, i.group_id FROM inflight i JOIN devices d ON d.id = i.device_id
             WHERE i.updated_at < $1
                OR (i.updated_at < $2 AND i.status = 'requested' AND NOT d.online)
             ORDER BY i.updated_at, i.device_id LIMIT 1000"
        ),
        before,
        unanswered
    )
}
