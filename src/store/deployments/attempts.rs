//! Attempts to update devices in the database: a row from the moment that a device is told until something ends it. The rows
//! stay as history.

use crate::clock::Micros;
use crate::store::ids::{ClaimId, DeviceId, GroupId, ProductId, ReleaseId};
use crate::store::words::{AttemptOutcome, FileSent};
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// An attempt that begins.
#[derive(Debug, Clone)]
pub struct NewAttempt<'a> {
    /// The claim that it fulfils.
    pub claim: ClaimId,
    /// The product of the device.
    pub product: ProductId,
    pub device: DeviceId,
    /// The group that offers it; `None` for a push by hand.
    pub group: Option<GroupId>,
    /// The release that is offered.
    pub release: Option<ReleaseId>,
    /// The step of its rollout.
    pub step: Option<i64>,
    /// The firmware that the device runs: uuid and version.
    pub source: (&'a str, Option<&'a str>),
    /// The firmware that it is to run: uuid and version.
    pub target: (&'a str, &'a str),
    /// Which file it is sent.
    pub kind: FileSent,
    /// Bytes of that file.
    pub bytes: i64,
}

/// Records that devices are told of updates.
pub async fn begin_all(w: &mut Write, all: &[NewAttempt<'_>], now: Micros) -> Result<()> {
    execute_rows!(
        w,
        "attempts.begin_all",
        all,
        |a| [
            claim_id BIGINT = a.claim,
            product_id BIGINT = a.product,
            device_id BIGINT = a.device,
            group_id BIGINT = a.group,
            release_id BIGINT = a.release,
            source_uuid TEXT = a.source.0,
            source_version TEXT = a.source.1,
            target_uuid TEXT = a.target.0,
            target_version TEXT = a.target.1,
            kind TEXT = a.kind.word(),
            bytes BIGINT = a.bytes,
            at BIGINT = now,
            step BIGINT = a.step,
        ],
        "INSERT INTO attempts
           (claim_id, product_id, device_id, group_id, release_id, source_uuid, source_version,
            target_uuid, target_version, kind, bytes, at, stage, step)
         SELECT x.claim_id, x.product_id, x.device_id, x.group_id, x.release_id, x.source_uuid,
                x.source_version, x.target_uuid, x.target_version, x.kind, x.bytes, x.at, 'offered', x.step
         FROM ",
        " WHERE TRUE ON CONFLICT (claim_id) DO NOTHING",
    )?;
    Ok(())
}

/// Records how the attempt of a device's in-flight update ended. A claim that the device was not told of has no attempt. To be
/// called before the in-flight update is removed, which knows the stage.
pub async fn end(
    w: &mut Write,
    device: DeviceId,
    outcome: AttemptOutcome,
    reason: Option<&str>,
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "attempts.end",
            "UPDATE attempts SET ended_at = $2, outcome = $3, reason = $4,
               stage = COALESCE((SELECT NULLIF(i.status, 'requested') FROM inflight i
                                 WHERE i.device_id = $1 AND i.claim_id = attempts.claim_id), stage)
             WHERE ended_at IS NULL AND claim_id IN
               (SELECT i.claim_id FROM inflight i WHERE i.device_id = $1)"
        ),
        device,
        now,
        outcome,
        reason
    )?;
    Ok(())
}

/// An attempt as people see it.
#[derive(Debug, Clone, FromRow)]
pub struct AttemptRow {
    /// The name of the group, unless it was deleted or nobody's group offered it.
    pub group_name: Option<String>,
    /// The number of the release in its group.
    pub release_number: Option<i64>,
    /// uuid of the firmware that the device ran.
    pub source_uuid: String,
    pub source_version: Option<String>,
    /// uuid of the firmware that it was to run.
    pub target_uuid: String,
    pub target_version: String,
    /// Which file was sent.
    pub kind: FileSent,
    /// Bytes of that file.
    pub bytes: i64,
    /// When the device was told.
    pub at: Micros,
    /// The stage that was reached.
    pub stage: String,
    /// When it ended; `None` while it goes on.
    pub ended_at: Option<Micros>,
    /// How it ended.
    pub outcome: Option<AttemptOutcome>,
    /// Why, in the device's words where it gave some.
    pub reason: Option<String>,
    /// When the device marked the firmware as good.
    pub validated_at: Option<Micros>,
}

/// The attempts of a device, newest first, begun before an instant. Groups of other products, where it was before, have no
/// name here.
pub async fn of_device(
    on: &mut impl On,
    (device, product): (DeviceId, ProductId),
    before: Micros,
    most: i64,
) -> Result<Vec<AttemptRow>> {
    fetch_all!(
        on,
        sql!(
            "attempts.of_device",
            "SELECT g.name AS group_name, r.number AS release_number, a.source_uuid,
                    a.source_version, a.target_uuid, a.target_version, a.kind, a.bytes, a.at,
                    CASE WHEN a.ended_at IS NULL THEN COALESCE(NULLIF(i.status, 'requested'), a.stage)
                         ELSE a.stage END AS stage,
                    a.ended_at, a.outcome, a.reason, a.validated_at
             FROM attempts a LEFT JOIN deployment_groups g ON g.id = a.group_id AND g.product_id = $4
             LEFT JOIN releases r ON r.id = a.release_id AND r.group_id = g.id
             LEFT JOIN inflight i ON i.device_id = a.device_id AND i.claim_id = a.claim_id
             WHERE a.device_id = $1 AND a.at < $2 ORDER BY a.at DESC, a.claim_id DESC LIMIT $3"
        ),
        device,
        before,
        most,
        product
    )
}

/// Deletes some attempts that ended before an instant; how many.
pub async fn sweep(w: &mut Write, before: Micros, most: i64) -> Result<u64> {
    execute!(
        w,
        sql!(
            "attempts.sweep",
            "DELETE FROM attempts WHERE claim_id IN (SELECT claim_id FROM attempts
               WHERE at < $1 AND ended_at IS NOT NULL ORDER BY at LIMIT $2)"
        ),
        before,
        most
    )
}
