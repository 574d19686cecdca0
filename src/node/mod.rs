//! Starts the parts of a server node in order, runs them, and stops them in reverse.

mod http;
pub mod rotation;
mod secret_files;
pub mod setup;

use crate::access::vault::Vault;
use crate::api;
use crate::app::App;
use crate::blob::download_urls::DownloadUrls;
use crate::budget::{Attempts, Rate, Slots, Turns};
use crate::bus::{Bus, BusMessage};
use crate::clock::Clock;
use crate::config::Config;
use crate::device::download;
use crate::device::endpoint::{Endpoint, Settings};
use crate::device::registry::Registry;
use crate::device::tls::ServerIdentity;
use crate::domain::devices::csv_import;
use crate::domain::events::device_events::DeviceEvents;
use crate::domain::support::script_runs::ScriptRuns;
use crate::domain::support::terminals::Terminals;
use crate::domain::{Context, Policy};
use crate::health::Health;
use crate::ingest::{IngestWriter, NewcomerWriter};
use crate::jobs::{bulk, deltas, health, housekeeping, leftovers, mails, scrub, series, webhooks};
use crate::limits::{
    self, CHASE_EVERY, CHASE_TOLD_EVERY, CHASES, CLOCK_TOLD_EVERY, DRAIN_TIME, FILES_RESERVE,
    KEY_CHECKS, KEY_FAILED_PAUSE, KEY_FAILURES, KEY_FAILURES_EVERY, POLL_EVERY, POLLS,
    PRODUCT_KIB_BURST, PRODUCT_KIB_EVERY, REFUSAL_EVERY, REFUSALS, REPORT_KIB_BURST,
    REPORT_KIB_EVERY, REQUESTS, REQUESTS_A_PERSON, VIEWERS, VIEWERS_A_PERSON,
};
use crate::oidc::Providers;
use crate::rollout::{reconcile, scheduler::Scheduler};
use crate::store::batch::Batcher;
use crate::store::fold;
use anyhow::Context as _;
use http::GivesWay;
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

/// A running server node.
pub struct Node {
    /// Address of the REST API.
    pub web: SocketAddr,
    /// Address of the device endpoint.
    pub devices: SocketAddr,
    /// Address of the firmware downloads.
    pub downloads: SocketAddr,
    /// The CA certificate that devices must trust.
    pub ca_file: PathBuf,
    pub(crate) app: App,
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
        secret_files::check(config, &db).await?;
        let node = setup::node_id(&config.data_dir)?;
        setup::claim_database(&db, node).await?;
        setup::bandwidth(config, &db).await?;
        let vault = Arc::new(Vault::new(&setup::node_key(config, &db).await?));
        let blobs = setup::files(config)?;
        blobs.sweep().context("could not clear the file store")?;
        setup::claim_files(&db, &blobs, config.bucket_url()).await?;
        let identity = ServerIdentity::open(&config.data_dir, &config.tls_name, db.now())?;
        secret_files::keep(config, &db).await?;
        let bind = |what: &'static str, flag: &'static str, at: SocketAddr| async move {
            TcpListener::bind(at).await.with_context(|| {
                format!("could not listen on {at} for {what}; --{flag} names another address")
            })
        };
        let web = bind("the web", "web-listen", config.web_listen).await?;
        let devices = bind("devices", "device-listen", config.device_listen).await?;
        let downloads = bind("downloads", "download-listen", config.download_listen).await?;
        let (records, writer) = Batcher::new(db.clone(), IngestWriter::default());
        let (newcomers, registrar) = Batcher::new(db.clone(), NewcomerWriter);
        let links = DownloadUrls::new(
            vault.clone(),
            config.download_url.clone(),
            downloads.local_addr()?.port(),
        );
        let (loops, accepting) = (TaskTracker::new(), CancellationToken::new());
        let context = Context {
            db,
            blobs,
            bus: Bus::memory(),
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
        csv_import::take_back_unfinished(&app.db).await?;
        fold::old_rows(&app.db).await?;
        reconcile::close_dead_node(&app.db, &app.bus, node, app.now()).await?;
        let node = Self {
            web: web.local_addr()?,
            devices: devices.local_addr()?,
            downloads: downloads.local_addr()?,
            ca_file: identity.ca_file(),
            app,
            registry: Arc::new(Registry::default()),
            accepting,
            working: CancellationToken::new(),
            loops,
            sockets: TaskTracker::new(),
            writer: tokio::spawn(async move {
                tokio::join!(writer, registrar);
            }),
            _lock: lock,
        };
        node.work(config, identity, web, devices, downloads, files)?;
        Ok(node)
    }

