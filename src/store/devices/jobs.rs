//! Actions on many devices, in the database: a row for each job, and one for each of its devices.

use crate::clock::Micros;
use crate::store::accounts::scope::{Product, Scope};
use crate::store::ids::{JobId, UserId};
use crate::store::words::{BulkAction, JobState};
use crate::store::{On, Result, Write};
use sqlx::FromRow;

mod results;
mod running;
mod script_runs;

pub use results::*;
pub use running::*;
pub use script_runs::*;

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
    pub failed: i64,
    /// The script that it runs.
    pub script_name: Option<String>,
    pub script_text: Option<String>,
    pub created_at: Micros,
    pub finished_at: Option<Micros>,
    /// Email address of who started it.
    pub person: String,
    /// The same, while the account exists.
    pub user_id: Option<UserId>,
}

macro_rules! job_columns {
    () => {
        "SELECT j.id, j.action, j.args, j.query, j.undoes, (SELECT u.id FROM jobs u WHERE u.undoes = j.id) AS undone_by,
                j.state, j.failure, j.total, j.changed, j.unchanged, j.refused, j.failed, j.script_name, j.script_text,
                j.created_at, j.finished_at, j.person, j.user_id
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
    /// Name and text of the script that it runs.
    pub script: Option<(&'j str, &'j str)>,
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
                               created_at, updated_at, script_name, script_text)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'running', 0, $9, $9, $10, $11)
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
        now,
        new.script.map(|s| s.0),
        new.script.map(|s| s.1)
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
    let runs = execute!(
        w,
        sql!(
            "jobs.sweep_runs",
            "DELETE FROM job_runs WHERE (job_id, device_id) IN (
               SELECT x.job_id, x.device_id FROM jobs j JOIN job_runs x ON x.job_id = j.id
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
                 AND NOT EXISTS (SELECT 1 FROM job_devices x WHERE x.job_id = j.id)
                 AND NOT EXISTS (SELECT 1 FROM job_runs r WHERE r.job_id = j.id) LIMIT $2)"
        ),
        now,
        most
    )?;
    Ok(devices.max(runs).max(jobs))
}
