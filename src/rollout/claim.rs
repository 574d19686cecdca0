//! One run of a deployment group's scheduler: count the free slots and claim devices for them, or put devices
//! that failed too often into the penalty box. It is a single transaction that holds the group's lock, so that
//! `concurrent_updates` is a hard limit whichever node runs it. What it costs is in proportion to the free slots: devices that the
//! release is not for are held out of the queue ([`held`]) when they are met first.

use super::choice::{Choice, choose, takes_delta, unfit};
use super::comparison::{Comparison, failed_since};
use super::plan::{Plan, plan};
use super::queue::{Source, after, queue, sources};
use super::rollout_state::Rollout;
use super::steps::StepDecision;
use super::{outcome, progress};
use crate::access::random_id;
use crate::clock::Micros;
use crate::ids::{ClaimId, DeviceId, GroupId};
use crate::limits::{CLAIMS_A_RUN, HELD_RELEASED};
use crate::store::deployments::deployment_groups::GroupRow;
use crate::store::deployments::inflight::NewClaim;
use crate::store::deployments::{deployment_groups, inflight};
use crate::store::devices::{Candidate, DeviceRow, held, locks};
use crate::store::words::RolloutState;
use crate::store::{self, Db, On, Write, devices};
use semver::Version;
use std::collections::HashMap;
use std::time::Duration;

/// The outcome of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SchedulerRun {
    /// Devices that got a slot and must be signalled.
    pub claimed: Vec<DeviceId>,
    /// Number of devices that were put into the penalty box instead.
    pub boxed: usize,
    /// Whether another run may find more to do at once.
    pub again: bool,
    /// Whether devices have failed since the comparison, so that another one comes before the next run.
    pub failed_since: bool,
    /// Whether a delta job was created.
    pub filed: bool,
}

/// Whether a run of a group could do anything. This only reads, so that an idle group does not take the write lock.
pub async fn worth_a_run(on: &mut impl On, plan: &mut Plan) -> store::Result<bool> {
    if plan.group.release_held {
        return Ok(true);
    }
    if plan.rollout.state() != RolloutState::Running {
        return Ok(false);
    }
    // A rollout with steps ahead may go on although no device is there.
    if !plan.rollout.is_last() {
        return Ok(true);
    }
    // So may one stop whose devices all rest or are in flight.
    if !plan.rollout.is_plain() {
        plan.rollout.count(on, &plan.release).await?;
        if matches!(plan.rollout.decide(false, plan.now), StepDecision::Stop(_)) {
            return Ok(true);
        }
    }
    let mut from = String::new();
    while let Some((uuid, _)) = devices::next_source(on, plan.group.id, &from).await? {
        if uuid != plan.target.uuid {
            return Ok(true);
        }
        from = after(&uuid);
    }
    Ok(false)
}

/// Runs a group once. `compared` is what a comparison of its devices found, if there was one.
pub async fn run(
    db: &Db,
    group: GroupId,
    compared: Option<&Comparison>,
    now: Micros,
) -> store::Result<SchedulerRun> {
    let mut w = db.write().await?;
    if !deployment_groups::lock(&mut w, group).await? {
        return Ok(SchedulerRun::default());
    }
    let Some(mut plan) = plan(&mut w, group, now).await? else {
        w.commit().await?;
        return Ok(SchedulerRun::default());
    };
    let mut run = SchedulerRun::default();
    // Nobody is claimed for a release that is about to stop, or with a delta that is about to be withdrawn.
    if compared.is_none() && failed_since(&mut w, &plan).await? {
        w.commit().await?;
        (run.failed_since, run.again) = (true, true);
        return Ok(run);
    }
    plan.lock_bandwidth(&mut w).await?;
    if plan.group.release_held && !held::release_some(&mut w, group, HELD_RELEASED).await? {
        w.commit().await?;
        run.again = true;
        return Ok(run);
    }
    let sources = sources(&mut w, &plan, &mut run).await?;
    if let Some(room) = progress::advance(&mut w, &mut plan, &sources, compared, &mut run).await? {
        let mut left = room.unwrap_or(i64::MAX);
        if plan.group.priority_queue_enabled
            && let Some(threshold) = &plan.group.priority_queue_firmware_version_threshold
        {
            let old = |s: &&Source| at_most(s.version.as_deref(), threshold);
            let old: Vec<&Source> = sources.iter().filter(old).collect();
            fill(&mut w, &mut plan, &old, true, &mut left, &mut run).await?;
        }
        let all: Vec<&Source> = sources.iter().collect();
        fill(&mut w, &mut plan, &all, false, &mut left, &mut run).await?;
        plan.keep_promises(&mut w).await?;
    }
    w.commit().await?;
    Ok(run)
}

