//! A simulated device: it connects, joins, takes updates, reboots, and validates, and fails in the ways that
//! real devices do.

mod update;

use super::common::Common;
use super::connection::{Connection, Frame};
use super::disk::{Disk, Image};
use super::download::{self, Wanted};
use super::extension::Attached;
use super::identity::{self, Credentials};
use super::release::Release;
use super::stats::count;
use crate::clock::Clock;
use fwup::keys::PublicKey;
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::rngs::{SmallRng, StdRng};
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Sleep;
pub(super) use update::*;

/// How devices misbehave. Rates are from 0 to 1.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// Share of updates that fail.
    pub fail_rate: f64,
    /// Share of updates whose firmware does not validate, so that the device comes back with the old one.
    pub revert_rate: f64,
    /// Share of devices on which no update ever validates.
    pub bad_share: f64,
    /// Share of updates that the application ignores.
    pub ignore_rate: f64,
    /// Share of download connections that are cut.
    pub cut_rate: f64,
    /// Speed of the link in kbit/s.
    pub slow_kbps: Option<u64>,
}

pub(super) enum Outcome {
    /// Reboot into this disk and image; the flag says whether by a delta.
    Boot(Arc<Disk>, Arc<Image>, bool),
    /// The update failed or was refused: nothing changes.
    Stay,
}

/// The state that survives reconnects.
pub(super) struct Life {
    pub common: Arc<Common>,
    /// Its number in the fleet.
    pub n: usize,
    pub rng: SmallRng,
    pub image: Arc<Image>,
    /// Its certificate, once it has connected by one.
    pub certificate: Option<CertificateDer<'static>>,
    disk: Arc<Disk>,
    validated: bool,
    reverted: bool,
    updating: Option<(String, mpsc::Receiver<Progress>)>,
    keys: Vec<PublicKey>,
    installed: HashSet<String>,
    pub joined_before: bool,
    /// How often it was not let in and turned to the next address.
    pub moved: usize,
    pub attached: Attached,
}

/// Chance falls the same way for a device of the same number.
fn seed(common: &Common, n: usize) -> u64 {
    common.plan.seed.wrapping_add(n as u64)
}

/// When a device whose new firmware has joined says that it is well.
type Due = Option<Pin<Box<Sleep>>>;

impl Life {
    pub(super) fn new(common: Arc<Common>, n: usize) -> Box<Self> {
        let (disk, image) = common.factory(n);
        common.stats.runs(image.get("version"), 1);
        Box::new(Self {
            rng: SmallRng::seed_from_u64(seed(&common, n)),
            common,
            n,
            image,
            certificate: None,
            disk,
            validated: true,
            reverted: false,
            updating: None,
            keys: Vec::new(),
            installed: HashSet::new(),
            joined_before: false,
            moved: 0,
            attached: Attached::default(),
        })
    }

    pub(super) fn identifier(&self) -> String {
        self.common.plan.identifier(self.n)
    }

    /// It was not let in, and turns to the next address, as a device does whose server's name has several.
    pub(super) fn failed(&mut self, why: &str) {
        self.common.stats.refused(why);
        self.moved = self.moved.wrapping_add(1);
    }

    pub(super) fn seed(&self) -> u64 {
        seed(&self.common, self.n)
    }

    fn release(&self) -> Release {
        self.common.plan.release(self.n)
    }
}

/// Runs a device until it is stopped.
pub(super) async fn run(common: Arc<Common>, n: usize) {
    let stop = common.stop.clone();
    let mut life = Life::new(common, n);
    let mut failures = 0u32;
    // Boxed: what a handshake needs is freed when it is over.
    while let Some(connected) = stop.run_until_cancelled(Box::pin(life.connect())).await {
        match connected {
            Ok(connection) => {
                failures = 0;
                let end = stop
                    .run_until_cancelled(Box::pin(life.serve(connection)))
                    .await;
                if matches!(end, Some(End::Reboot)) {
                    continue;
                }
            }
            Err(why) => life.failed(&why),
        }
        // The real client backs off 1, 2, 4 … 60 s with jitter; the first pause is shorter here.
        let base = 500u64 << failures.min(7);
        failures += 1;
        let pause = Duration::from_millis(base.min(60_000) + life.rng.random_range(0..base / 2));
        if stop
            .run_until_cancelled(Box::pin(tokio::time::sleep(pause)))
            .await
            .is_none()
        {
            return;
        }
    }
}

enum End {
    Lost,
    Reboot,
}

