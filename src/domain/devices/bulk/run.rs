//! Carries jobs out, batch by batch. A batch is one transaction: it takes the next devices of a job, does the action to them, and
//! moves the job behind them, so that a server that dies goes on where it stopped and does nothing twice.

use super::action;
use super::aftermath::Aftermath;
use super::apply::{apply, left};
use super::args::{BulkArgs, role_of};
use super::script_turn;
use super::undo::{self, undo};
use crate::access;
use crate::access::scope::{Grant, Person, Product, Scope};
use crate::clock::Micros;
use crate::domain::{Context, DomainError, Result};
use crate::ids::{DeviceId, JobId};
use crate::limits::{
    JOB_BATCH, JOB_BATCH_SINGLE, JOB_COMMAND_PAUSE, JOB_LIFE, JOB_PAUSE, JOB_TRIES,
};
use crate::store::devices::jobs::{self, DeviceResult, RunningJob};
use crate::store::devices::targets::{self, TargetDevice};
use crate::store::events::audit::{self, Actor, Resource};
use crate::store::words::{BulkAction, JobState};
use crate::store::{self, Write};
use std::time::Duration;

/// What became of a job's batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batch {
    /// There may be more, after this pause.
    More(Duration),
    /// The job does not run any more.
    Ended,
}

fn size(action: BulkAction) -> i64 {
    match action {
        BulkAction::Firmware | BulkAction::Move | BulkAction::Delete | BulkAction::Restore => {
            JOB_BATCH_SINGLE
        }
        _ => JOB_BATCH,
    }
}

fn pause(action: BulkAction) -> Duration {
    match action {
        BulkAction::Reboot | BulkAction::Reconnect => JOB_COMMAND_PAUSE,
        _ => JOB_PAUSE,
    }
}

/// Who started a job, while the account exists.
fn person_of(job: &RunningJob) -> Option<Person> {
    Some(Person {
        id: job.user_id?,
        name: job.user_name.clone()?,
        email: job.user_email.clone()?,
        grant: Grant::default(),
        token: None,
        session: false,
    })
}

/// The same, while they may still do what it does.
pub(super) async fn scope_of(
    w: &mut Write,
    job: &RunningJob,
) -> store::Result<Option<Scope<Product>>> {
    let Some(person) = person_of(job) else {
        return Ok(None);
    };
    let scope = access::product_scope(w, person, &job.org_name, &job.product_name).await?;
    Ok(scope.filter(|s| s.product().id == job.product_id && s.role() >= role_of(job.action)))
}

/// Does the next batch of a job.
///
/// # Errors
/// The database fails; nothing of the batch was done then.
pub async fn batch(context: &Context, job: JobId) -> Result<Batch> {
    let now = context.now();
    let mut w = context.db.write().await?;
    let Some(job) = jobs::claim(&mut w, job, now).await? else {
        return Ok(Batch::Ended);
    };
    let mut aftermath = Aftermath::default();
    let outcome = match scope_of(&mut w, &job).await? {
        Some(scope) => step(&mut w, &scope, &job, now, &mut aftermath).await,
        None => Err(DomainError::Denied(role_of(job.action))),
    };
    let more = match outcome {
        Ok(more) => more,
        Err(e @ (DomainError::Store(_) | DomainError::Blob(_) | DomainError::Fault(_))) => {
            return Err(e);
        }
        // What it was to do cannot be done any more; the batches before this one stay done.
        Err(e) => {
            finish(&mut w, &job, (JobState::Failed, Some(&reason(&e))), now).await?;
            false
        }
    };
    w.commit().await?;
    aftermath.settle(context).await?;
    Ok(if more {
        Batch::More(pause(job.action))
    } else {
        Batch::Ended
    })
}

/// Why a job cannot go on, for people.
pub(super) fn reason(e: &DomainError) -> String {
    match e {
        DomainError::Denied(_) | DomainError::NotFound => {
            "Who started it may not do this any more.".into()
        }
        DomainError::Fields(errors) => {
            let mut texts = Vec::new();
            collect(errors, "", &mut texts);
            format!(
                "What it was given does not fit any more: {}.",
                texts.join("; ")
            )
        }
        other => other.to_string(),
    }
}

fn collect(errors: &serde_json::Value, name: &str, into: &mut Vec<String>) {
    match errors {
        serde_json::Value::String(text) => into.push(format!("{name} {text}")),
        serde_json::Value::Array(all) => all.iter().for_each(|e| collect(e, name, into)),
        serde_json::Value::Object(all) => all.iter().for_each(|(k, e)| collect(e, k, into)),
        _ => {}
    }
}