/// Whether a version is semantic and not above another.
fn at_most(version: Option<&str>, threshold: &str) -> bool {
    let parse = |v: &str| Version::parse(v).ok();
    match (version.and_then(parse), parse(threshold)) {
        (Some(v), Some(t)) => v.cmp_precedence(&t).is_le(),
        _ => false,
    }
}

/// The outcome of a claim for a single device.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ClaimOutcome {
    /// The device has to wait for a slot or for its delta.
    pub wait: bool,
    /// Whether a delta job was created.
    pub filed: bool,
}

/// Claims a slot for a device that asks by itself, within the group's limits and under its lock.
pub async fn one(
    w: &mut Write,
    group: GroupId,
    device: &DeviceRow,
    now: Micros,
) -> store::Result<ClaimOutcome> {
    let mut turn = ClaimOutcome::default();
    let Some(mut plan) = plan(w, group, now).await? else {
        return Ok(turn);
    };
    if device.fw_uuid == plan.target.uuid {
        return Ok(turn);
    }
    let admits = plan.rollout.admission(&plan.release);
    let target = &plan.target.uuid;
    let Some(candidate) = devices::eligible(w, group, device.id, target, &admits).await? else {
        return Ok(turn);
    };
    if !deployment_groups::lock(w, group).await? {
        return Ok(turn);
    }
    plan.lock_bandwidth(w).await?;
    // Counted under the lock, so that two devices that ask at once do not both take the last place of a step.
    if !plan.rollout.is_plain() {
        plan.rollout.count(w, &plan.release).await?;
    }
    let goes_on = plan.rollout.state() == RolloutState::Running && plan.limits().is_empty();
    if !goes_on
        || plan.opens_at(&candidate).is_some()
        || !matches!(plan.rollout.decide(true, now), StepDecision::Update(_))
    {
        turn.wait = true;
        return Ok(turn);
    }
    if !fit(w, &plan, &candidate).await? {
        return Ok(turn);
    }
    let (choice, filed) = choose(w, &plan.group, &device.fw_uuid, &plan.target, now).await?;
    turn.filed = filed;
    if matches!(choice, Choice::Wait) {
        turn.wait = true;
        return Ok(turn);
    }
    if too_many_attempts(w, &plan, device.id).await? {
        box_in(w, &plan, device.id).await?;
        return Ok(turn);
    }
    let source = Source {
        uuid: device.fw_uuid.clone(),
        version: device.fw_version.clone(),
        choice,
    };
    for (priority, limit) in limits(&plan.group, &plan.rollout, source.version.as_deref()) {
        if inflight::count(w, group, priority).await? < limit {
            let (claim, bytes) = new_claim(&plan, &candidate, &source, priority);
            if inflight::add(w, &claim, now).await? {
                plan.promise(bytes);
                plan.keep_promises(w).await?;
            }
            return Ok(turn);
        }
    }
    turn.wait = true;
    Ok(turn)
}

/// The queues that a device of this version may enter, with their slot limits.
pub(super) fn limits(
    group: &GroupRow,
    rollout: &Rollout,
    version: Option<&str>,
) -> Vec<(bool, i64)> {
    let threshold = group.priority_queue_firmware_version_threshold.as_deref();
    let first = group.priority_queue_enabled && threshold.is_some_and(|t| at_most(version, t));
    let mut all = vec![(false, rollout.concurrent(group))];
    if first {
        all.insert(0, (true, group.priority_queue_concurrent_updates));
    }
    all
}

/// Whether a device can install the release. If it cannot, this is recorded, and the device is not considered
/// again for this release.
async fn fit(w: &mut Write, plan: &Plan, candidate: &Candidate) -> store::Result<bool> {
    let Some(why) = unfit(candidate.fw_fwup_version.as_deref(), &plan.target) else {
        return Ok(true);
    };
    devices::unfit(w, candidate.id, &plan.target.uuid).await?;
    let text = format!(
        "Device is not offered release {}: {why}",
        plan.release.number
    );
    outcome::note(w, candidate.id, &text, plan.now).await?;
    Ok(false)
}

