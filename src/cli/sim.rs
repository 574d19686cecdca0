//! `nervecenter sim`: runs simulated devices against a server.

mod part;
mod processes;

use super::exit::Code;
use super::{output, told_to_stop};
use crate::node::setup::raise_descriptor_limit;
use crate::sim::{Addresses, Auth, Faults, Fleet, Part, Plan, Release, SimReport};
use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use processes::Processes;
use serde_json::json;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;
use tokio::time::Instant;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AuthKind {
    Secret,
    Cert,
}

/// Simulated devices against any server.
#[derive(Args)]
pub(super) struct Sim {
    /// The server's device endpoint; several are dealt out in turn, and a device that is not let in turns to the next.
    #[arg(
        long,
        default_value = "wss://127.0.0.1:4001",
        value_delimiter = ',',
        value_name = "URL"
    )]
    url: Vec<String>,
    /// Where a device turns to as well when it is not let in; none is dealt to it.
    #[arg(long, value_delimiter = ',', value_name = "URL")]
    fallback_url: Vec<String>,
    /// Addresses of this machine to connect from, in turn, such as 127.0.1.1-127.0.1.9 or 127.0.1.0/24: one has about 28,000 ports for all its connections [default: what the system chooses].
    #[arg(long, value_name = "ADDRESSES", value_parser = Addresses::parse)]
    local_addresses: Option<Addresses>,
    /// CA that the server's certificate is trusted by.
    #[arg(
        long,
        default_value = "nervecenter-data/tls/ca.pem",
        value_name = "CA.pem"
    )]
    server_ca: PathBuf,
    /// How many devices.
    #[arg(long, default_value_t = 10)]
    devices: usize,
    /// How many processes share the devices: each takes as many open files as it has devices.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    processes: u16,
    /// Which of the processes this is; they are started so.
    #[arg(long, hide = true, value_parser = Part::parse)]
    part: Option<Part>,
    /// How they prove who they are.
    #[arg(long, value_enum, default_value = "secret")]
    auth: AuthKind,
    /// The product's shared key (`--auth secret`).
    #[arg(long, env = "NERVECENTER_PRODUCT_KEY")]
    product_key: Option<String>,
    /// Its secret (`--auth secret`).
    #[arg(long, env = "NERVECENTER_PRODUCT_SECRET", hide_env_values = true)]
    product_secret: Option<String>,
    /// CA that signs the devices' certificates (`--auth cert`).
    #[arg(long, value_name = "CA.pem")]
    client_ca: Option<PathBuf>,
    /// Its key (`--auth cert`).
    #[arg(long, value_name = "CA.key")]
    client_ca_key: Option<PathBuf>,
    /// Identifiers are this and a number.
    #[arg(long, default_value = "sim-")]
    prefix: String,
    /// Firmware that the devices run at first; several are dealt out in turn.
    #[arg(long, value_name = "A.fw")]
    firmware: Vec<PathBuf>,
    /// Seconds to stay connected; without it until interrupted.
    #[arg(long, value_name = "SECONDS")]
    hold: Option<u64>,
    /// Share of updates that fail, 0 to 1.
    #[arg(long, default_value_t = 0.0, value_parser = rate)]
    fail_rate: f64,
    /// Share of updates that boot but do not validate, so that the old firmware comes back.
    #[arg(long, default_value_t = 0.0, value_parser = rate)]
    revert_rate: f64,
    /// Share of devices on which no update ever validates.
    #[arg(long, default_value_t = 0.0, value_parser = rate)]
    bad_share: f64,
    /// Version on which devices are not well: they report an alarm and hardly any memory left, until they run another one.
    #[arg(long, value_name = "VERSION")]
    sick_on: Option<String>,
    /// Share of updates that the application ignores.
    #[arg(long, default_value_t = 0.0, value_parser = rate)]
    ignore_rate: f64,
    /// Share of download connections that are cut.
    #[arg(long, default_value_t = 0.0, value_parser = rate)]
    cut_rate: f64,
    /// Speed of each device's link.
    #[arg(long, value_name = "KBPS")]
    slow_kbps: Option<u64>,
    /// New connections a second, of all processes together.
    #[arg(long, visible_alias = "rate", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    connect_rate: u32,
    /// Seconds between heartbeats.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    heartbeat: u64,
    /// Speak MessagePack (`vsn=3.0.0`), as the newest devices may, instead of JSON.
    #[arg(long)]
    msgpack: bool,
    /// Release of nerves_hub_link that they behave like; several are dealt out in turn [default: the newest].
    #[arg(long, value_name = "VERSION", value_delimiter = ',', value_parser = Release::parse)]
    client: Vec<Release>,
    /// Seconds between health reports, positions and log lines that nobody asked for.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    report_every: Option<u64>,
    /// Ask over HTTP each so many seconds, as nerves_hub_link_http, instead of holding a socket.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    poll: Option<u64>,
    /// Seed of all chance.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON: a line when all have joined, and the report.
    #[arg(long)]
    json: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=1.0).contains(&rate) {
        Ok(rate)
    } else {
        Err("must be from 0 to 1".into())
    }
}

