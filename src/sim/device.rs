//! One simulated device: connect, join, take updates, reboot, validate; and the ways in which real ones fail.

use super::connection::{Connection, Frame, Target};
use super::disk::{Disk, Image};
use super::download::{self, Wanted};
use super::stats::{Stats, count};
use crate::clock;
use crate::firmware::keys::PublicKey;
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rustls::ClientConfig;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How often and how devices misbehave; rates from 0 to 1.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// Updates that fail.
    pub fail_rate: f64,
    /// Updates whose firmware does not validate, so that the device comes back with the old one.
    pub revert_rate: f64,
    /// Updates that the application ignores.
    pub ignore_rate: f64,
    /// Stretches of a download that are cut.
    pub cut_rate: f64,
    /// Speed of the link.
    pub slow_kbps: Option<u64>,
}

/// How a device proves who it is.
#[derive(Clone)]
pub(super) enum Identity {
    /// A key and its secret; the certificate configuration is the fleet's.
    Secret { key: Arc<str>, secret: Arc<str> },
    /// A certificate, in the TLS configuration.
    Certificate,
}

/// What a device is made of.
pub(super) struct Device {
    pub identifier: String,
    pub identity: Identity,
    pub tls: Arc<ClientConfig>,
    pub target: Target,
    pub http: reqwest::Client,
    pub faults: Faults,
    pub stats: Arc<Stats>,
    pub disk: Disk,
    pub image: Image,
    pub seed: u64,
    pub stop: CancellationToken,
    pub heartbeat: Duration,
}

