//! Faults of the server, put in on purpose: each breaks an invariant, and the simulation has to find it.

use super::{Outcome, World};
use crate::access::random_id;
use crate::ids::ClaimId;
use crate::rollout::rollout_state::Rollout;
use crate::rollout::workflow::StepKind;
use crate::store::Write;
use crate::store::deployments::inflight::{self, NewClaim};
use crate::store::deployments::releases::ReleaseRow;
use crate::store::deployments::rollouts;
use crate::store::devices;
use crate::store::words::RolloutState;

/// What a broken server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// It claims more devices than the group may have in flight.
    ExceedsLimit,
    /// It sends an offer twice for one claim.
    TellsTwice,
    /// It goes on from a step that waits for people.
    SkipsApproval,
    /// It goes back to an earlier step.
    StepsBack,
    /// It claims devices for a release that is paused, stopped or aborted.
    ClaimsWhenStopped,
    /// It forgets what it has promised to send.
    ForgetsBandwidth,
    /// It claims devices that a step is not for.
    IgnoresTags,
    /// It claims devices for a release below the group's minimum version.
    GoesBelowMinimum,
    /// It takes a device for one with an update in flight that has none.
    LosesUpdates,
    /// It says that nothing stands in the way when something does.
    WhyLies,
}

impl Sabotage {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::ExceedsLimit,
        Self::TellsTwice,
        Self::SkipsApproval,
        Self::StepsBack,
        Self::ClaimsWhenStopped,
        Self::ForgetsBandwidth,
        Self::IgnoresTags,
        Self::GoesBelowMinimum,
        Self::LosesUpdates,
        Self::WhyLies,
    ];
}

/// What a broken server writes behind a run of its scheduler.
pub(super) async fn after_run(
    world: &mut World,
    w: &mut Write,
    release: &ReleaseRow,
) -> Outcome<()> {
    let Some(sabotage) = world.sabotage else {
        return Ok(());
    };
    let rollout = Rollout::read(w, release).await?;
    let (step, now, group) = (rollout.number(), world.db.now(), world.scenery.group);
    match sabotage {
        Sabotage::ExceedsLimit => {
            // One more as soon as the last slot is taken.
            let limit = world.limit(&rollout);
            if inflight::count(w, group, false).await? == limit {
                claim(world, w, release, step, |_| true).await?;
            }
        }
        Sabotage::SkipsApproval => {
            if matches!(rollout.step().kind, StepKind::Approval(_)) {
                rollouts::enter(w, group, release.id, step + 1, now).await?;
            }
        }
        Sabotage::StepsBack => {
            // Once it was seen to be further.
            if step > 0 && world.ledger.step(release.id) == step {
                rollouts::enter(w, group, release.id, step - 1, now).await?;
            }
        }
        Sabotage::ClaimsWhenStopped => {
            if rollout.state() != RolloutState::Running {
                claim(world, w, release, step, |_| true).await?;
            }
        }
        Sabotage::IgnoresTags => {
            if let StepKind::Devices(own) = &rollout.step().kind
                && !own.tags.is_empty()
            {
                claim(world, w, release, step, |canary| !canary).await?;
            }
        }
        Sabotage::GoesBelowMinimum => {
            if world.settings.policy.is_below(&release.version) {
                claim(world, w, release, step, |_| true).await?;
            }
        }
        Sabotage::LosesUpdates => {
            if let Some(device) = world.devices.first() {
                devices::set_in_flight(w, device.id, true).await?;
            }
        }
        Sabotage::TellsTwice | Sabotage::ForgetsBandwidth | Sabotage::WhyLies => {}
    }
    Ok(())
}

async fn claim(
    world: &World,
    w: &mut Write,
    release: &ReleaseRow,
    step: i64,
    fits: impl Fn(bool) -> bool,
) -> Outcome<()> {
    for device in world.devices.iter().filter(|d| fits(d.canary)) {
        let claim = NewClaim {
            device: device.id,
            claim: ClaimId(random_id()),
            group: Some(world.scenery.group),
            release: Some(release.id),
            firmware: Some(release.firmware_id),
            delta: None,
            priority: false,
            step: Some(step),
        };
        if inflight::add(w, &claim, world.db.now()).await? {
            return Ok(());
        }
    }
    Ok(())
}
