//! What holds after each event, and in the end.

use super::faults::Sabotage;
use super::setup::{DELTA, FULL};
use super::{Broken, Outcome, World};
use crate::clock::Micros;
use crate::domain::devices::why;
use crate::ids::{ClaimId, ReleaseId};
use crate::limits::TICK;
use crate::rollout::offer::Offer;
use crate::rollout::rollout_state::Rollout;
use crate::rollout::why::{Facts, answer, checks};
use crate::rollout::workflow::StepKind;
use crate::store::deployments::inflight::{self, InFlight};
use crate::store::deployments::releases::{self, ReleaseRow};
use crate::store::deployments::{deployment_groups, overview, rollouts};
use crate::store::devices;
use crate::store::words::RolloutState;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Claims that devices were told of.
    pub arrived: HashSet<ClaimId>,
    /// Claims that nodes sent.
    sent: HashSet<ClaimId>,
    /// Claims that were made.
    made: HashSet<ClaimId>,
    /// The step of each release.
    steps: HashMap<ReleaseId, i64>,
    /// Bytes that claims promised, and when.
    promised: Vec<(Micros, i64)>,
}

impl Ledger {
    /// The step in which a release was seen last.
    pub(super) fn step(&self, release: ReleaseId) -> i64 {
        self.steps.get(&release).copied().unwrap_or(0)
    }
}

/// What `why` said of a device before a run.
#[derive(Debug)]
pub(super) struct Asked {
    device: usize,
    /// The first rule in the way; `None` for none.
    rule: Option<&'static str>,
    /// The release and its step at that time.
    at: Option<(ReleaseId, i64)>,
}

/// How long ago a device with an update in flight was claimed.
fn since_claim(facts: &Facts, now: Micros) -> Duration {
    facts
        .known
        .in_flight_since
        .map_or(Duration::MAX, |at| now.since(at))
}

/// An update takes less in the end, when nothing fails.
const CLAIMED_LATELY: Duration = Duration::from_secs(15 * 60);

fn broken<T>(what: String) -> Outcome<T> {
    Err(Broken::Invariant(what))
}

impl World {
    /// Updates in flight at once of the ordinary queue, in the present step. Not asked of the server, whose answer is checked by it.
    pub(super) fn limit(&self, rollout: &Rollout) -> i64 {
        match &rollout.step().kind {
            StepKind::Devices(own) => own.concurrent_updates.unwrap_or(self.settings.concurrent),
            StepKind::Approval(_) => 0,
        }
    }

    /// After each event that may move a rollout: steps go forward one after the other, and past an approval only when people gave it.
    pub(super) async fn check(&mut self) -> Outcome<()> {
        let mut r = self.db.read().await?;
        let Some(release) = releases::current(&mut r, self.scenery.group).await? else {
            return Ok(());
        };
        let rollout = Rollout::read(&mut r, &release).await?;
        let (now, number) = (rollout.number(), release.number);
        let before = self.ledger.steps.insert(release.id, now).unwrap_or(0);
        if now < before {
            return broken(format!(
                "release {number} went back from step {before} to {now}"
            ));
        }
        let passed = (0..)
            .zip(&rollout.workflow.steps)
            .filter(|(n, _)| *n >= before && *n < now);
        for (n, step) in passed {
            if let StepKind::Approval(people) = step.kind {
                let given = rollouts::counts(&mut r, release.id, n).await?.approvals;
                if given < people {
                    return broken(format!(
                        "release {number} passed step {} with {given} of {people} approvals",
                        step.name
                    ));
                }
            }
        }
        Ok(())
    }

    /// Before a run: whom does `why` say that it claims?
    pub(super) async fn ask_why(&mut self) -> Outcome<Option<Asked>> {
        if !self.chance.percent(15) {
            return Ok(None);
        }
        let device = self.chance.index(self.devices.len());
        let mut rule = self.rule(device).await?;
        if self.sabotage == Some(Sabotage::WhyLies) {
            rule = if rule.is_none() {
                Some("group_is_on")
            } else {
                None
            };
        }
        if rule.is_none() && self.rest_is_over(device).await? {
            return Ok(None);
        }
        let at = self.step().await?;
        Ok(Some(Asked { device, rule, at }))
    }

    /// Whether a device's penalty has ended and the repairs of a tick have not lifted it yet. Then the next tick claims the device,
    /// which is what `why` says, and a run before that does not.
    async fn rest_is_over(&self, device: usize) -> Outcome<bool> {
        let mut r = self.db.read().await?;
        let row = devices::row(&mut r, self.devices[device].id).await?;
        Ok(row.is_some_and(|d| d.blocked_until.is_some()))
    }

    /// The current release and its step.
    async fn step(&self) -> Outcome<Option<(ReleaseId, i64)>> {
        let mut r = self.db.read().await?;
        let Some(release) = releases::current(&mut r, self.scenery.group).await? else {
            return Ok(None);
        };
        let rollout = Rollout::read(&mut r, &release).await?;
        Ok(Some((release.id, rollout.number())))
    }

