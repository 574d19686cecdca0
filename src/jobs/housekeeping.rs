//! The reconcile tick and the renewal of the server certificate.

use crate::app::App;
use crate::clock;
use crate::device::tls::Identity;
use crate::limits::TICK;
use crate::rollout::reconcile;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Repairs, tick by tick, whatever was left behind.
pub async fn reconcile(app: App, stop: CancellationToken) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        if let Err(e) = reconcile::round(&app.db, &app.bus, app.node, clock::now()).await {
            tracing::warn!(error = %e, "not reconciled, the next tick tries again");
        }
    }
}

/// Renews the certificate in time, without a restart.
pub async fn certificates(identity: Arc<Identity>, stop: CancellationToken) {
    let mut hour = tokio::time::interval(Duration::from_secs(3600));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = hour.tick() => {}
        }
        match identity.renew(clock::now()) {
            Ok(true) => tracing::info!("server certificate renewed"),
            Ok(false) => {}
            Err(e) => {
                tracing::error!(error = %e, "server certificate not renewed, the next hour tries again")
            }
        }
    }
}
