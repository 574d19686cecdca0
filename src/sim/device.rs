//! A simulated device: it connects, joins, takes updates, reboots, and validates, and fails in the ways that
//! real devices do.

mod update;

use super::connection::{Connection, Frame, Target};
use super::disk::{Disk, Image};
use super::download::{self, Wanted};
use super::release::Release;
use super::stats::{Stats, count};
use crate::clock::Clock;
use fwup::keys::PublicKey;
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rustls::ClientConfig;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
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

/// How a device authenticates.
#[derive(Clone)]
pub(super) enum DeviceAuth {
    /// By a shared key and its secret; the TLS configuration is the fleet's.
    Secret { key: Arc<str>, secret: Arc<str> },
    /// By a certificate in its TLS configuration.
    Certificate,
}

/// The fixed properties of a simulated device.
pub(super) struct Device {
    pub identifier: String,
    pub identity: DeviceAuth,
    pub tls: Arc<ClientConfig>,
    pub target: Target,
    pub http: reqwest::Client,
    pub faults: Faults,
    /// Version on which it reports an alarm and hardly any memory left.
    pub sick_on: Option<Arc<str>>,
    pub stats: Arc<Stats>,
    pub disk: Disk,
    pub image: Image,
    pub seed: u64,
    pub stop: CancellationToken,
    pub heartbeat: Duration,
    pub release: Release,
    pub report_every: Option<Duration>,
}

pub(super) enum Outcome {
    /// Reboot into this disk and image; the flag says whether by a delta.
    Boot(Disk, Image, bool),
    /// The update failed or was refused: nothing changes.
    Stay,
}

/// The state that survives reconnects.
pub(super) struct Life {
    pub device: Device,
    pub rng: StdRng,
    validated: bool,
    reverted: bool,
    updating: Option<(String, mpsc::Receiver<Progress>)>,
    keys: Vec<PublicKey>,
    installed: HashSet<String>,
    pub joined_before: bool,
    /// Extensions that the server has attached.
    pub attached: HashSet<String>,
}

impl Life {
    pub(super) fn new(device: Device) -> Box<Self> {
        device.stats.runs(device.image.get("version"), 1);
        Box::new(Self {
            rng: StdRng::seed_from_u64(device.seed),
            device,
            validated: true,
            reverted: false,
            updating: None,
            keys: Vec::new(),
            installed: HashSet::new(),
            joined_before: false,
            attached: HashSet::new(),
        })
    }
}

