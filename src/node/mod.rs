//! Starts the parts of a server node in order, runs them, and stops them in reverse.

mod http;
mod membership;
pub mod rotation;
mod secret_files;
pub mod setup;
mod shared_ca;
mod work;

use crate::access::vault::Vault;
use crate::app::App;
use crate::blob::download_urls::DownloadUrls;
use crate::budget::{Attempts, Rate, Slots, Turns};
use crate::bus::{Bus, Carrier, Nats};
use crate::clock::Clock;
use crate::config::{BusSettings, Config};
use crate::device::registry::Registry;
use crate::device::tls::ServerIdentity;
use crate::domain::catalog::file_store;
use crate::domain::devices::csv_import;
use crate::domain::events::device_events::DeviceEvents;
use crate::domain::support::remote_requests::RemoteRequests;
use crate::domain::support::script_runs::ScriptRuns;
use crate::domain::support::terminals::Terminals;
use crate::domain::{Context, Policy};
use crate::health::Health;
use crate::ids::NodeId;
use crate::ingest::{BearerWriter, IngestWriter, NewcomerWriter};
use crate::limits::{
    self, CHASE_EVERY, CHASE_TOLD_EVERY, CHASES, CLOCK_TOLD_EVERY, DRAIN_TIME, KEY_CHECKS,
    KEY_FAILED_PAUSE, KEY_FAILURES, KEY_FAILURES_EVERY, POLL_EVERY, POLLS, PRODUCT_KIB_BURST,
    PRODUCT_KIB_EVERY, REFUSAL_EVERY, REFUSALS, REPORT_KIB_BURST, REPORT_KIB_EVERY, REQUESTS,
    REQUESTS_A_PERSON, VIEWERS, VIEWERS_A_PERSON,
};
use crate::oidc::Providers;
use crate::rollout::reconcile;
use crate::store::Db;
use crate::store::batch::Batcher;
use crate::store::fold;
use crate::store::node::nodes::{self, Life};
use crate::store::node::notify::Notify;
use crate::store::words::NodeRole;
use anyhow::Context as _;
use setup::Lock;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Where a node listens.
struct Listeners {
    web: Option<TcpListener>,
    devices: Option<TcpListener>,
    downloads: Option<TcpListener>,
}

impl Listeners {
    /// Binds those of the node's role.
    async fn bind(config: &Config) -> anyhow::Result<Self> {
        let bind = async |serves: bool, what: &str, flag: &str, at: SocketAddr| {
            if !serves {
                return Ok(None);
            }
            let bound = TcpListener::bind(at).await.with_context(|| {
                format!("could not listen on {at} for {what}; --{flag} names another address")
            });
            bound.map(Some)
        };
        let people = config.role != NodeRole::Device;
        let fleet = config.role != NodeRole::Web;
        let downloads = config.download_listen;
        Ok(Self {
            web: bind(people, "the web", "web-listen", config.web_listen).await?,
            devices: bind(fleet, "devices", "device-listen", config.device_listen).await?,
            downloads: bind(fleet, "downloads", "download-listen", downloads).await?,
        })
    }

    /// Their addresses, in the order of the fields.
    fn addresses(&self) -> std::io::Result<[Option<SocketAddr>; 3]> {
        let address = |l: &Option<TcpListener>| l.as_ref().map(TcpListener::local_addr).transpose();
        Ok([
            address(&self.web)?,
            address(&self.devices)?,
            address(&self.downloads)?,
        ])
    }
}

/// The node key's vault and the certificates. What is made once for all nodes is made by the first of those that start together, and
/// the others wait for it.
async fn secrets(config: &Config, db: &Db) -> anyhow::Result<(Arc<Vault>, ServerIdentity)> {
    let mut turn = None;
    if config.is_among_others() {
        let w = turn.insert(db.by_one_connection().write().await?);
        nodes::lock_start(w).await?;
        shared_ca::fetch(config, db).await?;
        secret_files::check(config, db).await?;
    }
    let vault = Arc::new(Vault::new(&setup::node_key(config, db).await?));
    let identity = ServerIdentity::open(&config.data_dir, &config.tls_name, db.now())?;
    if let Some(w) = &mut turn {
        shared_ca::keep(config, w, &vault).await?;
    }
    secret_files::keep(config, db).await?;
    if let Some(w) = turn {
        w.commit().await?;
    }
    Ok((vault, identity))
}

