//! The repair of everything that a lost message, a crash or a vanished device left behind. Each step is idempotent and
//! bounded; what is left over is done at the next tick.

use super::outcome;
use crate::bus::{Bus, BusMessage, DeviceSignal};
use crate::clock::Micros;
use crate::ids::{DeviceId, NodeId};
use crate::limits::{INFLIGHT_SILENCE, NODE_SILENCE, TICK, UNANSWERED};
use crate::store::catalog::deltas;
use crate::store::deployments::inflight;
use crate::store::devices::{self, connections, history};
use crate::store::node::nodes;
use crate::store::{self, Db};

/// Rows that one step repairs at most.
const BITE: i64 = 500;

/// Claims the database for this server, at its start and again all the time. Another node that was alive within
/// [`NODE_SILENCE`] keeps it: then it was there first, or took this one's place while this one could not say that it is alive.
pub async fn claim(db: &Db, node: NodeId, now: Micros) -> store::Result<Option<NodeId>> {
    let mut w = db.write().await?;
    let other = nodes::claim_server(&mut w, node, now.before(NODE_SILENCE), now).await?;
    w.commit().await?;
    Ok(other)
}

/// One round.
///
/// # Errors
/// The database's; what was not done is done next time.
pub async fn round(db: &Db, bus: &Bus, now: Micros) -> store::Result<Vec<DeviceId>> {
    let mut w = db.write().await?;
    let free = devices::blocks_over(&mut w, now, BITE).await?;
    w.commit().await?;
    for (_, group) in free {
        if let Some(group) = group {
            bus.send(BusMessage::Group(group));
        }
    }
    untold(db, bus, now).await?;
    let expired = silent(db, bus, now).await?;
    dead_nodes(db, bus, now).await?;
    Ok(expired)
}

/// Claims that nobody was told of: told again, or freed when the device is gone.
async fn untold(db: &Db, bus: &Bus, now: Micros) -> store::Result<()> {
    let mut r = db.read().await?;
    let waiting = inflight::unsent(&mut r, now.before(TICK / 2)).await?;
    drop(r);
    for (device, online, node) in waiting {
        if let (true, Some(node)) = (online, node) {
            bus.send(BusMessage::Device {
                node,
                device,
                nudge: DeviceSignal::Claim,
            });
            continue;
        }
        let mut w = db.write().await?;
        let group = outcome::abandon_untold(&mut w, device).await?;
        w.commit().await?;
        if let Some(group) = group {
            bus.send(BusMessage::Group(group));
        }
    }
    Ok(())
}

/// Updates that went silent; whose they were.
async fn silent(db: &Db, bus: &Bus, now: Micros) -> store::Result<Vec<DeviceId>> {
    let mut r = db.read().await?;
    let lapsed =
        inflight::lapsed(&mut r, now.before(INFLIGHT_SILENCE), now.before(UNANSWERED)).await?;
    drop(r);
    if lapsed.is_empty() {
        return Ok(Vec::new());
    }
    let mut w = db.write().await?;
    for (device, _) in &lapsed {
        outcome::lapsed(&mut w, *device, now).await?;
    }
    w.commit().await?;
    for (_, group) in &lapsed {
        if let Some(group) = group {
            bus.send(BusMessage::Group(*group));
        }
    }
    Ok(lapsed.into_iter().map(|(device, _)| device).collect())
}

async fn dead_nodes(db: &Db, bus: &Bus, now: Micros) -> store::Result<()> {
    let mut w = db.write().await?;
    let dead = nodes::silent(&mut w, now.before(NODE_SILENCE)).await?;
    w.commit().await?;
    for (node,) in dead {
        close_dead_node(db, bus, node, now).await?;
    }
    Ok(())
}

/// Closes what a dead node left: its connections, untold claims, jobs and leases. A node does this for itself when it
/// starts, since whatever it held before is gone.
pub async fn close_dead_node(db: &Db, bus: &Bus, node: NodeId, now: Micros) -> store::Result<()> {
    loop {
        let mut w = db.write().await?;
        history::keep_left_by(&mut w, node, BITE, now).await?;
        let gone = connections::close_left_by(&mut w, node, BITE, now).await?;
        let mut groups = Vec::new();
        for (device,) in &gone {
            devices::offline(&mut w, *device).await?;
            groups.extend(outcome::abandon_untold(&mut w, *device).await?);
        }
        if gone.is_empty() {
            deltas::give_back(&mut w, node).await?;
            nodes::forget(&mut w, node).await?;
        }
        w.commit().await?;
        for group in groups {
            bus.send(BusMessage::Group(group));
        }
        if gone.is_empty() {
            return Ok(());
        }
    }
}
