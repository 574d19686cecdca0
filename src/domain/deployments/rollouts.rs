//! Rollouts as people see and steer them: how far a release is, and pause, resume, abort, approve. Each says why, and that
//! lands in the audit log.

use crate::access::random_id;
use crate::access::scope::{Product, Scope};
use crate::clock::Micros;
use crate::domain::deployments::groups::require_group;
use crate::domain::deployments::status::{self, GroupStatus};
use crate::domain::error::field;
use crate::domain::{Context, DomainError, Result};
use crate::ids::ReleaseId;
use crate::limits::REASON_CHARS;
use crate::rollout::policy::{Limit, limits_of};
use crate::rollout::rollback;
use crate::rollout::rollout_state::Rollout;
use crate::rollout::steps::{StepDecision, Waiting};
use crate::rollout::workflow::{self, Mistake};
use crate::store::deployments::deployment_groups::GroupRow;
use crate::store::deployments::releases::ReleaseRow;
use crate::store::deployments::rollouts::StepCounts;
use crate::store::deployments::{inflight, releases, rollouts, server_bandwidth};
use crate::store::devices;
use crate::store::events::audit::{self, Resource};
use crate::store::words::RolloutState;
use crate::store::{self, Db, On, Write};
use serde_json::Value;

pub use crate::rollout::workflow::StepKind;

/// How far the current release of a group is.
#[derive(Debug)]
pub struct Progress {
    /// The number of the release.
    pub release: i64,
    /// What it does.
    pub state: RolloutState,
    /// A sentence about that.
    pub sentence: String,
    /// The number of the release that it takes back.
    pub takes_back: Option<i64>,
    /// Whether the group waits for deltas.
    pub status: GroupStatus,
    /// When the state changed last, if it ever did.
    pub changed_at: Option<Micros>,
    /// Devices in the group, and those of them that run the release.
    pub devices: (i64, i64),
    /// The steps in order.
    pub steps: Vec<StepProgress>,
}

/// How far a step is.
#[derive(Debug)]
pub struct StepProgress {
    pub name: String,
    /// `done`, `current` or `ahead`.
    pub state: &'static str,
    /// What is counted of its devices.
    pub counts: StepCounts,
    /// Since when it is the current one.
    pub since: Option<Micros>,
    /// What it does.
    pub kind: StepKind,
}

async fn current(
    on: &mut impl On,
    scope: &Scope<Product>,
    name: &str,
) -> Result<(GroupRow, ReleaseRow, Rollout)> {
    let group = require_group(on, scope, name).await?;
    let release = releases::current(on, group.id)
        .await?
        .ok_or(DomainError::NotFound)?;
    let rollout = Rollout::counted(on, &release).await?;
    Ok((group, release, rollout))
}

/// How far the current release of a group is.
///
/// # Errors
/// [`DomainError::NotFound`] for an unknown group.
pub async fn progress(db: &Db, scope: &Scope<Product>, name: &str) -> Result<Progress> {
    let now = db.now();
    let mut r = db.read().await?;
    let (group, release, rollout) = current(&mut r, scope, name).await?;
    let all = devices::count_in_group(&mut r, group.id).await?;
    let updated = devices::count_running(&mut r, group.id, &release.uuid).await?;
    let server = server_bandwidth::read(&mut r).await?.into();
    let limits = limits_of(&group, server, &release.version, now);
    let limit = limits.into_iter().next();
    let status = status::status(&mut r, group.id, now).await?;
    let mut steps = Vec::new();
    for (n, step) in (0_i64..).zip(&rollout.workflow.steps) {
        let at = rollout.number();
        let counts = if n == at {
            rollout.counts
        } else if n < at {
            rollouts::counts(&mut r, release.id, n).await?
        } else {
            StepCounts::default()
        };
        steps.push(StepProgress {
            name: step.name.clone(),
            state: match n.cmp(&at) {
                std::cmp::Ordering::Less => "done",
                std::cmp::Ordering::Equal => "current",
                std::cmp::Ordering::Greater => "ahead",
            },
            counts,
            since: rollout.row.as_ref().filter(|_| n == at).map(|r| r.step_at),
            kind: step.kind.clone(),
        });
    }
    Ok(Progress {
        release: release.number,
        state: rollout.state(),
        takes_back: release.takes_back,
        sentence: reason(&group, &rollout, limit, all > updated, status, now).sentence,
        status,
        changed_at: rollout.row.as_ref().map(|r| r.changed_at),
        devices: (all, updated),
        steps,
    })
}

