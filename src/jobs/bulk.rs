//! Carries out actions on many devices. All jobs that run get a batch in turn, so that a large one does not hold up a small one. A job
//! that runs a script waits for devices, and has a task of its own.

use super::each_tick;
use crate::app::App;
use crate::domain::DomainError;
use crate::domain::devices::bulk::{self, Batch};
use crate::ids::JobId;
use crate::limits::{JOB_EVERY, JOBS_IN_TURN};
use crate::store;
use crate::store::devices::jobs;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// The jobs that run scripts, each by a task of this process.
#[derive(Clone, Default)]
struct ScriptTasks {
    jobs: Arc<Mutex<HashSet<JobId>>>,
    /// Whether the runs that an earlier process waited for are closed.
    closed: Arc<AtomicBool>,
}

impl ScriptTasks {
    fn lock(&self) -> MutexGuard<'_, HashSet<JobId>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins the task of a job, unless it has one.
    fn begin(&self, app: &App, job: JobId, stop: &CancellationToken) {
        if !self.lock().insert(job) {
            return;
        }
        let (tasks, app, stop) = (self.clone(), app.clone(), stop.clone());
        app.context.background.clone().spawn(async move {
            if let Err(e) = bulk::run_script(&app, job, &stop).await {
                let given_up = give_up(&app, job, e).await;
                if let Err(e) = given_up {
                    tracing::warn!(error = %e, "a job not carried out, the next tick tries again");
                }
            }
            tasks.lock().remove(&job);
        });
    }
}

/// Runs until `stop` is cancelled.
pub async fn run(app: App, stop: CancellationToken) {
    let (pause, failed) = (Duration::ZERO, "jobs not carried out");
    let tick = app.clock().every(JOB_EVERY);
    let tasks = ScriptTasks::default();
    each_tick(tick, pause, stop.clone(), failed, || {
        round(app.clone(), tasks.clone(), stop.clone())
    })
    .await;
}

/// Does a batch of each job. Returns whether there may be more.
async fn round(app: App, tasks: ScriptTasks, stop: CancellationToken) -> store::Result<bool> {
    if !tasks.closed.load(Ordering::Relaxed) {
        while close(&app).await? {}
        tasks.closed.store(true, Ordering::Relaxed);
    }
    let mut r = app.db.read().await?;
    let scripts = jobs::running(&mut r, true, JOBS_IN_TURN).await?;
    let running = jobs::running(&mut r, false, JOBS_IN_TURN).await?;
    drop(r);
    for job in scripts {
        tasks.begin(&app, job, &stop);
    }
    let mut more = false;
    for job in running {
        if stop.is_cancelled() {
            return Ok(false);
        }
        match bulk::batch(&app, job).await {
            Ok(Batch::More(pause)) => {
                more = true;
                stop.run_until_cancelled(sleep(pause)).await;
            }
            Ok(Batch::Ended) => {}
            Err(e) => give_up(&app, job, e).await?,
        }
    }
    Ok(more)
}

/// Closes runs that an earlier process waited for. Returns whether there may be more.
async fn close(app: &App) -> store::Result<bool> {
    match bulk::close_all(app).await {
        Ok(more) => Ok(more),
        Err(DomainError::Store(e)) => Err(e),
        Err(e) => {
            tracing::error!(error = %e, "runs of jobs not closed");
            Ok(false)
        }
    }
}

/// A batch that failed is tried again at the next tick, some times. While the database is away that is no fault of the job.
async fn give_up(app: &App, job: JobId, e: DomainError) -> store::Result<()> {
    if let DomainError::Store(e) = &e
        && e.is_unavailable()
    {
        return Err(e.clone());
    }
    tracing::error!(job = job.number(), error = %e, "a batch of a job failed");
    match bulk::give_up(app, job).await {
        Err(DomainError::Store(e)) => Err(e),
        _ => Ok(()),
    }
}
