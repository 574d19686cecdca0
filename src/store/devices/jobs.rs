//! Actions on many devices, in the database: a row for each job, and one for each of its devices.

use crate::clock::Micros;
use crate::store::accounts::scope::{Product, Scope};
use crate::store::ids::{DeviceId, JobId, OrgId, ProductId, UserId};
use crate::store::words::{BulkAction, JobOutcome, JobState};
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// A job.
#[derive(Debug, Clone, FromRow)]
pub struct JobRow {
    pub id: JobId,
    pub action: BulkAction,
    /// A JSON object.
    pub args: String,
    /// What its devices were found by; `None` when they were named, and of one that undoes another.
    pub query: Option<String>,
    /// The job that this one undoes.
    pub undoes: Option<JobId>,
    /// The job that undoes this one.
    pub undone_by: Option<JobId>,
    pub state: JobState,
    /// Why the server ended it.
    pub failure: Option<String>,
    /// How many devices it has, and what it came to at how many.
    pub total: i64,
    pub changed: i64,
    pub unchanged: i64,
    pub refused: i64,
    pub created_at: Micros,
    pub finished_at: Option<Micros>,
    /// Email address of who started it.
    pub person: String,
}

macro_rules! job_columns {
    () => {
        "SELECT j.id, j.action, j.args, j.query, j.undoes, (SELECT u.id FROM jobs u WHERE u.undoes = j.id) AS undone_by,
                j.state, j.failure, j.total, j.changed, j.unchanged, j.refused, j.created_at, j.finished_at, j.person
         FROM jobs j "
    };
}

/// The jobs of a product that are kept, newest first.
pub async fn list(
    on: &mut impl On,
    scope: &Scope<Product>,
    now: Micros,
    offset: i64,
    limit: i64,
) -> Result<(Vec<JobRow>, i64)> {
    let product = scope.product().id;
    let total: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "jobs.count",
            "SELECT COUNT(*) FROM jobs WHERE product_id = $1 AND (kept_until IS NULL OR kept_until > $2)"
        ),
        product,
        now
    )?;
    let rows = fetch_all!(
        on,
        sql!(
            "jobs.list",
            concat!(
                job_columns!(),
                "WHERE j.product_id = $1 AND (j.kept_until IS NULL OR j.kept_until > $2)
                 ORDER BY j.id DESC LIMIT $4 OFFSET $3"
            )
        ),
        product,
        now,
        offset,
        limit
    )?;
    Ok((rows, total.map_or(0, |t| t.0)))
}

/// A job of a product.
pub async fn find(
    on: &mut impl On,
    scope: &Scope<Product>,
    id: i64,
    now: Micros,
) -> Result<Option<JobRow>> {
    fetch_optional!(
        on,
        sql!(
            "jobs.find",
            concat!(
                job_columns!(),
                "WHERE j.product_id = $1 AND j.id = $2 AND (j.kept_until IS NULL OR j.kept_until > $3)"
            )
        ),
        scope.product().id,
        id,
        now
    )
}

/// How many jobs of a product run.
pub async fn count_running(on: &mut impl On, scope: &Scope<Product>) -> Result<i64> {
    let row: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "jobs.count_running",
            "SELECT COUNT(*) FROM jobs WHERE product_id = $1 AND state = 'running'"
        ),
        scope.product().id
    )?;
    Ok(row.map_or(0, |r| r.0))
}

/// The job that was started with a confirmation.
pub async fn by_proof(
    on: &mut impl On,
    scope: &Scope<Product>,
    proof: &str,
) -> Result<Option<JobId>> {
    let row: Option<(JobId,)> = fetch_optional!(
        on,
        sql!(
            "jobs.by_proof",
            "SELECT id FROM jobs WHERE product_id = $1 AND proof = $2"
        ),
        scope.product().id,
        proof
    )?;
    Ok(row.map(|r| r.0))
}

/// What a job is.
#[derive(Debug, Clone, Copy)]
pub struct NewJob<'j> {
    pub action: BulkAction,
    /// A JSON object.
    pub args: &'j str,
    pub query: Option<&'j str>,
    pub undoes: Option<JobId>,
    pub proof: Option<&'j str>,
}

/// Adds a job without devices; `None` when there is one of that confirmation, or one that undoes the same.
pub async fn add(
    w: &mut Write,
    scope: &Scope<Product>,
    new: &NewJob<'_>,
    now: Micros,
) -> Result<Option<JobId>> {
    let row: Option<(JobId,)> = fetch_optional!(
        w,
        sql!(
            "jobs.add",
            "INSERT INTO jobs (product_id, user_id, person, action, args, query, undoes, proof, state, total,
                               created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'running', 0, $9, $9)
             ON CONFLICT DO NOTHING RETURNING id"
        ),
        scope.product().id,
        scope.person().id,
        &scope.person().email,
        new.action,
        new.args,
        new.query,
        new.undoes,
        new.proof,
        now
    )?;
    Ok(row.map(|r| r.0))
}

/// Files the devices that a job has changed as those of another one, which undoes it; how many.
pub async fn take_changed(w: &mut Write, job: JobId, undone: JobId) -> Result<u64> {
    execute!(
        w,
        sql!(
            "jobs.take_changed",
            "INSERT INTO job_devices (job_id, device_id)
             SELECT CAST($1 AS BIGINT), o.device_id FROM job_devices o
             WHERE o.job_id = $2 AND o.outcome = 'changed' ORDER BY o.device_id"
        ),
        job,
        undone
    )
}