/// What a rollout does or waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// A stable word: `paused`, `stopped`, `aborted`, `off`, the rule of a limit, `deltas`, `in_flight`, `devices`, `approval`,
    /// `validation`, `soak`, `updating`, or `done` when every device that is there has been updated.
    pub kind: &'static str,
    pub sentence: String,
}

impl Reason {
    fn new(kind: &'static str, sentence: String) -> Self {
        Self { kind, sentence }
    }
}

/// What a rollout does or waits for. `limit` keeps the group from being updated now; `more` says whether devices are left to update.
pub(super) fn reason(
    group: &GroupRow,
    rollout: &Rollout,
    limit: Option<Limit>,
    more: bool,
    status: GroupStatus,
    now: Micros,
) -> Reason {
    let told = rollout.row.as_ref().and_then(|r| r.reason.as_deref());
    let because = |kind: &'static str, what: &str| {
        let sentence = match told {
            Some(why) => format!("{what}: {}.", why.trim_end_matches('.')),
            None => format!("{what}."),
        };
        Reason::new(kind, sentence)
    };
    match rollout.state() {
        RolloutState::Paused => because("paused", "A person paused it"),
        RolloutState::Stopped => because("stopped", "It stopped by itself"),
        RolloutState::Aborted => because("aborted", "A person ended it"),
        RolloutState::Running if !group.is_active => {
            Reason::new("off", "The deployment group is off.".into())
        }
        RolloutState::Running => match limit {
            Some(limit) => Reason::new(limit.rule, limit.sentence),
            None => of_step(rollout, more, status == GroupStatus::Preparing, now),
        },
    }
}

/// What the present step of a rollout that goes on does or waits for.
fn of_step(rollout: &Rollout, more: bool, preparing: bool, now: Micros) -> Reason {
    let step = &rollout.step().name;
    // Whether somebody is there to be updated, only the scheduler looks.
    match rollout.decide(false, now) {
        StepDecision::Wait(Waiting::Newcomers) | StepDecision::Update(_) if preparing => {
            let text = format!(
                "Step {step} goes on. Deltas are being made; devices that need them wait, ten minutes at most."
            );
            Reason::new("deltas", text)
        }
        StepDecision::Wait(Waiting::Newcomers) if more => {
            let text = format!(
                "Step {step} updates each device that is left once it can be: connected, with updates on and not in the penalty box."
            );
            Reason::new("updating", text)
        }
        StepDecision::Wait(waiting) => Reason::new(waiting.word(), waiting.sentence(step)),
        StepDecision::Update(_) | StepDecision::Next => {
            Reason::new("updating", format!("Step {step} goes on."))
        }
        StepDecision::Stop(why) => Reason::new("stopped", format!("It is about to stop: {why}.")),
    }
}

/// Refuses a workflow with mistakes.
///
/// # Errors
/// A validation error under `workflow` that names each mistake with its path.
pub fn require_workflow(value: &Value) -> Result<()> {
    let mistakes = check_workflow(value);
    if mistakes.is_empty() {
        return Ok(());
    }
    let texts: Vec<String> = mistakes.iter().map(said).collect();
    Err(field("workflow", &texts.join("; ")))
}

fn said(mistake: &Mistake) -> String {
    if mistake.path.is_empty() {
        mistake.message.clone()
    } else {
        format!("{} {}", mistake.path, mistake.message)
    }
}

/// The mistakes of a workflow, for an editor.
pub fn check_workflow(value: &Value) -> Vec<Mistake> {
    workflow::read(value).err().unwrap_or_default()
}

