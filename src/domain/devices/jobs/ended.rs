//! Ending and undoing jobs.

use super::{Job, seen, undo_until};
use crate::access::scope::{Product, Role, Scope};
use crate::domain::devices::bulk::{can_be_undone, role_of, start_undo};
use crate::domain::{Context, DomainError, Result};
use crate::limits::{JOB_LIFE, JOB_UNDO_LIFE};
use crate::store::devices::jobs as table;
use crate::store::events::audit;
use crate::store::words::JobState;

/// Ends a job. What it has done stays done, and devices that run its script are heard. Who started a job may end it with the role that it
/// took.
///
/// # Errors
/// As [`super::show`]; [`DomainError::Denied`] for a job of somebody else, and a role that is too low; [`DomainError::Conflict`] for a job that has ended.
pub async fn cancel(context: &Context, scope: &Scope<Product>, id: i64) -> Result<Job> {
    let now = context.now();
    let mut w = context.db.write().await?;
    let row = table::find(&mut w, scope, id, now).await?;
    let row = row.ok_or(DomainError::NotFound)?;
    let own = row.user_id == Some(scope.person().id);
    let needed = if own {
        role_of(row.action)
    } else {
        Role::Manage
    };
    if scope.role() < needed {
        return Err(DomainError::Denied(needed));
    }
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
/// As [`super::show`]; [`DomainError::Conflict`] for a job that runs, whose action cannot be undone, whose time to be undone is over, or
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
