//! A simulated device that polls over HTTP instead of holding a connection (docs/protocol/device.md,
//! "Polling").

use super::common::{Common, Target};
use super::connection;
use super::device::{Life, Outcome};
use super::identity::{self, Credentials};
use super::stats::count;
use crate::clock::Clock;
use rand::RngExt as _;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

/// How long it waits for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Polls until it is stopped.
pub(super) async fn run(common: Arc<Common>, n: usize, pause: Duration) {
    let stop = common.stop.clone();
    let mut life = Life::new(common, n);
    while !stop.is_cancelled() {
        let booted = match life.ask("/device/update").await {
            Ok(answer) => {
                life.polled();
                stop.run_until_cancelled(life.take(&answer)).await == Some(true)
            }
            Err(why) => {
                life.failed(&why);
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
        count(&self.common.stats.joins);
        if !self.joined_before {
            self.joined_before = true;
            count(&self.common.stats.joined);
        }
    }

    /// Installs what the server offers. Returns true when the device boots.
    async fn take(&mut self, answer: &Value) -> bool {
        let update = &answer["data"];
        if update["update_available"] != true {
            return false;
        }
        count(&self.common.stats.offers);
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

impl Life {
    /// Sends one request.
    async fn ask(&mut self, path: &str) -> Result<Value, String> {
        let head = self.head(path);
        let common = self.common.clone();
        let to = common.target(self.n, self.moved);
        let exchange = exchange(&common, self.n, to, &head);
        let answer = match &common.credentials {
            Credentials::Secret { .. } => timeout(PATIENCE, exchange).await,
            Credentials::Certificates(factory) => {
                let key = factory
                    .identity(&self.identifier(), &mut self.certificate)
                    .map_err(|e| e.to_string())?;
                timeout(PATIENCE, identity::presenting(key, exchange)).await
            }
        };
        let answer = answer
            .map_err(|_| "no answer in time".to_owned())?
            .map_err(|e| e.to_string())?;
        let text = String::from_utf8_lossy(&answer);
        let (head, body) = text.split_once("\r\n\r\n").ok_or("no HTTP answer")?;
        if !head.starts_with("HTTP/1.1 200") {
            return Err(head.lines().next().unwrap_or_default().to_owned());
        }
        serde_json::from_str(body).map_err(|e| e.to_string())
    }

    fn head(&self, path: &str) -> String {
        let host = &self.common.target(self.n, self.moved).address;
        let mut head = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n");
        let mut field = |name: &str, value: &str| {
            if !value.is_empty() {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        };
        field("content-type", "application/json");
        field("x-nerveshub-fwup-version", "1.16.0");
        field("x-nerveshub-uuid", &self.image.uuid);
        for key in [
            "product",
            "version",
            "platform",
            "architecture",
            "author",
            "description",
            "misc",
        ] {
            field(&format!("x-nerveshub-{key}"), self.image.get(key));
        }
        let commit = self.image.get("vcs-identifier");
        field("x-nerveshub-vcs_identifier", commit);
        if let Credentials::Secret { key, secret } = &self.common.credentials {
            let now = Clock::default().now().0 / 1_000;
            for (name, value) in super::secret::sign(key, secret, &self.identifier(), now) {
                field(name, &value);
            }
        }
        head.push_str("\r\n");
        head
    }
}

async fn exchange(common: &Common, n: usize, to: &Target, head: &str) -> std::io::Result<Vec<u8>> {
    let mut tls = connection::tls(common, n, to).await?;
    tls.write_all(head.as_bytes()).await?;
    tls.flush().await?;
    let mut answer = Vec::new();
    tls.take(64 * 1024).read_to_end(&mut answer).await?;
    Ok(answer)
}
