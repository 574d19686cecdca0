//! Counts what charts show over time.

use crate::app::App;
use crate::domain::catalog::series::Sampler;
use crate::limits::SERIES_EVERY;
use tokio_util::sync::CancellationToken;

/// Counts each minute until `stop` is cancelled.
pub async fn run(app: App, stop: CancellationToken) {
    let mut tick = app.clock().every(SERIES_EVERY);
    let mut sampler = Sampler::default();
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        let done = stop.run_until_cancelled(sampler.sample(&app.db, app.now()));
        if let Some(Err(e)) = done.await {
            tracing::warn!(error = %e, "devices not counted, the next minute tries again");
        }
    }
}