/// The bus, with the other nodes if there may be some.
async fn bus(
    config: &Config,
    db: &Db,
    node: NodeId,
    vault: &Arc<Vault>,
    (tasks, stop): (&TaskTracker, &CancellationToken),
) -> anyhow::Result<Bus> {
    let carrier = match &config.bus {
        BusSettings::Memory => return Ok(Bus::memory()),
        BusSettings::Postgres(own) => {
            let url = own.as_ref().or(config.database_url.as_ref());
            let notify = Notify::new(url.map_or("", String::as_str));
            Carrier::Postgres(notify.context("--bus")?)
        }
        BusSettings::Nats(url) => {
            let installation = file_store::installation(db).await?;
            Carrier::Nats(Nats::connect(url, &installation).await?)
        }
    };
    Ok(Bus::between_nodes(
        node,
        vault.clone(),
        carrier,
        (tasks, stop),
    ))
}

/// A running server node.
pub struct Node {
    /// Address of the REST API, if this node serves people.
    pub web: Option<SocketAddr>,
    /// Address of the device endpoint, if this node serves devices.
    pub devices: Option<SocketAddr>,
    /// Address of the firmware downloads, if this node serves devices.
    pub downloads: Option<SocketAddr>,
    /// The CA certificate that devices must trust.
    pub ca_file: PathBuf,
    pub(crate) app: App,
    life: Life,
    registry: Arc<Registry>,
    accepting: CancellationToken,
    working: CancellationToken,
    loops: TaskTracker,
    sockets: TaskTracker,
    writer: JoinHandle<()>,
    _lock: Lock,
}

