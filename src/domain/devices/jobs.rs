//! Jobs: actions on many devices that are carried out in the background. People watch, end and undo them.

use super::bulk::{can_be_undone, start_undo};
use crate::access::scope::{Product, Scope};
use crate::clock::Micros;
use crate::domain::{Context, DomainError, Result, limit_offset};
use crate::ids::JobId;
use crate::limits::{JOB_LIFE, JOB_REASONS, JOB_UNDO_LIFE};
use crate::store::Db;
use crate::store::devices::jobs::{self as table, JobRow, ResultRow};
use crate::store::events::audit;
use crate::store::words::{JobOutcome, JobState};

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
}

fn undo_until(row: &JobRow) -> Option<Micros> {
    let can = can_be_undone(row.action)
        && row.changed > 0
        && row.undoes.is_none()
        && row.undone_by.is_none();
    row.finished_at
        .filter(|_| can)
        .map(|at| at.after(JOB_UNDO_LIFE))
}

fn seen(row: JobRow) -> Job {
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
    };
    let rows = table::results(&mut r, row.id, outcome, offset, size).await?;
    let one = |row: ResultRow| JobDevice {
        identifier: row.identifier,
        outcome: row.outcome,
        reason: row.reason,
    };
    let devices = rows.into_iter().map(one).collect();
    Ok((devices, u64::try_from(total).unwrap_or(0)))
}

/// Ends a job. What it has done stays done.
///
/// # Errors
/// As [`show`]; [`DomainError::Conflict`] for a job that has ended.
pub async fn cancel(context: &Context, scope: &Scope<Product>, id: i64) -> Result<Job> {
    let now = context.now();
    let mut w = context.db.write().await?;
    let row = table::find(&mut w, scope, id, now).await?;
    let row = row.ok_or(DomainError::NotFound)?;
    let (end, kept) = ((JobState::Cancelled, None), now.after(JOB_LIFE));
    if !table::end(&mut w, row.id, end, now, kept).await? {
        return Err(DomainError::Conflict("The job has ended already.".into()));
    }
    let text = format!("{} cancelled job {id}", scope.person().name);
    audit::on_product(&mut w, scope, &text, now).await?;
    let row = table::find(&mut w, scope, id, now).await?;
    w.commit().await?;
    Ok(seen(row.ok_or(DomainError::NotFound)?))
}

/// Makes the job that puts back what a job has changed.
///
/// # Errors
/// As [`show`]; [`DomainError::Conflict`] for a job that runs, whose action cannot be undone, whose time to be undone is over, or
/// that is undone already.
pub async fn undo(context: &Context, scope: &Scope<Product>, id: i64) -> Result<i64> {
    let now = context.now();
    let mut r = context.db.read().await?;
    let row = table::find(&mut r, scope, id, now).await?;
    let row = row.ok_or(DomainError::NotFound)?;
    drop(r);
    let minutes = JOB_UNDO_LIFE.as_secs() / 60;
    let why = if row.state == JobState::Running {
        "The job still runs; cancel it first.".into()
    } else if row.undoes.is_some() {
        "The job undoes another one, and cannot be undone itself.".into()
    } else if !can_be_undone(row.action) {
        format!("What {} does cannot be undone.", row.action)
    } else if let Some(by) = row.undone_by {
        format!("The job was undone by job {by}.")
    } else if row.changed == 0 {
        "The job has changed no device.".into()
    } else if undo_until(&row).is_none_or(|until| until < now) {
        format!("A job can be undone for {minutes} minutes after its end.")
    } else {
        let job = start_undo(context, scope, &row).await?;
        return Ok(job.number());
    };
    Err(DomainError::Conflict(why))
}
