//! A node among others on one database: it says that it is alive, looks whether the others are, and leads them when it is its turn. Only
//! who leads schedules rollouts, does jobs, and cleans up after nodes that died, so that nothing is done twice. Nobody votes: who
//! leads is a row, which a node may take when its owner is seen without a sign of life.

mod dead_nodes;
mod watch;

use crate::app::App;
use crate::clock::Micros;
use crate::device::registry::Registry;
use crate::ids::NodeId;
use crate::limits::{HEARTBEAT, HEARTBEAT_TIME, HEARTBEATS_MISSED, TICK};
use crate::store::node::nodes::{self, Life, NodeRow};
use crate::store::words::NodeRole;
use crate::store::{self, Db};
use anyhow::bail;
use dead_nodes::close_all;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use watch::Watch;

/// This program's version, as other nodes see it.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Refuses to start beside a server that does not know of others, and beside one that has this one's id because its data folder was
/// copied.
///
/// # Errors
/// A message that says which, and what to do.
pub(super) async fn check_others(db: &Db, node: NodeId) -> anyhow::Result<()> {
    let look = async || -> store::Result<Vec<NodeRow>> { nodes::all(&mut db.read().await?).await };
    let before = look().await?;
    let own = |rows: &[NodeRow]| rows.iter().find(|n| n.id == node).map(|n| n.seen_at);
    let alone = |rows: &[NodeRow]| -> HashMap<NodeId, Micros> {
        let old = rows.iter().filter(|n| n.version.is_empty());
        old.map(|n| (n.id, n.seen_at)).collect()
    };
    if own(&before).is_none() && alone(&before).is_empty() {
        return Ok(());
    }
    // Whether such a server lives shows in whether it goes on saying so.
    tokio::time::sleep(TICK + HEARTBEAT).await;
    let after = look().await?;
    if own(&after).is_some() && own(&after) != own(&before) {
        bail!(
            "another server runs with the id of this one, {}; its data folder was copied: delete the file node-id in this one's",
            node
        );
    }
    let before = alone(&before);
    let lives = alone(&after)
        .into_iter()
        .find(|(id, at)| before.get(id).is_some_and(|b| b != at));
    if let Some((id, _)) = lives {
        bail!(
            "node {id} uses this database and knows of no others: it is of an older version, or has no bucket, or --bus memory; stop it first"
        );
    }
    Ok(())
}

/// What one look at the database found.
struct Look {
    rows: Vec<NodeRow>,
    leader: Option<NodeId>,
    /// Whether this node counts as alive.
    alive: bool,
}

/// A node among others.
pub(super) struct Member<J> {
    pub app: App,
    /// The way to the database for signs of life.
    pub db: Db,
    pub registry: Arc<Registry>,
    pub role: NodeRole,
    /// This life of the node.
    pub life: Life,
    /// Begins the jobs of who leads, which end with this token.
    pub jobs: J,
}

/// The time in which a node leads.
struct Term {
    ends: CancellationToken,
    /// Ends with the term, and cleans up after nodes that died, one after the other.
    closing: Option<JoinHandle<()>>,
}

impl Drop for Term {
    fn drop(&mut self) {
        self.ends.cancel();
    }
}

