//! The domain's context: the parts of a running server (database, file store, bus, limiters) that its functions
//! share.

use super::accounts::passwords::PasswordBudget;
use super::catalog::summary::SummaryCache;
use super::error::DomainError;
use super::support::remote_requests::{RemoteRequest, RemoteRequests};
use super::support::script_runs::ScriptRuns;
use super::support::terminals::Terminals;
use crate::access::token_uses::TokenUses;
use crate::access::vault::Vault;
use crate::blob::Blobs;
use crate::budget::{Lane, Rate, Slots};
use crate::bus::{Bus, BusMessage, DeviceSignal};
use crate::clock::{Clock, Micros};
use crate::health::Health;
use crate::ids::{DeviceId, GroupId, NodeId, OrgId, RunId, UserId};
use crate::limits::{
    self, ALL_UNPROVEN_MAIL_EVERY, ALL_UNPROVEN_MAILS, CLI_LOGIN_EVERY, CLI_LOGINS, CODE_PAUSE,
    CODE_TURNS, JOB_SCRIPT_PLACES, JOB_SCRIPT_PLACES_AN_ORG, OIDC_SIGN_IN_EVERY, OIDC_SIGN_INS,
    PASSKEY_STEP_EVERY, PASSKEY_STEPS, REGISTRATION_EVERY, REGISTRATIONS, RESET_EVERY,
    RESET_MAIL_EVERY, RESET_MAILS, RESETS, RESETS_AT_ONCE, UNPROVEN_MAIL_EVERY, UNPROVEN_MAILS,
    UPLOADS, UPLOADS_A_PERSON, WEBHOOK_TEST_EVERY, WEBHOOK_TESTS,
};
use crate::store::Db;
use device_protocol::terminal::TerminalKind;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Server-wide settings that the operator chose in the configuration.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Whether a CA certificate may be registered without a proof of possession.
    pub unproven_cas: bool,
    /// Whether webhooks may be delivered to private addresses.
    pub private_webhooks: bool,
    /// Whether products may accept ESP-IDF images.
    pub esp_idf: bool,
    /// Whether devices download from the bucket that files are in.
    pub bucket_downloads: bool,
    /// Whether mail delivery is configured.
    pub mail: bool,
    /// Whether people may make accounts for themselves. Only with mail.
    pub registrations: bool,
    /// Public base URL of the web API, without a trailing slash.
    pub web_url: Option<String>,
}

/// The shared parts of a running server that the domain needs. Cloning is cheap. It holds no sockets and no
/// HTTP types.
#[derive(Clone)]
pub struct Context {
    /// The database pools.
    pub db: Db,
    /// The file store for firmware, archives, and deltas.
    pub blobs: Blobs,
    /// The bus that carries messages to all nodes.
    pub bus: Bus,
    /// Encrypts, decrypts, and signs with keys derived from the node key.
    pub vault: Arc<Vault>,
    /// The operator's settings.
    pub policy: Arc<Policy>,
    /// The id of this node.
    pub node: NodeId,
    /// The latest results of this server's own health checks.
    pub health: Health,
    /// Last-use times of API tokens, held in memory until a job writes them.
    pub token_uses: Arc<TokenUses>,
    /// Open consoles and shells that people watch.
    pub terminals: Terminals,
    /// What is wanted of other nodes.
    pub remote_requests: RemoteRequests,
    /// Support scripts that run on devices while a request waits for their output.
    pub script_runs: ScriptRuns,
    /// Counts the changes to signing keys on this server. A connection compares it to see that the keys it sent
    /// to its device are out of date.
    pub key_changes: Arc<AtomicU32>,
    /// The summaries of products that people look at.
    pub summaries: Arc<SummaryCache>,
    /// Rate and concurrency limits for each caller.
    pub limiters: Arc<Limiters>,
    /// Tracks tasks that outlive their request. The server waits for them at shutdown.
    pub background: TaskTracker,
    /// Cancelled when the server shuts down.
    pub stopping: CancellationToken,
}

