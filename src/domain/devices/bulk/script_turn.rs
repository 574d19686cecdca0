//! A turn of a job that runs a script, in one transaction: what devices have answered is written down, and the next ones are filed.

use super::action::script_time;
use super::apply::left;
use super::args::{BulkArgs, role_of};
use super::judge::{SCRIPT_FACTS, Verdict, judge_script};
use super::run::{finish, present, reason, scope_of};
use crate::access::scope::{Product, Scope};
use crate::clock::Micros;
use crate::domain::{Context, DomainError, Result};
use crate::ids::{DeviceId, JobId, NodeId};
use crate::limits::{JOB_OPEN_RUNS, JOB_OUTPUT_BYTES, JOB_OUTPUTS_BYTES};
use crate::store::devices::connections;
use crate::store::devices::jobs::{self, DeviceResult, EndedRun, RunningJob};
use crate::store::devices::targets::Facts;
use crate::store::events::audit::{self, Resource};
use crate::store::words::{JobOutcome, JobRunState, JobState};
use crate::store::{self, Write};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// What a device printed, or why it did not.
pub(super) struct Answer {
    pub(super) device: DeviceId,
    pub(super) output: std::result::Result<String, String>,
}

/// A run that is filed: the device is told next.
pub(super) struct Begun {
    pub(super) device: DeviceId,
    pub(super) node: NodeId,
    pub(super) script: Arc<str>,
    /// How long it may take.
    pub(super) time: Duration,
}

/// What became of the job.
pub(super) enum Turn {
    /// It goes on with these devices; whether there may be more behind them.
    Goes(Vec<Begun>, bool),
    /// It was cancelled.
    Cancelled,
    /// It has come to its end, or cannot go on.
    Ended,
}

/// What the audit log keeps of a run. The text is in the entry of the job's begin.
#[derive(Serialize)]
struct RunDetails<'j> {
    job: i64,
    script: &'j str,
}

/// Writes down what devices answered, and files so many further devices. `waits` says whether there are devices that have not
/// answered.
///
/// # Errors
/// The database fails.
pub(super) async fn turn(
    context: &Context,
    job: JobId,
    answers: &[Answer],
    room: usize,
    waits: bool,
) -> Result<Turn> {
    let now = context.now();
    let mut w = context.db.write().await?;
    let Some(running) = jobs::claim(&mut w, job, now).await? else {
        if let Some(ended) = jobs::by_id(&mut w, job).await? {
            write_down(&mut w, &ended, answers, now).await?;
        }
        w.commit().await?;
        return Ok(Turn::Cancelled);
    };
    write_down(&mut w, &running, answers, now).await?;
    let outcome = match scope_of(&mut w, &running).await? {
        Some(scope) => file(&mut w, &scope, &running, room, now).await,
        None => Err(DomainError::Denied(role_of(running.action))),
    };
    let turn = match outcome {
        Ok((begun, more)) => {
            if !more && !waits && begun.is_empty() {
                finish(&mut w, &running, (JobState::Done, None), now).await?;
                Turn::Ended
            } else {
                Turn::Goes(begun, more)
            }
        }
        Err(e @ (DomainError::Store(_) | DomainError::Blob(_) | DomainError::Fault(_))) => {
            return Err(e);
        }
        Err(e) => {
            finish(&mut w, &running, (JobState::Failed, Some(&reason(&e))), now).await?;
            Turn::Ended
        }
    };
    w.commit().await?;
    Ok(turn)
}

/// Files the next devices of a job: those that are told, and those that are refused. Returns whether there may be more.
async fn file(
    w: &mut Write,
    scope: &Scope<Product>,
    job: &RunningJob,
    room: usize,
    now: Micros,
) -> Result<(Vec<Begun>, bool)> {
    let most = i64::try_from(room).unwrap_or(i64::MAX);
    // One device more than there is room for says whether the job goes on behind them.
    let mut ids = jobs::next(w, job.id, job.position, most.saturating_add(1)).await?;
    let more = ids.len() > room;
    ids.truncate(room);
    let Some(last) = ids.last().copied() else {
        return Ok((Vec::new(), more));
    };
    let args: BulkArgs = serde_json::from_str(&job.args)
        .map_err(|e| DomainError::Fault(format!("the arguments of job {}: {e}", job.id)))?;
    let time = script_time(&args)?;
    let script: Arc<str> = job.script_text.as_deref().unwrap_or_default().into();
    let name = job.script_name.as_deref().unwrap_or_default();
    let (own, mut results) = present(w, job, &ids, SCRIPT_FACTS, now).await?;
    let nodes: HashMap<DeviceId, NodeId> =
        connections::nodes_of(w, &ids).await?.into_iter().collect();
    let details = RunDetails {
        job: job.id.number(),
        script: name,
    };
    let details = serde_json::to_string(&details)
        .map_err(|e| DomainError::Fault(format!("details of a run are no JSON: {e}")))?;
    let mut begun = Vec::new();
    for device in own {
        let node = match judge_script(&device.target) {
            Verdict::Refused(why) => Err(why),
            _ => nodes
                .get(&device.id)
                .ok_or_else(|| "is not connected".into()),
        };
        let node = match node {
            Ok(node) => *node,
            Err(why) => {
                results.push(left(device.id, why));
                continue;
            }
        };
        let text = format!(
            "User {} ran script {name} on device {} by job {}",
            scope.person().name,
            device.identifier,
            job.id
        );
        audit::with_details(w, scope, Resource::Device(device.id), &text, &details, now).await?;
        begun.push(Begun {
            device: device.id,
            node,
            script: script.clone(),
            time,
        });
    }
    let told: Vec<DeviceId> = begun.iter().map(|b| b.device).collect();
    jobs::begin_runs(w, job.id, &told, last).await?;
    jobs::note(w, job.id, &results).await?;
    Ok((begun, more))
}

