//! A job that runs a script on its devices: some at a time, each of which has its time to answer. Answers are waited for outside of
//! transactions; `script_turn` writes them down and files the next devices.
//!
//! A device is told once at most: its run is filed before it is told. What a server did not hear before it ended has failed.

use super::script_turn::{self, Answer, Begun, Turn};
use crate::budget::Slot;
use crate::domain::{Context, DomainError, Result};
use crate::ids::{JobId, OrgId};
use crate::limits::{JOB_SCRIPT_LOOK, JOB_SCRIPT_PAUSE, JOB_SCRIPT_RUNS, JOB_TRIES, JOBS_IN_TURN};
use crate::store::Error;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Why a run that nobody waits for any more has failed.
const LOST: &str = "its answer is lost, since the server stopped or could not write it down";

/// So many places for runs of an organization, or as many as it may have and are free.
fn take_places(context: &Context, org: OrgId, most: usize) -> Vec<Slot<OrgId>> {
    let places = &context.limiters.script_places;
    let one = || places.take(org).ok();
    std::iter::repeat_with(one)
        .take(most)
        .map_while(|place| place)
        .collect()
}

/// Marks runs as failed that a process before this one has waited for. Returns whether there may be more.
///
/// # Errors
/// The database fails.
pub async fn close_all(context: &Context) -> Result<bool> {
    let mut w = context.db.write().await?;
    let jobs = crate::store::devices::jobs::with_open_runs(&mut w, JOBS_IN_TURN).await?;
    for job in &jobs {
        script_turn::close(&mut w, *job, LOST).await?;
    }
    w.commit().await?;
    // A job may have more of them than one look closes.
    Ok(!jobs.is_empty())
}

/// Carries a job out until it ends or the server stops.
///
/// # Errors
/// The database fails. Devices that the job waits for have failed then.
pub async fn run_script(context: &Context, job: JobId, stop: &CancellationToken) -> Result<()> {
    let mut w = context.db.write().await?;
    while script_turn::close(&mut w, job, LOST).await? {}
    let org = crate::store::devices::jobs::by_id(&mut w, job)
        .await?
        .map(|j| j.org_id);
    w.commit().await?;
    let Some(org) = org else {
        return Ok(());
    };
    let mut runs = FuturesUnordered::new();
    let mut answers: Vec<Answer> = Vec::new();
    let (mut more, mut looked) = (true, None::<Instant>);
    let mut failed = 0;
    while more || !runs.is_empty() || !answers.is_empty() {
        if stop.is_cancelled() {
            // What was heard is kept; the next start closes the rest.
            if !answers.is_empty() {
                script_turn::turn(context, job, &answers, 0, true).await?;
            }
            return Ok(());
        }
        let room = if more {
            JOB_SCRIPT_RUNS.saturating_sub(runs.len())
        } else {
            0
        };
        let places = take_places(context, org, room);
        let due = looked.is_none_or(|at| at.elapsed() >= JOB_SCRIPT_LOOK);
        if due || !answers.is_empty() || !places.is_empty() {
            let waits = !runs.is_empty();
            let turn = script_turn::turn(context, job, &answers, places.len(), waits).await;
            looked = Some(Instant::now());
            match turn {
                // The devices go on, and what they answer is written down when the database is back.
                Err(DomainError::Store(e)) if e.is_unavailable() => {
                    tracing::warn!(job = job.number(), error = %e, "answers wait for the database");
                }
                // Somebody else changes the same rows; a turn may be repeated, some times.
                Err(DomainError::Store(e @ (Error::Conflict | Error::TooSlow)))
                    if failed < JOB_TRIES =>
                {
                    failed += 1;
                    tracing::warn!(job = job.number(), error = %e, "answers are written down again");
                }
                Err(e) => return Err(e),
                Ok(Turn::Ended) => return Ok(()),
                // What was told before is still heard.
                Ok(Turn::Cancelled) => {
                    answers.clear();
                    more = false;
                }
                Ok(Turn::Goes(begun, behind)) => {
                    failed = 0;
                    answers.clear();
                    more = behind;
                    for (begun, place) in begun.into_iter().zip(places) {
                        runs.push(answer(context.clone(), begun, place));
                    }
                }
            }
        }
        // Answers that come at once are written down together, so that others can write in between.
        let heard = async {
            while let Some(one) = runs.next().await {
                answers.push(one);
            }
            if more || !answers.is_empty() {
                sleep(JOB_SCRIPT_PAUSE).await;
            }
        };
        stop.run_until_cancelled(timeout(JOB_SCRIPT_PAUSE, heard))
            .await;
    }
    Ok(())
}

/// Tells a device to run the script, and waits for its answer.
async fn answer(context: Context, begun: Begun, _place: Slot<OrgId>) -> Answer {
    let Begun {
        device,
        node,
        script,
        time,
    } = begun;
    let came = |output| Answer { device, output };
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let Some(mut waiting) = context.script_runs.begin(device, script, millis) else {
        return came(Err("the server runs as many scripts as it can".into()));
    };
    context.signal_script(node, device, waiting.id);
    came(match timeout(time, &mut waiting.output).await {
        Ok(Ok(Some(output))) => Ok(output),
        Ok(_) => Err("its client cannot run scripts".into()),
        Err(_) => Err(format!("did not answer within {}", seconds(time))),
    })
}

/// A time as people write it.
fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}
