//! `nervecenter demo`: a server, a simulated fleet, and a complete rollout in one process, over real sockets
//! and the real API.

mod api;
mod firmware;
mod scene;

use self::api::Api;
use self::firmware::{Made, TARGETS, VERSIONS, make_firmware};
use super::exit::Code;
use super::remote::Client;
use super::{output, runtime, told_to_stop};
use crate::access::random;
use crate::access::vault::Vault;
use crate::clock::Clock;
use crate::config::{Config, Options};
use crate::node::{Node, setup};
use crate::sim::{Addresses, Auth, Faults, Fleet, Plan};
use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Method;
use serde::Serialize;
use serde_json::json;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Show it.
#[derive(Args)]
pub(super) struct Demo {
    /// Simulated devices.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=15_000))]
    devices: u64,
    /// Exit when the rollout is done; 0 only when every device runs the new firmware.
    #[arg(long)]
    once: bool,
    /// Print the report as one line of JSON.
    #[arg(long)]
    json: bool,
    /// Size of each root file system in MB.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=60))]
    image_mb: u64,
    /// Run on this PostgreSQL database instead of SQLite.
    #[arg(long, env = "NERVECENTER_DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
}

/// The report that the demo prints at the end.
#[derive(Debug, Serialize)]
struct Outcome {
    devices: u64,
    updated: u64,
    failed: u64,
    delta_updates: u64,
    full_bytes: u64,
    sent_bytes: u64,
    seconds: f64,
}

/// A rollout without progress for this long has failed.
const PATIENCE: Duration = Duration::from_secs(180);

impl Demo {
    pub(super) fn run(self) -> anyhow::Result<Code> {
        output::logs("warn");
        runtime()?.block_on(async move {
            tokio::select! {
                done = self.show() => done,
                () = told_to_stop() => Ok(Code::Failed),
            }
        })
    }

    async fn show(&self) -> anyhow::Result<Code> {
        let folder = tempfile::Builder::new()
            .prefix("nervecenter-demo-")
            .tempdir()?;
        let product = format!("demo-{}", hex::encode(random::<4>()));
        self.talk("making five targets' firmware in three versions, and a signing key");
        let (path, mb, name) = (folder.path().to_owned(), self.image_mb, product.clone());
        let made = tokio::task::spawn_blocking(move || make_firmware(&path, &name, mb)).await??;
        let config = self.config(folder.path())?;
        let node = Node::start(&config, Clock::default()).await?;
        let web = node.web.context("the demo serves the web")?;
        let vault = Vault::new(&setup::node_key(&config, &node.app.db).await?);
        let login =
            setup::bootstrap(&node.app.db, &vault, "demo@localhost", "demo", &product).await?;
        let base = format!("http://{web}");
        let api = Api(Client::of(base, login.token, "demo", &product)?);
        let key = json!({"name": product, "key": made.public});
        api.0
            .send(Method::POST, "orgs/demo/keys", &key)
            .await
            .context("could not register the key")?;
        self.talk("uploading the firmware and pointing a deployment group at each target's 1.0.0");
        let releases = self.prepare(&api, &made).await?;
        if !self.once {
            api.want_reports().await?;
            let password = login.password.as_deref().unwrap_or_default();
            self.talk(&format!(
                "open http://{web} and log in as {} with the password {password}",
                login.email
            ));
        }
        let plan = self.plan(&node, &made, login.product_key, login.product_secret)?;
        let fleet = Fleet::start(plan.clone())?;
        self.talk(&format!(
            "connecting {} simulated devices over TLS",
            self.devices
        ));
        if !fleet.all_joined(PATIENCE).await {
            bail!(
                "only {} of {} devices joined",
                fleet.report().joined,
                self.devices
            );
        }
        let started = Instant::now();
        for (group, uuid) in &releases {
            api.release(group, uuid).await?;
        }
        self.talk("released 1.1.0; every device gets it as a delta");
        let full = self.watch(&fleet, &made).await;
        let report = fleet.report();
        let outcome = Outcome {
            devices: self.devices,
            updated: fleet.stats.running(VERSIONS[1]),
            failed: report.failed,
            delta_updates: report.delta_updates,
            full_bytes: full,
            sent_bytes: report.received_bytes,
            seconds: started.elapsed().as_secs_f64(),
        };
        self.tell(&outcome)?;
        if !self.once {
            let _field = scene::play(&api, plan, &made).await?;
            output::talk(&format!(
                "now 1.2.0 rolls out: one group waits for an approval, one stopped because devices failed, one is slow; the \
                 server is at http://{web} until you interrupt it"
            ));
            std::future::pending::<()>().await;
        }
        fleet.stop().await;
        node.stop().await;
        Ok(if outcome.updated == self.devices {
            Code::Done
        } else {
            Code::Failed
        })
    }