    fn work(
        &self,
        config: &Config,
        identity: ServerIdentity,
        web: TcpListener,
        devices: TcpListener,
        downloads: TcpListener,
        files: usize,
    ) -> anyhow::Result<()> {
        let (app, loops, stop) = (&self.app, &self.loops, &self.working);
        let identity = Arc::new(identity);
        let scheduler = Scheduler {
            db: app.db.clone(),
            bus: app.bus.clone(),
            node: app.node,
        };
        loops.spawn(scheduler.run(stop.clone()));
        let watched = health::Watched {
            folder: config.data_dir.clone(),
            reserve: config.disk_reserve,
            files: secret_files::watched(config),
        };
        loops.spawn(health::run(app.clone(), watched, stop.clone()));
        loops.spawn(deltas::run(app.clone(), stop.clone()));
        loops.spawn(scrub::all(app.clone(), stop.clone()));
        loops.spawn(scrub::damaged(app.clone(), stop.clone()));
        loops.spawn(leftovers::run(app.clone(), stop.clone()));
        loops.spawn(housekeeping::reconcile(app.clone(), stop.clone()));
        loops.spawn(housekeeping::token_uses(app.clone(), stop.clone()));
        loops.spawn(housekeeping::sweep(app.clone(), stop.clone()));
        loops.spawn(bulk::run(app.clone(), stop.clone()));
        loops.spawn(series::run(app.clone(), stop.clone()));
        loops.spawn(webhooks::run(app.clone(), stop.clone()));
        if let Some(mail) = &config.mail {
            loops.spawn(mails::run(app.clone(), mail.clone(), stop.clone()));
        }
        loops.spawn(housekeeping::optimize(app.clone(), stop.clone()));
        loops.spawn(housekeeping::seal(app.clone(), stop.clone()));
        loops.spawn(housekeeping::certificates(
            app.clone(),
            identity.clone(),
            stop.clone(),
        ));
        loops.spawn(deliver(app.clone(), self.registry.clone(), stop.clone()));
        let settings = Settings {
            connect_rate: config.connect_rate,
            sockets: files.saturating_sub(FILES_RESERVE.min(files / 4)),
            redirect: config.redirect_url.clone(),
            elsewhere: config.redirect_devices.clone(),
            secrets: config.shared_secrets,
        };
        let endpoint = Endpoint::new(
            app.clone(),
            self.registry.clone(),
            identity.server_config()?,
            self.sockets.clone(),
            settings,
        );
        let quiet = &self.accepting;
        loops.spawn(endpoint.run(devices, quiet.clone()));
        // Requests of people have their own database connections, so that they cannot starve devices.
        let people = App {
            context: Context {
                db: app.db.for_people(),
                ..app.context.clone()
            },
            ..app.clone()
        };
        loops.spawn(http::serve(
            web,
            api::router(people),
            quiet.clone(),
            GivesWay::Strangers,
        ));
        loops.spawn(http::serve(
            downloads,
            download::router(app.clone()),
            quiet.clone(),
            GivesWay::Slowest,
        ));
        Ok(())
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
        let node = self.app.node;
        drop(self.app);
        // The writer ends when the last sender is dropped. A stuck task that holds one must not keep the
        // process alive.
        let _ = tokio::time::timeout(Duration::from_secs(10), self.writer).await;
        let released = setup::release_database(&db, node);
        if !matches!(
            tokio::time::timeout(Duration::from_secs(5), released).await,
            Ok(Ok(()))
        ) {
            tracing::warn!(
                "the next server on this database has to wait until this one counts as dead"
            );
        }
        db.close().await;
    }
}

/// Passes hints from the bus to the connections of this node's devices.
async fn deliver(app: App, registry: Arc<Registry>, stop: CancellationToken) {
    let mut hints = app.bus.listen();
    loop {
        let hint = tokio::select! {
            () = stop.cancelled() => return,
            hint = hints.next() => hint,
        };
        match hint {
            Some(BusMessage::Device {
                node,
                device,
                nudge,
            }) if node == app.node => {
                registry.nudge(device, nudge);
            }
            // Closing many connections takes a while, so it runs in a task and other hints are delivered
            // meanwhile.
            Some(BusMessage::SecretEnded(secret)) => {
                let registry = registry.clone();
                app.background
                    .spawn(async move { registry.end_secret(secret).await });
            }
            Some(BusMessage::Device { .. } | BusMessage::Group(_) | BusMessage::Delta) => {}
            None => return,
        }
    }
}
