//! A fleet of simulated devices.

use super::connection::Target;
use super::device::{self, Device, DeviceAuth, Faults};
use super::disk::{Disk, Image};
use super::polling;
use super::release::Release;
use super::stats::{SimReport, Stats};
use anyhow::{Context as _, bail};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How the devices authenticate.
#[derive(Debug, Clone)]
pub enum Auth {
    /// By a product's shared secret.
    Secret {
        /// The shared key, `nhp_…`.
        key: String,
        /// The secret of the shared key.
        secret: String,
    },
    /// By certificates that this CA signs for them.
    Certificate {
        /// PEM of the CA certificate.
        ca: String,
        /// PEM of the CA's private key.
        key: String,
    },
}

/// The description of a fleet to simulate.
#[derive(Debug, Clone)]
pub struct Plan {
    /// `wss://host:port`.
    pub url: String,
    /// PEM file of the CA to verify the server's certificate with.
    pub server_ca: PathBuf,
    /// Number of devices.
    pub devices: usize,
    /// Identifiers are this prefix and a number.
    pub prefix: String,
    /// How the devices authenticate.
    pub auth: Auth,
    /// Firmware files that they run at first, in turn.
    pub firmware: Vec<PathBuf>,
    /// How they misbehave.
    pub faults: Faults,
    /// Version on which they report an alarm and hardly any memory left.
    pub sick_on: Option<String>,
    /// Seed of the random numbers.
    pub seed: u64,
    /// New connections a second.
    pub rate: u32,
    /// Pause between heartbeats.
    pub heartbeat: Duration,
    /// Whether to use MessagePack (`vsn=3.0.0`) instead of JSON.
    pub msgpack: bool,
    /// Releases of the client, in turn; empty for the newest.
    pub releases: Vec<Release>,
    /// Pause between unsolicited reports.
    pub report_every: Option<Duration>,
    /// Poll over HTTP with this pause instead of holding a connection.
    pub poll: Option<Duration>,
}

impl Plan {
    /// What the device of this number calls itself.
    pub fn identifier(&self, n: usize) -> String {
        format!("{}{n:06}", self.prefix)
    }
}

