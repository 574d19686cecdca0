//! A rollout goes on: its present step updates devices, waits, gives way to the next one, or stops the release.

use super::claim::{Source, queue};
use super::plan::Plan;
use super::steps::StepDecision;
use crate::store::deployments::rollouts;
use crate::store::events::audit::{self, Actor, Resource};
use crate::store::support::notifications;
use crate::store::words::{NotificationLevel, RolloutState};
use crate::store::{self, Write};

/// Brings the rollout of a run as far as it goes now. How many more devices its step may begin to update: `Some(None)` without
/// a limit, `None` when it updates nobody now.
pub(super) async fn advance(
    w: &mut Write,
    plan: &mut Plan,
    sources: &[Source],
) -> store::Result<Option<Option<i64>>> {
    if plan.rollout.state() != RolloutState::Running {
        return Ok(None);
    }
    if plan.rollout.is_plain() {
        return Ok(Some(None));
    }
    plan.rollout.count(w, &plan.release).await?;
    // Each step but the last may be over at once; the loop ends with the last one at the latest.
    for _ in 0..plan.rollout.workflow.steps.len() {
        let all: Vec<&Source> = sources.iter().collect();
        let candidates = !queue(w, plan, &all, 1).await?.is_empty();
        match plan.rollout.decide(candidates, plan.now) {
            StepDecision::Update(room) => {
                keep_over_at(w, plan, false).await?;
                return Ok(Some(room));
            }
            StepDecision::Wait(_) => {
                let c = plan.rollout.counts;
                keep_over_at(w, plan, c.touched > 0 && c.in_flight == 0).await?;
                return Ok(None);
            }
            StepDecision::Stop(why) => {
                stop(w, plan, &why).await?;
                return Ok(None);
            }
            StepDecision::Next => next(w, plan).await?,
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

async fn next(w: &mut Write, plan: &mut Plan) -> store::Result<()> {
    let over = plan.rollout.step().name.clone();
    let (release, now) = (plan.release.id, plan.now);
    let Some(row) = plan.rollout.row.as_mut() else {
        return Ok(());
    };
    row.step += 1;
    row.step_at = now;
    row.over_at = None;
    rollouts::enter(w, release, row.step, now).await?;
    plan.rollout.count(w, &plan.release).await?;
    let text = format!(
        "Release {} of deployment group {} went on from step {over} to step {}",
        plan.release.number,
        plan.group.name,
        plan.rollout.step().name
    );
    tracing::info!(group = %plan.group.name, release = plan.release.number, "{text}");
    audit(w, plan, &text).await
}

/// Ends the rollout by itself, and tells the people of the product.
async fn stop(w: &mut Write, plan: &mut Plan, why: &str) -> store::Result<()> {
    let (release, now) = (plan.release.id, plan.now);
    rollouts::set_state(w, release, RolloutState::Stopped, Some(why), now).await?;
    let text = format!(
        "Release {} of deployment group {} stopped by itself: {why}",
        plan.release.number, plan.group.name
    );
    tracing::warn!(group = %plan.group.name, release = plan.release.number, "{text}");
    let key = format!("rollout-stopped-{release}");
    let (level, title) = (NotificationLevel::Error, "A release stopped by itself");
    let product = plan.group.product_id;
    notifications::add(w, product, &key, level, title, &text, now).await?;
    audit(w, plan, &text).await
}

async fn audit(w: &mut Write, plan: &Plan, text: &str) -> store::Result<()> {
    let (org, product) = (plan.group.org_id, Some(plan.group.product_id));
    let (actor, resource) = (Actor::Group(plan.group.id), Resource::Group(plan.group.id));
    audit::add(w, org, product, actor, resource, text, plan.now).await
}