/// Runs a device until it is stopped.
pub(super) async fn run(device: Device) {
    let stop = device.stop.clone();
    let mut life = Life::new(device);
    let mut failures = 0u32;
    while !stop.is_cancelled() {
        match Box::pin(life.connect()).await {
            Ok(connection) => {
                failures = 0;
                let end = stop
                    .run_until_cancelled(Box::pin(life.serve(connection)))
                    .await;
                if matches!(end, Some(End::Reboot)) {
                    continue;
                }
            }
            Err(why) => life.device.stats.refused(&why),
        }
        // The real client backs off 1, 2, 4 … 60 s with jitter; the first pause is shorter here.
        let base = 500u64 << failures.min(7);
        failures += 1;
        let pause = Duration::from_millis(base.min(60_000) + life.rng.random_range(0..base / 2));
        if stop
            .run_until_cancelled(tokio::time::sleep(pause))
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
        let d = &self.device;
        let (path, headers) = match &d.identity {
            DeviceAuth::Certificate => ("/socket/websocket", Vec::new()),
            DeviceAuth::Secret { key, secret } => {
                let now = Clock::default().now().0 / 1_000;
                let headers = super::secret::sign(key, secret, &d.identifier, now);
                ("/device-socket/websocket", headers.to_vec())
            }
        };
        let mut connection = Connection::open(&d.target, d.tls.clone(), path, &headers).await?;
        self.catch_up();
        connection
            .push("device", "phx_join", &self.join_params())
            .await?;
        // The real client does not wait for the answer either.
        let console = json!({"console_version": self.device.release.console()});
        connection.push("console", "phx_join", &console).await?;
        self.attached.clear();
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
        let i = &self.device.image;
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
        let release = self.device.release;
        release.join(&mut params, self.validated, self.reverted);
        params
    }

    async fn serve(&mut self, mut connection: Connection) -> End {
        let mut beat = tokio::time::interval_at(
            tokio::time::Instant::now() + self.device.heartbeat,
            self.device.heartbeat,
        );
        let mut validate = None;
        let mut report = self.device.report_every.map(|every| {
            // Spread, so that the devices of a fleet do not report at the same time.
            let first = every.mul_f64(self.rng.random_range(0.0..1.0));
            tokio::time::interval_at(tokio::time::Instant::now() + first, every)
        });
        loop {
            let said = tokio::select! {
                frame = connection.next() => match frame {
                    Some(frame) => self.hear(&mut connection, frame, &mut validate).await,
                    None => return End::Lost,
                },
                progress = progress(&mut self.updating) => match progress {
                    Progress::Say(event, payload) => connection.push("device", event, &payload).await,
                    Progress::Done(outcome) => {
                        if self.end_update(*outcome) {
                            connection.close().await;
                            return End::Reboot;
                        }
                        Ok(())
                    }
                },
                () = due(&mut validate) => {
                    self.validated = true;
                    connection.push("device", "firmware_validated", &json!({})).await
                }
                () = next_tick(&mut report) => self.report(&mut connection).await,
                _ = beat.tick() => connection.push("phoenix", "heartbeat", &json!({})).await,
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
        validate: &mut Option<tokio::time::Instant>,
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
                count(&self.device.stats.joins);
                if !self.joined_before {
                    self.joined_before = true;
                    count(&self.device.stats.joined);
                }
                if !self.validated {
                    *validate = Some(tokio::time::Instant::now() + Duration::from_millis(200));
                }
                if !self.device.release.names_interface() {
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
                let (name, image) = (&self.device.identifier, &self.device.image);
                let version = image.get("version");
                let output = json!({
                    "ref": frame.payload["ref"], "output": format!("simulated device {name} with {version}\n"),
                    "return": ":ok", "result": "completed",
                });
                connection.push("device", "scripts/run", &output).await
            }
            "extensions:get" => {
                let have = self.device.release.extensions();
                connection.push("extensions", "phx_join", &have).await
            }
            "archive" => {
                let url = frame.payload["url"].as_str().unwrap_or_default().to_owned();
                let size = frame.payload["size"].as_u64();
                spawn(archive(
                    self.device.http.clone(),
                    self.device.stats.clone(),
                    url,
                    size,
                ));
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
        count(&self.device.stats.offers);
        let now = Clock::default().now().0 / 1_000;
        self.device
            .stats
            .last_offer
            .fetch_max(now, Ordering::Relaxed);
        let uuid = update
            .pointer("/firmware_meta/uuid")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if self.rng.random_bool(self.device.faults.ignore_rate) || uuid == self.device.image.uuid {
            count(&self.device.stats.ignored);
            if !self.device.release.tells() {
                return Ok(());
            }
            let status = json!({"status": "ignored", "reason": "not now"});
            return connection.push("device", "status_update", &status).await;
        }
        if self.device.release.tells() {
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
            http: self.device.http.clone(),
            faults: self.device.faults,
            stats: self.device.stats.clone(),
            disk: self.device.disk.clone(),
            keys: self.keys.clone(),
            rng: StdRng::seed_from_u64(self.rng.random()),
            update: update.clone(),
            tells: self.device.release.tells(),
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
        let stats = &self.device.stats;
        let faults = &self.device.faults;
        // The same devices in each run, whatever the seed.
        let place =
            f64::from(crc32fast::hash(self.device.identifier.as_bytes()) % 10_000) / 10_000.0;
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
        stats.runs(self.device.image.get("version"), -1);
        stats.runs(image.get("version"), 1);
        self.device.disk = disk;
        self.device.image = image;
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

async fn next_tick(every: &mut Option<tokio::time::Interval>) {
    match every {
        None => std::future::pending().await,
        Some(every) => drop(every.tick().await),
    }
}

/// Downloads an archive, as an application that uses archives does.
async fn archive(http: reqwest::Client, stats: Arc<Stats>, url: String, size: Option<u64>) {
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

async fn due(at: &mut Option<tokio::time::Instant>) {
    match at {
        None => std::future::pending().await,
        Some(when) => {
            tokio::time::sleep_until(*when).await;
            *at = None;
        }
    }
}
