//! A simulated device that polls over HTTP instead of holding a connection (docs/protocol/device.md,
//! "Polling").

use super::connection::Target;
use super::device::{Device, DeviceAuth, Life, Outcome};
use super::stats::count;
use crate::clock::Clock;
use rand::RngExt as _;
use serde_json::Value;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Polls until it is stopped.
pub(super) async fn run(device: Device, pause: Duration) {
    let stop = device.stop.clone();
    let mut life = Life::new(device);
    while !stop.is_cancelled() {
        let booted = match ask(&life.device, "/device/update").await {
            Ok(answer) => {
                life.polled();
                stop.run_until_cancelled(life.take(&answer)).await == Some(true)
            }
            Err(why) => {
                life.device.stats.refused(&why);
                false
            }
        };
        // After the boot it reports its new firmware at once.
        let jitter = Duration::from_millis(life.rng.random_range(0..1_000));
        let wait = if booted { jitter } else { pause + jitter };
        if stop
            .run_until_cancelled(tokio::time::sleep(wait))
            .await
            .is_none()
        {
            return;
        }
    }
}

impl Life {
    /// The first answer counts as a join.
    fn polled(&mut self) {
        count(&self.device.stats.joins);
        if !self.joined_before {
            self.joined_before = true;
            count(&self.device.stats.joined);
        }
    }

    /// Installs what the server offers. Returns true when the device boots.
    async fn take(&mut self, answer: &Value) -> bool {
        let update = &answer["data"];
        if update["update_available"] != true {
            return false;
        }
        count(&self.device.stats.offers);
        let (work, mut said) = self.begin(update);
        let outcome = async {
            let mut outcome = Outcome::Stay;
            // A polling device cannot report progress.
            while let Some(progress) = said.recv().await {
                if let Some(end) = progress.end() {
                    outcome = end;
                }
            }
            outcome
        };
        let ((), outcome) = tokio::join!(work.run(), outcome);
        self.end_update(outcome)
    }
}

/// Sends one request.
async fn ask(d: &Device, path: &str) -> Result<Value, String> {
    let mut head = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n", d.target.address);
    let mut field = |name: &str, value: &str| {
        if !value.is_empty() {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    };
    field("content-type", "application/json");
    field("x-nerveshub-fwup-version", "1.16.0");
    field("x-nerveshub-uuid", &d.image.uuid);
    for key in [
        "product",
        "version",
        "platform",
        "architecture",
        "author",
        "description",
        "misc",
    ] {
        field(&format!("x-nerveshub-{key}"), d.image.get(key));
    }
    field("x-nerveshub-vcs_identifier", d.image.get("vcs-identifier"));
    if let DeviceAuth::Secret { key, secret } = &d.identity {
        let now = Clock::default().now().0 / 1_000;
        for (name, value) in super::secret::sign(key, secret, &d.identifier, now) {
            field(name, &value);
        }
    }
    head.push_str("\r\n");
    let answer = timeout(Duration::from_secs(60), exchange(&d.target, d, &head))
        .await
        .map_err(|_| "no answer in time".to_owned())?
        .map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").ok_or("no HTTP answer")?;
    if !head.starts_with("HTTP/1.1 200") {
        return Err(head.lines().next().unwrap_or_default().to_owned());
    }
    serde_json::from_str(body).map_err(|e| e.to_string())
}

async fn exchange(target: &Target, d: &Device, head: &str) -> std::io::Result<Vec<u8>> {
    let tcp = TcpStream::connect(&target.address).await?;
    let connector = TlsConnector::from(d.tls.clone());
    let mut tls = connector.connect(target.name.clone(), tcp).await?;
    tls.write_all(head.as_bytes()).await?;
    tls.flush().await?;
    let mut answer = Vec::new();
    tls.take(64 * 1024).read_to_end(&mut answer).await?;
    Ok(answer)
}
