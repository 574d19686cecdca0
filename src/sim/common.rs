//! What all devices of a fleet have in common, held once.

use super::disk::{Disk, Image};
use super::identity::Credentials;
use super::plan::Plan;
use super::pulse::Pulse;
use super::stats::Stats;
use anyhow::{Context as _, bail};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Handshakes at a time. What a handshake needs is freed when it is over, and is used again by the next one only if they do not
/// all begin at once.
const HANDSHAKES: usize = 64;

/// Where to connect.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// Host and port for TCP.
    pub address: String,
    /// The name that the server's certificate must have.
    pub name: ServerName<'static>,
}

/// What all devices have in common.
pub(super) struct Common {
    pub plan: Plan,
    /// First those that are dealt to the devices, then those for devices that are not let in.
    targets: Vec<Target>,
    pub credentials: Credentials,
    pub tls: Arc<ClientConfig>,
    pub http: reqwest::Client,
    pub stats: Arc<Stats>,
    pub stop: CancellationToken,
    /// Permits to connect.
    pub handshakes: Semaphore,
    pub heartbeat: Pulse,
    pub reports: Pulse,
    factory: Vec<(Arc<Disk>, Arc<Image>)>,
}

impl Common {
    pub(super) fn new(plan: Plan) -> anyhow::Result<Self> {
        let targets = plan
            .urls
            .iter()
            .chain(&plan.fallback_urls)
            .map(|url| target(url))
            .collect::<anyhow::Result<Vec<_>>>()?;
        if plan.urls.is_empty() {
            bail!("--url is needed");
        }
        let credentials = Credentials::of(&plan.auth)?;
        let tls = credentials.tls(&plan.server_ca)?;
        let mut factory = plan
            .firmware
            .iter()
            .map(image)
            .collect::<anyhow::Result<Vec<_>>>()?;
        if factory.is_empty() {
            factory.push((Arc::default(), Arc::new(unknown())));
        }
        let http = reqwest::Client::builder()
            .user_agent("NHL/2.12.0")
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(60))
            .build()?;
        Ok(Self {
            targets,
            credentials,
            tls,
            http,
            stats: Arc::default(),
            stop: CancellationToken::new(),
            handshakes: Semaphore::new(HANDSHAKES),
            heartbeat: Pulse::new(plan.heartbeat),
            reports: Pulse::new(plan.report_every.unwrap_or(plan.heartbeat)),
            factory,
            plan,
        })
    }

    /// Where the device of this number connects, after it has moved on so many times.
    pub(super) fn target(&self, n: usize, moved: usize) -> &Target {
        if moved == 0 {
            return &self.targets[n % self.plan.urls.len()];
        }
        &self.targets[n.wrapping_add(moved) % self.targets.len()]
    }

    /// The disk with which the device of this number leaves the factory, and what runs from it.
    pub(super) fn factory(&self, n: usize) -> (Arc<Disk>, Arc<Image>) {
        self.factory[n % self.factory.len()].clone()
    }
}

/// An image whose firmware no server knows.
fn unknown() -> Image {
    let values = [
        ("product", "simulated"),
        ("version", "0.0.1"),
        ("platform", "sim"),
        ("architecture", "generic"),
    ];
    Image {
        uuid: "00000000-0000-5000-8000-000000000001".into(),
        values: values.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
    }
}

/// A disk as it leaves the factory with this firmware.
fn image(path: &PathBuf) -> anyhow::Result<(Arc<Disk>, Arc<Image>)> {
    let file = std::fs::read(path).with_context(|| format!("could not read {}", path.display()))?;
    let applied = Disk::default()
        .apply(&file, "complete", &[])
        .map_err(|e| anyhow::anyhow!("{} cannot be installed: {e}", path.display()))?;
    Ok((Arc::new(applied.disk), Arc::new(applied.image)))
}

fn target(url: &str) -> anyhow::Result<Target> {
    let rest = url
        .strip_prefix("wss://")
        .with_context(|| format!("--url {url:?} must begin with wss://"))?;
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.to_owned()),
        _ => (authority, "443".to_owned()),
    };
    let bare = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    Ok(Target {
        address: format!("{host}:{port}"),
        name: ServerName::try_from(bare).context("--url has no usable host")?,
    })
}
