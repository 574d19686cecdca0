//! In-flight updates in the database: at most one for each device. A row with a deployment group takes one of
//! the group's slots.

use crate::clock::Micros;
use crate::store::ids::{ClaimId, DeviceId, FirmwareId, GroupId, NodeId, ReleaseId};
use crate::store::words::AttemptOutcome;
use crate::store::{On, Result, Write};
use sqlx::FromRow;

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
    let n = execute!(
        w,
        sql!(
            "inflight.add",
            "INSERT INTO inflight
               (device_id, claim_id, group_id, release_id, firmware_id, delta_id, priority, status,
                attempted, inserted_at, updated_at, step)
             VALUES ($1, $2, $3, $4, $5, $6, $7, 'requested', FALSE, $8, $8, $9)
             ON CONFLICT (device_id) DO NOTHING"
        ),
        c.device,
        c.claim,
        c.group,
        c.release,
        c.firmware,
        c.delta,
        c.priority,
        now,
        c.step
    )?;
    if n == 1 {
        crate::store::devices::set_in_flight(w, c.device, true).await?;
    }
    Ok(n == 1)
}

/// Adds claims of different devices. Returns the devices that had no in-flight update.
pub async fn add_all(w: &mut Write, claims: &[NewClaim], now: Micros) -> Result<Vec<DeviceId>> {
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
    super::attempts::end(w, device, outcome, reason, now).await?;
    execute!(
        w,
        sql!("inflight.end", "DELETE FROM inflight WHERE device_id = $1"),
        device
    )?;
    crate::store::devices::set_in_flight(w, device, false).await
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

/// Marks a claim as sent to the device; false when it is gone or was sent before.
pub async fn sent(w: &mut Write, device: DeviceId, claim: ClaimId, now: Micros) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "inflight.sent",
            "UPDATE inflight SET sent_at = $3, updated_at = $3
             WHERE device_id = $1 AND claim_id = $2 AND sent_at IS NULL"
        ),
        device,
        claim,
        now
    )?;
    Ok(n == 1)
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