impl<J: Fn(CancellationToken) + Send> Member<J> {
    /// Says that this node is alive, and leads when it is its turn, until `stop` is cancelled.
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut beat = self.app.clock().every(HEARTBEAT);
        let mut watch = Watch::default();
        let mut term: Option<Term> = None;
        let mut heard = Instant::now();
        let mut draining = None;
        while stop.run_until_cancelled(beat.tick()).await.is_some() {
            // Others take the lead when they have not heard of this one for so long, so its own work ends before.
            let over = heard + HEARTBEAT * (HEARTBEATS_MISSED - 1);
            let look = tokio::select! {
                look = timeout(HEARTBEAT_TIME, self.look()) => look,
                () = sleep_until(over), if term.is_some() => {
                    term = None;
                    continue;
                }
            };
            match look {
                Ok(Ok(look)) => {
                    heard = Instant::now();
                    watch.look(&look.rows, self.app.node);
                    if !self.come_back_if_declared_dead(&look, &mut draining).await {
                        return;
                    }
                    let lead = self.lead(&look, &watch, &mut term, &stop);
                    if timeout(HEARTBEAT_TIME, lead).await.is_err() {
                        tracing::warn!("who leads was not written in time");
                    }
                }
                other => {
                    let error = other.map_or("no answer in time".into(), |r| {
                        r.err().map_or(String::new(), |e| e.to_string())
                    });
                    tracing::warn!(error, "the other nodes do not hear of this one");
                    watch.forgive();
                }
            }
        }
    }

    async fn look(&self) -> store::Result<Look> {
        let app = &self.app;
        let mut w = self.db.write().await?;
        let alive = nodes::beat(&mut w, self.life, app.now()).await?;
        let rows = nodes::all(&mut w).await?;
        let leader = nodes::owner(&mut w).await?;
        w.commit().await?;
        Ok(Look {
            rows,
            leader,
            alive,
        })
    }

    /// Does what follows from what the others think of this node. False when another life of it has begun elsewhere, and this one
    /// is over.
    async fn come_back_if_declared_dead(
        &self,
        look: &Look,
        draining: &mut Option<JoinHandle<()>>,
    ) -> bool {
        if look.alive {
            return true;
        }
        let own = look.rows.iter().find(|n| n.id == self.app.node);
        if own.is_some_and(|row| row.life() != self.life) {
            tracing::error!(
                node = %self.app.node,
                "another server runs with the id of this one, which stops; if its data folder was copied, delete the file node-id there"
            );
            self.app.taken_over.cancel();
            return false;
        }
        // The rows of its devices are closed or being closed, and so are their sockets: whoever stayed would hear of nothing.
        let drained = draining.get_or_insert_with(|| {
            let sockets = self.registry.len();
            tracing::warn!(
                sockets,
                "the other nodes took this one for dead; its devices connect anew"
            );
            self.registry.set_open(false);
            let registry = self.registry.clone();
            self.app
                .background
                .spawn(async move { registry.drain().await })
        });
        if own.is_some() || !drained.is_finished() {
            return true;
        }
        match begin(&self.db, self.life, self.role).await {
            Ok(()) => {
                *draining = None;
                self.registry.set_open(true);
            }
            Err(e) => {
                tracing::warn!(error = %e, "this node did not come back, the next look tries again");
            }
        }
        true
    }

    /// Leads, follows, or takes the lead.
    async fn lead(
        &self,
        look: &Look,
        watch: &Watch,
        term: &mut Option<Term>,
        stop: &CancellationToken,
    ) {
        let (app, own) = (&self.app, self.app.node);
        // Who holds thousands of sockets leaves it to who does not, if there is one.
        let other = |n: &NodeRow| n.id != own && n.role != NodeRole::Device && watch.is_alive(n.id);
        let may_lead =
            look.alive && (self.role != NodeRole::Device || !look.rows.iter().any(other));
        let mut leader = look.leader;
        let next = match leader {
            Some(node) if node == own => (!may_lead).then_some(None),
            Some(node) if watch.is_alive(node) => None,
            _ => may_lead.then_some(Some(own)),
        };
        if let Some(next) = next {
            match self.hand_over(leader, next).await {
                Ok(true) => leader = next,
                Ok(false) => {}
                Err(e) => tracing::warn!(error = %e, "who leads was not written"),
            }
        }
        app.bus
            .set_leader(leader.filter(|node| *node == own || watch.is_alive(*node)));
        if leader != Some(own) {
            if term.take().is_some() {
                tracing::info!("another node leads");
            }
            return;
        }
        let term = term.get_or_insert_with(|| {
            tracing::info!("this node leads");
            let ends = stop.child_token();
            (self.jobs)(ends.clone());
            let closing = None;
            Term { ends, closing }
        });
        let dead: Vec<NodeRow> = look
            .rows
            .iter()
            .filter(|n| n.id != own && (n.declared_dead_at.is_some() || watch.is_dead(n.id)))
            .cloned()
            .collect();
        let busy = term.closing.as_ref().is_some_and(|b| !b.is_finished());
        if !dead.is_empty() && !busy {
            let task = close_all(app.clone(), dead);
            let task = term.ends.clone().run_until_cancelled_owned(task);
            term.closing = Some(app.background.spawn(async move {
                task.await;
            }));
        }
    }

    async fn hand_over(&self, from: Option<NodeId>, to: Option<NodeId>) -> store::Result<bool> {
        let mut w = self.db.write().await?;
        let done = nodes::lead(&mut w, from, to).await?;
        w.commit().await?;
        Ok(done)
    }
}

/// Begins to be a node among others.
pub(super) async fn begin(db: &Db, life: Life, role: NodeRole) -> store::Result<()> {
    let mut w = db.write().await?;
    nodes::begin(&mut w, life, role, VERSION).await?;
    w.commit().await
}

/// Lets another node lead at once.
pub(super) async fn resign(db: &Db, node: NodeId) -> store::Result<()> {
    let mut w = db.write().await?;
    nodes::lead(&mut w, Some(node), None).await?;
    w.commit().await
}
