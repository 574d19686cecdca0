//! What the domain works with: the parts of a running server that its functions share.

use super::accounts::passwords::PasswordBudget;
use super::catalog::uploads::UploadSessions;
use super::error::DomainError;
use super::support::script_runs::ScriptRuns;
use super::support::terminals::Terminals;
use crate::access::token_uses::TokenUses;
use crate::access::vault::Vault;
use crate::blob::Blobs;
use crate::budget::{Lane, Rate, Slots};
use crate::bus::{Bus, BusMessage, DeviceSignal};
use crate::health::Health;
use crate::ids::{DeviceId, GroupId, NodeId, OrgId, UserId};
use crate::limits::{
    self, CLI_LOGIN_EVERY, CLI_LOGINS, UPLOADS, UPLOADS_A_PERSON, WEBHOOK_TEST_EVERY, WEBHOOK_TESTS,
};
use crate::store::Db;
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

/// Parts of the server that the domain needs; cheap to clone. It knows nothing of sockets and of HTTP.
#[derive(Clone)]
pub struct Context {
    /// The database.
    pub db: Db,
    /// Stored files.
    pub blobs: Blobs,
    /// Messages to all nodes.
    pub bus: Bus,
    /// The uses of the node key.
    pub vault: Arc<Vault>,
    /// What the operator decided.
    pub policy: Arc<Policy>,
    /// This node.
    pub node: NodeId,
    /// What this server last found out about its own state.
    pub health: Health,
    /// Uses of tokens that a job will write.
    pub token_uses: Arc<TokenUses>,
    /// Consoles and shells that people look at.
    pub terminals: Terminals,
    /// Scripts that run on devices and that somebody waits for.
    pub script_runs: ScriptRuns,
    /// Uploads that wait for more.
    pub upload_sessions: Arc<UploadSessions>,
    /// How often signing keys were changed on this server, so that a connection sees that it told its device old ones.
    pub key_changes: Arc<AtomicU32>,
    /// What each asker may take of the server at once.
    pub limiters: Arc<Limiters>,
    /// Tasks that no request waits for; the server waits for them when it stops.
    pub background: TaskTracker,
    /// Cancelled when the server stops.
    pub stopping: CancellationToken,
}

/// The shares of one asker in what the domain does.
pub struct Limiters {
    /// Passwords that are being checked, and how often they may be tried.
    pub passwords: PasswordBudget,
    /// How often command lines at an address may begin a login.
    pub cli_sessions: Rate<IpAddr>,
    /// How often a person may test webhooks.
    pub webhook_tests: Rate<UserId>,
    /// Uploads in progress.
    pub upload_slots: Arc<Slots<UserId>>,
    /// Lists that read every device of a product, by organization.
    pub scan_lane: Lane<OrgId>,
}

impl Default for Limiters {
    fn default() -> Self {
        Self {
            passwords: PasswordBudget::default(),
            cli_sessions: Rate::new(CLI_LOGINS, CLI_LOGIN_EVERY),
            webhook_tests: Rate::new(WEBHOOK_TESTS, WEBHOOK_TEST_EVERY),
            upload_slots: Arc::new(Slots::new(UPLOADS, UPLOADS_A_PERSON)),
            scan_lane: Lane::new(limits::scans()),
        }
    }
}

impl Context {
    /// Refuses what would take disk space that joins, claims and reports need.
    ///
    /// # Errors
    /// [`DomainError::Busy`] when less than the reserve is free.
    pub fn require_room(&self) -> Result<(), DomainError> {
        if self.health.has_room() {
            return Ok(());
        }
        Err(DomainError::Busy(
            "The server's disk is nearly full, so it takes no files; free some space and try again.".into(),
        ))
    }

    /// Sends a signal to the node that holds a device's socket.
    pub fn signal_device(&self, node: NodeId, device: DeviceId, signal: DeviceSignal) {
        self.bus.send(BusMessage::Device {
            node,
            device,
            nudge: signal,
        });
    }

    /// Wakes a group's scheduler.
    pub fn wake_group(&self, group: Option<GroupId>) {
        if let Some(group) = group {
            self.bus.send(BusMessage::Group(group));
        }
    }
}
