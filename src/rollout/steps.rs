//! Whether a rollout goes on to its next step, decided from what is known of the present one. Pure: the scheduler, `why` and
//! the progress that people see ask the same.

use super::workflow::{DeviceStep, Step, StepKind};
use crate::clock::Micros;
use crate::store::deployments::rollouts::StepCounts;
use std::time::Duration;

/// What is known of the present step of a rollout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StepFacts {
    /// What became of its devices.
    pub counts: StepCounts,
    /// Whether a device is there that it may update now.
    pub candidates: bool,
    /// Since when nothing is left to do in it.
    pub over_at: Option<Micros>,
}

/// What happens to a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepDecision {
    /// The step updates devices: at most so many more, if it has a limit.
    Update(Option<i64>),
    /// It waits.
    Wait(Waiting),
    /// The next step begins.
    Next,
    /// It stops by itself, for this reason.
    Stop(String),
}

/// What a rollout waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// Updates in flight.
    InFlight(i64),
    /// Devices: none was there yet that the step could update.
    Devices,
    /// So many more people.
    Approvals(i64),
    /// More devices that mark the release as good: share reached and wanted, in per cent.
    Validation(i64, i64),
    /// Until this instant.
    Soak(Micros),
    /// Nothing more: the last step has no end, devices join it at any time.
    Newcomers,
}

impl Waiting {
    /// A stable word for what it waits for.
    pub fn word(&self) -> &'static str {
        match self {
            Self::InFlight(_) => "in_flight",
            Self::Devices => "devices",
            Self::Approvals(_) => "approval",
            Self::Validation(..) => "validation",
            Self::Soak(_) => "soak",
            Self::Newcomers => "done",
        }
    }

    /// A sentence for people.
    pub fn sentence(&self, step: &str) -> String {
        match self {
            Self::InFlight(n) => format!("Step {step} waits for {n} updates in flight."),
            Self::Devices => format!("Step {step} waits for a device that it may update."),
            Self::Approvals(1) => format!("Step {step} waits for a person to approve."),
            Self::Approvals(n) => format!("Step {step} waits for {n} more people to approve."),
            Self::Validation(has, wants) => format!(
                "In step {step} {has} % of the devices have marked the release as good; it takes {wants} %."
            ),
            Self::Soak(until) => {
                format!("Step {step} is over; the next begins at {}.", until.zulu())
            }
            Self::Newcomers => "Every device that is there has been updated.".into(),
        }
    }
}

/// Decides about the present step.
pub fn decide(step: &Step, last: bool, facts: &StepFacts, now: Micros) -> StepDecision {
    match &step.kind {
        StepKind::Approval(people) => {
            let missing = people - facts.counts.approvals;
            if missing > 0 {
                StepDecision::Wait(Waiting::Approvals(missing))
            } else {
                StepDecision::Next
            }
        }
        StepKind::Devices(own) => of_devices(step, own, last, facts, now),
    }
}

fn of_devices(
    step: &Step,
    own: &DeviceStep,
    last: bool,
    facts: &StepFacts,
    now: Micros,
) -> StepDecision {
    let counts = &facts.counts;
    if let Some(tolerated) = own.tolerated_failures
        && counts.failed > tolerated
    {
        return StepDecision::Stop(format!(
            "In step {} {} of {} devices failed; {tolerated} {} tolerated",
            step.name,
            counts.failed,
            counts.touched,
            if tolerated == 1 { "is" } else { "are" }
        ));
    }
    let room = own.match_limit.map(|limit| (limit - counts.touched).max(0));
    if facts.candidates && room != Some(0) {
        return StepDecision::Update(room);
    }
    if counts.in_flight > 0 {
        return StepDecision::Wait(Waiting::InFlight(counts.in_flight));
    }
    if last {
        return StepDecision::Wait(Waiting::Newcomers);
    }
    if counts.touched == 0 {
        return StepDecision::Wait(Waiting::Devices);
    }
    if let Some(wanted) = own.validated_percent {
        let has = counts.validated * 100 / counts.touched;
        if has < wanted {
            return StepDecision::Wait(Waiting::Validation(has, wanted));
        }
    }
    let soak = Duration::from_secs(own.soak_minutes.unsigned_abs().saturating_mul(60));
    match facts.over_at {
        Some(over) if now.since(over) >= soak => StepDecision::Next,
        None if soak.is_zero() => StepDecision::Next,
        over => StepDecision::Wait(Waiting::Soak(over.unwrap_or(now).after(soak))),
    }
}

/// The numbers of a hash of a device: with `x = ((id % P) * factor + offset) % P`, `x * x % P % 10000` is its place among ten
/// thousand, the same for a whole release and another for the next. Squared, because devices that were registered one after the other
/// have ids one after the other: without it they lie on a grid, and a tenth of 200 devices was nobody for one release in 170, and
/// 60 of them for another.
pub fn hash_numbers(salt: i64) -> (i64, i64) {
    let salt = salt.unsigned_abs();
    let within = |n: u64| i64::try_from(n % (HASH_PRIME - 1) + 1).unwrap_or(1);
    (within(salt >> 20), within(salt & 0xf_ffff))
}

/// The place of a device among ten thousand, as the claims compute it.
pub fn place(device: i64, salt: i64) -> i64 {
    let (factor, offset) = hash_numbers(salt);
    let prime = i64::try_from(HASH_PRIME).unwrap_or(i64::MAX);
    let x = (device % prime * factor + offset) % prime;
    x * x % prime % 10_000
}

/// A prime below 2^31, so that a product fits 63 bits.
const HASH_PRIME: u64 = 2_147_483_647;

#[cfg(test)]
mod tests;
