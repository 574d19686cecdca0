//! Rollouts in the database: how far a release is with the steps of its workflow. A release without a row runs, and goes to
//! the whole group at once.

use super::comparisons::failed_outcomes;
use crate::clock::Micros;
use crate::store::devices::held;
use crate::store::ids::{GroupId, ReleaseId, UserId};
use crate::store::words::RolloutState;
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// How far a release is.
#[derive(Debug, Clone, FromRow)]
pub struct RolloutRow {
    /// Its steps as JSON; `None` for the whole group at once.
    pub workflow: Option<String>,
    /// Makes the shares of this release differ from those of others.
    pub salt: i64,
    /// What it does.
    pub state: RolloutState,
    /// Why, in the words of who changed the state, or of the server.
    pub reason: Option<String>,
    /// When the state changed last.
    pub changed_at: Micros,
    /// The present step, from 0.
    pub step: i64,
    /// When it began.
    pub step_at: Micros,
    /// Since when nothing is left to do in it.
    pub over_at: Option<Micros>,
    /// Devices with a place below this are in the share of the present step, beside those that its workflow says.
    pub share_at_least: i64,
    /// When it was looked at last whether the share of the present step is nobody.
    pub share_looked_at: Micros,
    /// Failed attempts count from here on.
    pub failures_from: Micros,
    /// When its devices were compared with the others of the group.
    pub compared_at: Micros,
    /// How many attempts had failed then.
    pub compared: i64,
}

/// Adds the rollout of a new release. `words` are the tags and interfaces of the steps: step, `tag` or `interface`, word.
pub async fn begin(
    w: &mut Write,
    release: ReleaseId,
    workflow: Option<&str>,
    salt: i64,
    words: &[(i64, &str, &str)],
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "rollouts.begin",
            "INSERT INTO rollouts (release_id, workflow, salt, state, changed_at, step, step_at)
             VALUES ($1, $2, $3, 'running', $4, 0, $4) ON CONFLICT (release_id) DO NOTHING"
        ),
        release,
        workflow,
        salt,
        now
    )?;
    execute_rows!(
        w,
        "rollouts.add_words",
        words,
        |w| [release BIGINT = release, step BIGINT = w.0, kind TEXT = w.1, word TEXT = w.2],
        "INSERT INTO rollout_words (release_id, step, kind, word)
         SELECT x.release, x.step, x.kind, x.word FROM ",
        " WHERE TRUE ON CONFLICT DO NOTHING",
    )?;
    Ok(())
}

/// How far a release is.
pub async fn of(on: &mut impl On, release: ReleaseId) -> Result<Option<RolloutRow>> {
    fetch_optional!(
        on,
        sql!(
            "rollouts.of",
            "SELECT workflow, salt, state, reason, changed_at, step, step_at, over_at,
                    share_at_least, share_looked_at, failures_from, compared_at, compared
             FROM rollouts WHERE release_id = $1"
        ),
        release
    )
}

/// Changes what a release does.
pub async fn set_state(
    w: &mut Write,
    release: ReleaseId,
    state: RolloutState,
    reason: Option<&str>,
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "rollouts.set_state",
            "UPDATE rollouts SET state = $2, reason = $3, changed_at = $4 WHERE release_id = $1"
        ),
        release,
        state,
        reason,
        now
    )?;
    Ok(())
}

/// Begins a step, which may admit devices that the one before did not.
pub async fn enter(
    w: &mut Write,
    group: GroupId,
    release: ReleaseId,
    step: i64,
    now: Micros,
) -> Result<()> {
    held::release_all(w, group).await?;
    execute!(
        w,
        sql!(
            "rollouts.enter",
            "UPDATE rollouts SET step = $2, step_at = $3, over_at = NULL, share_at_least = 0,
               share_looked_at = 0 WHERE release_id = $1"
        ),
        release,
        step,
        now
    )?;
    Ok(())
}

/// Notes that it was looked whether the share of the present step is nobody, and up to which place devices are in it for that.
pub async fn set_share_at_least(
    w: &mut Write,
    release: ReleaseId,
    share: i64,
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "rollouts.set_share_at_least",
            "UPDATE rollouts SET share_at_least = $2, share_looked_at = $3 WHERE release_id = $1"
        ),
        release,
        share,
        now
    )?;
    Ok(())
}

/// Notes since when nothing is left to do in the present step, or that there is something again.
pub async fn set_over(w: &mut Write, release: ReleaseId, at: Option<Micros>) -> Result<()> {
    execute!(
        w,
        sql!(
            "rollouts.set_over",
            "UPDATE rollouts SET over_at = $2 WHERE release_id = $1"
        ),
        release,
        at
    )?;
    Ok(())
}

