//! Messages between parts of the server, and later between nodes. Every message is a hint: it may be lost, doubled or
//! late, and the reconcile tick repairs whatever it would have caused. So a full queue drops, and nobody waits here.

use crate::ids::{ConnectionId, DeviceId, GroupId, NodeId, RunId, SecretId};
use device_protocol::terminal;
use tokio::sync::broadcast;

/// What a node should do about a device whose socket it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceSignal {
    /// A claim waits in the database: take it and tell the device.
    Claim,
    /// Reboot.
    Reboot,
    /// Show which one it is: blink, beep.
    Identify,
    /// Somebody looks at its health: ask it for a report.
    Health,
    /// The archive that it may have has changed: read it and tell the device.
    Archive,
    /// The organization's signing keys have changed: read them and tell the device.
    Keys,
    /// Somebody opened a terminal, or typed into it: take it and tell the device.
    Terminal(terminal::TerminalKind),
    /// The extensions that it may use have changed: read them and tell the device.
    Extensions,
    /// A script waits for the device: take it and tell the device.
    Script(RunId),
    /// Close the socket; the device comes back by itself.
    Reconnect,
    /// Close this socket: the device has connected again, at another node.
    Replaced(ConnectionId),
}

/// A hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BusMessage {
    /// For the node that holds a device's socket.
    Device {
        /// That node.
        node: NodeId,
        /// The device.
        device: DeviceId,
        /// What to do.
        nudge: DeviceSignal,
    },
    /// Something changed that a group's scheduler should look at.
    Group(GroupId),
    /// A delta job was filed.
    Delta,
    /// A product's shared secret was deactivated: the sockets that it opened are closed.
    SecretEnded(SecretId),
}

/// The bus. One process has one; a cluster's will be another variant with the same contract.
#[derive(Clone)]
pub enum Bus {
    /// In this process only.
    Memory(broadcast::Sender<BusMessage>),
}

/// Hints in flight before the slowest reader loses some.
const DEPTH: usize = 16_384;

impl Bus {
    /// A bus for one process.
    pub fn memory() -> Self {
        Self::Memory(broadcast::channel(DEPTH).0)
    }

    /// Sends a hint to whoever listens.
    pub fn send(&self, hint: BusMessage) {
        let Self::Memory(to) = self;
        // Nobody listening is fine: the tick reads the database.
        let _ = to.send(hint);
    }

    /// Listens from now on.
    pub fn listen(&self) -> BusReceiver {
        let Self::Memory(from) = self;
        BusReceiver(from.subscribe())
    }
}

/// The receiving side.
pub struct BusReceiver(broadcast::Receiver<BusMessage>);

impl BusReceiver {
    /// The next hint; `None` when the bus is gone. Lost hints are skipped in silence: that is the contract.
    pub async fn next(&mut self) -> Option<BusMessage> {
        loop {
            match self.0.recv().await {
                Ok(hint) => return Some(hint),
                Err(broadcast::error::RecvError::Lagged(n)) => {
                    tracing::debug!(lost = n, "hints lost, the next tick repairs it");
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hint_reaches_every_listener_and_nobody_waits_for_a_slow_one() {
        let bus = Bus::memory();
        bus.send(BusMessage::Delta);
        let (mut a, mut slow) = (bus.listen(), bus.listen());
        bus.send(BusMessage::Group(GroupId::from(1)));
        assert_eq!(a.next().await, Some(BusMessage::Group(GroupId::from(1))));
        for i in 0..(DEPTH as i64 + 10) {
            bus.send(BusMessage::Group(GroupId::from(i)));
        }
        assert!(matches!(slow.next().await, Some(BusMessage::Group(g)) if g.number() > 1));
        drop(bus);
    }
}