/// Open files of a process besides its devices' sockets, downloads included.
const OTHER_FILES: usize = 256;

/// A fleet is given up when no device has joined for so long.
const PATIENCE: Duration = Duration::from_secs(600);

/// How often it is told who is not let in.
const TOLD_EVERY: Duration = Duration::from_secs(10);

impl Sim {
    pub(super) fn run(self) -> anyhow::Result<Code> {
        output::logs("warn");
        let plan = self.plan()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (processes, several) = (usize::from(self.processes), self.processes > 1);
        let threads = if several { cores / processes } else { cores };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .enable_all()
            .build()?;
        match self.part {
            Some(part) => {
                let plan = plan.part(part);
                self.enough_files(plan.devices)?;
                runtime.block_on(part::run(plan))
            }
            None if several => {
                self.enough_files(plan.devices.div_ceil(processes))?;
                runtime.block_on(self.together(processes))
            }
            None => {
                self.enough_files(plan.devices)?;
                runtime.block_on(self.alone(plan))
            }
        }
    }

    /// Runs the whole fleet in this process.
    async fn alone(&self, plan: Plan) -> anyhow::Result<Code> {
        let fleet = Fleet::start(plan)?;
        let joined = self.attend(&|| fleet.report(), told_to_stop()).await?;
        let report = fleet.stop().await;
        if self.json {
            output::json(&report)?;
        } else {
            output::data(&serde_json::to_string_pretty(&report)?);
        }
        Ok(if joined { Code::Done } else { Code::Failed })
    }

    /// Runs the fleet in other processes. They get the arguments of this one.
    async fn together(&self, processes: usize) -> anyhow::Result<Code> {
        let arguments: Vec<_> = std::env::args_os().skip(1).collect();
        let started = tokio::select! {
            started = Processes::start(processes, self.devices, &arguments) => started?,
            () = told_to_stop() => bail!("stopped before all processes had started"),
        };
        let over = async {
            tokio::select! {
                () = told_to_stop() => {}
                () = started.all_ended() => {}
            }
        };
        let joined = self.attend(&|| started.report(), over).await?;
        let sum = started.stop().await;
        if self.json {
            output::json(&sum)?;
        } else {
            output::data(&serde_json::to_string_pretty(&sum)?);
        }
        Ok(if joined && sum.lost.is_empty() {
            Code::Done
        } else {
            Code::Failed
        })
    }

    /// Waits until all have joined and have been held, or until it is over. Returns whether all have joined.
    async fn attend(
        &self,
        report: &impl Fn() -> SimReport,
        over: impl Future<Output = ()>,
    ) -> anyhow::Result<bool> {
        let mut over = pin!(over);
        let joined = tokio::select! {
            joined = all_joined(report) => joined,
            () = &mut over => false,
        };
        let (now, devices) = (report(), self.devices);
        if self.json {
            output::json(
                &json!({"joined": now.joined, "devices": devices, "seconds": now.seconds}),
            )?;
        } else {
            output::talk(&format!(
                "{} of {devices} joined after {:.1} s",
                now.joined, now.seconds
            ));
        }
        if joined {
            let held = Duration::from_secs(self.hold.unwrap_or(u64::MAX / 2));
            tokio::select! {
                () = tokio::time::sleep(held) => {}
                () = over => {}
            }
        }
        Ok(joined)
    }