impl Node {
    /// Starts a server: database, keys, files, TLS, listeners, and then the jobs. All of it lives by this clock.
    ///
    /// # Errors
    /// The first part that cannot be opened or bound.
    #[expect(
        clippy::disallowed_methods,
        reason = "the batch writer outlives the trackers that it serves"
    )]
    pub async fn start(config: &Config, clock: Clock) -> anyhow::Result<Self> {
        let files = setup::raise_descriptor_limit();
        let lock = setup::lock(&config.data_dir)?;
        let db = setup::database(config).await?.with_clock(clock.clone());
        let among_others = config.is_among_others();
        if !among_others {
            secret_files::check(config, &db).await?;
        }
        let node = setup::node_id(&config.data_dir)?;
        if among_others {
            membership::check_others(&db, node).await?;
        } else {
            setup::claim_database(&db, node).await?;
        }
        // The limit is for all nodes together; those that serve devices only are often started without it.
        if config.role != NodeRole::Device {
            setup::bandwidth(config, &db).await?;
        }
        let (vault, identity) = secrets(config, &db).await?;
        let blobs = setup::files(config)?;
        blobs.sweep().context("could not clear the file store")?;
        setup::claim_files(&db, &blobs, config.bucket_url()).await?;
        let listeners = Listeners::bind(config).await?;
        let [web, devices, downloads] = listeners.addresses()?;
        let (records, writer) = Batcher::new(db.clone(), IngestWriter::default());
        let (newcomers, registrar) = Batcher::new(db.clone(), NewcomerWriter);
        let (bearers, keeper) = Batcher::new(db.clone(), BearerWriter);
        let links = DownloadUrls::new(
            vault.clone(),
            config.download_url.clone(),
            downloads.unwrap_or(config.download_listen).port(),
        );
        let loops = TaskTracker::new();
        let (accepting, working) = (CancellationToken::new(), CancellationToken::new());
        let bus = bus(config, &db, node, &vault, (&loops, &working)).await?;
        let (remote_requests, requests) = if among_others {
            let (remote_requests, requests) = RemoteRequests::among_others();
            (remote_requests, Some(requests))
        } else {
            (RemoteRequests::default(), None)
        };
        let context = Context {
            db,
            blobs,
            bus,
            vault,
            policy: Arc::new(Policy {
                unproven_cas: config.unproven_cas,
                private_webhooks: config.private_webhooks,
                esp_idf: config.esp_idf,
                bucket_downloads: config.bucket_downloads,
                mail: config.mail.is_some(),
                registrations: config.open_for_registrations,
                web_url: config
                    .web_url
                    .as_deref()
                    .map(|u| u.trim_end_matches('/').to_owned()),
            }),
            node,
            health: Health::default(),
            token_uses: Arc::default(),
            terminals: Terminals::default(),
            remote_requests,
            script_runs: ScriptRuns::default(),
            key_changes: Arc::default(),
            summaries: Arc::default(),
            limiters: Arc::default(),
            background: loops.clone(),
            stopping: accepting.clone(),
        };
        let app = App {
            context,
            device_writes: records,
            newcomers,
            bearers,
            download_urls: Arc::new(links),
            device_events: DeviceEvents::new(clock),
            sign_in_providers: Providers::new(&config.oidc)?,
            cli_login_limiter: Arc::new(Rate::new(POLLS, POLL_EVERY)),
            device_report_limiter: Arc::new(Rate::new(REPORT_KIB_BURST, REPORT_KIB_EVERY)),
            taken_over: CancellationToken::new(),
            product_report_limiter: Arc::new(Rate::new(PRODUCT_KIB_BURST, PRODUCT_KIB_EVERY)),
            refusal_log_limiter: Arc::new(Rate::new(REFUSALS, REFUSAL_EVERY)),
            replacement_limiter: Arc::new(Rate::new(CHASES, CHASE_EVERY)),
            replacement_notice_limiter: Arc::new(Rate::new(NonZeroU32::MIN, CHASE_TOLD_EVERY)),
            certificate_notice_limiter: Arc::new(Rate::new(NonZeroU32::MIN, CLOCK_TOLD_EVERY)),
            clock_notice_limiter: Arc::new(Rate::new(NonZeroU32::MIN, CLOCK_TOLD_EVERY)),
            device_key_attempts: Arc::new(Attempts::new(
                KEY_CHECKS,
                Rate::new(KEY_FAILURES, KEY_FAILURES_EVERY),
                KEY_FAILED_PAUSE,
            )),
            derived_keys: Arc::default(),
            viewer_slots: Arc::new(Slots::new(VIEWERS, VIEWERS_A_PERSON)),
            request_slots: Arc::new(Slots::new(REQUESTS, REQUESTS_A_PERSON)),
            read_turns: Arc::new(Turns::with_pauses(limits::reads_a_person())),
        };
        // What this node held before it stopped or crashed is lost.
        csv_import::take_back_unfinished(&app.db, node).await?;
        fold::old_rows(&app.db).await?;
        reconcile::close_dead_node(&app.db, &app.bus, node, app.now()).await?;
        let life = Life {
            node,
            since: app.now(),
        };
        if among_others {
            membership::begin(&app.db, life, config.role).await?;
        }
        let node = Self {
            web,
            devices,
            downloads,
            ca_file: identity.ca_file(),
            app,
            life,
            registry: Arc::new(Registry::default()),
            accepting,
            working,
            loops,
            sockets: TaskTracker::new(),
            writer: tokio::spawn(async move {
                tokio::join!(writer, registrar, keeper);
            }),
            _lock: lock,
        };
        node.work(config, identity, listeners, requests, files)?;
        Ok(node)
    }

    /// Waits until another server has taken over the database. This one must stop then.
    pub async fn taken_over(&self) {
        self.app.taken_over.cancelled().await;
    }

    /// Stops the node: refuses new connections, closes device connections in batches, ends jobs, writes
    /// records, and closes the database.
    pub async fn stop(self) {
        self.accepting.cancel();
        self.registry.drain().await;
        self.sockets.close();
        if tokio::time::timeout(DRAIN_TIME, self.sockets.wait())
            .await
            .is_err()
        {
            tracing::warn!(left = self.sockets.len(), "sockets did not close in time");
        }
        self.working.cancel();
        self.loops.close();
        if tokio::time::timeout(Duration::from_secs(15), self.loops.wait())
            .await
            .is_err()
        {
            tracing::warn!(left = self.loops.len(), "tasks did not end in time");
        }
        let db = self.app.db.clone();
        let (node, bus) = (self.app.node, self.app.bus.clone());
        let among_others = self.app.remote_requests.has_other_nodes();
        drop(self.app);
        // The writer ends when the last sender is dropped. A stuck task that holds one must not keep the
        // process alive.
        let _ = tokio::time::timeout(Duration::from_secs(10), self.writer).await;
        let released = async {
            if !among_others {
                return setup::release_database(&db, node).await;
            }
            membership::resign(&db, node).await?;
            csv_import::take_back_unfinished(&db, node).await?;
            // Sockets that did not close in time have left their rows open.
            reconcile::close_dead_node(&db, &bus, node, db.now()).await
        };
        if !matches!(
            tokio::time::timeout(Duration::from_secs(5), released).await,
            Ok(Ok(()))
        ) {
            tracing::warn!("other servers have to wait until this one counts as dead");
        }
        db.close().await;
    }
}
