//! The reconcile tick: repairs what a lost message, a crash, or a device that vanished left behind. Each step
//! is idempotent and bounded; the next tick continues with the rest.

use super::outcome;
use crate::bus::{Bus, BusMessage, DeviceSignal};
use crate::clock::Micros;
use crate::ids::{DeviceId, GroupId, NodeId};
use crate::limits::{HELD_RELEASED, INFLIGHT_SILENCE, NODE_SILENCE, REPAIR_ROWS, TICK, UNANSWERED};
use crate::store::catalog::deltas;
use crate::store::deployments::inflight;
use crate::store::devices::{self, connections, held, history, locks};
use crate::store::node::nodes::{self, Life};
use crate::store::{self, Db, Write};
use std::collections::BTreeSet;

/// Claims the database for this node, at the start and on every tick. Returns the owner if another node owns it
/// and was alive within [`NODE_SILENCE`]: that node started first, or took over while this one could not report
/// that it was alive.
pub async fn claim(db: &Db, node: NodeId, now: Micros) -> store::Result<Option<NodeId>> {
    let mut w = db.write().await?;
    let other = nodes::claim_server(&mut w, node, now.before(NODE_SILENCE), now).await?;
    w.commit().await?;
    Ok(other)
}

/// One reconcile round. Returns the devices whose updates expired. What fails is repaired by the next round.
pub async fn repair(db: &Db, bus: &Bus, now: Micros) -> store::Result<Vec<DeviceId>> {
    let mut w = db.write().await?;
    let mut free = devices::blocks_over(&mut w, now, REPAIR_ROWS).await?;
    // A maintenance window opens for a whole time zone at once.
    free.extend(held::due(&mut w, now, HELD_RELEASED).await?);
    w.commit().await?;
    wake(bus, free.into_iter().filter_map(|(_, group)| group));
    untold(db, bus, now).await?;
    silent(db, bus, now).await
}

/// Has each of these groups run once.
fn wake(bus: &Bus, groups: impl IntoIterator<Item = GroupId>) {
    let groups: BTreeSet<GroupId> = groups.into_iter().collect();
    for group in groups {
        bus.send(BusMessage::Group(group));
    }
}

/// Has a node's own devices take claims of which they were not told: the hint may be lost, or the bus away.
pub async fn untold_here(db: &Db, bus: &Bus, node: NodeId, now: Micros) -> store::Result<()> {
    let mut r = db.read().await?;
    for (device,) in inflight::unsent_at(&mut r, node, now.before(TICK / 2)).await? {
        bus.send(BusMessage::Device {
            node,
            device,
            nudge: DeviceSignal::Claim,
        });
    }
    Ok(())
}

/// Handles claims of which the device was not told: signals the node again, or frees the slot when the device
/// is offline.
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
        let group = outcome::abandon_untold(&mut w, device, now).await?;
        w.commit().await?;
        if let Some(group) = group {
            bus.send(BusMessage::Group(group));
        }
    }
    Ok(())
}

/// Ends in-flight updates without a sign of life. Returns their devices.
async fn silent(db: &Db, bus: &Bus, now: Micros) -> store::Result<Vec<DeviceId>> {
    let mut r = db.read().await?;
    let lapsed =
        inflight::lapsed(&mut r, now.before(INFLIGHT_SILENCE), now.before(UNANSWERED)).await?;
    drop(r);
    if lapsed.is_empty() {
        return Ok(Vec::new());
    }
    let mut w = db.write().await?;
    let devices: Vec<DeviceId> = lapsed.iter().map(|(device, _)| *device).collect();
    locks::lock(&mut w, &devices).await?;
    for (device, _) in &lapsed {
        outcome::lapsed(&mut w, *device, now).await?;
    }
    w.commit().await?;
    wake(bus, lapsed.iter().filter_map(|(_, group)| *group));
    Ok(lapsed.into_iter().map(|(device, _)| device).collect())
}

/// Cleans up after servers that had the database before this one.
pub async fn dead_nodes(db: &Db, bus: &Bus, own: NodeId, now: Micros) -> store::Result<()> {
    let mut w = db.write().await?;
    let dead = nodes::silent(&mut w, own, now.before(NODE_SILENCE)).await?;
    w.commit().await?;
    for (node,) in dead {
        close_dead_node(db, bus, node, now).await?;
    }
    Ok(())
}

/// Closes what a node held that the others took for dead: its connections, untold claims, and jobs. Stops when another life of the node
/// begins. The node's row goes last, so that whoever leads by then goes on where this one stopped.
pub async fn close_declared_dead(db: &Db, bus: &Bus, life: Life, now: Micros) -> store::Result<()> {
    loop {
        let mut w = db.write().await?;
        if !nodes::is_declared_dead(&mut w, life).await? {
            return Ok(());
        }
        let (groups, rest) = close_some(&mut w, life.node, now).await?;
        w.commit().await?;
        wake(bus, groups);
        if !rest {
            return Ok(());
        }
    }
}

/// Cleans up after a server that is not there any more: its connections, untold claims, and jobs. A node also does this for
/// itself at its start, because what it held before is lost.
pub async fn close_dead_node(db: &Db, bus: &Bus, node: NodeId, now: Micros) -> store::Result<()> {
    loop {
        let mut w = db.write().await?;
        let (groups, rest) = close_some(&mut w, node, now).await?;
        w.commit().await?;
        wake(bus, groups);
        if !rest {
            return Ok(());
        }
    }
}

/// Closes some of a node's connections, or removes the node when there are none. Returns the groups with free slots, and whether
/// there may be more.
async fn close_some(
    w: &mut Write,
    node: NodeId,
    now: Micros,
) -> store::Result<(Vec<GroupId>, bool)> {
    connections::lock_left_by(w, node, REPAIR_ROWS).await?;
    history::keep_left_by(w, node, REPAIR_ROWS, now).await?;
    let gone = connections::close_left_by(w, node, REPAIR_ROWS, now).await?;
    let mut groups = Vec::new();
    for (device,) in &gone {
        devices::offline(w, *device).await?;
        groups.extend(outcome::abandon_untold(w, *device, now).await?);
    }
    if gone.is_empty() {
        deltas::give_back(w, node).await?;
        nodes::forget(w, node).await?;
    }
    Ok((groups, !gone.is_empty()))
}
