//! Nodes: each has a scheduler, a bus, and the connections of some devices, and can be killed in the middle of what it does.

use super::devices::Connection;
use super::events::Event;
use super::faults::Sabotage;
use super::{Outcome, World};
use crate::bus::{Bus, BusMessage, BusReceiver, DeviceSignal};
use crate::ids::{DeviceId, NodeId};
use crate::rollout::reconcile;
use crate::rollout::scheduler::Scheduler;
use crate::store::Db;
use crate::store::deployments::{deployment_groups, releases};
use crate::store::node::nodes;
use futures_util::FutureExt as _;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// A node.
pub(super) struct Node {
    pub id: NodeId,
    pub alive: bool,
    pub scheduler: Scheduler,
    pub hints: BusReceiver,
    /// The connections that it holds, by device.
    pub connections: BTreeMap<usize, Connection>,
}

/// The nodes of a seed.
pub(super) fn all(db: &Db, number: usize) -> Vec<Node> {
    let ids = (1..).map(NodeId).take(number);
    ids.map(|id| {
        let bus = Bus::memory();
        let hints = bus.listen();
        Node {
            id,
            alive: true,
            scheduler: Scheduler {
                db: db.clone(),
                bus,
            },
            hints,
            connections: BTreeMap::new(),
        }
    })
    .collect()
}

