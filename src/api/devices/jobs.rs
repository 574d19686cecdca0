//! Actions on many devices that are carried out. Beyond NervesHub.

use super::bulk::{JobNumber, ReasonCount, counts};
use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::{Accepted, Data};
use crate::api::http::contract::{Auth, Contract, FieldType, optional_field};
use crate::api::http::error::Result;
use crate::api::http::extract::Word;
use crate::api::http::page::{Page, Paging};
use crate::api::http::params::Params;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::clock::Micros;
use crate::domain::devices::jobs::{self, Job, JobDevice};
use crate::domain::error::field;
use crate::store::words::JobOutcome;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// An action on many devices.
#[derive(Serialize, JsonSchema)]
struct JobView {
    /// A number.
    id: i64,
    /// What is done.
    action: &'static str,
    /// What the action was given.
    args: Value,
    /// What the devices were found by; null when they were named.
    query: Option<String>,
    /// The job that this one undoes.
    undoes: Option<i64>,
    /// The job that undoes this one.
    undone_by: Option<i64>,
    /// `running`, `done`, `cancelled` or `failed`.
    state: &'static str,
    /// Why the server ended it.
    failure: Option<String>,
    /// Devices that it has come to and not left as they are: changed, or as they should be already.
    done: i64,
    /// Devices that it has changed.
    changed: i64,
    /// Devices that it has left as they are, for a reason.
    failed: i64,
    /// Devices in all.
    total: i64,
    /// `2026-08-22T08:33:49Z`.
    created_at: String,
    /// Email address of who started it.
    by: String,
    /// `2026-08-22T08:33:49Z`.
    finished_at: Option<String>,
    /// Until when it can be undone, `2026-08-22T08:33:49Z`; null when it cannot.
    undo_until: Option<String>,
}

/// The same, with why devices were left as they are.
#[derive(Serialize, JsonSchema)]
struct JobDetail {
    #[serde(flatten)]
    job: JobView,
    /// The most frequent reasons.
    errors: Vec<ReasonCount>,
}

/// What a job came to at a device.
#[derive(Serialize, JsonSchema)]
struct JobResult {
    /// Its identifier; null of a device that was destroyed.
    device: Option<String>,
    /// `changed`, `unchanged` or `refused`; null when the job has not come to it.
    outcome: Option<&'static str>,
    /// Why it was refused.
    reason: Option<String>,
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Jobs);
    contract
        .get(
            "jobs.list",
            "/orgs/{org}/products/{product}/jobs",
            Auth::VIEW,
            list,
        )
        .summary("Actions on many devices of the last 30 days, newest first");
    contract
        .get(
            "jobs.show",
            "/orgs/{org}/products/{product}/jobs/{job}",
            Auth::VIEW,
            show,
        )
        .summary("How far one is, and why devices were left as they are");
    contract
        .get(
            "jobs.results",
            "/orgs/{org}/products/{product}/jobs/{job}/results",
            Auth::VIEW,
            results,
        )
        .summary("What it came to at each device")
        .query(&[optional_field(
            "outcome",
            FieldType::Words(JobOutcome::WORDS),
            "Only these devices",
        )]);
    contract
        .post(
            "jobs.cancel",
            "/orgs/{org}/products/{product}/jobs/{job}/cancel",
            Auth::MANAGE,
            cancel,
        )
        .summary("End one; what it has done stays done")
        .error(409, "It has ended already");
    contract
        .post(
            "jobs.undo",
            "/orgs/{org}/products/{product}/jobs/{job}/undo",
            Auth::MANAGE,
            undo,
        )
        .summary("Put back what one has changed, by a job of its own: within ten minutes of its end, and where nothing has changed since")
        .error(
            409,
            "It still runs, its action cannot be undone, it is too late, or it is undone already",
        );
}

fn view(job: Job) -> JobView {
    JobView {
        id: job.id,
        action: job.action,
        args: serde_json::from_str(&job.args).unwrap_or_default(),
        query: job.query,
        undoes: job.undoes,
        undone_by: job.undone_by,
        state: job.state.word(),
        failure: job.failure,
        done: job.changed + job.unchanged,
        changed: job.changed,
        failed: job.refused,
        total: job.total,
        created_at: job.created_at.zulu(),
        by: job.by,
        finished_at: job.finished_at.map(Micros::zulu),
        undo_until: job.undo_until.map(Micros::zulu),
    }
}

/// `GET …/jobs`.
async fn list(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result<Page<JobView, 25>> {
    let at = Paging::of(&p)?;
    let (all, total) = jobs::list(&app.db, &scope, at.number, at.size).await?;
    Ok(at.page(all.into_iter().map(view).collect(), total))
}

/// `GET …/jobs/:job`.
async fn show(State(app): State<App>, scope: Scope<Product>, job: Word) -> Result<Data<JobDetail>> {
    let (job, reasons) = jobs::show(&app.db, &scope, job.number()?).await?;
    Ok(Data(JobDetail {
        job: view(job),
        errors: counts(reasons),
    }))
}

fn result(d: JobDevice) -> JobResult {
    JobResult {
        device: d.identifier,
        outcome: d.outcome.map(JobOutcome::word),
        reason: d.reason,
    }
}

/// `GET …/jobs/:job/results`.
async fn results(
    State(app): State<App>,
    scope: Scope<Product>,
    job: Word,
    p: Params,
) -> Result<Page<JobResult, 25>> {
    let at = Paging::of(&p)?;
    let wrong = || {
        field(
            "outcome",
            &format!("must be one of: {}", JobOutcome::WORDS.join(", ")),
        )
    };
    let outcome = p.text("outcome").filter(|t| !t.is_empty());
    let outcome = outcome.map(|word| JobOutcome::parse(word).ok_or_else(wrong));
    let (id, outcome) = (job.number()?, outcome.transpose()?);
    let (all, total) = jobs::results(&app.db, &scope, id, outcome, at.number, at.size).await?;
    Ok(at.page(all.into_iter().map(result).collect(), total))
}

/// `POST …/jobs/:job/cancel`.
async fn cancel(State(app): State<App>, scope: Scope<Product>, job: Word) -> Result<Data<JobView>> {
    let scope = scope.allow(Role::Manage)?;
    let job = jobs::cancel(&app, &scope, job.number()?).await?;
    Ok(Data(view(job)))
}

/// `POST …/jobs/:job/undo`.
async fn undo(
    State(app): State<App>,
    scope: Scope<Product>,
    job: Word,
) -> Result<Accepted<JobNumber>> {
    let scope = scope.allow(Role::Manage)?;
    let id = jobs::undo(&app, &scope, job.number()?).await?;
    Ok(Accepted(JobNumber { id }))
}
