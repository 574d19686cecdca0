//! Carries out actions on many devices. All jobs that run get a batch in turn, so that a large one does not hold up a small one.

use super::each_tick;
use crate::app::App;
use crate::domain::DomainError;
use crate::domain::devices::bulk::{self, Batch};
use crate::ids::JobId;
use crate::limits::{JOB_EVERY, JOBS_IN_TURN};
use crate::store;
use crate::store::devices::jobs;
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Runs until `stop` is cancelled.
pub async fn run(app: App, stop: CancellationToken) {
    let (pause, failed) = (Duration::ZERO, "jobs not carried out");
    let tick = app.clock().every(JOB_EVERY);
    each_tick(tick, pause, stop.clone(), failed, || {
        round(app.clone(), stop.clone())
    })
    .await;
}

/// Does a batch of each job. Returns whether there may be more.
async fn round(app: App, stop: CancellationToken) -> store::Result<bool> {
    let mut r = app.db.read().await?;
    let running = jobs::running(&mut r, JOBS_IN_TURN).await?;
    drop(r);
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