    /// Raises the limit of open files as far as it goes, and says when that is not far enough for so many devices.
    fn enough_files(&self, devices: usize) -> anyhow::Result<()> {
        let limit = raise_descriptor_limit();
        let needed = devices.saturating_add(OTHER_FILES);
        // A device that polls has a socket only while it asks.
        if needed <= limit || self.poll.is_some() {
            return Ok(());
        }
        let processes = self
            .devices
            .div_ceil(limit.saturating_sub(OTHER_FILES).max(1));
        bail!(
            "{devices} devices in one process take {needed} open files, and the hard limit is {limit}: raise it (ulimit -Hn {needed}), or share the devices among processes (--processes {processes})"
        );
    }

    fn plan(&self) -> anyhow::Result<Plan> {
        Ok(Plan {
            urls: self.url.clone(),
            fallback_urls: self.fallback_url.clone(),
            local: self.local_addresses.clone().unwrap_or_default(),
            server_ca: self.server_ca.clone(),
            first: 0,
            devices: self.devices,
            prefix: self.prefix.clone(),
            auth: self.auth()?,
            firmware: self.firmware.clone(),
            faults: Faults {
                fail_rate: self.fail_rate,
                revert_rate: self.revert_rate,
                bad_share: self.bad_share,
                ignore_rate: self.ignore_rate,
                cut_rate: self.cut_rate,
                slow_kbps: self.slow_kbps,
            },
            sick_on: self.sick_on.clone(),
            seed: self.seed,
            rate: self.connect_rate.into(),
            heartbeat: Duration::from_secs(self.heartbeat),
            msgpack: self.msgpack,
            releases: self.client.clone(),
            report_every: self.report_every.map(Duration::from_secs),
            poll: self.poll.map(Duration::from_secs),
        })
    }

    fn auth(&self) -> anyhow::Result<Auth> {
        match self.auth {
            AuthKind::Secret => match (&self.product_key, &self.product_secret) {
                (Some(key), Some(secret)) => Ok(Auth::Secret {
                    key: key.clone(),
                    secret: secret.clone(),
                }),
                _ => bail!(
                    "--auth secret needs --product-key and --product-secret; `nervecenter admin bootstrap` prints them"
                ),
            },
            AuthKind::Cert => match (&self.client_ca, &self.client_ca_key) {
                (Some(ca), Some(key)) => {
                    let read = |path: &PathBuf| {
                        std::fs::read_to_string(path)
                            .with_context(|| format!("could not read {}", path.display()))
                    };
                    Ok(Auth::Certificate {
                        ca: read(ca)?,
                        key: read(key)?,
                    })
                }
                _ => bail!("--auth cert needs --client-ca and --client-ca-key"),
            },
        }
    }
}

/// Waits until all devices have joined; false when that is given up. Tells now and then why devices do not join: a mistyped key or
/// address would otherwise be waited for in silence.
async fn all_joined(report: &impl Fn() -> SimReport) -> bool {
    let (mut joined, mut refused) = (0, 0);
    let (mut progress, mut told) = (Instant::now(), Instant::now());
    loop {
        let now = report();
        if now.joined >= now.devices {
            return true;
        }
        if now.joined > joined {
            (joined, progress) = (now.joined, Instant::now());
        }
        if progress.elapsed() > PATIENCE {
            return false;
        }
        if told.elapsed() > TOLD_EVERY {
            if now.refused > refused {
                let most = now.refusals.iter().max_by_key(|(_, n)| **n);
                let why = most.map_or("", |(why, _)| why.as_str());
                output::error(&format!(
                    "{} of {} devices joined; {} connections failed, most of them since: {why}",
                    now.joined, now.devices, now.refused
                ));
            }
            (refused, told) = (now.refused, Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
