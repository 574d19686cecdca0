//! The parts of a running server that its rooms share. `node` builds it; a room takes what it names.

use crate::access::token_uses::TokenUses;
use crate::access::vault::Vault;
use crate::blob::Blobs;
use crate::budget::{Lane, Places, Rate, Tries, Turns};
use crate::bus::{Bus, Hint, Nudge};
use crate::fleet::Refusal;
use crate::fleet::links::Links;
use crate::fleet::passwords::PasswordBudget;
use crate::fleet::progress::Watchers;
use crate::fleet::records::Record;
use crate::fleet::running::Runs;
use crate::fleet::terminals::Terminals;
use crate::fleet::uploads::Uploads;
use crate::health::Health;
use crate::ids::{DeviceId, GroupId, NodeId, OrgId, ProductId, UserId};
use crate::store::Db;
use crate::store::batch::Batcher;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
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
    /// Uses of tokens that a job will write.
    pub token_uses: Arc<TokenUses>,
    /// The last look at this server's own state.
    pub health: Health,
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
    /// Whether another server works on the database in this one's place.
    pub taken_over: CancellationToken,
    /// Command lines that wait for a browser, by address.
    pub polls: Arc<Rate<IpAddr>>,
    /// How much devices may report.
    pub reports: Arc<Rate<DeviceId>>,
    /// How much all devices of a product may.
    pub product_reports: Arc<Rate<ProductId>>,
    /// Lines of the log about those who are not let in.
    pub refusals: Arc<Rate<()>>,
    /// How often connections of a device may take the place of an open one before people are told.
    pub chases: Arc<Rate<DeviceId>>,
    /// How often people are told.
    pub chases_told: Arc<Rate<DeviceId>>,
    /// How often people are told of a refused certificate, by the name in it.
    pub refusals_told: Arc<Rate<String>>,
    /// How often people are told of the wrong clock of a device, by its identifier.
    pub clocks_told: Arc<Rate<String>>,
    /// How often signing keys were changed on this server.
    pub keys_changed: Arc<AtomicU32>,
    /// Checks of device keys, by key and address.
    pub device_keys: Arc<Tries<(String, IpAddr)>>,
    /// How often command lines at an address may begin a login.
    pub cli_logins: Arc<Rate<IpAddr>>,
    /// How often a person may test webhooks.
    pub webhook_tests: Arc<Rate<UserId>>,
    /// Sockets of people.
    pub viewers: Arc<Places<UserId>>,
    /// Uploads that wait for more.
    pub sessions: Arc<Uploads>,
    /// Uploads in progress.
    pub uploads: Arc<Places<UserId>>,
    /// Requests in progress, by person.
    pub requests: Arc<Places<UserId>>,
    /// Reading requests in work, by person.
    pub reads: Arc<Turns<UserId>>,
    /// Lists that read every device of a product, by organization.
    pub scans: Arc<Lane<OrgId>>,
    /// Passwords that are being checked, and how often they may be tried.
    pub passwords: Arc<PasswordBudget>,
}

impl App {
    /// Refuses what would take room that joins, claims and reports need.
    ///
    /// # Errors
    /// [`Refusal::Busy`] when less than the reserve is free.
    pub fn require_room(&self) -> Result<(), Refusal> {
        if self.health.has_room() {
            return Ok(());
        }
        Err(Refusal::Busy(
            "The server's disk is nearly full, so it takes no files; free some space and try again.".into(),
        ))
    }

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
