//! Makes jobs: of an action that was confirmed, and to undo another job.

use super::{BulkArgs, BulkForm, action, confirm, role_of};
use crate::access::scope::{Product, Scope};
use crate::clock::Micros;
use crate::domain::{Context, DomainError, Result};
use crate::ids::JobId;
use crate::limits::{JOBS_AT_ONCE, JOBS_KEPT, READ_WAIT};
use crate::store::Write;
use crate::store::devices::jobs::{self, NewJob};
use crate::store::devices::targets;
use crate::store::events::audit::{self, Resource};
use crate::store::words::BulkAction;
use serde::Serialize;

/// What the audit log keeps of a job that begins.
#[derive(Serialize)]
struct Begun<'f> {
    job: i64,
    action: BulkAction,
    args: &'f BulkArgs,
    query: Option<&'f str>,
    devices: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    script: Option<ScriptText<'f>>,
}

/// The script that a job runs.
#[derive(Serialize)]
struct ScriptText<'f> {
    name: &'f str,
    text: &'f str,
}

/// Makes the job of an action that was confirmed. The same confirmation makes one job, however often it is sent.
///
/// # Errors
/// A validation error for a field, `confirm` among them; [`DomainError::Conflict`] when more devices match than were confirmed, or
/// when as many jobs run as may; as [`super::preview()`].
pub async fn start(context: &Context, scope: &Scope<Product>, form: &BulkForm) -> Result<JobId> {
    form.check()?;
    let confirmed = confirm::open(context, scope, form)?;
    let proof = &confirmed.proof;
    let mut r = context.db.read().await?;
    if let Some(job) = jobs::by_proof(&mut r, scope, proof).await? {
        return Ok(job);
    }
    drop(r);
    let filter = form.filter(context, scope).await?;
    let lane = &context.limiters.scan_lane;
    let _lane = lane.enter(&scope.product().org.id, READ_WAIT).await?;
    let now = context.now();
    let mut w = context.db.write().await?;
    let plan = action::resolve(&mut w, scope, form.action, &form.args).await?;
    confirmed.check_script(&plan)?;
    let script = plan.script().map(|s| (s.name.as_str(), s.text.as_str()));
    let args = text_of(&form.args)?;
    let new = NewJob {
        action: form.action,
        args: &args,
        query: form.query.as_deref(),
        undoes: None,
        proof: Some(proof),
        script,
    };
    let Some(job) = add(&mut w, scope, &new, now).await? else {
        // Another request with the same confirmation was faster.
        let job = jobs::by_proof(&mut w, scope, proof).await?;
        return job.ok_or(DomainError::NotFound);
    };
    let count = targets::take(&mut w, scope, &filter, job, now).await?;
    if i64::try_from(count).is_ok_and(|n| n > confirmed.count) {
        return Err(DomainError::Conflict(format!(
            "{count} devices match now, and {} were confirmed; look at them again with dry_run.",
            confirmed.count
        )));
    }
    let begun = Begun {
        job: job.number(),
        action: form.action,
        args: &form.args,
        query: form.query.as_deref(),
        devices: count,
        script: script.map(|(name, text)| ScriptText { name, text }),
    };
    let name = &scope.person().name;
    let text = format!(
        "{name} started job {job}: {} on {count} devices",
        form.action
    );
    begin(&mut w, scope, (job, count), (&text, &text_of(&begun)?), now).await?;
    w.commit().await?;
    Ok(job)
}

fn text_of(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|e| DomainError::Fault(format!("what a job is given is no JSON: {e}")))
}

/// Adds a job, unless as many run as may.
async fn add(
    w: &mut Write,
    scope: &Scope<Product>,
    new: &NewJob<'_>,
    now: Micros,
) -> Result<Option<JobId>> {
    let needed = role_of(new.action);
    if scope.role() < needed {
        return Err(DomainError::Denied(needed));
    }
    if jobs::count_running(w, scope).await? >= JOBS_AT_ONCE {
        return Err(DomainError::Conflict(format!(
            "{JOBS_AT_ONCE} jobs of this product run already; wait for one to end, or cancel it."
        )));
    }
    Ok(jobs::add(w, scope, new, now).await?)
}

/// Notes that a job begins, with so many devices.
async fn begin(
    w: &mut Write,
    scope: &Scope<Product>,
    (job, count): (JobId, u64),
    (text, details): (&str, &str),
    now: Micros,
) -> Result<()> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    jobs::set_total(w, job, count).await?;
    jobs::keep_newest(w, scope, JOBS_KEPT, now).await?;
    let resource = Resource::Product(scope.product().id);
    audit::with_details(w, scope, resource, text, details, now).await?;
    Ok(())
}

/// Makes the job that puts back what another one has changed.
///
/// # Errors
/// [`DomainError::Conflict`] when a job undoes that one already, or when as many jobs run as may.
pub(in crate::domain::devices) async fn start_undo(
    context: &Context,
    scope: &Scope<Product>,
    undone: &jobs::JobRow,
) -> Result<JobId> {
    let now = context.now();
    let mut w = context.db.write().await?;
    let new = NewJob {
        action: undone.action,
        args: &undone.args,
        query: None,
        undoes: Some(undone.id),
        proof: None,
        script: None,
    };
    let job = add(&mut w, scope, &new, now).await?;
    let job = job.ok_or_else(|| DomainError::Conflict("The job is undone already.".into()))?;
    let count = jobs::take_changed(&mut w, job, undone.id).await?;
    let (name, id) = (&scope.person().name, undone.id);
    let text =
        format!("{name} started job {job}: it undoes job {id}, which changed {count} devices");
    begin(&mut w, scope, (job, count), (&text, "{}"), now).await?;
    w.commit().await?;
    Ok(job)
}