/// Begins the rollout of a group's newest release, by the workflow of the group. The salt makes the shares of this release differ
/// from those of others.
pub async fn begin(w: &mut Write, group: &GroupRow, salt: i64, now: Micros) -> store::Result<()> {
    let Some(release) = releases::current(w, group.id).await? else {
        return Ok(());
    };
    let text = group.workflow.as_deref();
    let read = workflow::kept(text);
    let mut words = Vec::new();
    for (n, step) in (0_i64..).zip(read.iter().flat_map(|w| &w.steps)) {
        if let StepKind::Devices(own) = &step.kind {
            words.extend(own.tags.iter().map(|w| (n, "tag", w.as_str())));
            words.extend(own.interfaces.iter().map(|w| (n, "interface", w.as_str())));
        }
    }
    rollouts::begin(w, release.id, text, salt, &words, now).await
}

fn checked(reason: Option<String>) -> Result<Option<String>> {
    let reason = reason
        .map(|r| r.trim().to_owned())
        .filter(|r| !r.is_empty());
    if reason
        .as_ref()
        .is_some_and(|r| r.chars().count() > REASON_CHARS)
    {
        let text = format!("should be at most {REASON_CHARS} character(s)");
        return Err(field("reason", &text));
    }
    Ok(reason)
}

/// What a person does to a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steering {
    /// Nobody more is told until it is resumed.
    Pause,
    /// It goes on, whether a person paused it or it stopped by itself.
    Resume,
    /// It is over for good; devices that were told finish.
    Abort,
}

/// Pauses, resumes or aborts the current release of a group. Devices that were told already finish; claims that nobody was told
/// of are taken back.
///
/// # Errors
/// [`DomainError::NotFound`] for an unknown group; a conflict when the rollout is not in a state for it.
pub async fn steer(
    context: &Context,
    scope: &Scope<Product>,
    name: &str,
    steering: Steering,
    reason: Option<String>,
) -> Result<Progress> {
    let reason = checked(reason)?;
    let now = context.now();
    let mut w = context.db.write().await?;
    let (group, release, rollout) = current(&mut w, scope, name).await?;
    let (to, verb) = match (steering, rollout.state()) {
        (Steering::Pause, RolloutState::Running) => (RolloutState::Paused, "paused"),
        (Steering::Resume, RolloutState::Paused | RolloutState::Stopped) => {
            (RolloutState::Running, "resumed")
        }
        (Steering::Abort, RolloutState::Aborted) => return Err(not_now("aborted already")),
        (Steering::Abort, _) => (RolloutState::Aborted, "aborted"),
        (_, state) => return Err(not_now(state.word())),
    };
    if rollout.row.is_none() {
        begin_plain(&mut w, release.id, now).await?;
    }
    rollouts::set_state(&mut w, release.id, to, reason.as_deref(), now).await?;
    tell(
        &mut w,
        scope,
        (&group, &release),
        verb,
        reason.as_deref(),
        now,
    )
    .await?;
    w.commit().await?;
    context.wake_group(Some(group.id));
    progress(&context.db, scope, name).await
}

/// A rollout for a release of before there were any.
async fn begin_plain(w: &mut Write, release: ReleaseId, now: Micros) -> store::Result<()> {
    rollouts::begin(w, release, None, random_id(), &[], now).await
}

fn not_now(state: &str) -> DomainError {
    DomainError::Conflict(format!("The rollout is {state}."))
}

/// Approves the present step of a rollout. Each person counts once.
///
/// # Errors
/// [`DomainError::NotFound`] for an unknown group; a conflict when the present step waits for nobody, or the person approved
/// it before.
pub async fn approve(
    context: &Context,
    scope: &Scope<Product>,
    name: &str,
    reason: Option<String>,
) -> Result<Progress> {
    let reason = checked(reason)?;
    let now = context.now();
    let mut w = context.db.write().await?;
    let (group, release, rollout) = current(&mut w, scope, name).await?;
    if !matches!(rollout.step().kind, StepKind::Approval(_)) {
        return Err(not_now("not waiting for an approval"));
    }
    let (step, by) = (rollout.number(), scope.person().id);
    if !rollouts::approve(&mut w, release.id, step, by, reason.as_deref(), now).await? {
        let text = "You approved this step already; it takes another person.";
        return Err(DomainError::Conflict(text.into()));
    }
    let verb = format!("approved step {} of", rollout.step().name);
    tell(
        &mut w,
        scope,
        (&group, &release),
        &verb,
        reason.as_deref(),
        now,
    )
    .await?;
    w.commit().await?;
    context.wake_group(Some(group.id));
    progress(&context.db, scope, name).await
}

