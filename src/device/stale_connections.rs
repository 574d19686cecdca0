//! A node among others looks now and then whether the connections that it holds are still those of their devices. A hint that one was
//! replaced, or that a secret has ended, may be lost, and so may the rest of what a dead node's connections were closed for.

use super::registry::{Held, Registry};
use crate::app::App;
use crate::bus::DeviceSignal;
use crate::limits::TICK;
use crate::store;
use crate::store::devices::{connections, secrets};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Looks at a part of the connections with each tick, until `stop` is cancelled.
pub async fn run(app: App, registry: Arc<Registry>, stop: CancellationToken) {
    let mut tick = app.clock().every(TICK);
    let mut part = 0;
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        part += 1;
        let held = registry.held(part);
        if held.is_empty() {
            continue;
        }
        match stop
            .run_until_cancelled(close_stale(&app, &registry, &held))
            .await
        {
            Some(Ok(())) => {}
            Some(Err(e)) => {
                tracing::warn!(error = %e, "connections were not compared with the database, the next tick goes on");
            }
            None => return,
        }
    }
}

/// Closes those of these connections that are not their devices' any more.
async fn close_stale(app: &App, registry: &Registry, held: &[Held]) -> store::Result<()> {
    let devices: Vec<_> = held.iter().map(|h| h.device).collect();
    let used: HashSet<_> = held.iter().filter_map(|h| h.secret).collect();
    let mut r = app.db.read().await?;
    let open = connections::open_of(&mut r, &devices).await?;
    let used: Vec<_> = used.into_iter().collect();
    let good = secrets::active_of(&mut r, &used).await?;
    drop(r);
    let open: HashMap<_, _> = open.into_iter().collect();
    let good: HashSet<_> = good.into_iter().map(|(secret,)| secret).collect();
    for h in held {
        if open.get(&h.device) != Some(&h.connection) {
            registry.nudge(h.device, DeviceSignal::Replaced(h.connection));
        } else if h.secret.is_some_and(|secret| !good.contains(&secret)) {
            registry.nudge(h.device, DeviceSignal::Reconnect);
        }
    }
    Ok(())
}