/// Lets the devices rest no more whose attempts of a release failed and that do not run it, and forgets those attempts; how many
/// devices.
pub async fn retry_failed(w: &mut Write, release: ReleaseId) -> Result<u64> {
    execute!(
        w,
        sql!(
            "rollouts.forget_attempts",
            "UPDATE update_attempts SET cleared = TRUE WHERE release_id = $1 AND NOT cleared"
        ),
        release
    )?;
    execute!(
        w,
        sql!(
            "rollouts.retry_failed",
            concat!(
                "UPDATE devices SET blocked_until = NULL, held = FALSE, held_until = NULL WHERE id IN
                   (SELECT a.device_id FROM attempts a WHERE a.release_id = $1 AND a.outcome IN ",
                failed_outcomes!(),
                "  AND NOT EXISTS (SELECT 1 FROM attempts b WHERE b.release_id = $1
                        AND b.device_id = a.device_id AND b.outcome = 'installed'))"
            )
        ),
        release
    )
}

/// Notes that the devices of a release were compared with the others of its group.
pub async fn compared(w: &mut Write, release: ReleaseId, failures: i64, now: Micros) -> Result<()> {
    execute!(
        w,
        sql!(
            "rollouts.compared",
            "UPDATE rollouts SET compared = $2, compared_at = $3 WHERE release_id = $1"
        ),
        release,
        failures,
        now
    )?;
    Ok(())
}

/// Counts failures anew from an instant on.
pub async fn count_failures_anew(w: &mut Write, release: ReleaseId, now: Micros) -> Result<()> {
    execute!(
        w,
        sql!(
            "rollouts.count_failures_anew",
            "UPDATE rollouts SET failures_from = $2, compared = 0 WHERE release_id = $1"
        ),
        release,
        now
    )?;
    Ok(())
}

/// Records that a person approves a step; false when that person did before.
pub async fn approve(
    w: &mut Write,
    release: ReleaseId,
    step: i64,
    by: UserId,
    reason: Option<&str>,
    now: Micros,
) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "rollouts.approve",
            "INSERT INTO rollout_approvals (release_id, step, user_id, reason, at)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (release_id, step, user_id) DO NOTHING"
        ),
        release,
        step,
        by,
        reason,
        now
    )?;
    Ok(n == 1)
}

/// What became of the devices of a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromRow)]
pub struct StepCounts {
    /// Updates in flight.
    pub in_flight: i64,
    /// Devices with an update in flight or an attempt.
    pub touched: i64,
    /// Devices that run the release.
    pub installed: i64,
    /// Devices that marked it as good, or do not tell.
    pub validated: i64,
    /// Devices with a failed attempt that do not run the release.
    pub failed: i64,
    /// People who approved the step.
    pub approvals: i64,
}

