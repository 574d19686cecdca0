//! An update of a simulated device: it downloads, writes, and reports as the real client does.

use super::*;

/// An update in progress. It continues while the connection is lost, as on a real device.
pub(in crate::sim) struct Update {
    pub(in crate::sim) common: Arc<Common>,
    pub(in crate::sim) disk: Arc<Disk>,
    pub(in crate::sim) keys: Vec<PublicKey>,
    pub(in crate::sim) rng: StdRng,
    pub(in crate::sim) update: Value,
    pub(in crate::sim) tells: bool,
    pub(in crate::sim) say: mpsc::Sender<Progress>,
}

impl Update {
    pub(in crate::sim) async fn run(mut self) {
        let outcome = match self.install().await {
            Ok(outcome) => outcome,
            Err(reason) => {
                count(&self.common.stats.failed);
                self.common.stats.because(&reason);
                let failed = if self.tells {
                    json!({"status": "failed", "reason": reason})
                } else {
                    json!({"status": format!("fwup error {reason}")})
                };
                let _ = self.say.send(Progress::Say("status_update", failed)).await;
                Outcome::Stay
            }
        };
        // The device may have been stopped.
        let _ = self.say.send(Progress::Done(Box::new(outcome))).await;
    }

    /// Reports a status text, if this release of the client does that.
    async fn status(&self, payload: Value) {
        if !self.tells {
            return;
        }
        let _ = self.say.send(Progress::Say("status_update", payload)).await;
    }

    async fn progress(&self, value: u8) {
        let payload = if self.tells {
            json!({"stage": "updating", "value": value})
        } else {
            json!({ "value": value })
        };
        let _ = self.say.send(Progress::Say("fwup_progress", payload)).await;
    }

    async fn install(&mut self) -> Result<Outcome, String> {
        let wanted = wanted(&self.update)?;
        self.status(json!({"status": "started", "downloader_network_interface": "eth0"}))
            .await;
        let file = download::fetch(
            &self.common.http,
            &wanted,
            &self.common.plan.faults,
            &mut self.rng,
            &self.common.stats,
        )
        .await?;
        self.progress(0).await;
        if self.rng.random_bool(self.common.plan.faults.fail_rate) {
            return Err("simulated failure".into());
        }
        let (disk, keys) = (self.disk.clone(), self.keys.clone());
        let applied = tokio::task::spawn_blocking(move || disk.apply(&file, "upgrade", &keys))
            .await
            .map_err(|e| e.to_string())??;
        self.progress(100).await;
        self.status(json!({"status": "completed"})).await;
        Ok(Outcome::Boot(
            Arc::new(applied.disk),
            Arc::new(applied.image),
            applied.delta,
        ))
    }
}

pub(super) fn wanted(update: &Value) -> Result<Wanted, String> {
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

/// What the update task tells the device.
pub(in crate::sim) enum Progress {
    /// Push this event to the server, if connected.
    Say(&'static str, Value),
    /// The update has ended.
    Done(Box<Outcome>),
}

impl Progress {
    /// The outcome, if the update has ended.
    pub(in crate::sim) fn end(self) -> Option<Outcome> {
        match self {
            Self::Say(..) => None,
            Self::Done(outcome) => Some(*outcome),
        }
    }
}
