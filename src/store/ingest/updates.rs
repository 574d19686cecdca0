//! What becomes of updates, a statement a kind. A device is in each set once at most, unless a doc says otherwise.

use crate::clock::Micros;
use crate::store::ids::{ClaimId, DeviceId, GroupId, ProductId, ReleaseId};
use crate::store::words::AttemptOutcome;
use crate::store::{Result, Write};

/// An update that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedClaim {
    pub device: DeviceId,
    pub claim: ClaimId,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// Why, in the device's words.
    pub reason: Option<String>,
    /// Whether the device marked the new firmware as good, or does not tell.
    pub validated: bool,
}

/// Records how attempts ended, with the stage that they had reached. Claims of which no device was told have no attempt. To be
/// written before [`claims_ended`], which deletes the stages.
pub async fn attempts_ended(w: &mut Write, all: &[(EndedClaim, Micros)]) -> Result<()> {
    execute_rows!(
        w,
        "ingest.attempts_ended",
        all,
        |c| [
            claim BIGINT = c.0.claim,
            outcome TEXT = c.0.outcome.word(),
            reason TEXT = c.0.reason.as_deref(),
            validated_at BIGINT = c.0.validated.then_some(c.1),
            at BIGINT = c.1,
        ],
        "UPDATE attempts SET ended_at = x.at, outcome = x.outcome, reason = x.reason,
           validated_at = x.validated_at,
           stage = COALESCE((SELECT NULLIF(i.status, 'requested') FROM inflight i
                             WHERE i.device_id = attempts.device_id AND i.claim_id = x.claim),
                            attempts.stage)
         FROM ",
        " WHERE attempts.claim_id = x.claim AND attempts.ended_at IS NULL",
    )?;
    Ok(())
}

/// Devices mark the firmware that they run as good: so is the attempt that brought it.
pub async fn attempts_validated(w: &mut Write, all: &[(DeviceId, Micros)]) -> Result<()> {
    execute_rows!(
        w,
        "ingest.attempts_validated",
        all,
        |d| [device BIGINT = d.0, at BIGINT = d.1],
        "UPDATE attempts SET validated_at = x.at FROM ",
        " WHERE attempts.device_id = x.device AND attempts.outcome = 'installed'
           AND attempts.validated_at IS NULL AND attempts.target_uuid =
             (SELECT d.fw_uuid FROM devices d WHERE d.id = x.device)",
    )?;
    Ok(())
}

/// Devices went back from releases that they had installed.
pub async fn attempts_reverted(w: &mut Write, all: &[(DeviceId, ReleaseId)]) -> Result<()> {
    execute_rows!(
        w,
        "ingest.attempts_reverted",
        all,
        |r| [device BIGINT = r.0, release BIGINT = r.1],
        "UPDATE attempts SET outcome = 'reverted', validated_at = NULL FROM ",
        " WHERE attempts.device_id = x.device AND attempts.release_id = x.release
           AND attempts.outcome = 'installed'",
    )?;
    Ok(())
}

/// Ends updates, whatever their outcome. That their devices are free again is written with these.
pub async fn claims_ended(w: &mut Write, all: &[(EndedClaim, Micros)]) -> Result<()> {
    execute_rows!(
        w,
        "ingest.claims_ended",
        all,
        |c| [device BIGINT = c.0.device, claim BIGINT = c.0.claim],
        "DELETE FROM inflight WHERE (device_id, claim_id) IN (SELECT x.device, x.claim FROM ",
        ")",
    )?;
    Ok(())
}

/// What a device says of its update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    pub device: DeviceId,
    pub claim: ClaimId,
    /// How far it is.
    pub status: &'static str,
    /// Percent.
    pub progress: Option<i64>,
    /// When it said so.
    pub at: Micros,
}

/// Writes what devices say of their updates, which count as attempts from then on.
pub async fn progress(w: &mut Write, all: &[Progress]) -> Result<()> {
    execute_rows!(
        w,
        "ingest.progress",
        all,
        |p| [
            device BIGINT = p.device,
            claim BIGINT = p.claim,
            status TEXT = p.status,
            progress BIGINT = p.progress,
            at BIGINT = p.at,
        ],
        "UPDATE inflight SET status = x.status, progress = x.progress, attempted = TRUE, updated_at = x.at
         FROM ",
        " WHERE inflight.device_id = x.device AND inflight.claim_id = x.claim",
    )?;
    Ok(())
}

/// Attempts of these devices count no more; they stay as history.
pub async fn attempts_cleared(w: &mut Write, all: &[DeviceId]) -> Result<()> {
    execute_rows!(
        w,
        "ingest.attempts_cleared",
        all,
        |d| [device BIGINT = *d],
        "UPDATE update_attempts SET cleared = TRUE WHERE NOT cleared AND device_id IN (SELECT x.device FROM ",
        ")",
    )?;
    Ok(())
}

/// An attempt of a release on a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub device: DeviceId,
    pub release: ReleaseId,
    /// When.
    pub at: Micros,
    /// Whether it counts no more.
    pub cleared: bool,
}

/// Keeps attempts; several of a device are fine.
pub async fn attempts(w: &mut Write, all: &[Attempt]) -> Result<()> {
    execute_rows!(
        w,
        "ingest.attempts",
        all,
        |a| [device BIGINT = a.device, release BIGINT = a.release, at BIGINT = a.at, cleared BOOLEAN = a.cleared],
        "INSERT INTO update_attempts (device_id, release_id, at, cleared)
         SELECT x.device, x.release, x.at, CAST(x.cleared AS BOOLEAN) FROM ",
        "",
    )?;
    Ok(())
}

/// An update that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Success {
    pub product: ProductId,
    pub device: DeviceId,
    pub group: Option<GroupId>,
    pub release: Option<ReleaseId>,
    /// Whether a delta was sent.
    pub delta: bool,
    /// From.
    pub source: String,
    /// To.
    pub target: String,
    /// Bytes of the file that was sent.
    pub sent: i64,
    /// Bytes of the full file.
    pub full: i64,
    /// When.
    pub at: Micros,
}

/// Records successes by what was sent; several of a device are fine.
pub async fn successes(w: &mut Write, all: &[Success]) -> Result<()> {
    execute_rows!(
        w,
        "ingest.successes",
        all,
        |s| [
            product BIGINT = s.product,
            device BIGINT = s.device,
            of_group BIGINT = s.group,
            release BIGINT = s.release,
            kind TEXT = if s.delta { "delta" } else { "full" },
            source TEXT = &s.source,
            target TEXT = &s.target,
            sent BIGINT = s.sent,
            full_size BIGINT = s.full,
            at BIGINT = s.at,
        ],
        "INSERT INTO update_stats
           (product_id, device_id, group_id, release_id, kind, source_uuid, target_uuid,
            sent_bytes, full_bytes, at)
         SELECT x.product, x.device, x.of_group, x.release, x.kind, x.source, x.target, x.sent,
                x.full_size, x.at
         FROM ",
        "",
    )?;
    Ok(())
}