impl Life {
    async fn connect(&mut self) -> Result<Connection, String> {
        let common = self.common.clone();
        let permit = common.handshakes.acquire().await;
        let _permit = permit.map_err(|e| e.to_string())?;
        let identifier = self.identifier();
        let to = common.target(self.n, self.moved);
        let mut connection = match &common.credentials {
            Credentials::Certificates(factory) => {
                let key = factory
                    .identity(&identifier, &mut self.certificate)
                    .map_err(|e| e.to_string())?;
                let open = Connection::open(&common, self.n, to, "/socket/websocket", &[]);
                identity::presenting(key, open).await?
            }
            Credentials::Secret { key, secret } => {
                let now = Clock::default().now().0 / 1_000;
                let headers = super::secret::sign(key, secret, &identifier, now);
                Connection::open(&common, self.n, to, "/device-socket/websocket", &headers).await?
            }
        };
        self.catch_up();
        connection
            .push("device", "phx_join", &self.join_params())
            .await?;
        // The real client does not wait for the answer either.
        let console = json!({"console_version": self.release().console()});
        connection.push("console", "phx_join", &console).await?;
        self.attached = Attached::default();
        Ok(connection)
    }

    /// Handles the messages of an update that ran while there was no connection: its reports are lost, but its
    /// end counts. Otherwise the join would report an update that is over, and the server would wait for it.
    fn catch_up(&mut self) {
        while let Some((_, from)) = &mut self.updating {
            match from.try_recv() {
                Ok(Progress::Say(..)) => {}
                Ok(Progress::Done(outcome)) => {
                    self.end_update(*outcome);
                }
                Err(mpsc::error::TryRecvError::Empty) => return,
                Err(mpsc::error::TryRecvError::Disconnected) => self.updating = None,
            }
        }
    }

    fn join_params(&self) -> Value {
        let i = &self.image;
        let downloading = self.updating.as_ref().map(|(uuid, _)| uuid);
        let mut params = json!({
            "nerves_fw_uuid": i.uuid,
            "nerves_fw_product": i.get("product"),
            "nerves_fw_version": i.get("version"),
            "nerves_fw_platform": i.get("platform"),
            "nerves_fw_architecture": i.get("architecture"),
            "nerves_fw_author": i.get("author"),
            "nerves_fw_description": i.get("description"),
            "nerves_fw_misc": i.get("misc"),
            "nerves_fw_vcs_identifier": i.get("vcs-identifier"),
            "fwup_version": "1.16.0",
            "currently_downloading_uuid": downloading,
        });
        self.release()
            .join(&mut params, self.validated, self.reverted);
        params
    }

    /// Serves a connection until it ends. The future of this is most of what the fleet holds for an idle device besides its
    /// socket: whatever takes a moment only is boxed.
    async fn serve(&mut self, mut connection: Connection) -> End {
        let common = self.common.clone();
        let heartbeat = common.heartbeat.newest();
        // Spread, so that the devices of a fleet do not report at the same time.
        let reports = common.reports.at(self.rng.random_range(0.0..1.0));
        let (mut beat, mut report) = (pin!(heartbeat.notified()), pin!(reports.notified()));
        let mut validate = None;
        loop {
            let said = tokio::select! {
                frame = connection.next() => match frame {
                    Some(frame) => Box::pin(self.hear(&mut connection, frame, &mut validate)).await,
                    None => return End::Lost,
                },
                progress = progress(&mut self.updating) => match progress {
                    Progress::Say(event, payload) => {
                        Box::pin(connection.push("device", event, &payload)).await
                    }
                    Progress::Done(outcome) => {
                        if self.end_update(*outcome) {
                            Box::pin(connection.close()).await;
                            return End::Reboot;
                        }
                        Ok(())
                    }
                },
                () = due(&mut validate) => {
                    validate = None;
                    self.validated = true;
                    Box::pin(connection.push("device", "firmware_validated", &json!({}))).await
                }
                () = report.as_mut() => {
                    report.set(reports.notified());
                    Box::pin(self.report(&mut connection)).await
                }
                () = beat.as_mut() => {
                    beat.set(heartbeat.notified());
                    Box::pin(connection.push("phoenix", "heartbeat", &json!({}))).await
                }
            };
            if said.is_err() {
                return End::Lost;
            }
        }
    }

