//! The message bus between the parts of a server, and between the nodes of one installation. Every message is a hint: it may be
//! lost, duplicated, late or out of order, and the reconcile tick repairs what it would have caused. So a full queue drops messages,
//! and no sender waits. What has to arrive in order is a conversation over the bus (`relay`), which numbers its parts.

mod message;
mod nats;
mod outbox;
mod signed;
#[cfg(test)]
mod tests;

pub use message::{BusMessage, DeviceSignal, Frame, Part, ToldEvent};
pub use nats::Nats;

use crate::access::vault::Vault;
use crate::ids::NodeId;
use crate::limits::{BUS_MESSAGES, BUS_QUEUE};
use crate::store::node::notify::Notify;
use message::Target;
use outbox::Outbox;
use signed::Signer;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What carries messages from node to node.
#[derive(Clone)]
pub enum Carrier {
    /// `NOTIFY` of the database that the nodes share.
    Postgres(Notify),
    /// A NATS server.
    Nats(Nats),
}

/// The bus. Cloning is cheap.
#[derive(Clone)]
pub struct Bus {
    local: broadcast::Sender<BusMessage>,
    others: Option<Arc<Others>>,
}

/// The way to other nodes.
struct Others {
    own: NodeId,
    leader: Mutex<Option<NodeId>>,
    queue: mpsc::Sender<(Target, BusMessage)>,
    lost: AtomicU64,
}

impl Bus {
    /// Creates a bus for one process. What is for any node reaches all who listen.
    pub fn memory() -> Self {
        Self {
            local: broadcast::channel(BUS_MESSAGES).0,
            others: None,
        }
    }

    /// Creates the bus of a node among others, whose tasks end when `stop` is cancelled. Until the carrier answers, messages of this
    /// process reach this process.
    pub fn between_nodes(
        own: NodeId,
        vault: Arc<Vault>,
        carrier: Carrier,
        (tasks, stop): (&TaskTracker, &CancellationToken),
    ) -> Self {
        let signer = Signer::new(own, vault);
        let local = broadcast::channel(BUS_MESSAGES).0;
        let (queue, waiting) = mpsc::channel(BUS_QUEUE);
        let outbox = Outbox::new(carrier.clone(), signer.clone(), waiting);
        tasks.spawn(stop.clone().run_until_cancelled_owned(outbox.run()));
        let receive = outbox::receive(carrier, signer, local.clone());
        tasks.spawn(stop.clone().run_until_cancelled_owned(receive));
        let others = Others {
            own,
            leader: Mutex::default(),
            queue,
            lost: AtomicU64::new(0),
        };
        Self {
            local,
            others: Some(Arc::new(others)),
        }
    }

    /// Says which node leads: it gets what is for the schedulers and the jobs. All nodes do while nobody knows.
    pub fn set_leader(&self, leader: Option<NodeId>) {
        if let Some(others) = &self.others {
            *others.leader() = leader;
        }
    }

    /// Sends a message to those whom it is for.
    pub fn send(&self, message: BusMessage) {
        let Some(others) = &self.others else {
            self.send_here(message);
            return;
        };
        let target = match message.target() {
            Target::Leader => others.leader().map_or(Target::All, Target::Node),
            target => target,
        };
        match target {
            Target::Node(node) if node == others.own => self.send_here(message),
            Target::Node(_) => others.send(target, message),
            Target::All | Target::Leader => {
                self.send_here(message.clone());
                others.send(Target::All, message);
            }
        }
    }

    /// Sends a message to the other nodes alone.
    pub fn send_elsewhere(&self, message: BusMessage) {
        if let Some(others) = &self.others {
            others.send(Target::All, message);
        }
    }

    fn send_here(&self, message: BusMessage) {
        // Sending fails when nobody listens. The tick reads the database anyway.
        let _ = self.local.send(message);
    }

    /// Subscribes to the messages from now on.
    pub fn listen(&self) -> BusReceiver {
        BusReceiver(self.local.subscribe())
    }
}

impl Others {
    fn leader(&self) -> std::sync::MutexGuard<'_, Option<NodeId>> {
        self.leader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, target: Target, message: BusMessage) {
        if self.queue.try_send((target, message)).is_err() {
            let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
            if lost.is_power_of_two() {
                tracing::warn!(
                    lost,
                    "messages to other nodes are lost, since the bus does not take them; ticks repair it"
                );
            }
        }
    }
}

/// The receiving side of the bus.
pub struct BusReceiver(broadcast::Receiver<BusMessage>);

impl BusReceiver {
    /// The next message; `None` when the bus is gone. Lost messages are skipped without a message, which the contract allows.
    pub async fn next(&mut self) -> Option<BusMessage> {
        loop {
            match self.0.recv().await {
                Ok(message) => return Some(message),
                Err(broadcast::error::RecvError::Lagged(n)) => {
                    tracing::debug!(lost = n, "hints lost, the next tick repairs it");
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}
