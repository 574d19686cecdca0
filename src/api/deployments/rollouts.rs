//! How far a release is, and what people do to it. Beyond NervesHub.

use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::Data;
use crate::api::http::contract::{Auth, Contract, Field, FieldType, optional_field, required};
use crate::api::http::error::{Error, Result};
use crate::api::http::extract::Name;
use crate::api::http::params::Params;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::clock::Micros;
use crate::domain::deployments::rollouts::{self, Progress, Steering, StepKind, StepProgress};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

/// How far the current release of a deployment group is.
#[derive(Serialize, JsonSchema)]
struct RolloutView {
    /// The number of the release.
    release: i64,
    /// `running`, `paused`, `stopped` (by itself) or `aborted`.
    state: &'static str,
    /// What it does or waits for, for people.
    sentence: String,
    /// The number of the release that it takes back.
    takes_back: Option<i64>,
    /// `preparing` while devices wait for deltas, `deltas_failed` when none could be made or all were withdrawn (they get the whole file), else `ready`.
    status: &'static str,
    /// When the state changed last.
    changed_at: Option<String>,
    /// Devices in the group.
    devices: i64,
    /// Those that run the release.
    updated: i64,
    /// The steps in order.
    steps: Vec<StepView>,
}

/// A step of a rollout.
#[derive(Serialize, JsonSchema)]
struct StepView {
    /// Its name.
    name: String,
    /// `devices` or `approval_required`.
    r#type: &'static str,
    /// `done`, `current` or `ahead`.
    state: &'static str,
    /// Since when it is the current one.
    since: Option<String>,
    /// At most so many devices.
    limit: Option<i64>,
    /// Devices with an update in flight or an attempt.
    touched: i64,
    /// Updates in flight.
    in_flight: i64,
    /// Devices that run the release.
    installed: i64,
    /// Devices that marked it as good, or do not tell.
    validated: i64,
    /// Devices that failed and do not run it.
    failed: i64,
    /// With more failed devices than this the release stops.
    tolerated_failures: Option<i64>,
    /// People who approved it.
    approvals: i64,
    /// People it takes.
    approvals_needed: Option<i64>,
}

fn step_view(s: &StepProgress) -> StepView {
    let (own, people) = match &s.kind {
        StepKind::Devices(own) => (Some(own), None),
        StepKind::Approval(people) => (None, Some(*people)),
    };
    StepView {
        name: s.name.clone(),
        r#type: if people.is_some() {
            "approval_required"
        } else {
            "devices"
        },
        state: s.state,
        since: s.since.map(Micros::zulu),
        limit: own.and_then(|o| o.match_limit),
        touched: s.counts.touched,
        in_flight: s.counts.in_flight,
        installed: s.counts.installed,
        validated: s.counts.validated,
        failed: s.counts.failed,
        tolerated_failures: own.and_then(|o| o.tolerated_failures),
        approvals: s.counts.approvals,
        approvals_needed: people,
    }
}

fn view(p: &Progress) -> RolloutView {
    RolloutView {
        release: p.release,
        state: p.state.word(),
        sentence: p.sentence.clone(),
        takes_back: p.takes_back,
        status: p.status.word(),
        changed_at: p.changed_at.map(Micros::zulu),
        devices: p.devices.0,
        updated: p.devices.1,
        steps: p.steps.iter().map(step_view).collect(),
    }
}

/// A mistake in a workflow.
#[derive(Serialize, JsonSchema)]
struct WorkflowMistake {
    /// Where, such as `steps[0].matching_conditions.match_limit`.
    path: String,
    /// What is wrong and what is expected.
    message: String,
}

const WHY: &[Field] = &[optional_field(
    "reason",
    FieldType::Text,
    "Why, for the audit log; at most 500 characters",
)];

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::DeploymentGroups);
    contract
        .get(
            "deployments.progress",
            "/orgs/{org}/products/{product}/deployments/{name}/progress",
            Auth::VIEW,
            progress,
        )
        .summary("How far the current release is");
    contract
        .post(
            "deployments.pause",
            "/orgs/{org}/products/{product}/deployments/{name}/pause",
            Auth::MANAGE,
            pause,
        )
        .summary("Pause the current release: nobody more is told")
        .body_fields(WHY)
        .error(409, "It does not run");
    contract
        .post(
            "deployments.resume",
            "/orgs/{org}/products/{product}/deployments/{name}/resume",
            Auth::MANAGE,
            resume,
        )
        .summary("Go on with a release that was paused or stopped by itself")
        .body_fields(WHY)
        .error(409, "It runs, or was aborted");
    contract
        .post(
            "deployments.abort",
            "/orgs/{org}/products/{product}/deployments/{name}/abort",
            Auth::MANAGE,
            abort,
        )
        .summary("End the current release for good; devices that were told finish")
        .body_fields(WHY)
        .error(409, "It was aborted already");
    contract
        .post(
            "deployments.approve",
            "/orgs/{org}/products/{product}/deployments/{name}/approve",
            Auth::MANAGE,
            approve,
        )
        .summary("Approve the step that waits for it; each person counts once")
        .body_fields(WHY)
        .error(
            409,
            "The present step waits for nobody, or this person approved it",
        );
    contract
        .post(
            "deployments.rollback",
            "/orgs/{org}/products/{product}/deployments/{name}/rollback",
            Auth::MANAGE,
            rollback,
        )
        .summary(
            "Take the current release back: a new release brings what the last good one brought",
        )
        .body_fields(WHY)
        .error(
            409,
            "There is no earlier release to go back to, or it is below the group's minimum_version",
        );
    contract
        .post(
            "deployments.retry_failed",
            "/orgs/{org}/products/{product}/deployments/{name}/retry_failed",
            Auth::MANAGE,
            retry_failed,
        )
        .summary("Try the devices again on which the current release failed; failures count anew")
        .body_fields(WHY)
        .error(409, "It was paused or aborted");
    contract
        .post(
            "workflows.check",
            "/orgs/{org}/products/{product}/workflows/check",
            Auth::VIEW,
            check,
        )
        .summary("The mistakes of a workflow, by their paths")
        .body_fields(&[required("workflow", FieldType::Map, "The workflow")]);
}