    async fn hear(
        &mut self,
        connection: &mut Connection,
        frame: Frame,
        validate: &mut Due,
    ) -> Result<(), String> {
        if frame.topic == "extensions" {
            return self.extension(connection, &frame).await;
        }
        if frame.topic == "console" {
            return self.console(connection, &frame).await;
        }
        if frame.topic != "device" {
            return Ok(());
        }
        match frame.event.as_str() {
            "phx_reply" => {
                if frame.payload.get("status").and_then(Value::as_str) != Some("ok") {
                    return Err("the join was refused".into());
                }
                count(&self.common.stats.joins);
                if !self.joined_before {
                    self.joined_before = true;
                    count(&self.common.stats.joined);
                }
                if !self.validated {
                    let sleep = tokio::time::sleep(Duration::from_millis(200));
                    *validate = Some(Box::pin(sleep));
                }
                if !self.release().names_interface() {
                    return Ok(());
                }
                connection
                    .push(
                        "device",
                        "report_network_interface",
                        &json!({"interface": "eth0"}),
                    )
                    .await
            }
            "fwup_public_keys" => {
                let keys = frame.payload.get("keys").and_then(Value::as_array);
                self.keys = keys
                    .into_iter()
                    .flatten()
                    .filter_map(|k| PublicKey::parse(k.as_str()?.as_bytes()).ok())
                    .collect();
                Ok(())
            }
            "update" if self.updating.is_none() => self.offered(connection, &frame.payload).await,
            "scripts/run" => {
                // No Elixir runs here: like a script that says who it runs on.
                let (name, version) = (self.identifier(), self.image.get("version"));
                let output = json!({
                    "ref": frame.payload["ref"], "output": format!("simulated device {name} with {version}\n"),
                    "return": ":ok", "result": "completed",
                });
                connection.push("device", "scripts/run", &output).await
            }
            "extensions:get" => {
                let have = self.release().extensions();
                connection.push("extensions", "phx_join", &have).await
            }
            "archive" => {
                let url = frame.payload["url"].as_str().unwrap_or_default().to_owned();
                let size = frame.payload["size"].as_u64();
                spawn(archive(self.common.clone(), url, size));
                Ok(())
            }
            "reboot" => {
                connection.push("device", "rebooting", &json!({})).await?;
                Err("rebooting".into())
            }
            _ => Ok(()),
        }
    }

    async fn offered(&mut self, connection: &mut Connection, update: &Value) -> Result<(), String> {
        count(&self.common.stats.offers);
        let now = Clock::default().now().0 / 1_000;
        self.common
            .stats
            .last_offer
            .fetch_max(now, Ordering::Relaxed);
        let uuid = update
            .pointer("/firmware_meta/uuid")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if self.rng.random_bool(self.common.plan.faults.ignore_rate) || uuid == self.image.uuid {
            count(&self.common.stats.ignored);
            if !self.release().tells() {
                return Ok(());
            }
            let status = json!({"status": "ignored", "reason": "not now"});
            return connection.push("device", "status_update", &status).await;
        }
        if self.release().tells() {
            connection
                .push("device", "status_update", &json!({"status": "received"}))
                .await?;
        }
        let (work, progress) = self.begin(update);
        self.updating = Some((uuid.to_owned(), progress));
        spawn(work.run());
        Ok(())
    }

    /// Begins an update. Returns it with the messages that it will send.
    pub(super) fn begin(&mut self, update: &Value) -> (Update, mpsc::Receiver<Progress>) {
        let (say, progress) = mpsc::channel(16);
        let work = Update {
            common: self.common.clone(),
            disk: self.disk.clone(),
            keys: self.keys.clone(),
            rng: StdRng::seed_from_u64(self.rng.random()),
            update: update.clone(),
            tells: self.release().tells(),
            say,
        };
        (work, progress)
    }

    /// Applies the end of an update. Returns true when the device reboots, into new firmware or into its old
    /// one.
    pub(super) fn end_update(&mut self, outcome: Outcome) -> bool {
        self.updating = None;
        let Outcome::Boot(disk, image, delta) = outcome else {
            return false;
        };
        let stats = &self.common.stats;
        let faults = &self.common.plan.faults;
        // The same devices in each run, whatever the seed.
        let place = f64::from(crc32fast::hash(self.identifier().as_bytes()) % 10_000) / 10_000.0;
        if place < faults.bad_share || self.rng.random_bool(faults.revert_rate) {
            count(&stats.reverted);
            self.reverted = true;
            return true;
        }
        if !self.installed.insert(image.uuid.clone()) {
            count(&stats.repeated);
        }
        count(&stats.updated);
        if delta {
            count(&stats.deltas);
        }
        stats.runs(self.image.get("version"), -1);
        stats.runs(image.get("version"), 1);
        self.disk = disk;
        self.image = image;
        self.validated = false;
        self.reverted = false;
        true
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a simulated device has no part in the server's task tracker"
)]
fn spawn(work: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(work);
}

async fn progress(updating: &mut Option<(String, mpsc::Receiver<Progress>)>) -> Progress {
    match updating {
        None => std::future::pending().await,
        Some((_, from)) => from
            .recv()
            .await
            .unwrap_or_else(|| Progress::Done(Box::new(Outcome::Stay))),
    }
}

/// Downloads an archive, as an application that uses archives does.
async fn archive(common: Arc<Common>, url: String, size: Option<u64>) {
    let (http, stats) = (&common.http, &common.stats);
    let fetched = async {
        http.get(&url)
            .send()
            .await?
            .error_for_status()?
            .bytes()
            .await
    };
    match fetched.await {
        Ok(file) if Some(file.len() as u64) == size => count(&stats.archives),
        Ok(file) => stats.because(&format!("an archive has {} bytes", file.len())),
        Err(e) => stats.because(&e.to_string()),
    }
}

async fn due(at: &mut Due) {
    match at {
        None => std::future::pending().await,
        Some(sleep) => sleep.await,
    }
}