    /// The claims that were made in the run that has just ended.
    async fn new_claims(&self) -> Outcome<Vec<(usize, InFlight)>> {
        let now = self.db.now();
        let mut r = self.db.read().await?;
        let mut all = Vec::new();
        let in_flight = overview::in_flight(&mut r, self.scenery.group, 10_000).await?;
        for one in in_flight.into_iter().filter(|one| one.since == now) {
            let device = one
                .identifier
                .strip_prefix('d')
                .and_then(|n| n.parse::<usize>().ok());
            if let Some(device) = device
                && let Some(row) = inflight::of_device(&mut r, self.devices[device].id).await?
                && !self.ledger.made.contains(&row.claim_id)
            {
                all.push((device, row));
            }
        }
        Ok(all)
    }

    /// How many slots of the group are taken, those of the priority queue apart.
    pub(super) async fn slots_taken(&self) -> Outcome<i64> {
        let mut r = self.db.read().await?;
        Ok(inflight::count(&mut r, self.scenery.group, false).await?)
    }

    /// After a run: its claims are within all limits, and `why` was right. `before` slots were taken before it.
    pub(super) async fn after_run(&mut self, asked: Option<Asked>, before: i64) -> Outcome<()> {
        let new = self.new_claims().await?;
        if new.is_empty() && asked.is_none() {
            return Ok(());
        }
        let mut r = self.db.read().await?;
        let group = deployment_groups::row(&mut r, self.scenery.group).await?;
        let release = releases::current(&mut r, self.scenery.group).await?;
        let Some((group, release)) = group.zip(release) else {
            return Ok(());
        };
        let rollout = Rollout::counted(&mut r, &release).await?;
        for (device, row) in &new {
            self.check_claim(*device, row, &release, &rollout)?;
        }
        let ordinary = inflight::count(&mut r, group.id, false).await?;
        let priority = inflight::count(&mut r, group.id, true).await?;
        let limit = self.limit(&rollout);
        if !new.is_empty() {
            if !group.is_active {
                return broken("devices were claimed for a group that is off".into());
            }
            // More may be in flight than the present step allows: of the release before, or of the step before. Then no more are
            // added but to the priority queue, which has slots of its own.
            if new
                .iter()
                .any(|(_, row)| row.step == Some(rollout.number()))
                && ordinary > limit.max(before)
            {
                return broken(format!(
                    "{ordinary} updates are in flight, and {limit} may be"
                ));
            }
            if priority > group.priority_queue_concurrent_updates {
                return broken(format!(
                    "{priority} updates of the priority queue are in flight"
                ));
            }
            if let StepKind::Devices(own) = &rollout.step().kind
                && let Some(most) = own.match_limit
                && rollout.counts.touched > most
            {
                let touched = rollout.counts.touched;
                return broken(format!("a step for {most} devices began with {touched}"));
            }
        }
        drop(r);
        let now = self.db.now();
        for (_, row) in &new {
            let bytes = row.delta_id.map_or(FULL, |_| DELTA);
            self.ledger.promised.push((now, bytes));
        }
        self.report.claims += u64::try_from(new.len()).unwrap_or(0);
        self.check_bandwidth()?;
        if let Some(asked) = asked {
            let claimed = new.iter().any(|(device, _)| *device == asked.device);
            self.check_why(&asked, claimed, new.is_empty()).await?;
        }
        let claims: Vec<ClaimId> = new.iter().map(|(_, row)| row.claim_id).collect();
        self.ledger.made.extend(claims);
        Ok(())
    }

    /// A claim is of the present step of a release that runs, for a device that the step is for.
    fn check_claim(
        &self,
        device: usize,
        row: &InFlight,
        release: &ReleaseRow,
        rollout: &Rollout,
    ) -> Outcome<()> {
        let claimed = format!("device d{device} was claimed");
        // A release that takes this one back was made in the same run.
        if row.release_id != Some(release.id) {
            return broken(format!(
                "{claimed} for a release that is not the current one"
            ));
        }
        if rollout.state() != RolloutState::Running {
            return broken(format!(
                "{claimed} for a release that is {}",
                rollout.state()
            ));
        }
        if self.settings.policy.is_below(&release.version) {
            return broken(format!(
                "{claimed} for {}, below the minimum",
                release.version
            ));
        }
        let steps = &rollout.workflow.steps;
        let step = row
            .step
            .and_then(|n| usize::try_from(n).ok())
            .and_then(|n| steps.get(n));
        if let Some(step) = step
            && let StepKind::Devices(own) = &step.kind
            && !own.tags.is_empty()
            && !self.devices[device].canary
        {
            return broken(format!(
                "{claimed} in step {}, which is not for it",
                step.name
            ));
        }
        Ok(())
    }