/// What the update task tells the device.
enum Progress {
    /// Push this to the server, if connected.
    Say(&'static str, Value),
    /// It ended.
    Done(Box<Outcome>),
}

enum Outcome {
    /// Reboot into this; whether by a delta.
    Boot(Disk, Image, bool),
    /// It failed or was refused: nothing changes.
    Stay,
}

/// State over reconnects.
struct Life {
    device: Device,
    rng: StdRng,
    validated: bool,
    reverted: bool,
    updating: Option<(String, mpsc::Receiver<Progress>)>,
    keys: Vec<PublicKey>,
    installed: HashSet<String>,
    joined_before: bool,
}

/// Runs a device until it is told to stop.
pub(super) async fn run(device: Device) {
    device.stats.runs(device.image.get("version"), 1);
    let stop = device.stop.clone();
    let mut life = Box::new(Life {
        rng: StdRng::seed_from_u64(device.seed),
        device,
        validated: true,
        reverted: false,
        updating: None,
        keys: Vec::new(),
        installed: HashSet::new(),
        joined_before: false,
    });
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
            Err(_) => count(&life.device.stats.refused),
        }
        // 1, 2, 4 … 60 s with jitter, as the real client backs off; the first pause is shorter here.
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
            Identity::Certificate => ("/socket/websocket", Vec::new()),
            Identity::Secret { key, secret } => {
                let now = clock::now().0 / 1_000;
                let headers = super::secret::sign(key, secret, &d.identifier, now);
                ("/device-socket/websocket", headers.to_vec())
            }
        };
        let mut connection = Connection::open(&d.target, d.tls.clone(), path, &headers).await?;
        self.catch_up();
        connection
            .push("device", "phx_join", &self.join_params())
            .await?;
        Ok(connection)
    }

    /// Takes what the update did while there was no socket: what it said is lost, how it ended counts. Otherwise the
    /// join would claim an update that is over, and the server would wait for it.
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
        json!({
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
            "device_api_version": "2.3.0",
            "console_version": "2.0.0",
            "fwup_public_keys": "on_connect",
            "archive_public_keys": "on_connect",
            "currently_downloading_uuid": downloading,
            "meta": {
                "firmware_validated": self.validated,
                "firmware_auto_revert_detected": self.reverted,
            },
        })
    }

    async fn serve(&mut self, mut connection: Connection) -> End {
        let mut beat = tokio::time::interval_at(
            tokio::time::Instant::now() + self.device.heartbeat,
            self.device.heartbeat,
        );
        let mut validate = None;
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
                let reference = &frame.payload["ref"];
                let output = json!({
                    "ref": reference, "output": "simulated\n", "return": ":ok",
                    "result": "completed",
                });
                connection.push("device", "scripts/run", &output).await
            }
            "extensions:get" => {
                let have = json!({"health": "0.0.1", "geo": "0.0.1", "logging": "0.0.1"});
                connection.push("extensions", "phx_join", &have).await
            }
            "reboot" => {
                connection.push("device", "rebooting", &json!({})).await?;
                Err("rebooting".into())
            }
            _ => Ok(()),
        }
    }

    /// What the extensions of the real client do (device-protocol 4.2).
    async fn extension(
        &mut self,
        connection: &mut Connection,
        frame: &Frame,
    ) -> Result<(), String> {
        let names = |key: &str| {
            let all = frame.payload.get(key).and_then(Value::as_array);
            let all = all.into_iter().flatten().filter_map(Value::as_str);
            all.map(str::to_owned).collect::<Vec<_>>()
        };
        match frame.event.as_str() {
            "phx_reply" => {
                for name in names("response") {
                    let event = format!("{name}:attached");
                    connection.push("extensions", &event, &json!({})).await?;
                }
                Ok(())
            }
            "attach" | "detach" => {
                for name in names("extensions") {
                    let event = format!("{name}:{}ed", frame.event);
                    connection.push("extensions", &event, &json!({})).await?;
                }
                Ok(())
            }
            "health:check" => {
                count(&self.device.stats.reports);
                let report = self.health();
                let report = json!({ "value": report });
                connection
                    .push("extensions", "health:report", &report)
                    .await
            }
            "geo:location:request" => {
                count(&self.device.stats.reports);
                let place = json!({
                    "latitude": self.rng.random_range(-60.0..70.0),
                    "longitude": self.rng.random_range(-180.0..180.0),
                    "source": "geoip",
                });
                connection
                    .push("extensions", "geo:location:update", &place)
                    .await
            }
            _ => Ok(()),
        }
    }

    /// A report with the metrics that the real client has by default.
    fn health(&mut self) -> Value {
        let mut percent = || f64::from(self.rng.random_range(5..950)) / 10.0;
        let (cpu, memory, disk) = (percent(), percent(), percent());
        json!({
            "timestamp": "2026-08-22T10:00:00Z",
            "metadata": {"active_application": "simulated"},
            "alarms": {},
            "metrics": {
                "cpu_temp": 48.5, "cpu_usage_percent": cpu, "load_1min": 0.3, "load_5min": 0.2,
                "load_15min": 0.1, "mem_size_mb": 1024, "mem_used_mb": (memory * 10.24).round(),
                "mem_used_percent": memory, "disk_total_kb": 1_048_576,
                "disk_available_kb": ((100.0 - disk) * 10_485.0).round(),
                "disk_used_percentage": disk, "eth0_bytes_received_total": "123456",
            },
            "checks": {},
            "connectivity": {},
        })
    }

    async fn offered(&mut self, connection: &mut Connection, update: &Value) -> Result<(), String> {
        count(&self.device.stats.offers);
        let uuid = update
            .pointer("/firmware_meta/uuid")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if self.rng.random_bool(self.device.faults.ignore_rate) || uuid == self.device.image.uuid {
            count(&self.device.stats.ignored);
            let status = json!({"status": "ignored", "reason": "not now"});
            return connection.push("device", "status_update", &status).await;
        }
        connection
            .push("device", "status_update", &json!({"status": "received"}))
            .await?;
        let (say, progress) = mpsc::channel(16);
        let work = Update {
            http: self.device.http.clone(),
            faults: self.device.faults,
            stats: self.device.stats.clone(),
            disk: self.device.disk.clone(),
            keys: self.keys.clone(),
            rng: StdRng::seed_from_u64(self.rng.random()),
            update: update.clone(),
            say,
        };
        self.updating = Some((uuid.to_owned(), progress));
        spawn(work.run());
        Ok(())
    }

    /// True when the device reboots into new firmware, or into its old one.
    fn end_update(&mut self, outcome: Outcome) -> bool {
        self.updating = None;
        let Outcome::Boot(disk, image, delta) = outcome else {
            return false;
        };
        let stats = &self.device.stats;
        if self.rng.random_bool(self.device.faults.revert_rate) {
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

async fn due(at: &mut Option<tokio::time::Instant>) {
    match at {
        None => std::future::pending().await,
        Some(when) => {
            tokio::time::sleep_until(*when).await;
            *at = None;
        }
    }
}

/// An update in progress: it goes on while the socket is lost, as on a real device.
struct Update {
    http: reqwest::Client,
    faults: Faults,
    stats: Arc<Stats>,
    disk: Disk,
    keys: Vec<PublicKey>,
    rng: StdRng,
    update: Value,
    say: mpsc::Sender<Progress>,
}

impl Update {
    async fn run(mut self) {
        let outcome = match self.install().await {
            Ok(outcome) => outcome,
            Err(reason) => {
                count(&self.stats.failed);
                self.stats.because(&reason);
                self.status(json!({"status": "failed", "reason": reason}))
                    .await;
                Outcome::Stay
            }
        };
        // The device may have been stopped.
        let _ = self.say.send(Progress::Done(Box::new(outcome))).await;
    }

    async fn status(&self, payload: Value) {
        let _ = self.say.send(Progress::Say("status_update", payload)).await;
    }

    async fn progress(&self, value: u8) {
        let payload = json!({"stage": "updating", "value": value});
        let _ = self.say.send(Progress::Say("fwup_progress", payload)).await;
    }

    async fn install(&mut self) -> Result<Outcome, String> {
        let wanted = wanted(&self.update)?;
        self.status(json!({"status": "started", "downloader_network_interface": "eth0"}))
            .await;
        let file = download::fetch(
            &self.http,
            &wanted,
            &self.faults,
            &mut self.rng,
            &self.stats,
        )
        .await?;
        self.progress(0).await;
        if self.rng.random_bool(self.faults.fail_rate) {
            return Err("simulated failure".into());
        }
        let (disk, keys) = (self.disk.clone(), self.keys.clone());
        let applied = tokio::task::spawn_blocking(move || disk.apply(&file, "upgrade", &keys))
            .await
            .map_err(|e| e.to_string())??;
        self.progress(100).await;
        self.status(json!({"status": "completed"})).await;
        Ok(Outcome::Boot(applied.disk, applied.image, applied.delta))
    }
}

fn wanted(update: &Value) -> Result<Wanted, String> {
    let text = |key: &str| {
        update
            .get(key)
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or(format!("no {key}"))
    };
    let partials = update
        .get("partials_checksums")
        .and_then(Value::as_array)
        .ok_or("no partial sums")?;
    Ok(Wanted {
        url: text("firmware_url")?,
        size: update
            .get("size")
            .and_then(Value::as_u64)
            .ok_or("no size")?,
        checksum: text("checksum")?,
        partials: partials
            .iter()
            .filter_map(|p| p.as_str().map(str::to_owned))
            .collect(),
    })
}