/// Drops a future in the middle of a statement, as a kill does, when it has begun so many before. `None` when it was not done
/// before. Statements are counted, and not polls, whose number depends on the threads of the database: a seed is the same each
/// time.
async fn cut<F: Future>(db: &Db, future: F, statements: u64) -> Option<F::Output> {
    let last = db.statements() + statements;
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if db.statements() > last => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

impl World {
    /// A node's heartbeat, repairs and scheduler.
    pub(super) async fn tick(&mut self, node: usize) -> Outcome<()> {
        if self.nodes[node].alive {
            let (db, id, now) = (self.db.clone(), self.nodes[node].id, self.db.now());
            let mut w = db.write().await?;
            nodes::alive(&mut w, id, now).await?;
            w.commit().await?;
            if self.kills(node).await? {
                return Ok(());
            }
            // In the calm nothing but hints of devices makes a difference, and repairs may come late: most ticks are heartbeats.
            if !self.calm || self.chance.percent(30) {
                let bus = self.nodes[node].scheduler.bus.clone();
                reconcile::repair(&db, &bus, now).await?;
                reconcile::dead_nodes(&db, &bus, id, now).await?;
                self.spread(node);
                self.run_group(node).await?;
            }
        }
        let next = self.db.now().after(self.chance.seconds(18..28));
        self.events.add(next, Event::Tick(node));
        Ok(())
    }

    /// One run of a node's scheduler, checked.
    pub(super) async fn run_group(&mut self, node: usize) -> Outcome<()> {
        if !self.nodes[node].alive {
            return Ok(());
        }
        let group = self.scenery.group;
        let asked = self.ask_why().await?;
        let before = self.slots_taken().await?;
        self.nodes[node].scheduler.run_group(group).await?;
        self.sabotage_run().await?;
        self.after_run(asked, before).await?;
        self.spread(node);
        Ok(())
    }

    /// Sends what a node put on its bus to where it goes: now or later, once or twice, or never.
    pub(super) fn spread(&mut self, node: usize) {
        let mut all = Vec::new();
        while let Some(Some(hint)) = self.nodes[node].hints.next().now_or_never() {
            all.push(hint);
        }
        for hint in all {
            let times = if self.chance.percent(self.settings.loses) {
                0
            } else {
                1 + usize::from(self.chance.percent(self.settings.loses))
            };
            for _ in 0..times {
                let at = self.db.now().after(self.chance.seconds(0..8));
                match hint {
                    BusMessage::Group(_) => {
                        let node = self.chance.index(self.nodes.len());
                        self.events.add(at, Event::Run(node));
                    }
                    BusMessage::Device {
                        node,
                        device,
                        nudge: DeviceSignal::Claim,
                    } => {
                        let node = self.nodes.iter().position(|n| n.id == node);
                        if let (Some(node), Some(device)) = (node, self.number(device)) {
                            self.events.add(at, Event::Signal(node, device));
                        }
                    }
                    BusMessage::Delta => {
                        let at = at.after(self.chance.seconds(10..900));
                        self.events.add(at, Event::DeltaMade);
                    }
                    _ => {}
                }
            }
        }
    }

    pub(super) fn number(&self, device: DeviceId) -> Option<usize> {
        self.devices.iter().position(|d| d.id == device)
    }

    /// Now and then a node is killed in the middle of a run of its scheduler.
    async fn kills(&mut self, node: usize) -> Outcome<bool> {
        if !self.chance.percent(self.settings.kills) {
            return Ok(false);
        }
        self.report.crashes += 1;
        let statements = self.chance.number(0..40).unsigned_abs();
        let (db, group) = (self.db.clone(), self.scenery.group);
        let before = self.slots_taken().await?;
        // Whether it was done or not, what it had put on its bus is lost with it.
        let _ = cut(&db, self.nodes[node].scheduler.run_group(group), statements).await;
        self.wait_for_its_end().await?;
        self.after_run(None, before).await?;
        self.kill(node);
        let at = self.db.now().after(self.chance.seconds(5..120));
        self.events.add(at, Event::Restart(node));
        Ok(true)
    }

    /// The last statement of a killed node may be the COMMIT, which the database does although nobody waits for it. What the
    /// run came to is seen when its transaction has ended: on SQLite another one cannot begin before, on PostgreSQL it
    /// cannot lock the group.
    async fn wait_for_its_end(&self) -> Outcome<()> {
        let mut w = self.db.write().await?;
        deployment_groups::lock(&mut w, self.scenery.group).await?;
        Ok(())
    }

    /// A node is gone: its devices lose their connections, and nobody writes that down.
    fn kill(&mut self, node: usize) {
        let gone = &mut self.nodes[node];
        gone.alive = false;
        gone.hints = gone.scheduler.bus.listen();
        let lost: Vec<usize> = std::mem::take(&mut gone.connections).into_keys().collect();
        for device in lost {
            self.lose(device);
        }
    }

    /// A killed node starts again: what it held before is repaired first.
    pub(super) async fn restart(&mut self, node: usize) -> Outcome<()> {
        if self.nodes[node].alive {
            return Ok(());
        }
        let (id, bus) = (self.nodes[node].id, self.nodes[node].scheduler.bus.clone());
        let now = self.db.now();
        reconcile::close_dead_node(&self.db, &bus, id, now).await?;
        self.nodes[node].alive = true;
        self.spread(node);
        self.events.add(now, Event::Tick(node));
        Ok(())
    }

    /// A node that is alive, if one is.
    pub(super) fn any_node(&mut self) -> Option<usize> {
        let alive: Vec<usize> = (0..self.nodes.len())
            .filter(|n| self.nodes[*n].alive)
            .collect();
        (!alive.is_empty()).then(|| alive[self.chance.index(alive.len())])
    }

    /// The delta that was asked for is made, or cannot be.
    pub(super) async fn make_delta(&mut self) -> Outcome<()> {
        use crate::store::catalog::{deltas, files::FileKind};
        use crate::store::words::DeltaState;
        let now = self.db.now();
        let mut w = self.db.write().await?;
        let node = self.nodes[0].id;
        if let Some(job) = deltas::take(&mut w, node, now, now).await? {
            if self.chance.percent(80) {
                let key = FileKind::Delta.new_key();
                let size = super::setup::DELTA;
                deltas::completed(&mut w, job.id, node, size, "BB", "BB", &key, now).await?;
            } else {
                deltas::not_made(&mut w, job.id, node, DeltaState::Failed, "no", now).await?;
            }
        }
        w.commit().await?;
        Ok(())
    }

    /// What a broken server would do after a run.
    async fn sabotage_run(&mut self) -> Outcome<()> {
        if self.sabotage == Some(Sabotage::ForgetsBandwidth) {
            let mut w = self.db.write().await?;
            let none = crate::clock::Micros(0);
            deployment_groups::set_bandwidth(&mut w, self.scenery.group, none).await?;
            w.commit().await?;
            return Ok(());
        }
        let mut w = self.db.write().await?;
        let release = releases::current(&mut w, self.scenery.group).await?;
        if let Some(release) = release {
            super::faults::after_run(self, &mut w, &release).await?;
        }
        w.commit().await?;
        Ok(())
    }
}
