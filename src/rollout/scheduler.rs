//! The scheduler loop that runs deployment groups. A hint marks one group and each tick marks all active ones;
//! a run reads the database anew. No decision depends on a hint, so a lost one costs at most a tick.

use super::claim;
use super::comparison::{self, Comparison};
use super::plan::plan;
use crate::bus::{Bus, BusMessage, BusReceiver, DeviceSignal};
use crate::ids::{DeviceId, GroupId};
use crate::limits::{GROUP_RUNS, SIGNALS_FOLDED, SIGNALS_FOLDED_MOST, TICK};
use crate::store::deployments::deployment_groups;
use crate::store::devices::connections;
use crate::store::{self, Db};
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The parts of the server that the scheduler needs.
pub struct Scheduler {
    /// The database pools.
    pub db: Db,
    /// Receives and sends hints.
    pub bus: Bus,
}

impl Scheduler {
    /// Runs until `stop` is cancelled.
    pub async fn run(self, stop: CancellationToken) {
        let mut hints = self.bus.listen();
        let mut tick = self.db.clock().every(TICK);
        let mut dirty = HashSet::new();
        let mut rest = SIGNALS_FOLDED;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => self.mark_all(&mut dirty).await,
                hint = hints.next() => match hint {
                    Some(BusMessage::Group(g)) => {
                        dirty.insert(g);
                        fold(&mut hints, &mut dirty, rest).await;
                    }
                    Some(_) => {}
                    None => return,
                },
            }
            let begun = Instant::now();
            for group in dirty.drain() {
                if let Err(e) = self.run_group(group).await {
                    tracing::warn!(group = %group, error = %e, "group not scheduled, the next tick tries again");
                }
            }
            // While a fleet comes each device wakes its group, most of them in vain. The slower the database is, the more hints share a
            // run, so that no more than a quarter of the time goes into runs.
            rest = (begun.elapsed() * 3).clamp(SIGNALS_FOLDED, SIGNALS_FOLDED_MOST);
        }
    }

    async fn mark_all(&self, dirty: &mut HashSet<GroupId>) {
        let all = async {
            let mut r = self.db.read().await?;
            deployment_groups::active(&mut r).await
        };
        match all.await {
            Ok(all) => dirty.extend(all.into_iter().map(|g| g.0)),
            Err(e) => tracing::warn!(error = %e, "groups not listed, the next tick tries again"),
        }
    }

    /// Runs a group: compares its devices if it is time to, then claims until nothing is left to do or enough was done at once.
    ///
    /// # Errors
    /// The database fails; the next tick tries again.
    pub async fn run_group(&self, group: GroupId) -> store::Result<()> {
        let mut r = self.db.read().await?;
        let Some(mut plan) = plan(&mut r, group, self.db.now()).await? else {
            return Ok(());
        };
        let mut compared = comparison::compare_if_due(&mut r, &plan).await?;
        if compared.is_none() && !claim::worth_a_run(&mut r, &mut plan).await? {
            return Ok(());
        }
        drop(r);
        for _ in 0..GROUP_RUNS {
            let now = self.db.now();
            // It is of before the first run.
            let found = compared.take();
            let run = claim::run(&self.db, group, found.as_ref(), now).await?;
            if run.filed {
                self.bus.send(BusMessage::Delta);
            }
            if run.boxed > 0 {
                tracing::info!(group = %group, devices = run.boxed, "devices put into the penalty box");
            }
            tell(&self.db, &self.bus, &run.claimed).await?;
            if !run.again {
                return Ok(());
            }
            if run.failed_since {
                compared = self.compare(group).await?;
            }
        }
        self.bus.send(BusMessage::Group(group));
        Ok(())
    }

    /// Compares the devices of a group when more of them have failed in the meantime.
    async fn compare(&self, group: GroupId) -> store::Result<Option<Comparison>> {
        let mut r = self.db.read().await?;
        match plan(&mut r, group, self.db.now()).await? {
            Some(plan) => comparison::compare_if_due(&mut r, &plan).await,
            None => Ok(None),
        }
    }
}

/// Collects the hints of so long a moment, so that they share one run.
async fn fold(hints: &mut BusReceiver, dirty: &mut HashSet<GroupId>, moment: Duration) {
    let more = async {
        while let Some(hint) = hints.next().await {
            if let BusMessage::Group(g) = hint {
                dirty.insert(g);
            }
        }
    };
    // The timeout is the normal end.
    let _ = tokio::time::timeout(moment, more).await;
}

/// Signals the nodes that hold the connections of these devices.
pub async fn tell(db: &Db, bus: &Bus, devices: &[DeviceId]) -> store::Result<()> {
    if devices.is_empty() {
        return Ok(());
    }
    let mut r = db.read().await?;
    for (device, node) in connections::nodes_of(&mut r, devices).await? {
        bus.send(BusMessage::Device {
            node,
            device,
            nudge: DeviceSignal::Claim,
        });
    }
    Ok(())
}