/// Notes how many devices a job has.
pub async fn set_total(w: &mut Write, job: JobId, total: i64) -> Result<()> {
    execute!(
        w,
        sql!("jobs.set_total", "UPDATE jobs SET total = $2 WHERE id = $1"),
        job,
        total
    )?;
    Ok(())
}

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

/// The jobs that run, oldest first. At most so many.
pub async fn running(on: &mut impl On, most: i64) -> Result<Vec<JobId>> {
    let rows: Vec<(JobId,)> = fetch_all!(
        on,
        sql!(
            "jobs.running",
            "SELECT id FROM jobs WHERE state = 'running' ORDER BY id LIMIT $1"
        ),
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
    fetch_optional!(
        w,
        sql!(
            "jobs.claimed",
            "SELECT j.id, j.action, j.args, j.undoes, j.total, j.changed, j.unchanged, j.refused, j.product_id,
                    p.name AS product_name, p.org_id, o.name AS org_name, j.user_id, u.name AS user_name,
                    u.email AS user_email, j.position
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

/// Notes what a batch came to, and moves the job behind its last device.
pub async fn note(w: &mut Write, job: JobId, batch: &[DeviceResult]) -> Result<()> {
    execute_rows!(
        w,
        "jobs.note_devices",
        batch,
        |d| [
            of_job BIGINT = job,
            device BIGINT = d.device,
            outcome TEXT = d.outcome.word(),
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
            "UPDATE jobs SET position = $2, tries = 0, changed = changed + $3, unchanged = unchanged + $4,
                    refused = refused + $5 WHERE id = $1"
        ),
        job,
        last,
        count(JobOutcome::Changed),
        count(JobOutcome::Unchanged),
        count(JobOutcome::Refused)
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

/// The reasons for which devices of a job were left as they were, the most frequent first.
pub async fn reasons(on: &mut impl On, job: JobId, most: i64) -> Result<Vec<(String, i64)>> {
    fetch_all!(
        on,
        sql!(
            "jobs.reasons",
            "SELECT COALESCE(reason, ''), COUNT(*) FROM job_devices WHERE job_id = $1 AND outcome = 'refused'
             GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $2"
        ),
        job,
        most
    )
}

/// A device of a job.
#[derive(Debug, Clone, FromRow)]
pub struct ResultRow {
    /// `None` of a device that was destroyed.
    pub identifier: Option<String>,
    /// `None` while the job has not come to it.
    pub outcome: Option<JobOutcome>,
    pub reason: Option<String>,
}

/// The devices of a job, in the order in which it comes to them; those with one outcome when it is given.
pub async fn results(
    on: &mut impl On,
    job: JobId,
    outcome: Option<JobOutcome>,
    offset: i64,
    limit: i64,
) -> Result<Vec<ResultRow>> {
    fetch_all!(
        on,
        sql!(
            "jobs.results",
            "SELECT d.identifier, x.outcome, x.reason
             FROM job_devices x LEFT JOIN devices d ON d.id = x.device_id
             WHERE x.job_id = $1 AND (CAST($2 AS TEXT) IS NULL OR x.outcome = $2)
             ORDER BY x.device_id LIMIT $4 OFFSET $3"
        ),
        job,
        outcome,
        offset,
        limit
    )
}

/// What a job has changed at these devices, as JSON, before and after.
pub async fn values(
    on: &mut impl On,
    job: JobId,
    devices: &[DeviceId],
) -> Result<Vec<(DeviceId, Option<String>, Option<String>)>> {
    fetch_rows!(
        on,
        "jobs.values",
        devices,
        |d| [of_job BIGINT = job, device BIGINT = *d],
        "SELECT o.device_id, o.value_before, o.value_after FROM ",
        " JOIN job_devices o ON o.job_id = x.of_job AND o.device_id = x.device",
    )
}

/// Ends the time of a product's finished jobs but the newest ones.
pub async fn keep_newest(
    w: &mut Write,
    scope: &Scope<Product>,
    most: i64,
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "jobs.keep_newest",
            "UPDATE jobs SET kept_until = $2 WHERE product_id = $1 AND kept_until > $2 AND id NOT IN
               (SELECT id FROM jobs WHERE product_id = $1 ORDER BY id DESC LIMIT $3)"
        ),
        scope.product().id,
        now,
        most
    )?;
    Ok(())
}

/// Deletes some of what is kept of jobs whose time is over; how many rows.
pub async fn sweep(w: &mut Write, now: Micros, most: i64) -> Result<u64> {
    let devices = execute!(
        w,
        sql!(
            "jobs.sweep_devices",
            "DELETE FROM job_devices WHERE (job_id, device_id) IN (
               SELECT x.job_id, x.device_id FROM jobs j JOIN job_devices x ON x.job_id = j.id
               WHERE j.kept_until <= $1 LIMIT $2)"
        ),
        now,
        most
    )?;
    let jobs = execute!(
        w,
        sql!(
            "jobs.sweep",
            "DELETE FROM jobs WHERE id IN (
               SELECT j.id FROM jobs j WHERE j.kept_until <= $1
                 AND NOT EXISTS (SELECT 1 FROM job_devices x WHERE x.job_id = j.id) LIMIT $2)"
        ),
        now,
        most
    )?;
    Ok(devices.max(jobs))
}