/// A running fleet.
pub struct Fleet {
    /// Counters over all devices.
    pub stats: Arc<Stats>,
    devices: u64,
    started: Instant,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Fleet {
    /// Starts the devices at the plan's rate, and returns at once.
    ///
    /// # Errors
    /// A file or address that cannot be used.
    pub fn start(plan: Plan) -> anyhow::Result<Self> {
        let target = target(&plan.url, plan.msgpack)?;
        let roots = roots(&plan.server_ca)?;
        let images = plan
            .firmware
            .iter()
            .map(factory)
            .collect::<anyhow::Result<Vec<_>>>()?;
        let fleet = Self {
            stats: Arc::new(Stats::default()),
            devices: plan.devices as u64,
            started: Instant::now(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let maker = Maker::new(
            &plan,
            target,
            roots,
            images,
            fleet.stats.clone(),
            fleet.stop.clone(),
        )?;
        let (tasks, stop) = (fleet.tasks.clone(), fleet.stop.clone());
        fleet.tasks.spawn(async move {
            let mut tick = tokio::time::interval(Duration::from_millis(10));
            let batch = (plan.rate.max(100) / 100) as usize;
            for n in 0..plan.devices {
                if n % batch == 0 && stop.run_until_cancelled(tick.tick()).await.is_none() {
                    return;
                }
                match maker.device(&plan, n) {
                    Ok(device) => {
                        match plan.poll {
                            None => tasks.spawn(device::run(device)),
                            Some(pause) => tasks.spawn(polling::run(device, pause)),
                        };
                    }
                    Err(e) => tracing::error!(error = %e, "device not made"),
                }
            }
        });
        Ok(fleet)
    }

    /// The counters so far.
    pub fn report(&self) -> SimReport {
        self.stats
            .report(self.devices, self.started.elapsed().as_secs_f64())
    }

    /// Waits until every device has joined; false when `within` is over before.
    pub async fn all_joined(&self, within: Duration) -> bool {
        let wait = async {
            while self.report().joined < self.devices {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(within, wait).await.is_ok()
    }

    /// Stops the devices and returns the final counters.
    pub async fn stop(self) -> SimReport {
        let report = self.report();
        self.stop.cancel();
        self.tasks.close();
        // Connections that do not close in time end with the process.
        let _ = tokio::time::timeout(Duration::from_secs(10), self.tasks.wait()).await;
        report
    }
}

/// What all devices have in common.
struct Maker {
    target: Target,
    roots: Arc<RootCertStore>,
    images: Vec<(Disk, Image)>,
    stats: Arc<Stats>,
    stop: CancellationToken,
    http: reqwest::Client,
    anonymous: Arc<ClientConfig>,
    issuer: Option<Issuer<'static, KeyPair>>,
}

impl Maker {
    fn new(
        plan: &Plan,
        target: Target,
        roots: Arc<RootCertStore>,
        images: Vec<(Disk, Image)>,
        stats: Arc<Stats>,
        stop: CancellationToken,
    ) -> anyhow::Result<Self> {
        let issuer = match &plan.auth {
            Auth::Secret { .. } => None,
            Auth::Certificate { ca, key } => {
                let key = KeyPair::from_pem(key).context("--client-ca-key is no PEM key")?;
                Some(
                    Issuer::from_ca_cert_pem(ca, key)
                        .context("--client-ca is no PEM certificate")?,
                )
            }
        };
        let anonymous = Arc::new(client(&roots)?.with_no_client_auth());
        let http = reqwest::Client::builder()
            .user_agent("NHL/2.12.0")
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(60))
            .build()?;
        Ok(Self {
            target,
            roots,
            images,
            stats,
            stop,
            http,
            anonymous,
            issuer,
        })
    }

    fn device(&self, plan: &Plan, n: usize) -> anyhow::Result<Device> {
        let identifier = plan.identifier(n);
        let (identity, tls) = match (&plan.auth, &self.issuer) {
            (Auth::Secret { key, secret }, _) => {
                let identity = DeviceAuth::Secret {
                    key: key.as_str().into(),
                    secret: secret.as_str().into(),
                };
                (identity, self.anonymous.clone())
            }
            (Auth::Certificate { .. }, Some(issuer)) => (
                DeviceAuth::Certificate,
                Arc::new(certified(&self.roots, issuer, &identifier)?),
            ),
            (Auth::Certificate { .. }, None) => bail!("no CA to sign with"),
        };
        let (disk, image) = match self.images.len() {
            0 => (Disk::default(), unknown()),
            some => self.images[n % some].clone(),
        };
        Ok(Device {
            identifier,
            identity,
            tls,
            target: self.target.clone(),
            http: self.http.clone(),
            faults: plan.faults,
            sick_on: plan.sick_on.as_deref().map(Arc::from),
            stats: self.stats.clone(),
            disk,
            image,
            seed: plan.seed.wrapping_add(n as u64),
            stop: self.stop.clone(),
            heartbeat: plan.heartbeat,
            release: match plan.releases.len() {
                0 => Release::V2_12,
                some => plan.releases[n % some],
            },
            report_every: plan.report_every,
        })
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
fn factory(path: &PathBuf) -> anyhow::Result<(Disk, Image)> {
    let file = std::fs::read(path).with_context(|| format!("could not read {}", path.display()))?;
    let applied = Disk::default()
        .apply(&file, "complete", &[])
        .map_err(|e| anyhow::anyhow!("{} cannot be installed: {e}", path.display()))?;
    Ok((applied.disk, applied.image))
}

fn target(url: &str, msgpack: bool) -> anyhow::Result<Target> {
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
        base: format!("wss://{host}:{port}"),
        msgpack,
    })
}

fn roots(path: &PathBuf) -> anyhow::Result<Arc<RootCertStore>> {
    let mut roots = RootCertStore::empty();
    let certs = CertificateDer::pem_file_iter(path)
        .with_context(|| format!("could not read {}", path.display()))?;
    for cert in certs {
        roots.add(cert.with_context(|| format!("{} is no PEM certificate", path.display()))?)?;
    }
    if roots.is_empty() {
        bail!("{} holds no certificate", path.display());
    }
    Ok(Arc::new(roots))
}

type Builder = rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>;

fn client(roots: &Arc<RootCertStore>) -> anyhow::Result<Builder> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots.clone()))
}

/// A TLS configuration with a new certificate for this device, as a factory's signer would issue it.
fn certified(
    roots: &Arc<RootCertStore>,
    issuer: &Issuer<'_, KeyPair>,
    identifier: &str,
) -> anyhow::Result<ClientConfig> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(Vec::new())?;
    params
        .distinguished_name
        .push(DnType::CommonName, identifier);
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let cert = params.signed_by(&key, issuer)?;
    let private = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes())
        .map_err(|e| anyhow::anyhow!("{e}"))?;
    let mut config = client(roots)?.with_client_auth_cert(vec![cert.der().clone()], private)?;
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}
