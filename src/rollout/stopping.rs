//! What the server does by itself when a release turns out bad: it stops it, takes it back, or withdraws a delta.

use super::plan::Plan;
use super::rollback;
use crate::store::catalog::{deltas, firmwares};
use crate::store::deployments::rollouts;
use crate::store::events::audit::{self, Actor, Resource};
use crate::store::support::notifications;
use crate::store::words::{NotificationLevel, RolloutState};
use crate::store::{self, Write};

/// Withdraws deltas that fail too often: their devices get the whole file from now on.
pub(super) async fn withdraw(
    w: &mut Write,
    plan: &Plan,
    bad: &[(String, i64, i64)],
) -> store::Result<()> {
    for (source, failed, tried) in bad {
        let why = format!("it failed on {failed} of {tried} devices that tried it");
        let Some(from) = firmwares::by_uuid(w, plan.group.product_id, source).await? else {
            continue;
        };
        let Some(delta) = deltas::of_pair(w, from.id, plan.target.id).await? else {
            continue;
        };
        deltas::withdraw(w, delta.id, &why, plan.now).await?;
        let text = format!(
            "The delta of release {} of deployment group {} from firmware {source} was withdrawn: {why}",
            plan.release.number, plan.group.name
        );
        tracing::warn!(group = %plan.group.name, release = plan.release.number, "{text}");
        audit(w, plan, &text).await?;
    }
    rollouts::count_failures_anew(w, plan.release.id, plan.now).await
}

/// Ends the rollout by itself, and tells the people of the product.
pub(super) async fn stop(w: &mut Write, plan: &mut Plan, why: &str) -> store::Result<()> {
    let (release, now) = (plan.release.id, plan.now);
    rollouts::set_state(w, release, RolloutState::Stopped, Some(why), now).await?;
    let text = format!(
        "Release {} of deployment group {} stopped by itself: {why}",
        plan.release.number, plan.group.name
    );
    tracing::warn!(group = %plan.group.name, release = plan.release.number, "{text}");
    let text = match rolled_back(w, plan).await? {
        Some(what) => format!("{text}. {what}"),
        None => text,
    };
    let key = format!("rollout-stopped-{release}");
    let (level, title) = (NotificationLevel::Error, "A release stopped by itself");
    let product = plan.group.product_id;
    notifications::add(w, product, &key, level, title, &text, now).await?;
    audit(w, plan, &text).await
}

/// Takes the release back if the group's people allowed it; what came of that.
async fn rolled_back(w: &mut Write, plan: &Plan) -> store::Result<Option<String>> {
    if !plan.policy.automatic_rollback {
        return Ok(None);
    }
    let made = rollback::take_back(w, &plan.group, &plan.release, None, plan.now).await?;
    Ok(Some(match made {
        Ok((number, version)) => {
            format!("Release {number} takes it back and brings its devices to {version}")
        }
        Err(refused) => format!("It was not taken back: {}", refused.sentence()),
    }))
}

/// Adds an entry of the group itself to the audit log.
pub(super) async fn audit(w: &mut Write, plan: &Plan, text: &str) -> store::Result<()> {
    let (org, product) = (plan.group.org_id, Some(plan.group.product_id));
    let (actor, resource) = (Actor::Group(plan.group.id), Resource::Group(plan.group.id));
    audit::add(w, org, product, actor, resource, text, plan.now).await
}