    /// From each claim to the last one no more was promised than the bandwidth allows, and one file and a tick more.
    fn check_bandwidth(&self) -> Outcome<()> {
        let rates = self.settings.policy.bytes_per_second.into_iter();
        let Some(rate) = rates.chain(self.settings.server_rate).min() else {
            return Ok(());
        };
        let promised = &self.ledger.promised;
        let Some((last, _)) = promised.last() else {
            return Ok(());
        };
        let mut sum = 0_i64;
        for (at, bytes) in promised.iter().rev() {
            sum += bytes;
            let time = last.since(*at) + TICK;
            let allowed =
                i128::from(rate) * i128::try_from(time.as_micros()).unwrap_or(0) / 1_000_000;
            if i128::from(sum) > allowed + i128::from(FULL) {
                let seconds = last.since(*at).as_secs();
                return broken(format!(
                    "{sum} bytes were promised within {seconds} s, at {rate} a second"
                ));
            }
        }
        Ok(())
    }

    /// What `why` says of a device now: the first rule in the way.
    async fn rule(&self, device: usize) -> Outcome<Option<&'static str>> {
        let now = self.db.now();
        let mut r = self.db.read().await?;
        let facts = why::facts(&mut r, self.devices[device].id, now).await?;
        Ok(facts.and_then(|facts| answer(&checks(&facts, now)).0.map(|c| c.rule)))
    }

    /// What `why` said of a device is what the run did. Others may have taken what was left for it; then `why` says so now.
    async fn check_why(&self, asked: &Asked, claimed: bool, nobody: bool) -> Outcome<()> {
        let device = asked.device;
        if self.step().await? != asked.at {
            // The run went on to the next step, which has slots of its own.
            return Ok(());
        }
        match asked.rule {
            // The step that stood in the way may give way to the next one in the run itself.
            Some("rollout_step") => Ok(()),
            Some(rule) if claimed => broken(format!(
                "`why` said that {rule} stands in the way of d{device}, and the run claimed it"
            )),
            // Another node may hold the lease of the group.
            None if !claimed && nobody && self.nodes.len() > 1 => Ok(()),
            None if !claimed && self.rule(device).await?.is_none() => broken(format!(
                "`why` said that nothing stands in the way of d{device}, and the run did not claim it"
            )),
            _ => Ok(()),
        }
    }

    /// An offer is sent once, for a release that runs, of a sound file, to a device of the group that is not deleted.
    pub(super) async fn check_offer(&mut self, device: usize, offer: &Offer) -> Outcome<()> {
        if !self.ledger.sent.insert(offer.claim) {
            return broken(format!("device d{device} was sent one claim twice"));
        }
        if offer.firmware.damaged_at.is_some() {
            return broken(format!("device d{device} was sent a damaged file"));
        }
        let mut r = self.db.read().await?;
        let row = devices::row(&mut r, self.devices[device].id).await?;
        if row.is_none_or(|d| d.deleted_at.is_some() || d.group_id != offer.group) {
            return broken(format!(
                "device d{device} was sent an update of a group that it is not in"
            ));
        }
        if let Some(release) = releases::current(&mut r, self.scenery.group).await? {
            let state = Rollout::read(&mut r, &release).await?.state();
            if offer.group.is_some() && state != RolloutState::Running {
                return broken(format!(
                    "device d{device} was told of a release that is {state}"
                ));
            }
        }
        Ok(())
    }

    /// In the end everybody runs the release, or is in a state that has a name.
    pub(super) async fn check_end(&mut self) -> Outcome<()> {
        self.report.updated = 0;
        let now = self.db.now();
        let mut r = self.db.read().await?;
        let limited =
            self.settings.policy.bytes_per_second.is_some() || self.settings.server_rate.is_some();
        let in_flight = overview::in_flight(&mut r, self.scenery.group, 10_000).await?;
        let moving = in_flight
            .iter()
            .all(|u| now.since(u.since) < CLAIMED_LATELY);
        for (n, device) in self.devices.iter().enumerate() {
            let Some(facts) = why::facts(&mut r, device.id, now).await? else {
                return broken(format!("device d{n} is gone"));
            };
            let all = checks(&facts, now);
            let first = answer(&all).0;
            let ends = first.and_then(|c| c.until).is_some_and(|at| at > now);
            match first.map(|c| c.rule) {
                // A delta that was asked for lately: the wait for it has an end.
                Some("delta_is_ready") if ends => {}
                Some("runs_other_firmware") => self.report.updated += 1,
                Some("nothing_in_flight" | "slot_is_free") if limited => {}
                // Its turn comes: those before it get on.
                Some("slot_is_free") if moving => {}
                // A device that has just come out of the penalty box.
                Some("nothing_in_flight") if since_claim(&facts, now) < CLAIMED_LATELY => {}
                Some(
                    "connected" | "nothing_in_flight" | "slot_is_free" | "delta_is_ready"
                    | "not_blocked",
                ) => {
                    let sentence = answer(&all).1;
                    return broken(format!("device d{n} is stuck: {sentence}"));
                }
                Some(_) => {}
                None => {
                    return broken(format!(
                        "nothing stands in the way of d{n}, and it is not updated"
                    ));
                }
            }
        }
        Ok(())
    }
}
