//! Jobs while they run: batch by batch.

use crate::clock::Micros;
use crate::store::ids::{DeviceId, JobId, OrgId, ProductId, UserId};
use crate::store::words::{BulkAction, JobOutcome, JobState};
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// A job that runs, with whose it is and where.
#[derive(Debug, Clone, FromRow)]
pub struct RunningJob {
    pub id: JobId,
    pub action: BulkAction,
    pub args: String,
    pub undoes: Option<JobId>,
    pub total: i64,
    pub changed: i64,
    pub unchanged: i64,
    pub refused: i64,
    pub failed: i64,
    /// The script that it runs, as it was confirmed.
    pub script_name: Option<String>,
    pub script_text: Option<String>,
    /// Bytes of output that are kept.
    pub output_bytes: i64,
    pub product_id: ProductId,
    pub product_name: String,
    pub org_id: OrgId,
    pub org_name: String,
    /// Who started it, while the account exists.
    pub user_id: Option<UserId>,
    pub user_name: Option<String>,
    pub user_email: Option<String>,
    /// The last device that it has dealt with.
    pub position: DeviceId,
}

/// The jobs that run a script, or those that do something else, oldest first. At most so many.
pub async fn running(on: &mut impl On, scripts: bool, most: i64) -> Result<Vec<JobId>> {
    let rows: Vec<(JobId,)> = fetch_all!(
        on,
        sql!(
            "jobs.running",
            "SELECT id FROM jobs WHERE state = 'running' AND (action = 'script') = $1 ORDER BY id LIMIT $2"
        ),
        scripts,
        most
    )?;
    Ok(rows.into_iter().map(|r| r.0).collect())
}

/// Takes a job for one batch, so that nobody else does in the same transaction; `None` when it does not run any more.
pub async fn claim(w: &mut Write, job: JobId, now: Micros) -> Result<Option<RunningJob>> {
    let n = execute!(
        w,
        sql!(
            "jobs.claim",
            "UPDATE jobs SET updated_at = $2 WHERE id = $1 AND state = 'running'"
        ),
        job,
        now
    )?;
    if n == 0 {
        return Ok(None);
    }
    by_id(w, job).await
}

/// A job, whether or not it runs.
pub async fn by_id(on: &mut impl On, job: JobId) -> Result<Option<RunningJob>> {
    fetch_optional!(
        on,
        sql!(
            "jobs.by_id",
            "SELECT j.id, j.action, j.args, j.undoes, j.total, j.changed, j.unchanged, j.refused, j.failed,
                    j.script_name, j.script_text, j.output_bytes, j.product_id, p.name AS product_name,
                    p.org_id, o.name AS org_name, j.user_id, u.name AS user_name, u.email AS user_email, j.position
             FROM jobs j JOIN products p ON p.id = j.product_id JOIN orgs o ON o.id = p.org_id
             LEFT JOIN users u ON u.id = j.user_id WHERE j.id = $1"
        ),
        job
    )
}

/// The next devices of a job behind one.
pub async fn next(
    on: &mut impl On,
    job: JobId,
    behind: DeviceId,
    most: i64,
) -> Result<Vec<DeviceId>> {
    let rows: Vec<(DeviceId,)> = fetch_all!(
        on,
        sql!(
            "jobs.next",
            "SELECT device_id FROM job_devices WHERE job_id = $1 AND device_id > $2
             ORDER BY device_id LIMIT $3"
        ),
        job,
        behind,
        most
    )?;
    Ok(rows.into_iter().map(|r| r.0).collect())
}

/// What a job came to at a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceResult {
    pub device: DeviceId,
    pub outcome: JobOutcome,
    /// Why it was refused.
    pub reason: Option<String>,
    /// What was changed, as JSON, before and after.
    pub before: Option<String>,
    pub after: Option<String>,
}

impl DeviceResult {
    /// The word in `job_devices`, whose check is older than `failed`: of a failed device the row of its run says so.
    fn kept_word(&self) -> &'static str {
        match self.outcome {
            JobOutcome::Failed => JobOutcome::Refused.word(),
            other => other.word(),
        }
    }
}

/// Notes what a batch came to, and moves the job behind its last device, if it is not further already.
pub async fn note(w: &mut Write, job: JobId, batch: &[DeviceResult]) -> Result<()> {
    note_lost(w, job, batch).await?;
    if batch.is_empty() {
        return Ok(());
    }
    execute!(
        w,
        sql!("jobs.went_on", "UPDATE jobs SET tries = 0 WHERE id = $1"),
        job
    )?;
    Ok(())
}

/// The same for devices that a try was lost with: it counts as a try still.
pub async fn note_lost(w: &mut Write, job: JobId, batch: &[DeviceResult]) -> Result<()> {
    execute_rows!(
        w,
        "jobs.note_devices",
        batch,
        |d| [
            of_job BIGINT = job,
            device BIGINT = d.device,
            outcome TEXT = d.kept_word(),
            reason TEXT = &d.reason,
            value_before TEXT = &d.before,
            value_after TEXT = &d.after,
        ],
        "UPDATE job_devices SET outcome = x.outcome, reason = x.reason, value_before = x.value_before,
                value_after = x.value_after FROM ",
        " WHERE job_devices.job_id = x.of_job AND job_devices.device_id = x.device",
    )?;
    let Some(last) = batch.iter().map(|d| d.device).max() else {
        return Ok(());
    };
    let count = |outcome| {
        let n = batch.iter().filter(|d| d.outcome == outcome).count();
        i64::try_from(n).unwrap_or(i64::MAX)
    };
    execute!(
        w,
        sql!(
            "jobs.note",
            "UPDATE jobs SET position = CASE WHEN position < $2 THEN $2 ELSE position END,
                    changed = changed + $3, unchanged = unchanged + $4, refused = refused + $5,
                    failed = failed + $6 WHERE id = $1"
        ),
        job,
        last,
        count(JobOutcome::Changed),
        count(JobOutcome::Unchanged),
        count(JobOutcome::Refused),
        count(JobOutcome::Failed)
    )?;
    Ok(())
}

/// Ends a job that runs; `false` when it does not.
pub async fn end(
    w: &mut Write,
    job: JobId,
    (state, failure): (JobState, Option<&str>),
    now: Micros,
    kept_until: Micros,
) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "jobs.end",
            "UPDATE jobs SET state = $2, failure = $3, finished_at = $4, updated_at = $4, kept_until = $5
             WHERE id = $1 AND state = 'running'"
        ),
        job,
        state,
        failure,
        now,
        kept_until
    )?;
    Ok(n > 0)
}

/// Counts a batch that failed; how many have in a row.
pub async fn failed(w: &mut Write, job: JobId) -> Result<i64> {
    let row: Option<(i64,)> = fetch_optional!(
        w,
        sql!(
            "jobs.failed",
            "UPDATE jobs SET tries = tries + 1 WHERE id = $1 RETURNING tries"
        ),
        job
    )?;
    Ok(row.map_or(0, |r| r.0))
}