    fn talk(&self, text: &str) {
        if !self.json {
            output::talk(text);
        }
    }

    fn config(&self, folder: &Path) -> anyhow::Result<Config> {
        let any = || Some("127.0.0.1:0".to_owned());
        // The address that is in the documentation, unless somebody has it.
        let usual = "127.0.0.1:4000";
        let web = if !self.once && TcpListener::bind(usual).is_ok() {
            Some(usual.to_owned())
        } else {
            any()
        };
        let options = Options {
            data_dir: Some(folder.join("data")),
            database_url: self.database_url.clone(),
            web_listen: web,
            device_listen: any(),
            download_listen: any(),
            ..Options::default()
        };
        Ok(options.resolve()?)
    }

    fn plan(&self, node: &Node, made: &Made, key: String, secret: String) -> anyhow::Result<Plan> {
        let devices = node.devices.context("the demo serves devices")?;
        Ok(Plan {
            urls: vec![format!("wss://{devices}")],
            fallback_urls: Vec::new(),
            local: Addresses::default(),
            server_ca: node.ca_file.clone(),
            first: 0,
            devices: usize::try_from(self.devices).unwrap_or(usize::MAX),
            prefix: format!("{}-", made.product),
            auth: Auth::Secret { key, secret },
            firmware: made.files.iter().map(|f| f[0].clone()).collect(),
            faults: Faults::default(),
            sick_on: None,
            seed: 1,
            rate: 500.0,
            heartbeat: Duration::from_secs(30),
            msgpack: false,
            releases: Vec::new(),
            report_every: (!self.once).then_some(Duration::from_secs(20)),
            poll: None,
        })
    }

    /// Uploads all firmware and creates a deployment group for each target's first version. Returns (group,
    /// UUID of the second version).
    async fn prepare(&self, api: &Api, made: &Made) -> anyhow::Result<Vec<(String, String)>> {
        let mut releases = Vec::new();
        for (target, files) in TARGETS.iter().zip(&made.files) {
            let old = api.upload(&files[0]).await?;
            let new = api.upload(&files[1]).await?;
            let group = format!("all-{}", target.0);
            api.group(&group, &old, self.devices.div_ceil(20).max(10))
                .await?;
            releases.push((group, new));
        }
        Ok(releases)
    }

    /// Prints the progress until every device runs the new version, or the rollout stalls. Returns the bytes
    /// that full files would have taken.
    async fn watch(&self, fleet: &Fleet, made: &Made) -> u64 {
        let bar = if self.json {
            ProgressBar::hidden()
        } else {
            ProgressBar::new(self.devices)
        };
        if let Ok(style) = ProgressStyle::with_template(
            "{bar:40.green} {pos}/{len} devices on 1.1.0  {msg}  {elapsed}",
        ) {
            bar.set_style(style);
        }
        let (mut seen, mut moved) = ((0, 0), Instant::now());
        loop {
            let (now, bytes) = (
                fleet.stats.running(VERSIONS[1]),
                fleet.stats.bytes.load(Ordering::Relaxed),
            );
            bar.set_position(now);
            bar.set_message(format!("{:.1} MB sent", bytes as f64 / 1e6));
            if (now, bytes) != seen {
                seen = (now, bytes);
                moved = Instant::now();
            }
            if now == self.devices || moved.elapsed() > PATIENCE {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bar.finish();
        let n = made.files.len() as u64;
        (0..self.devices)
            .map(|i| made.full[usize::try_from(i % n).unwrap_or(0)])
            .sum()
    }

    fn tell(&self, o: &Outcome) -> anyhow::Result<()> {
        if self.json {
            return output::json(o);
        }
        output::data(&format!(
            "{} of {} devices updated, {} by delta, {} failed, in {:.1} s\n\
             {:.1} MB sent; full files would have been {:.1} MB ({:.0} %)",
            o.updated,
            o.devices,
            o.delta_updates,
            o.failed,
            o.seconds,
            o.sent_bytes as f64 / 1e6,
            o.full_bytes as f64 / 1e6,
            o.sent_bytes as f64 * 100.0 / o.full_bytes.max(1) as f64,
        ));
        Ok(())
    }
}
