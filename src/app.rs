//! The parts of a running server that its rooms share. `node` builds it; a room takes what it names.

use crate::access::token_uses::TokenUses;
use crate::access::vault::Vault;
use crate::blob::Blobs;
use crate::budget::{Attempts, Lane, Rate, Slots, Turns};
use crate::bus::{Bus, BusMessage, DeviceSignal};
use crate::domain::DomainError;
use crate::domain::accounts::passwords::PasswordBudget;
use crate::domain::catalog::download_urls::DownloadUrls;
use crate::domain::catalog::uploads::UploadSessions;
use crate::domain::events::device_events::DeviceEvents;
use crate::domain::support::script_runs::ScriptRuns;
use crate::domain::support::terminals::Terminals;
use crate::health::Health;
use crate::ids::{DeviceId, GroupId, NodeId, OrgId, ProductId, UserId};
use crate::ingest::records::Record;
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
    pub device_writes: Batcher<Record>,
    /// Download links.
    pub download_urls: Arc<DownloadUrls>,
    /// Scripts that run on devices.
    pub script_runs: ScriptRuns,
    /// Programs that watch how updates go.
    pub device_events: DeviceEvents,
    /// Consoles and shells that people look at.
    pub terminals: Terminals,
    /// Tasks that no request waits for.
    pub background: TaskTracker,
    /// Whether the server stops.
    pub stopping: CancellationToken,
    /// Whether another server works on the database in this one's place.
    pub taken_over: CancellationToken,
    /// Command lines that wait for a browser, by address.
    pub cli_login_limiter: Arc<Rate<IpAddr>>,
    /// How much devices may report.
    pub device_report_limiter: Arc<Rate<DeviceId>>,
    /// How much all devices of a product may.
    pub product_report_limiter: Arc<Rate<ProductId>>,
    /// Lines of the log about those who are not let in.
    pub refusal_log_limiter: Arc<Rate<()>>,
    /// How often connections of a device may take the place of an open one before people are told.
    pub replacement_limiter: Arc<Rate<DeviceId>>,
    /// How often people are told.
    pub replacement_notice_limiter: Arc<Rate<DeviceId>>,
    /// How often people are told of a refused certificate, by the name in it.
    pub certificate_notice_limiter: Arc<Rate<String>>,
    /// How often people are told of the wrong clock of a device, by its identifier.
    pub clock_notice_limiter: Arc<Rate<String>>,
    /// How often signing keys were changed on this server.
    pub key_changes: Arc<AtomicU32>,
    /// Checks of device keys, by key and address.
    pub device_key_attempts: Arc<Attempts<(String, IpAddr)>>,
    /// How often command lines at an address may begin a login.
    pub cli_session_limiter: Arc<Rate<IpAddr>>,
    /// How often a person may test webhooks.
    pub webhook_test_limiter: Arc<Rate<UserId>>,
    /// Sockets of people.
    pub viewer_slots: Arc<Slots<UserId>>,
    /// Uploads that wait for more.
    pub upload_sessions: Arc<UploadSessions>,
    /// Uploads in progress.
    pub upload_slots: Arc<Slots<UserId>>,
    /// Requests in progress, by person.
    pub request_slots: Arc<Slots<UserId>>,
    /// Reading requests in work, by person.
    pub read_turns: Arc<Turns<UserId>>,
    /// Lists that read every device of a product, by organization.
    pub scan_lane: Arc<Lane<OrgId>>,
    /// Passwords that are being checked, and how often they may be tried.
    pub passwords: Arc<PasswordBudget>,
}

impl App {
    /// Refuses what would take room that joins, claims and reports need.
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

    /// Sends a nudge to the node that holds a device's socket.
    pub fn signal_device(&self, node: NodeId, device: DeviceId, nudge: DeviceSignal) {
        self.bus.send(BusMessage::Device {
            node,
            device,
            nudge,
        });
    }

    /// Wakes a group's scheduler.
    pub fn wake_group(&self, group: Option<GroupId>) {
        if let Some(group) = group {
            self.bus.send(BusMessage::Group(group));
        }
    }
}