/// What taking a release back does.
#[derive(Debug)]
pub struct Rollback {
    /// How far the release is that takes it back.
    pub progress: Progress,
    /// Devices that run the release; they go back.
    pub done: i64,
    /// Devices in the middle of the update; they go back after its outcome.
    pub in_the_middle: i64,
    /// Devices that it had not reached; they stay with what they have, or get what the group goes back to.
    pub not_started: i64,
}

/// Takes the current release of a group back to the last good one.
///
/// # Errors
/// [`DomainError::NotFound`] for an unknown group; a conflict when there is nothing to go back to.
pub async fn take_back(
    context: &Context,
    scope: &Scope<Product>,
    name: &str,
    reason: Option<String>,
) -> Result<Rollback> {
    let reason = checked(reason)?;
    let now = context.now();
    let mut w = context.db.write().await?;
    let (group, release, rollout) = current(&mut w, scope, name).await?;
    let all = devices::count_in_group(&mut w, group.id).await?;
    let done = devices::count_running(&mut w, group.id, &release.uuid).await?;
    let in_the_middle = inflight::count(&mut w, group.id, false).await?
        + inflight::count(&mut w, group.id, true).await?;
    if rollout.row.is_none() {
        begin_plain(&mut w, release.id, now).await?;
    }
    let by = Some(scope.person().id);
    let made = rollback::take_back(&mut w, &group, &release, by, now).await?;
    let (number, version) = made.map_err(|r| DomainError::Conflict(r.sentence()))?;
    let state = RolloutState::Aborted;
    rollouts::set_state(&mut w, release.id, state, reason.as_deref(), now).await?;
    let verb = format!("took back (by release {number}, version {version})");
    let about = (&group, &release);
    tell(&mut w, scope, about, &verb, reason.as_deref(), now).await?;
    w.commit().await?;
    context.wake_group(Some(group.id));
    Ok(Rollback {
        progress: progress(&context.db, scope, name).await?,
        done,
        in_the_middle,
        not_started: (all - done - in_the_middle).max(0),
    })
}

/// Tries the devices again on which the current release failed: they rest no more, and failures count anew. A release that stopped
/// by itself goes on. How many devices.
///
/// # Errors
/// [`DomainError::NotFound`] for an unknown group; a conflict when the rollout was paused or aborted.
pub async fn retry_failed(
    context: &Context,
    scope: &Scope<Product>,
    name: &str,
    reason: Option<String>,
) -> Result<(u64, Progress)> {
    let reason = checked(reason)?;
    let now = context.now();
    let mut w = context.db.write().await?;
    let (group, release, rollout) = current(&mut w, scope, name).await?;
    if let state @ (RolloutState::Paused | RolloutState::Aborted) = rollout.state() {
        return Err(not_now(state.word()));
    }
    if rollout.row.is_none() {
        begin_plain(&mut w, release.id, now).await?;
    }
    let retried = rollouts::retry_failed(&mut w, release.id).await?;
    rollouts::count_failures_anew(&mut w, release.id, now).await?;
    if rollout.state() == RolloutState::Stopped {
        let (to, why) = (RolloutState::Running, reason.as_deref());
        rollouts::set_state(&mut w, release.id, to, why, now).await?;
    }
    let verb = format!("tried {retried} failed devices again with");
    let about = (&group, &release);
    tell(&mut w, scope, about, &verb, reason.as_deref(), now).await?;
    w.commit().await?;
    context.wake_group(Some(group.id));
    Ok((retried, progress(&context.db, scope, name).await?))
}

async fn tell(
    w: &mut Write,
    scope: &Scope<Product>,
    (group, release): (&GroupRow, &ReleaseRow),
    verb: &str,
    reason: Option<&str>,
    now: Micros,
) -> store::Result<()> {
    let because = reason.map_or(String::new(), |r| format!(": {r}"));
    let text = format!(
        "User {} {verb} release {} of deployment group {}{because}",
        scope.person().name,
        release.number,
        group.name
    );
    audit::in_product(w, scope, Resource::Group(group.id), &text, now).await
}