/// Counts the devices of a step. It costs in proportion to them, and not to the group.
pub async fn counts(on: &mut impl On, release: ReleaseId, step: i64) -> Result<StepCounts> {
    let row = fetch_optional!(
        on,
        sql!(
            "rollouts.counts",
            concat!("SELECT
               (SELECT COUNT(*) FROM inflight WHERE release_id = $1 AND step = $2) AS in_flight,
               (SELECT COUNT(*) FROM (
                  SELECT device_id FROM inflight WHERE release_id = $1 AND step = $2
                  UNION SELECT device_id FROM attempts WHERE release_id = $1 AND step = $2) t) AS touched,
               (SELECT COUNT(DISTINCT device_id) FROM attempts
                WHERE release_id = $1 AND step = $2 AND outcome = 'installed') AS installed,
               (SELECT COUNT(DISTINCT device_id) FROM attempts
                WHERE release_id = $1 AND step = $2 AND outcome = 'installed'
                  AND validated_at IS NOT NULL) AS validated,
               (SELECT COUNT(DISTINCT a.device_id) FROM attempts a
                WHERE a.release_id = $1 AND a.step = $2
                  AND a.ended_at >= COALESCE((SELECT failures_from FROM rollouts WHERE release_id = $1), 0)
                  AND a.outcome IN ", failed_outcomes!(), "
                  AND NOT EXISTS (SELECT 1 FROM attempts b WHERE b.release_id = $1
                    AND b.step = $2 AND b.device_id = a.device_id AND b.outcome = 'installed')) AS failed,
               (SELECT COUNT(*) FROM rollout_approvals WHERE release_id = $1 AND step = $2) AS approvals")
        ),
        release,
        step
    )?;
    Ok(row.unwrap_or_default())
}

/// The rollout of one of many releases.
#[derive(Debug, Clone, FromRow)]
pub struct ReleaseRollout {
    pub release_id: ReleaseId,
    #[sqlx(flatten)]
    pub row: RolloutRow,
}

/// How far these releases are; one without a row is left out.
pub async fn of_all(on: &mut impl On, releases: &[ReleaseId]) -> Result<Vec<ReleaseRollout>> {
    fetch_rows!(
        on,
        "rollouts.of_all",
        releases,
        |r| [of_release BIGINT = *r],
        "SELECT r.release_id, r.workflow, r.salt, r.state, r.reason, r.changed_at, r.step, r.step_at, r.over_at,
                r.share_at_least, r.share_looked_at, r.failures_from, r.compared_at, r.compared
         FROM ",
        " JOIN rollouts r ON r.release_id = x.of_release",
    )
}

/// What became of the devices of a step of one of many releases.
#[derive(Debug, Clone, FromRow)]
pub struct ReleaseStepCounts {
    pub release_id: ReleaseId,
    #[sqlx(flatten)]
    pub counts: StepCounts,
}

/// Counts the devices of one step of each of these releases, as [`counts`] does.
pub async fn counts_of(
    on: &mut impl On,
    steps: &[(ReleaseId, i64)],
) -> Result<Vec<ReleaseStepCounts>> {
    fetch_rows!(
        on,
        "rollouts.counts_of",
        steps,
        |s| [of_release BIGINT = s.0, of_step BIGINT = s.1],
        concat!("SELECT x.of_release AS release_id,
           (SELECT COUNT(*) FROM inflight i WHERE i.release_id = x.of_release AND i.step = x.of_step) AS in_flight,
           (SELECT COUNT(*) FROM (
              SELECT i.device_id FROM inflight i WHERE i.release_id = x.of_release AND i.step = x.of_step
              UNION SELECT a.device_id FROM attempts a WHERE a.release_id = x.of_release AND a.step = x.of_step) t)
             AS touched,
           (SELECT COUNT(DISTINCT a.device_id) FROM attempts a
            WHERE a.release_id = x.of_release AND a.step = x.of_step AND a.outcome = 'installed') AS installed,
           (SELECT COUNT(DISTINCT a.device_id) FROM attempts a
            WHERE a.release_id = x.of_release AND a.step = x.of_step AND a.outcome = 'installed'
              AND a.validated_at IS NOT NULL) AS validated,
           (SELECT COUNT(DISTINCT a.device_id) FROM attempts a
            WHERE a.release_id = x.of_release AND a.step = x.of_step
              AND a.ended_at >= COALESCE((SELECT o.failures_from FROM rollouts o WHERE o.release_id = x.of_release), 0)
              AND a.outcome IN ", failed_outcomes!(), "
              AND NOT EXISTS (SELECT 1 FROM attempts b WHERE b.release_id = x.of_release AND b.step = x.of_step
                AND b.device_id = a.device_id AND b.outcome = 'installed')) AS failed,
           (SELECT COUNT(*) FROM rollout_approvals p WHERE p.release_id = x.of_release AND p.step = x.of_step)
             AS approvals
         FROM "),
        "",
    )
}

/// What became of a release in all its steps.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ReleaseTotals {
    pub release_id: ReleaseId,
    /// Updates in flight.
    pub in_flight: i64,
    /// Devices with a failed attempt that did not install it.
    pub failed: i64,
}

/// Counts the updates and the failed devices of these releases.
pub async fn totals(on: &mut impl On, releases: &[ReleaseId]) -> Result<Vec<ReleaseTotals>> {
    fetch_rows!(
        on,
        "rollouts.totals",
        releases,
        |r| [of_release BIGINT = *r],
        concat!("SELECT x.of_release AS release_id,
           (SELECT COUNT(*) FROM inflight i WHERE i.release_id = x.of_release) AS in_flight,
           (SELECT COUNT(DISTINCT a.device_id) FROM attempts a
            WHERE a.release_id = x.of_release
              AND a.ended_at >= COALESCE((SELECT o.failures_from FROM rollouts o WHERE o.release_id = x.of_release), 0)
              AND a.outcome IN ", failed_outcomes!(), "
              AND NOT EXISTS (SELECT 1 FROM attempts b WHERE b.release_id = x.of_release
                AND b.device_id = a.device_id AND b.outcome = 'installed')) AS failed
         FROM "),
        "",
    )
}