/// Puts a device that failed too often into the penalty box.
async fn box_in(w: &mut Write, plan: &Plan, device: DeviceId) -> store::Result<()> {
    let text = format!(
        "Device has failed to install release {} too often and rests for {} minutes",
        plan.release.number, plan.group.penalty_timeout_minutes
    );
    outcome::penalise(w, device, &plan.group, &text, plan.now).await
}

/// Claims candidates for the free slots of one of the two queues.
async fn fill(
    w: &mut Write,
    plan: &mut Plan,
    sources: &[&Source],
    priority: bool,
    room: &mut i64,
    run: &mut SchedulerRun,
) -> store::Result<()> {
    let limit = if priority {
        plan.group.priority_queue_concurrent_updates
    } else {
        plan.rollout.concurrent(&plan.group)
    };
    let taken = inflight::count(w, plan.group.id, priority).await?;
    let free = limit.saturating_sub(taken).min(*room);
    if free <= 0 {
        return Ok(());
    }
    let slots = free.min(CLAIMS_A_RUN);
    run.again |= free > slots;
    let (waiting, more) = queue(w, plan, sources, slots).await?;
    run.again |= more;
    let devices: Vec<DeviceId> = waiting.iter().map(|(c, _)| c.id).collect();
    // Some are marked one by one below, in the order of the queue.
    locks::lock(w, &devices).await?;
    let attempts = attempts(w, plan, &devices).await?;
    let mut claims = Vec::new();
    for (candidate, source) in waiting {
        if i64::try_from(claims.len()).is_ok_and(|n| n >= slots) || !plan.has_bandwidth() {
            break;
        }
        if !fit(w, plan, &candidate).await? {
            run.again = true;
            continue;
        }
        let tried = attempts.get(&candidate.id).copied().unwrap_or_default();
        if too_many(&plan.group, tried) {
            box_in(w, plan, candidate.id).await?;
            run.boxed += 1;
            run.again = true;
            continue;
        }
        let (claim, bytes) = new_claim(plan, &candidate, source, priority);
        plan.promise(bytes);
        claims.push(claim);
    }
    let made = inflight::add_all(w, &claims, plan.now).await?;
    // To the others somebody pushed a firmware by hand at this moment.
    *room -= i64::try_from(made.len()).unwrap_or(i64::MAX);
    run.claimed.extend(made);
    Ok(())
}

/// The attempts that count of these devices: all of the release, and those of the group's window.
async fn attempts(
    w: &mut Write,
    plan: &Plan,
    devices: &[DeviceId],
) -> store::Result<HashMap<DeviceId, (i64, i64)>> {
    let since = window(&plan.group, plan.now);
    let all = inflight::attempts_of(w, devices, plan.release.id, since).await?;
    Ok(all
        .into_iter()
        .map(|(device, all, recent)| (device, (all, recent)))
        .collect())
}

async fn too_many_attempts(w: &mut Write, plan: &Plan, device: DeviceId) -> store::Result<bool> {
    let since = window(&plan.group, plan.now);
    let attempts = inflight::attempts(w, device, plan.release.id, since).await?;
    Ok(too_many(&plan.group, attempts))
}

/// Since when attempts count for the failure rate of a group.
pub fn window(group: &GroupRow, now: Micros) -> Micros {
    let seconds = u64::try_from(group.device_failure_rate_seconds).unwrap_or(0);
    now.before(Duration::from_secs(seconds))
}

/// Whether so many attempts, of the release and of them within the window, put a device into the penalty box.
pub(super) fn too_many(group: &GroupRow, (all, recent): (i64, i64)) -> bool {
    all >= group.device_failure_threshold || recent >= group.device_failure_rate_amount
}

/// A claim of a device, and the bytes of the file that it promises.
fn new_claim(
    plan: &Plan,
    candidate: &Candidate,
    source: &Source,
    priority: bool,
) -> (NewClaim, i64) {
    let delta = match &source.choice {
        Choice::Delta(d) if takes_delta(candidate, &plan.target) => Some(d),
        _ => None,
    };
    let bytes = delta.and_then(|d| d.size).unwrap_or(plan.target.size);
    let claim = NewClaim {
        device: candidate.id,
        claim: ClaimId(random_id()),
        group: Some(plan.group.id),
        release: Some(plan.release.id),
        firmware: Some(plan.target.id),
        delta: delta.map(|d| d.id),
        priority,
        step: plan.rollout.row.as_ref().map(|r| r.step),
    };
    (claim, bytes)
}