/// Writes down what devices answered. What a device says that has left the product since is not the product's to know.
async fn write_down(
    w: &mut Write,
    job: &RunningJob,
    answers: &[Answer],
    now: Micros,
) -> store::Result<()> {
    // A commit that was in doubt may have written some of them already.
    let answered: Vec<DeviceId> = answers.iter().map(|a| a.device).collect();
    let open = jobs::open_runs_of(w, job.id, &answered).await?;
    let answers = answers.iter().filter(|a| open.contains(&a.device));
    let answers: Vec<&Answer> = answers.collect();
    let ids: Vec<DeviceId> = answers.iter().map(|a| a.device).collect();
    let (own, gone) = present(w, job, &ids, Facts::default(), now).await?;
    let gone: HashMap<DeviceId, String> = gone
        .into_iter()
        .map(|g| (g.device, g.reason.unwrap_or_default()))
        .chain(
            own.iter()
                .filter(|d| d.target.deleted)
                .map(|d| (d.id, "was deleted".into())),
        )
        .collect();
    let kept = usize::try_from(job.output_bytes).unwrap_or(usize::MAX);
    let mut left = JOB_OUTPUTS_BYTES.saturating_sub(kept);
    let (mut results, mut ended) = (Vec::new(), Vec::new());
    for answer in answers {
        let said = match gone.get(&answer.device) {
            Some(why) => Err(why.clone()),
            None => answer.output.clone(),
        };
        let (result, run) = result_of(answer.device, said, left);
        left -= run.output.as_ref().map_or(0, String::len);
        results.push(result);
        ended.push(run);
    }
    jobs::end_runs(w, job.id, &ended).await?;
    jobs::note(w, job.id, &results).await
}

/// What is written of an answer, of whose text so many bytes are kept.
fn result_of(
    device: DeviceId,
    said: std::result::Result<String, String>,
    left: usize,
) -> (DeviceResult, EndedRun) {
    let (outcome, state, reason, text) = match said {
        Ok(text) => (JobOutcome::Changed, JobRunState::Answered, None, Some(text)),
        Err(why) => (JobOutcome::Failed, JobRunState::Failed, Some(why), None),
    };
    let result = DeviceResult {
        device,
        outcome,
        reason,
        before: None,
        after: None,
    };
    // PostgreSQL keeps no text with a zero in it.
    let whole = text.map(|t| t.replace('\0', "\u{fffd}"));
    let bytes = whole.as_ref().map_or(0, String::len);
    let output = whole.map(|t| t[..t.floor_char_boundary(left.min(JOB_OUTPUT_BYTES))].to_owned());
    let output_cut = output.as_ref().map_or(0, String::len) < bytes;
    (
        result,
        EndedRun {
            device,
            state,
            output,
            output_cut,
        },
    )
}

/// Writes down that answers that a job waits for will not come. Returns whether there were some; there may be more then.
pub(super) async fn close(w: &mut Write, job: JobId, why: &str) -> store::Result<bool> {
    let (mut results, mut ended) = (Vec::new(), Vec::new());
    for device in jobs::open_runs(w, job, JOB_OPEN_RUNS).await? {
        let (result, run) = result_of(device, Err(why.into()), 0);
        results.push(result);
        ended.push(run);
    }
    if results.is_empty() {
        return Ok(false);
    }
    jobs::end_runs(w, job, &ended).await?;
    jobs::note_lost(w, job, &results).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_an_output_is_bounded_and_whole_characters() {
        let device = DeviceId::from(1);
        let long = "é".repeat(JOB_OUTPUT_BYTES);
        let (result, run) = result_of(device, Ok(long.clone()), usize::MAX);
        assert_eq!(
            (result.outcome, run.state),
            (JobOutcome::Changed, JobRunState::Answered)
        );
        assert_eq!(run.output.unwrap().len(), JOB_OUTPUT_BYTES);
        assert!(run.output_cut);
        let (_, run) = result_of(device, Ok(long), 3);
        assert_eq!((run.output.as_deref(), run.output_cut), (Some("é"), true));
        let (_, run) = result_of(device, Ok("a\0b".into()), 100);
        assert_eq!(
            (run.output.as_deref(), run.output_cut),
            (Some("a\u{fffd}b"), false)
        );
        let (result, run) = result_of(device, Err("was silent".into()), 100);
        assert_eq!(result.reason.as_deref(), Some("was silent"));
        assert_eq!(
            (result.outcome, run.state),
            (JobOutcome::Failed, JobRunState::Failed)
        );
        assert_eq!((run.output, run.output_cut), (None, false));
    }
}