/// Takes the next devices and does the action to them; whether there may be more.
async fn step(
    w: &mut Write,
    scope: &Scope<Product>,
    job: &RunningJob,
    now: Micros,
    aftermath: &mut Aftermath,
) -> Result<bool> {
    let args: BulkArgs = serde_json::from_str(&job.args)
        .map_err(|e| DomainError::Fault(format!("the arguments of job {}: {e}", job.id)))?;
    let most = size(job.action);
    let ids = jobs::next(w, job.id, job.position, most).await?;
    let results = match job.undoes {
        Some(undone) => {
            let values = jobs::values(w, undone, &ids).await?;
            let values = values
                .into_iter()
                .map(|(d, before, after)| (d, (before, after)));
            let about = (job.action, &values.collect());
            let facts = undo::facts(job.action);
            let (own, mut results) = present(w, job, &ids, facts, now).await?;
            results.extend(undo(w, scope, about, &own, (now, aftermath)).await?);
            results
        }
        None => {
            let plan = action::resolve(w, scope, job.action, &args).await?;
            let (own, mut results) = present(w, job, &ids, plan.facts(), now).await?;
            results.extend(apply(w, scope, &plan, &own, (now, aftermath)).await?);
            results
        }
    };
    jobs::note(w, job.id, &results).await?;
    let more = i64::try_from(ids.len()).is_ok_and(|n| n >= most);
    if !more {
        finish(w, job, (JobState::Done, None), now).await?;
    }
    Ok(more)
}

/// The devices that are still there and of the product, and what is to be said of the others.
pub(super) async fn present(
    w: &mut Write,
    job: &RunningJob,
    ids: &[DeviceId],
    facts: targets::Facts<'_>,
    now: Micros,
) -> store::Result<(Vec<TargetDevice>, Vec<DeviceResult>)> {
    let mut found = targets::of(w, ids, facts, now).await?;
    let mut results: Vec<DeviceResult> = ids
        .iter()
        .filter(|id| !found.iter().any(|d| d.id == **id))
        .map(|id| left(*id, "was destroyed"))
        .collect();
    found.retain(|d| {
        let own = d.product_id == job.product_id;
        if !own {
            results.push(left(d.id, "was moved to another product"));
        }
        own
    });
    Ok((found, results))
}

/// What a job came to, in a sentence.
fn sum(job: &RunningJob, state: JobState) -> String {
    let (id, total) = (job.id, job.total);
    let (changed, refused) = (job.changed, job.refused);
    if job.action == BulkAction::Script {
        let failed = job.failed;
        return format!(
            "Job {id} ended ({state}): of {total} devices {changed} answered, {failed} failed, {refused} were left as they are"
        );
    }
    let unchanged = job.unchanged;
    format!(
        "Job {id} ended ({state}): of {total} devices {changed} were changed, {unchanged} were as they should be, {refused} were left as they are"
    )
}

/// Ends a job and notes what it came to. The answers that it waits for are not waited for any more.
pub(super) async fn finish(
    w: &mut Write,
    job: &RunningJob,
    (state, failure): (JobState, Option<&str>),
    now: Micros,
) -> store::Result<()> {
    script_turn::close(w, job.id, "the job ended before its answer came").await?;
    let kept = now.after(JOB_LIFE);
    if !jobs::end(w, job.id, (state, failure), now, kept).await? {
        return Ok(());
    }
    let Some(job) = jobs::by_id(w, job.id).await? else {
        return Ok(());
    };
    let mut text = sum(&job, state);
    if let Some(failure) = failure {
        text.push_str(". ");
        text.push_str(failure);
    }
    tracing::info!(job = job.id.number(), state = state.word(), "a job ended");
    let Some(person) = person_of(&job) else {
        return Ok(());
    };
    let (actor, resource) = (Actor::Person(&person), Resource::Product(job.product_id));
    let product = Some(job.product_id);
    audit::add(w, job.org_id, product, actor, resource, &text, now).await
}

/// Counts a failure of a job's batch, and ends the job after some in a row.
///
/// # Errors
/// The database fails.
pub async fn give_up(context: &Context, job: JobId) -> Result<()> {
    let now = context.now();
    let mut w = context.db.write().await?;
    let Some(running) = jobs::claim(&mut w, job, now).await? else {
        return Ok(());
    };
    if jobs::failed(&mut w, job).await? >= JOB_TRIES {
        let why = "The server could not go on; the reason is in its log.";
        finish(&mut w, &running, (JobState::Failed, Some(why)), now).await?;
    }
    w.commit().await?;
    Ok(())
}
