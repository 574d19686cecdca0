//! How updates go, as it happens, for programs that watch (rest-api 17.1). In this process only; whoever is behind misses
//! some, and the database has the truth.

use crate::ids::DeviceId;
use crate::rollout::outcome::Report;
use tokio::sync::broadcast;

/// A device's update has come to this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The device.
    pub device: DeviceId,
    /// `received`, `started`, `downloading`, `updating`, `completed`, `failed`, `ignored`, `rescheduled`, `expired`.
    pub stage: &'static str,
    /// Percent, where the device says one.
    pub percent: Option<i64>,
}

/// Everybody who watches.
#[derive(Clone)]
pub struct Watchers(broadcast::Sender<Progress>);

/// Steps in flight before the slowest watcher misses some.
const DEPTH: usize = 4_096;

impl Default for Watchers {
    fn default() -> Self {
        Self(broadcast::channel(DEPTH).0)
    }
}

impl Watchers {
    /// Tells them what a device reports.
    pub fn report(&self, device: DeviceId, report: &Report) {
        let (stage, percent) = match report {
            Report::Stage(stage, percent) => (*stage, *percent),
            Report::Failed(_) => ("failed", None),
            Report::Ignored(_) => ("ignored", None),
            Report::Rescheduled(_) => ("rescheduled", None),
        };
        self.tell(Progress {
            device,
            stage,
            percent,
        });
    }

    /// Tells them that a device was silent for too long.
    pub fn expired(&self, device: DeviceId) {
        self.tell(Progress {
            device,
            stage: "expired",
            percent: None,
        });
    }

    fn tell(&self, progress: Progress) {
        // Nobody watching is the usual case.
        let _ = self.0.send(progress);
    }

    /// Watches from now on.
    pub fn watch(&self) -> broadcast::Receiver<Progress> {
        self.0.subscribe()
    }
}
