//! A node among others on one database: it says that it is alive, looks whether the others are, and leads them when it is its turn. Only
//! who leads schedules rollouts, does jobs, and cleans up after nodes that died, so that nothing is done twice. Nobody votes: who
//! leads is a row, which a node may take when its owner is seen without a sign of life.

use crate::app::App;
use crate::device::registry::Registry;
use crate::domain::devices::csv_import;
use crate::ids::NodeId;
use crate::limits::{HEARTBEAT, HEARTBEAT_TIME, HEARTBEATS_MISSED, TICK};
use crate::rollout::reconcile;
use crate::store::node::nodes::{self, NodeRow};
use crate::store::words::NodeRole;
use crate::store::{self, Db};
use anyhow::bail;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

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
    let alone = |rows: &[NodeRow]| -> HashMap<NodeId, crate::clock::Micros> {
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

/// What is seen of another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    /// What it said last.
    at: crate::clock::Micros,
    /// How often in a row it has said nothing new.
    missed: u32,
}

/// Which of the other nodes are alive, as far as this one has seen.
#[derive(Debug, Default)]
struct Watch(HashMap<NodeId, Seen>);

impl Watch {
    /// Looks at what the others say.
    fn look(&mut self, rows: &[NodeRow], own: NodeId) {
        let others = rows.iter().filter(|n| n.id != own);
        let next = others.map(|n| {
            let before = self.0.get(&n.id).filter(|seen| seen.at == n.seen_at);
            let missed = before.map_or(0, |seen| seen.missed.saturating_add(1));
            let at = n.seen_at;
            (n.id, Seen { at, missed })
        });
        self.0 = next.collect();
    }

    /// Begins to count anew: nobody can say that they are alive while the database is away.
    fn forgive(&mut self) {
        for seen in self.0.values_mut() {
            seen.missed = 0;
        }
    }

    fn is_alive(&self, node: NodeId) -> bool {
        self.0
            .get(&node)
            .is_some_and(|seen| seen.missed < HEARTBEATS_MISSED)
    }

    fn dead(&self) -> impl Iterator<Item = NodeId> {
        let dead = self.0.iter();
        dead.filter(|(_, seen)| seen.missed >= HEARTBEATS_MISSED)
            .map(|(id, _)| *id)
    }
}

/// What one look at the database found.
struct Look {
    rows: Vec<NodeRow>,
    leader: Option<NodeId>,
    /// Whether the others took this node for dead.
    buried: bool,
}

/// A node among others.
pub(super) struct Member<J> {
    pub app: App,
    /// The way to the database for signs of life.
    pub db: Db,
    pub registry: Arc<Registry>,
    pub role: NodeRole,
    /// Begins the jobs of who leads, which end with this token.
    pub jobs: J,
}