/// `GET /deployments/:name/progress`.
async fn progress(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(name): Name,
) -> Result<Data<RolloutView>> {
    let found = rollouts::progress(&app.db, &scope, &name).await?;
    Ok(Data(view(&found)))
}

async fn steer(
    app: &App,
    scope: &Scope<Product>,
    name: &str,
    steering: Steering,
    p: &Params,
) -> Result<Data<RolloutView>> {
    let done = rollouts::steer(app, scope, name, steering, p.string("reason")).await?;
    Ok(Data(view(&done)))
}

/// `POST /deployments/:name/pause`.
async fn pause(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(name): Name,
    p: Params,
) -> Result<Data<RolloutView>> {
    let scope = scope.allow(Role::Manage)?;
    steer(&app, &scope, &name, Steering::Pause, &p).await
}

/// `POST /deployments/:name/resume`.
async fn resume(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(name): Name,
    p: Params,
) -> Result<Data<RolloutView>> {
    let scope = scope.allow(Role::Manage)?;
    steer(&app, &scope, &name, Steering::Resume, &p).await
}

/// `POST /deployments/:name/abort`.
async fn abort(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(name): Name,
    p: Params,
) -> Result<Data<RolloutView>> {
    let scope = scope.allow(Role::Manage)?;
    steer(&app, &scope, &name, Steering::Abort, &p).await
}

/// `POST /deployments/:name/approve`.
async fn approve(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(name): Name,
    p: Params,
) -> Result<Data<RolloutView>> {
    let scope = scope.allow(Role::Manage)?;
    let done = rollouts::approve(&app, &scope, &name, p.string("reason")).await?;
    Ok(Data(view(&done)))
}

/// What taking a release back does.
#[derive(Serialize, JsonSchema)]
struct RollbackView {
    /// The release that takes it back.
    rollout: RolloutView,
    /// Devices that run the release; they go back.
    done: i64,
    /// Devices in the middle of the update; they go back after its outcome.
    in_the_middle: i64,
    /// Devices that it had not reached.
    not_started: i64,
}

/// `POST /deployments/:name/rollback`.
async fn rollback(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(name): Name,
    p: Params,
) -> Result<Data<RollbackView>> {
    let scope = scope.allow(Role::Manage)?;
    let done = rollouts::take_back(&app, &scope, &name, p.string("reason")).await?;
    Ok(Data(RollbackView {
        rollout: view(&done.progress),
        done: done.done,
        in_the_middle: done.in_the_middle,
        not_started: done.not_started,
    }))
}

/// Devices that are tried again.
#[derive(Serialize, JsonSchema)]
struct RetryView {
    /// How many.
    devices: u64,
    /// How far the release is.
    rollout: RolloutView,
}

/// `POST /deployments/:name/retry_failed`.
async fn retry_failed(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(name): Name,
    p: Params,
) -> Result<Data<RetryView>> {
    let scope = scope.allow(Role::Manage)?;
    let reason = p.string("reason");
    let (devices, progress) = rollouts::retry_failed(&app, &scope, &name, reason).await?;
    Ok(Data(RetryView {
        devices,
        rollout: view(&progress),
    }))
}

/// `POST /workflows/check`: an empty list for one without mistakes.
async fn check(_scope: Scope<Product>, p: Params) -> Result<Data<Vec<WorkflowMistake>>> {
    let workflow = p.0.get("workflow").ok_or(Error::Malformed)?;
    let mistakes = rollouts::check_workflow(workflow).into_iter();
    let shown = mistakes.map(|m| WorkflowMistake {
        path: m.path,
        message: m.message,
    });
    Ok(Data(shown.collect()))
}
