//! What the one that leads does after nodes that died.

use crate::app::App;
use crate::domain::devices::csv_import;
use crate::rollout::reconcile;
use crate::store;
use crate::store::node::nodes::{self, NodeRow};

/// Cleans up after nodes that died.
pub(super) async fn close_all(app: App, dead: Vec<NodeRow>) {
    for node in dead {
        match close(&app, &node).await {
            Ok(()) => {}
            Err(e) => {
                tracing::warn!(node = %node.id, error = %e, "not cleaned up after a dead node, the next look goes on");
            }
        }
    }
}

/// Cleans up after a node, unless it has said something meanwhile. It is marked first: from then on it cannot say that it is alive, and
/// whoever leads goes on until all is closed.
async fn close(app: &App, node: &NodeRow) -> store::Result<()> {
    let life = node.life();
    if node.declared_dead_at.is_none() {
        let mut w = app.db.write().await?;
        let dead = nodes::declare_dead(&mut w, life, node.seen_at, app.now()).await?;
        w.commit().await?;
        if !dead {
            return Ok(());
        }
        tracing::warn!(node = %node.id, "a node died; its devices' connections are closed");
    }
    csv_import::take_back_unfinished(&app.db, node.id).await?;
    reconcile::close_declared_dead(&app.db, &app.bus, life, app.now()).await
}
