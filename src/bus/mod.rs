//! The message bus between parts of the server, and later between nodes. Every message is a hint: it may be
//! lost, duplicated, or late, and the reconcile tick repairs what it would have caused. So a full queue drops
//! messages, and no sender waits.

use crate::ids::{ConnectionId, DeviceId, GroupId, NodeId, RunId, SecretId};
use crate::limits::BUS_MESSAGES;
use device_protocol::terminal;
use tokio::sync::broadcast;

/// What the node that holds a device's connection should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceSignal {
    /// A claim is in the database: read it and send the update to the device.
    Claim,
    /// Tell the device to reboot.
    Reboot,
    /// Tell the device to identify itself, for instance by blinking or beeping.
    Identify,
    /// Somebody views the device's health: request a report.
    Health,
    /// The archive for the device has changed: read it and send it.
    Archive,
    /// The organization's signing keys have changed: read them and send them.
    Keys,
    /// Somebody opened a terminal or typed into it: take the input and send it.
    Terminal(terminal::TerminalKind),
    /// The extensions that the device may use have changed: read them and send them.
    Extensions,
    /// A script is queued for the device: take it and send it.
    Script(RunId),
    /// Close the connection; the device reconnects by itself.
    Reconnect,
    /// Close this connection: the device has connected again, at another node.
    Replaced(ConnectionId),
}

/// A hint on the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BusMessage {
    /// A signal for the node that holds a device's connection.
    Device {
        /// The node that holds the connection.
        node: NodeId,
        device: DeviceId,
        /// What the node should do.
        nudge: DeviceSignal,
    },
    /// Something changed that the scheduler of a deployment group should look at.
    Group(GroupId),
    /// A delta job was created.
    Delta,
    /// A product's shared secret was deactivated: close the connections that were authenticated with it.
    SecretEnded(SecretId),
}

/// The bus. A process has one; a cluster's bus will be another variant with the same contract.
#[derive(Clone)]
pub enum Bus {
    /// Within this process only.
    Memory(broadcast::Sender<BusMessage>),
}

impl Bus {
    /// Creates a bus for one process.
    pub fn memory() -> Self {
        Self::Memory(broadcast::channel(BUS_MESSAGES).0)
    }

    /// Sends a hint to all readers.
    pub fn send(&self, hint: BusMessage) {
        let Self::Memory(to) = self;
        // Sending fails when nobody listens. The tick reads the database anyway.
        let _ = to.send(hint);
    }

    /// Subscribes to the hints from now on.
    pub fn listen(&self) -> BusReceiver {
        let Self::Memory(from) = self;
        BusReceiver(from.subscribe())
    }
}

/// The receiving side of the bus.
pub struct BusReceiver(broadcast::Receiver<BusMessage>);

impl BusReceiver {
    /// The next hint; `None` when the bus is gone. Lost hints are skipped without a message, which the contract
    /// allows.
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
        for i in 0..(BUS_MESSAGES as i64 + 10) {
            bus.send(BusMessage::Group(GroupId::from(i)));
        }
        assert!(matches!(slow.next().await, Some(BusMessage::Group(g)) if g.number() > 1));
        drop(bus);
    }
}