impl<J: Fn(CancellationToken) + Send> Member<J> {
    /// Says that this node is alive, and leads when it is its turn, until `stop` is cancelled.
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut beat = self.app.clock().every(HEARTBEAT);
        let mut watch = Watch::default();
        let mut term: Option<CancellationToken> = None;
        let mut failed = 0;
        while stop.run_until_cancelled(beat.tick()).await.is_some() {
            match timeout(HEARTBEAT_TIME, self.look()).await {
                Ok(Ok(look)) => {
                    failed = 0;
                    watch.look(&look.rows, self.app.node);
                    self.lead(&look, &watch, &mut term, &stop).await;
                    if look.buried {
                        self.come_back().await;
                    }
                }
                other => {
                    let error = other.map_or("no answer in time".into(), |r| {
                        r.err().map_or(String::new(), |e| e.to_string())
                    });
                    tracing::warn!(error, "the other nodes do not hear of this one");
                    watch.forgive();
                    failed += 1;
                }
            }
            // By now another one leads, if one can reach the database.
            if failed >= HEARTBEATS_MISSED
                && let Some(term) = term.take()
            {
                term.cancel();
            }
        }
        if let Some(term) = term {
            term.cancel();
        }
    }

    async fn look(&self) -> store::Result<Look> {
        let app = &self.app;
        let mut w = self.db.write().await?;
        let buried = !nodes::beat(&mut w, app.node, app.now()).await?;
        if buried {
            nodes::begin(&mut w, app.node, self.role, VERSION, app.now()).await?;
        }
        let rows = nodes::all(&mut w).await?;
        let leader = nodes::owner(&mut w).await?;
        w.commit().await?;
        Ok(Look {
            rows,
            leader,
            buried,
        })
    }

    /// Leads, follows, or takes the lead.
    async fn lead(
        &self,
        look: &Look,
        watch: &Watch,
        term: &mut Option<CancellationToken>,
        stop: &CancellationToken,
    ) {
        let (app, own) = (&self.app, self.app.node);
        // Who holds thousands of sockets leaves it to who does not, if there is one.
        let other = |n: &NodeRow| n.id != own && n.role != NodeRole::Device && watch.is_alive(n.id);
        let may_lead = self.role != NodeRole::Device || !look.rows.iter().any(other);
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
            if let Some(term) = term.take() {
                tracing::info!("another node leads");
                term.cancel();
            }
            return;
        }
        if term.is_none() {
            tracing::info!("this node leads");
            let begun = stop.child_token();
            (self.jobs)(begun.clone());
            *term = Some(begun);
        }
        for dead in watch.dead() {
            tracing::warn!(node = %dead, "a node died; its devices' connections are closed");
            if let Err(e) = self.bury(dead).await {
                tracing::warn!(error = %e, "not cleaned up after a dead node, the next look tries again");
            }
        }
    }

    async fn hand_over(&self, from: Option<NodeId>, to: Option<NodeId>) -> store::Result<bool> {
        let mut w = self.db.write().await?;
        let done = nodes::lead(&mut w, from, to).await?;
        w.commit().await?;
        Ok(done)
    }

    /// Cleans up after a node that died.
    async fn bury(&self, node: NodeId) -> store::Result<()> {
        let app = &self.app;
        reconcile::close_dead_node(&app.db, &app.bus, node, app.now()).await?;
        csv_import::take_back_unfinished(&app.db, node).await
    }

    /// The others took this node for dead, because it said nothing for too long, and closed its devices' connections. They come back
    /// by themselves when their sockets are closed as well.
    async fn come_back(&self) {
        tracing::warn!(
            sockets = self.registry.len(),
            "the other nodes took this one for dead; its devices connect anew"
        );
        let registry = self.registry.clone();
        self.app
            .background
            .spawn(async move { registry.drain().await });
    }
}

/// Begins to be a node among others.
pub(super) async fn begin(app: &App, role: NodeRole) -> store::Result<()> {
    let mut w = app.db.write().await?;
    nodes::begin(&mut w, app.node, role, VERSION, app.now()).await?;
    w.commit().await
}

/// Lets another node lead at once.
pub(super) async fn resign(db: &Db, node: NodeId) -> store::Result<()> {
    let mut w = db.write().await?;
    nodes::lead(&mut w, Some(node), None).await?;
    w.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Micros;

    fn row(id: i64, at: i64) -> NodeRow {
        NodeRow {
            id: NodeId(id),
            seen_at: Micros(at),
            role: NodeRole::All,
            version: VERSION.into(),
        }
    }

    #[test]
    fn who_says_nothing_new_for_long_enough_is_dead_whatever_the_clocks_say() {
        let mut watch = Watch::default();
        let own = NodeId(1);
        // The clock of node 2 is a year ahead, and that of node 3 stands still.
        for n in 0..HEARTBEATS_MISSED {
            watch.look(&[row(1, 0), row(2, 1 << 50), row(3, i64::from(n))], own);
            assert!(watch.is_alive(NodeId(2)) && watch.is_alive(NodeId(3)));
        }
        watch.look(&[row(2, 1 << 50), row(3, 0)], own);
        assert!(!watch.is_alive(NodeId(2)) && watch.is_alive(NodeId(3)));
        assert_eq!(watch.dead().collect::<Vec<_>>(), [NodeId(2)]);
        // It speaks again.
        watch.look(&[row(2, 1), row(3, 0)], own);
        assert!(watch.is_alive(NodeId(2)));
        // One that has gone is not alive, and nobody to bury.
        watch.look(&[row(3, 0)], own);
        assert!(!watch.is_alive(NodeId(2)));
        assert_eq!(watch.dead().count(), 0);
    }

    #[test]
    fn nobody_is_dead_because_the_database_was_away() {
        let mut watch = Watch::default();
        for _ in 0..HEARTBEATS_MISSED {
            watch.look(&[row(2, 5)], NodeId(1));
        }
        watch.forgive();
        for _ in 0..HEARTBEATS_MISSED - 1 {
            watch.look(&[row(2, 5)], NodeId(1));
            assert!(watch.is_alive(NodeId(2)));
        }
        watch.look(&[row(2, 5)], NodeId(1));
        assert!(!watch.is_alive(NodeId(2)));
        let noticed = HEARTBEAT * (HEARTBEATS_MISSED + 1);
        assert!(noticed <= std::time::Duration::from_secs(15));
    }
}