/// The rate and concurrency limits of the domain's expensive operations.
pub struct Limiters {
    /// Limits concurrent password checks and the rate of attempts.
    pub passwords: PasswordBudget,
    /// Limits how often command lines at one address may begin a login.
    pub cli_sessions: Rate<IpAddr>,
    /// Limits how often browsers at one address may begin or end a sign-in at a provider.
    pub sign_ins: Rate<IpAddr>,
    /// Limits the rate of codes of second factors, which are shorter than passwords.
    pub codes: PasswordBudget,
    /// One code of a person is checked at a time, so that none is tried before the ones before it were counted.
    pub code_turns: Slots<UserId>,
    /// Limits how often an address may take a step of a login with a passkey.
    pub passkey_steps: Rate<IpAddr>,
    /// Limits how many links for new passwords are being made.
    pub reset_places: Arc<Semaphore>,
    /// Limits how often an address may ask for links for new passwords.
    pub resets: Rate<IpAddr>,
    /// Limits how many such links a person is mailed.
    pub reset_mails: Rate<UserId>,
    /// Limits how often an address of the network may register.
    pub registrations: Rate<IpAddr>,
    /// Limits the mails to a mailbox that nobody has shown to be theirs, by the address in small letters.
    pub unproven_mails: Rate<String>,
    /// Limits all such mails together.
    pub all_unproven_mails: Rate<()>,
    /// Limits how often a person may send test deliveries of webhooks.
    pub webhook_tests: Rate<UserId>,
    /// Limits the uploads in progress.
    pub upload_slots: Arc<Slots<UserId>>,
    /// Limits queries that read every device of a product, for each organization.
    pub scan_lane: Lane<OrgId>,
    /// Limits how many devices run scripts of jobs.
    pub script_places: Slots<OrgId>,
}

impl Default for Limiters {
    fn default() -> Self {
        Self {
            passwords: PasswordBudget::default(),
            cli_sessions: Rate::new(CLI_LOGINS, CLI_LOGIN_EVERY),
            sign_ins: Rate::new(OIDC_SIGN_INS, OIDC_SIGN_IN_EVERY),
            codes: PasswordBudget::with_pause(CODE_PAUSE),
            code_turns: Slots::new(CODE_TURNS, 1),
            passkey_steps: Rate::new(PASSKEY_STEPS, PASSKEY_STEP_EVERY),
            reset_places: Arc::new(Semaphore::new(RESETS_AT_ONCE)),
            resets: Rate::new(RESETS, RESET_EVERY),
            reset_mails: Rate::new(RESET_MAILS, RESET_MAIL_EVERY),
            registrations: Rate::new(REGISTRATIONS, REGISTRATION_EVERY),
            unproven_mails: Rate::new(UNPROVEN_MAILS, UNPROVEN_MAIL_EVERY),
            all_unproven_mails: Rate::new(ALL_UNPROVEN_MAILS, ALL_UNPROVEN_MAIL_EVERY),
            webhook_tests: Rate::new(WEBHOOK_TESTS, WEBHOOK_TEST_EVERY),
            upload_slots: Arc::new(Slots::new(UPLOADS, UPLOADS_A_PERSON)),
            scan_lane: Lane::new(limits::scans()),
            script_places: Slots::new(JOB_SCRIPT_PLACES, JOB_SCRIPT_PLACES_AN_ORG),
        }
    }
}

impl Context {
    /// The time by the server's clock.
    pub fn now(&self) -> Micros {
        self.db.now()
    }

    /// The server's clock.
    pub fn clock(&self) -> &Clock {
        self.db.clock()
    }

    /// Refuses an operation that takes disk space when little is left, because joins, claims, and reports need
    /// the rest.
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

    /// Sends a signal to the node that holds a device's connection.
    pub fn signal_device(&self, node: NodeId, device: DeviceId, signal: DeviceSignal) {
        self.bus.send(BusMessage::Device {
            node,
            device,
            nudge: signal,
        });
    }

    /// Has a device take what was typed into its terminal here, wherever it is connected.
    pub fn signal_terminal(&self, device: DeviceId, kind: TerminalKind) {
        self.signal_device(self.node, device, DeviceSignal::Terminal(kind));
        self.remote_requests
            .send(RemoteRequest::Terminal(device, kind));
    }

    /// Has a device of this or another node take a script of this node's runs.
    pub fn signal_script(&self, node: NodeId, device: DeviceId, run: RunId) {
        if node == self.node || !self.remote_requests.has_other_nodes() {
            self.signal_device(node, device, DeviceSignal::Script(run));
        } else {
            self.remote_requests
                .send(RemoteRequest::Script { node, device, run });
        }
    }

    /// Wakes the scheduler of a deployment group.
    pub fn wake_group(&self, group: Option<GroupId>) {
        if let Some(group) = group {
            self.bus.send(BusMessage::Group(group));
        }
    }
}
