//! A person who types into a device's console: through a web node, the bus and a device node to the device, and back.

use super::support::viewer::Viewer;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

pub struct Typist {
    viewer: Viewer,
    typed: usize,
}

impl Typist {
    /// Opens the console of a device; `None` when it does not open in time.
    pub async fn open(web: &str, token: &str, device: &str) -> Option<Self> {
        let topic = format!("user:console:identifier-{device}");
        let opened = timeout(PATIENCE, async {
            let connected = Viewer::connect_to(web, "/api/socket/websocket", token).await;
            let (mut viewer, _) = connected.ok()?.joined(&topic).await;
            while viewer.next().await?[3] != "metadata" {}
            Some(viewer)
        });
        let viewer = opened.await.ok()??;
        Some(Self { viewer, typed: 0 })
    }

    /// Types, and waits until it comes back; how long that took, `None` when it did not come.
    pub async fn key(&mut self) -> Option<Duration> {
        self.typed += 1;
        let text = format!("{};", self.typed);
        let begun = Instant::now();
        self.viewer.push("dn", json!({ "data": text })).await;
        timeout(PATIENCE, async {
            loop {
                let frame = self.viewer.next().await?;
                let echo = frame[4]["data"].as_str().unwrap_or_default();
                if frame[3] == "up" && echo.contains(&text) {
                    return Some(begun.elapsed());
                }
            }
        })
        .await
        .ok()?
    }
}

/// Times of keys that came back, and how many did not.
#[derive(Debug, Default)]
pub struct Keys {
    times: Vec<Duration>,
    lost: usize,
}

impl Keys {
    pub fn add(&mut self, time: Option<Duration>) {
        match time {
            Some(time) => self.times.push(time),
            None => self.lost += 1,
        }
    }

    /// Whether keys came back. One or two are lost when the device itself connects anew, as for its own update.
    pub fn arrived(&self) -> bool {
        self.lost <= 2 && !self.times.is_empty()
    }

    pub fn said(&mut self) -> String {
        self.times.sort_unstable();
        let at = |share: f64| {
            let last = self.times.len().saturating_sub(1) as f64;
            let time = self.times.get((last * share) as usize);
            time.map_or(f64::NAN, |t| t.as_secs_f64() * 1e3)
        };
        format!(
            "median {:.1} ms, 90 % {:.1} ms, slowest {:.0} ms of {}; {} lost",
            at(0.5),
            at(0.9),
            at(1.0),
            self.times.len(),
            self.lost
        )
    }
}
