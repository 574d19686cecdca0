//! What people look at while a release goes on: the updates in flight, why attempts failed, and the deltas.

use super::comparisons::failed_outcomes;
use crate::clock::Micros;
use crate::store::ids::{FirmwareId, GroupId, ReleaseId};
use crate::store::words::{DeltaState, FileSent};
use crate::store::{On, Result};
use sqlx::FromRow;

/// An update in flight.
#[derive(Debug, Clone, FromRow)]
pub struct InFlightView {
    pub identifier: String,
    /// `requested` until the device says more.
    pub stage: String,
    /// In per cent, where the device tells.
    pub percent: Option<i64>,
    pub kind: FileSent,
    /// When the device was claimed.
    pub since: Micros,
    /// When it was told.
    pub told_at: Option<Micros>,
}

/// The updates in flight of a group, oldest first.
pub async fn in_flight(on: &mut impl On, group: GroupId, most: i64) -> Result<Vec<InFlightView>> {
    fetch_all!(
        on,
        sql!(
            "overview.in_flight",
            "SELECT d.identifier, i.status AS stage, i.progress AS percent,
                    CASE WHEN i.delta_id IS NULL THEN 'full' ELSE 'delta' END AS kind,
                    i.inserted_at AS since, i.sent_at AS told_at
             FROM inflight i JOIN devices d ON d.id = i.device_id
             WHERE i.group_id = $1 ORDER BY i.inserted_at, d.id LIMIT $2"
        ),
        group,
        most
    )
}

/// Failed attempts that have something in common.
#[derive(Debug, Clone, FromRow)]
pub struct FailureGroup {
    /// What they have in common; empty where nothing was told.
    pub value: String,
    /// Devices.
    pub devices: i64,
    /// When the first of them ended, and the last.
    pub first: Micros,
    pub last: Micros,
}

/// What the failed attempts of a release have in common by `reason`, `stage` or `version` (the one that devices ran), most
/// devices first.
pub async fn failures(
    on: &mut impl On,
    release: ReleaseId,
    by: &str,
    most: i64,
) -> Result<Vec<FailureGroup>> {
    fetch_all!(
        on,
        sql!(
            "overview.failures",
            concat!(
                "SELECT t.value, COUNT(DISTINCT t.device_id) AS devices, MIN(t.ended_at) AS first,
                        MAX(t.ended_at) AS last
                 FROM (SELECT device_id, ended_at,
                              CASE $2 WHEN 'reason' THEN COALESCE(reason, outcome) WHEN 'stage' THEN stage
                                      ELSE COALESCE(source_version, '') END AS value
                       FROM attempts WHERE release_id = $1 AND outcome IN ",
                failed_outcomes!(),
                ") t GROUP BY t.value ORDER BY devices DESC, t.value LIMIT $3"
            )
        ),
        release,
        by,
        most
    )
}

/// Some of the devices whose failed attempts have this in common.
pub async fn failed_devices(
    on: &mut impl On,
    release: ReleaseId,
    by: &str,
    value: &str,
    most: i64,
) -> Result<Vec<(String,)>> {
    fetch_all!(
        on,
        sql!(
            "overview.failed_devices",
            concat!(
                "SELECT DISTINCT d.identifier FROM attempts a JOIN devices d ON d.id = a.device_id
                 WHERE a.release_id = $1 AND a.outcome IN ",
                failed_outcomes!(),
                " AND CASE $2 WHEN 'reason' THEN COALESCE(a.reason, a.outcome) WHEN 'stage' THEN a.stage
                           ELSE COALESCE(a.source_version, '') END = $3
                 ORDER BY d.identifier LIMIT $4"
            )
        ),
        release,
        by,
        value,
        most
    )
}

/// A delta to the firmware of a release.
#[derive(Debug, Clone, FromRow)]
pub struct DeltaView {
    pub from_uuid: String,
    pub from_version: String,
    pub status: DeltaState,
    /// Bytes of the delta, once it is made.
    pub size: Option<i64>,
    /// Bytes of the whole file.
    pub full_size: i64,
    /// Why there is none, or why the last try to make it failed.
    pub reason: Option<String>,
}

/// How the deltas to the current release of a group are, from what its devices run.
#[derive(Debug, Clone, FromRow)]
pub struct DeltaCounts {
    pub group_id: GroupId,
    /// Those that are being made, since not too long ago: their devices wait.
    pub waited_for: i64,
    /// Those that could not be made, took too long or were withdrawn.
    pub failed: i64,
    pub total: i64,
}

/// Counts the deltas of these groups; the groups that take none, or for which there are none, are left out. Deltas that were asked for
/// after `waited_since` are waited for.
pub async fn delta_counts(
    on: &mut impl On,
    groups: &[GroupId],
    waited_since: Micros,
) -> Result<Vec<DeltaCounts>> {
    fetch_rows!(
        on,
        "overview.delta_counts",
        groups,
        |g| [of_group BIGINT = *g, since BIGINT = waited_since],
        "SELECT g.id AS group_id,
                CAST(SUM(CASE WHEN d.status = 'processing' AND d.inserted_at > x.since THEN 1 ELSE 0 END) AS BIGINT)
                  AS waited_for,
                CAST(SUM(CASE WHEN d.status IN ('failed', 'timed_out') THEN 1 ELSE 0 END) AS BIGINT) AS failed,
                COUNT(*) AS total
         FROM ",
        " JOIN deployment_groups g ON g.id = x.of_group AND g.delta_updatable
         JOIN releases r ON r.group_id = g.id
           AND r.number = (SELECT MAX(n.number) FROM releases n WHERE n.group_id = g.id)
         JOIN firmwares t ON t.id = r.firmware_id AND t.delta_updatable
         JOIN deltas d ON d.target_id = t.id JOIN firmwares s ON s.id = d.source_id
         WHERE EXISTS (SELECT 1 FROM devices v
                       WHERE v.group_id = g.id AND v.fw_uuid = s.uuid AND v.deleted_at IS NULL)
         GROUP BY g.id",
    )
}

/// The deltas to a firmware, by the version that they are from.
pub async fn deltas(on: &mut impl On, target: FirmwareId, most: i64) -> Result<Vec<DeltaView>> {
    fetch_all!(
        on,
        sql!(
            "overview.deltas",
            "SELECT s.uuid AS from_uuid, s.version AS from_version, d.status, d.size, t.size AS full_size,
                    d.reason
             FROM deltas d JOIN firmwares s ON s.id = d.source_id JOIN firmwares t ON t.id = d.target_id
             WHERE d.target_id = $1 ORDER BY s.version, s.id LIMIT $2"
        ),
        target,
        most
    )
}
