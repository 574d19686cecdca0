//! The parts of a running server that its rooms share. `node` builds it; a room takes what it names.

use crate::access::vault::Vault;
use crate::blob::Blobs;
use crate::bus::{Bus, Hint, Nudge};
use crate::fleet::links::Links;
use crate::fleet::logins::Polls;
use crate::fleet::progress::Watchers;
use crate::fleet::records::Record;
use crate::fleet::running::Runs;
use crate::fleet::terminals::Terminals;
use crate::fleet::uploads::Uploads;
use crate::ids::{DeviceId, GroupId, NodeId};
use crate::store::Db;
use crate::store::batch::Batcher;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What the operator of the server decided.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Whether a CA may be registered without a proof.
    pub unproven_cas: bool,
    /// Whether webhooks may go to private addresses.
    pub private_webhooks: bool,
    /// Whether products may take ESP-IDF images.
    pub esp_idf: bool,
    /// Whether mail is sent.
    pub mail: bool,
    /// Public address of the web, without a slash at its end.
    pub web_url: Option<String>,
}

/// Shared parts; cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The database.
    pub db: Db,
    /// Stored files.
    pub blobs: Blobs,
    /// What the operator decided.
    pub policy: Arc<Policy>,
    /// Hints.
    pub bus: Bus,
    /// The node key's uses.
    pub vault: Arc<Vault>,
    /// This node.
    pub node: NodeId,
    /// Group commit for what devices do.
    pub records: Batcher<Record>,
    /// Download links.
    pub links: Arc<Links>,
    /// Scripts that run on devices.
    pub runs: Runs,
    /// Programs that watch how updates go.
    pub progress: Watchers,
    /// Consoles and shells that people look at.
    pub terminals: Terminals,
    /// Tasks that no request waits for.
    pub background: TaskTracker,
    /// Whether the server stops.
    pub stopping: CancellationToken,
    /// Command lines that wait for a browser, by address.
    pub polls: Arc<Polls>,
    /// Sockets of people.
    pub viewers: Arc<Semaphore>,
    /// Uploads that wait for more.
    pub sessions: Arc<Uploads>,
    /// Uploads in progress.
    pub uploads: Arc<Semaphore>,
}

impl App {
    /// Sends a nudge to the node that holds a device's socket.
    pub fn nudge(&self, node: NodeId, device: DeviceId, nudge: Nudge) {
        self.bus.send(Hint::Device {
            node,
            device,
            nudge,
        });
    }

    /// Wakes a group's scheduler.
    pub fn wake(&self, group: Option<GroupId>) {
        if let Some(group) = group {
            self.bus.send(Hint::Group(group));
        }
    }
}
