//! A fleet of simulated devices.

use super::common::Common;
use super::device;
use super::plan::Plan;
use super::polling;
use super::stats::{SimReport, Stats};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often devices are started that are due.
const STEP: Duration = Duration::from_millis(10);

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
        let common = Arc::new(Common::new(plan)?);
        let fleet = Self {
            stats: common.stats.clone(),
            devices: common.plan.devices as u64,
            started: Instant::now(),
            stop: common.stop.clone(),
            tasks: TaskTracker::new(),
        };
        fleet.tasks.spawn(pulses(common.clone()));
        fleet.tasks.spawn(launch(common, fleet.tasks.clone()));
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

/// The timers of the fleet.
async fn pulses(common: Arc<Common>) {
    tokio::select! {
        () = common.stop.cancelled() => {}
        () = common.heartbeat.run() => {}
        () = common.reports.run(), if common.plan.report_every.is_some() => {}
    }
}

/// Starts each device when its time has come.
async fn launch(common: Arc<Common>, tasks: TaskTracker) {
    let mut tick = tokio::time::interval(STEP);
    let begun = Instant::now();
    let mut numbers = common.plan.numbers();
    let mut left = common.plan.devices;
    while left > 0 && common.stop.run_until_cancelled(tick.tick()).await.is_some() {
        let due = 1.0 + begun.elapsed().as_secs_f64() * common.plan.rate;
        let due = (due as usize).min(common.plan.devices);
        let started = common.plan.devices - left;
        for n in numbers.by_ref().take(due.saturating_sub(started)) {
            let device = common.clone();
            match common.plan.poll {
                None => tasks.spawn(device::run(device, n)),
                Some(pause) => tasks.spawn(polling::run(device, n, pause)),
            };
            left -= 1;
        }
    }
}
