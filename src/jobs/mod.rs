//! Background jobs. A job has no input but its row, may run twice, and keeps its state in the database.

use crate::clock::Ticker;
use crate::store;
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

pub mod bulk;
pub mod deltas;
pub mod health;
pub mod housekeeping;
pub mod leftovers;
pub mod mails;
pub mod scrub;
pub mod series;
pub mod webhooks;

/// Runs a round of sending and cuts it off when the server stops. What was cut off becomes due again.
async fn unless_stopped(
    stop: CancellationToken,
    round: impl Future<Output = store::Result<bool>>,
) -> store::Result<bool> {
    let done = stop.run_until_cancelled_owned(round).await;
    done.unwrap_or(Ok(false))
}

/// The pause after this many attempts, from a list in seconds; `None` after the last attempt.
fn pause(pauses: &[u64], attempts: i64) -> Option<Duration> {
    let n = usize::try_from(attempts).ok()?;
    pauses.get(n).copied().map(Duration::from_secs)
}

/// Runs `work` on each tick, and again after a pause while there is more. A failure is retried by the next
/// tick.
async fn each_tick<F>(
    mut tick: Ticker,
    pause: Duration,
    stop: CancellationToken,
    failed: &'static str,
    work: impl Fn() -> F,
) where
    F: Future<Output = store::Result<bool>>,
{
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        loop {
            match work().await {
                Ok(true) if !stop.is_cancelled() => sleep(pause).await,
                Ok(_) => break,
                Err(e) => {
                    tracing::warn!(error = %e, "{failed}, the next tick tries again");
                    break;
                }
            }
        }
    }
}
