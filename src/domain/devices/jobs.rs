//! Jobs: actions on many devices that are carried out in the background. People watch, end and undo them.

use super::bulk::can_be_undone;
use crate::access::scope::{Product, Scope};
use crate::clock::Micros;
use crate::domain::{DomainError, Result, limit_offset};
use crate::ids::{DeviceId, JobId};
use crate::limits::{JOB_REASONS, JOB_RESULT_ROWS, JOB_UNDO_LIFE};
use crate::store::Db;
use crate::store::devices::jobs::{self as table, JobRow, ResultRow};
use crate::store::words::{JobOutcome, JobState};

mod ended;

pub use ended::{cancel, undo};

/// A job as people see it.
#[derive(Debug)]
pub struct Job {
    pub id: i64,
    pub action: &'static str,
    /// A JSON object.
    pub args: String,
    pub query: Option<String>,
    /// The job that this one undoes, and the one that undoes this one.
    pub undoes: Option<i64>,
    pub undone_by: Option<i64>,
    pub state: JobState,
    /// Why the server ended it.
    pub failure: Option<String>,
    pub total: i64,
    pub changed: i64,
    pub unchanged: i64,
    pub refused: i64,
    pub failed: i64,
    /// Name and text of the script that it runs.
    pub script: Option<(String, String)>,
    pub created_at: Micros,
    /// Email address of who started it.
    pub by: String,
    pub finished_at: Option<Micros>,
    /// Until when it can be undone; `None` when it cannot.
    pub undo_until: Option<Micros>,
}

/// A device of a job.
#[derive(Debug)]
pub struct JobDevice {
    /// `None` of a device that was destroyed.
    pub identifier: Option<String>,
    /// `None` when the job has not come to it.
    pub outcome: Option<JobOutcome>,
    pub reason: Option<String>,
    /// What is kept of what the script printed.
    pub output: Option<String>,
    /// Whether it printed more.
    pub output_cut: bool,
}

impl From<ResultRow> for JobDevice {
    fn from(row: ResultRow) -> Self {
        Self {
            identifier: row.identifier,
            outcome: row.outcome,
            reason: row.reason,
            output: row.output,
            output_cut: row.output_cut,
        }
    }
}

pub(super) fn undo_until(row: &JobRow) -> Option<Micros> {
    let can = can_be_undone(row.action)
        && row.changed > 0
        && row.undoes.is_none()
        && row.undone_by.is_none();
    row.finished_at
        .filter(|_| can)
        .map(|at| at.after(JOB_UNDO_LIFE))
}

pub(super) fn seen(row: JobRow) -> Job {
    Job {
        undo_until: undo_until(&row),
        id: row.id.number(),
        action: row.action.word(),
        args: row.args,
        query: row.query,
        undoes: row.undoes.map(JobId::number),
        undone_by: row.undone_by.map(JobId::number),
        state: row.state,
        failure: row.failure,
        total: row.total,
        changed: row.changed,
        unchanged: row.unchanged,
        refused: row.refused,
        failed: row.failed,
        script: row.script_name.zip(row.script_text),
        created_at: row.created_at,
        by: row.person,
        finished_at: row.finished_at,
    }
}

/// A page of a product's jobs, newest first, and how many there are.
///
/// # Errors
/// The database fails.
pub async fn list(
    db: &Db,
    scope: &Scope<Product>,
    page: u64,
    size: u64,
) -> Result<(Vec<Job>, u64)> {
    let (offset, size) = limit_offset(page, size);
    let mut r = db.read().await?;
    let (rows, total) = table::list(&mut r, scope, db.now(), offset, size).await?;
    let jobs = rows.into_iter().map(seen).collect();
    Ok((jobs, u64::try_from(total).unwrap_or(0)))
}

/// A job, and the most frequent reasons for which it left devices as they are.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such job.
pub async fn show(db: &Db, scope: &Scope<Product>, id: i64) -> Result<(Job, Vec<(String, i64)>)> {
    let mut r = db.read().await?;
    let row = table::find(&mut r, scope, id, db.now()).await?;
    let row = row.ok_or(DomainError::NotFound)?;
    let most = i64::try_from(JOB_REASONS).unwrap_or(i64::MAX);
    let reasons = table::reasons(&mut r, row.id, most).await?;
    Ok((seen(row), reasons))
}

/// A page of a job's devices, in the order in which it comes to them, and how many there are.
///
/// # Errors
/// As [`show`].
pub async fn results(
    db: &Db,
    scope: &Scope<Product>,
    id: i64,
    outcome: Option<JobOutcome>,
    page: u64,
    size: u64,
) -> Result<(Vec<JobDevice>, u64)> {
    let (offset, size) = limit_offset(page, size);
    let mut r = db.read().await?;
    let row = table::find(&mut r, scope, id, db.now()).await?;
    let row = row.ok_or(DomainError::NotFound)?;
    let total = match outcome {
        None => row.total,
        Some(JobOutcome::Changed) => row.changed,
        Some(JobOutcome::Unchanged) => row.unchanged,
        Some(JobOutcome::Refused) => row.refused,
        Some(JobOutcome::Failed) => row.failed,
    };
    let rows = table::results(&mut r, row.id, outcome, offset, size).await?;
    let devices = rows.into_iter().map(JobDevice::from).collect();
    Ok((devices, u64::try_from(total).unwrap_or(0)))
}

/// A batch of a job's devices for an export.
#[derive(Debug)]
pub struct ResultBatch {
    pub devices: Vec<JobDevice>,
    /// Behind which device the next batch begins; `None` after the last one.
    pub next: Option<DeviceId>,
}

/// The devices of a job behind one, in the order in which it comes to them; all of them behind none.
///
/// # Errors
/// As [`show`].
pub async fn results_behind(
    db: &Db,
    scope: &Scope<Product>,
    id: i64,
    outcome: Option<JobOutcome>,
    behind: Option<DeviceId>,
) -> Result<ResultBatch> {
    let mut r = db.read().await?;
    let row = table::find(&mut r, scope, id, db.now()).await?;
    let row = row.ok_or(DomainError::NotFound)?;
    let behind = behind.unwrap_or(DeviceId::NONE);
    let rows = table::results_behind(&mut r, row.id, outcome, behind, JOB_RESULT_ROWS).await?;
    let whole = i64::try_from(rows.len()).is_ok_and(|n| n >= JOB_RESULT_ROWS);
    let next = rows.last().map(|row| row.device_id).filter(|_| whole);
    let devices = rows.into_iter().map(JobDevice::from).collect();
    Ok(ResultBatch { devices, next })
}
