//! How far the current releases of many groups are, in short: what a list of groups shows of each. The number of statements does not
//! depend on the number of groups.

use crate::clock::Micros;
use crate::domain::Result;
use crate::domain::deployments::groups::Group;
use crate::domain::deployments::rollouts::{self, Reason};
use crate::ids::GroupId;
use crate::rollout::policy::limits_of;
use crate::rollout::rollout_state::Rollout;
use crate::store::Db;
use crate::store::deployments::{rollouts as table, server_bandwidth};
use crate::store::devices;
use crate::store::words::RolloutState;
use std::collections::HashMap;

/// How far the current release of a group is.
#[derive(Debug)]
pub struct ShortProgress {
    pub state: RolloutState,
    /// What it does or waits for.
    pub reason: Reason,
    /// The present step, from 1, and how many there are.
    pub step: (i64, i64),
    /// Devices of the group that run the release, or take updates by themselves.
    pub eligible: i64,
    /// Those that run it.
    pub updated: i64,
    /// Updates to it in flight.
    pub updating: i64,
    /// Devices with a failed attempt that did not install it.
    pub failed: i64,
}

/// How far the current releases of these groups are. A group without a release is left out.
///
/// # Errors
/// The database fails.
pub async fn of(db: &Db, groups: &[Group], now: Micros) -> Result<HashMap<GroupId, ShortProgress>> {
    let current: Vec<_> = groups
        .iter()
        .filter_map(|g| Some((g, g.release.as_ref()?)))
        .collect();
    let releases: Vec<_> = current.iter().map(|(_, release)| release.id).collect();
    let running: Vec<_> = current
        .iter()
        .map(|(g, release)| (g.row.id, release.uuid.as_str()))
        .collect();
    let mut r = db.read().await?;
    let server = server_bandwidth::read(&mut r).await?;
    let rows = table::of_all(&mut r, &releases).await?;
    let mut rows: HashMap<_, _> = rows.into_iter().map(|r| (r.release_id, r.row)).collect();
    let mut all: Vec<_> = current
        .iter()
        .map(|(g, release)| (*g, *release, Rollout::of_row(rows.remove(&release.id))))
        .collect();
    let steps: Vec<_> = all.iter().map(|(_, r, own)| (r.id, own.number())).collect();
    let counts = table::counts_of(&mut r, &steps).await?;
    let mut counts: HashMap<_, _> = counts
        .into_iter()
        .map(|c| (c.release_id, c.counts))
        .collect();
    let totals = table::totals(&mut r, &releases).await?;
    let totals: HashMap<_, _> = totals.into_iter().map(|t| (t.release_id, t)).collect();
    let fleets = devices::fleets_of(&mut r, &running).await?;
    let fleets: HashMap<_, _> = fleets.into_iter().map(|f| (f.group_id, f)).collect();
    drop(r);
    for (_, release, rollout) in &mut all {
        rollout.counts = counts.remove(&release.id).unwrap_or_default();
    }
    let short = all.into_iter().map(|(group, release, rollout)| {
        let row = &group.row;
        let limits = limits_of(row, server.into(), &release.version, now);
        let limit = limits.into_iter().next();
        let (updated, off) = fleets.get(&row.id).map_or((0, 0), |f| (f.updated, f.off));
        let more = group.devices > updated;
        let total = totals.get(&release.id);
        let progress = ShortProgress {
            state: rollout.state(),
            step: (
                rollout.number() + 1,
                i64::try_from(rollout.workflow.steps.len()).unwrap_or(i64::MAX),
            ),
            reason: rollouts::reason(row, &rollout, limit, more, group.status, now),
            eligible: (group.devices - off).max(updated),
            updated,
            updating: total.map_or(0, |t| t.in_flight),
            failed: total.map_or(0, |t| t.failed),
        };
        (row.id, progress)
    });
    Ok(short.collect())
}
