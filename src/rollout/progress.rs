//! A rollout goes on: its present step updates devices, waits, gives way to the next one, or stops the release.

use super::claim::SchedulerRun;
use super::comparison::Comparison;
use super::plan::Plan;
use super::queue::{Source, queue};
use super::steps::{StepDecision, Waiting};
use super::stopping::{audit, stop, withdraw};
use crate::limits::{HELD_RELEASED, SHARE_LOOKED_EVERY};
use crate::store::deployments::rollouts;
use crate::store::devices::held;
use crate::store::words::RolloutState;
use crate::store::{self, Write, devices};

/// Brings the rollout of a run as far as it goes now. How many more devices its step may begin to update: `Some(None)` without
/// a limit, `None` when it updates nobody now.
pub(super) async fn advance(
    w: &mut Write,
    plan: &mut Plan,
    sources: &[Source],
    compared: Option<&Comparison>,
    run: &mut SchedulerRun,
) -> store::Result<Option<Option<i64>>> {
    if plan.rollout.state() != RolloutState::Running {
        return Ok(None);
    }
    if let Some(found) = compared.filter(|c| c.release == plan.release.id) {
        rollouts::compared(w, found.release, found.failures, plan.now).await?;
        if !found.bad_deltas.is_empty() {
            withdraw(w, plan, &found.bad_deltas).await?;
            run.again = true;
            return Ok(None);
        }
        if let Some(why) = &found.worse {
            stop(w, plan, why).await?;
            // A release that takes this one back begins at once.
            run.again = true;
            return Ok(None);
        }
    }
    if !plan.limits().is_empty() {
        return Ok(None);
    }
    if plan.rollout.is_plain() {
        return Ok(Some(None));
    }
    plan.rollout.count(w, &plan.release).await?;
    // Each step but the last may be over at once; the loop ends with the last one at the latest.
    for _ in 0..plan.rollout.workflow.steps.len() {
        let all: Vec<&Source> = sources.iter().collect();
        let (waiting, more) = queue(w, plan, &all, 1).await?;
        let candidates = !waiting.is_empty();
        if more && !candidates {
            // Nothing is known of those that are left; the next run looks at them.
            run.again = true;
            return Ok(None);
        }
        match plan.rollout.decide(candidates, plan.now) {
            StepDecision::Update(room) => {
                keep_over_at(w, plan, false).await?;
                return Ok(Some(room));
            }
            StepDecision::Wait(for_what) => {
                let c = plan.rollout.counts;
                keep_over_at(w, plan, c.touched > 0 && c.in_flight == 0).await?;
                if for_what == Waiting::Devices {
                    run.again |= widen(w, plan).await?;
                }
                return Ok(None);
            }
            StepDecision::Stop(why) => {
                stop(w, plan, &why).await?;
                run.again = true;
                return Ok(None);
            }
            StepDecision::Next => {
                next(w, plan).await?;
                if !held::release_some(w, plan.group.id, HELD_RELEASED).await? {
                    run.again = true;
                    return Ok(None);
                }
            }
        }
    }
    Ok(None)
}

/// Notes since when nothing is left to do in the step, from which its pause counts.
async fn keep_over_at(w: &mut Write, plan: &mut Plan, over: bool) -> store::Result<()> {
    let (release, now) = (plan.release.id, plan.now);
    let Some(row) = plan.rollout.row.as_mut() else {
        return Ok(());
    };
    if over != row.over_at.is_some() {
        row.over_at = over.then_some(now);
        rollouts::set_over(w, release, row.over_at).await?;
    }
    Ok(())
}

/// Takes one device into the step's share when it is nobody, as a tenth of five devices may be: otherwise the release would wait for ever.
/// Whether it did.
async fn widen(w: &mut Write, plan: &mut Plan) -> store::Result<bool> {
    let (Some(share), Some(row)) = (plan.rollout.share(), &plan.rollout.row) else {
        return Ok(false);
    };
    if plan.now.since(row.share_looked_at) < SHARE_LOOKED_EVERY {
        return Ok(false);
    }
    let at_least = row.share_at_least;
    let (group, release) = (plan.group.id, plan.release.id);
    let admits = plan.rollout.admission(&plan.release);
    let places = devices::least_places(w, group, &plan.target.uuid, &admits).await?;
    let widened = match places {
        // Those of the share are away at present.
        (Some(least), _) if least < share => None,
        (_, online) => online.map(|place| place + 1),
    };
    let at_least = widened.unwrap_or(at_least);
    rollouts::set_share_at_least(w, release, at_least, plan.now).await?;
    if let Some(row) = plan.rollout.row.as_mut() {
        (row.share_at_least, row.share_looked_at) = (at_least, plan.now);
    }
    if widened.is_none() {
        return Ok(false);
    }
    held::release_all(w, group).await?;
    let step = &plan.rollout.step().name;
    let what =
        format!("takes one device in step {step}, since its share of the group would be nobody");
    record(w, plan, &what).await?;
    Ok(true)
}

async fn next(w: &mut Write, plan: &mut Plan) -> store::Result<()> {
    let over = plan.rollout.step().name.clone();
    let (release, now) = (plan.release.id, plan.now);
    let Some(row) = plan.rollout.row.as_mut() else {
        return Ok(());
    };
    row.step += 1;
    row.step_at = now;
    row.over_at = None;
    rollouts::enter(w, plan.group.id, release, row.step, now).await?;
    plan.rollout.count(w, &plan.release).await?;
    let what = format!(
        "went on from step {over} to step {}",
        plan.rollout.step().name
    );
    record(w, plan, &what).await
}

/// Writes what the release does into the log and the audit log.
async fn record(w: &mut Write, plan: &Plan, what: &str) -> store::Result<()> {
    let text = format!(
        "Release {} of deployment group {} {what}",
        plan.release.number, plan.group.name
    );
    tracing::info!(group = %plan.group.name, release = plan.release.number, "{text}");
    audit(w, plan, &text).await
}
