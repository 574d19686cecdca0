//! How far a release is with its steps, as it is stored and counted.

use super::steps::{self, StepDecision, StepFacts, hash_numbers};
use super::workflow::{self, Step, StepKind, Workflow};
use crate::clock::Micros;
use crate::store::deployments::deployment_groups::GroupRow;
use crate::store::deployments::releases::ReleaseRow;
use crate::store::deployments::rollouts;
use crate::store::deployments::rollouts::{RolloutRow, StepCounts};
use crate::store::devices::Admission;
use crate::store::words::RolloutState;
use crate::store::{self, On};

/// How far a release is.
#[derive(Debug, Clone)]
pub struct Rollout {
    /// Its row; `None` for a release that goes to everyone at once and was never paused.
    pub row: Option<RolloutRow>,
    /// Its steps.
    pub workflow: Workflow,
    /// What is counted of the present step.
    pub counts: StepCounts,
}

impl Rollout {
    /// Reads the rollout of a release without counting anything.
    pub async fn read(on: &mut impl On, release: &ReleaseRow) -> store::Result<Self> {
        Ok(Self::of_row(rollouts::of(on, release.id).await?))
    }

    /// The rollout of a release with this row, without anything counted.
    pub fn of_row(mut row: Option<RolloutRow>) -> Self {
        let text = row.as_ref().and_then(|r| r.workflow.as_deref());
        let kept = workflow::kept(text);
        if let Some(row) = row
            .as_mut()
            .filter(|r| r.workflow.is_some() && kept.is_none())
        {
            // A newer server may have written it. Without its limits the release would reach everyone at once.
            row.state = RolloutState::Stopped;
            row.reason = Some("this version of the server cannot read its workflow".into());
        }
        Self {
            workflow: kept.unwrap_or_else(workflow::everyone),
            row,
            counts: StepCounts::default(),
        }
    }

    /// The same, with what is counted of the present step.
    pub async fn counted(on: &mut impl On, release: &ReleaseRow) -> store::Result<Self> {
        let mut rollout = Self::read(on, release).await?;
        rollout.count(on, release).await?;
        Ok(rollout)
    }

    /// Counts the devices of the present step anew.
    pub async fn count(&mut self, on: &mut impl On, release: &ReleaseRow) -> store::Result<()> {
        self.counts = rollouts::counts(on, release.id, self.number()).await?;
        Ok(())
    }

    /// Whether nothing that could be counted decides about the present step: it takes everyone, tolerates every failure, and
    /// no step comes after it. Counting it would cost more the further it is.
    pub fn is_plain(&self) -> bool {
        self.is_last() && self.step().tolerates_all()
    }

    /// The number of the present step.
    pub fn number(&self) -> i64 {
        self.row.as_ref().map_or(0, |r| r.step)
    }

    /// The present step.
    pub fn step(&self) -> &Step {
        let n = usize::try_from(self.number()).unwrap_or(0);
        let last = self.workflow.steps.len().saturating_sub(1);
        &self.workflow.steps[n.min(last)]
    }

    /// Whether no step comes after the present one.
    pub fn is_last(&self) -> bool {
        usize::try_from(self.number() + 1).is_ok_and(|n| n >= self.workflow.steps.len())
    }

    /// What the release does.
    pub fn state(&self) -> RolloutState {
        self.row.as_ref().map_or(RolloutState::Running, |r| r.state)
    }

    /// The share of the group that the present step is for, in hundredths of a per cent; `None` for all.
    pub fn share(&self) -> Option<i64> {
        let StepKind::Devices(own) = &self.step().kind else {
            return None;
        };
        let at_least = self.row.as_ref().map_or(0, |r| r.share_at_least);
        own.share.map(|share| share.max(at_least))
    }

    /// Whom the present step admits.
    pub fn admission(&self, release: &ReleaseRow) -> Admission {
        let (factor, offset) = hash_numbers(self.row.as_ref().map_or(0, |r| r.salt));
        Admission {
            release: release.id,
            step: self.number(),
            factor,
            offset,
            share: self.share().unwrap_or(10_000),
        }
    }

    /// Updates in flight at once of the ordinary queue.
    pub fn concurrent(&self, group: &GroupRow) -> i64 {
        match &self.step().kind {
            StepKind::Devices(own) => own.concurrent_updates.unwrap_or(group.concurrent_updates),
            StepKind::Approval(_) => 0,
        }
    }

    /// What happens to it now; `candidates` says whether a device is there that the step may update.
    pub fn decide(&self, candidates: bool, now: Micros) -> StepDecision {
        let facts = StepFacts {
            counts: self.counts,
            candidates,
            over_at: self.row.as_ref().and_then(|r| r.over_at),
        };
        steps::decide(self.step(), self.is_last(), &facts, now)
    }
}
