//! Actions on many devices that are carried out. Beyond NervesHub.

use super::bulk::{JobNumber, ReasonCount, counts};
use super::job_results;
use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::{Accepted, Data};
use crate::api::http::contract::{Auth, Contract};
use crate::api::http::error::Result;
use crate::api::http::extract::Word;
use crate::api::http::page::{Page, Paging};
use crate::api::http::params::Params;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::clock::Micros;
use crate::domain::devices::jobs::{self, Job};
use crate::segment::segment;
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
    /// Devices that it has left as they are, for a reason, and those that gave no answer to the script.
    failed: i64,
    /// Of them, those that were left as they are.
    refused: i64,
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
    /// Name of the script that it runs.
    script: Option<String>,
    /// The path of what it came to at each device, as CSV.
    results: String,
}

/// The same, with why devices were left as they are.
#[derive(Serialize, JsonSchema)]
struct JobDetail {
    #[serde(flatten)]
    job: JobView,
    /// The text of the script as it was confirmed, which is what the job runs.
    script_text: Option<String>,
    /// The most frequent reasons.
    errors: Vec<ReasonCount>,
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
    job_results::routes(contract);
    contract
        .post(
            "jobs.cancel",
            "/orgs/{org}/products/{product}/jobs/{job}/cancel",
            Auth::VIEW,
            cancel,
        )
        .summary("End one; what it has done stays done")
        .description(
            "It takes the role `manage`, but for those who end a script that they run themselves. \
             Devices that run a script at that moment are heard until their time is over.",
        )
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

fn view(scope: &Scope<Product>, job: Job) -> JobView {
    let at = scope.product();
    let (org, product) = (segment(&at.org.name), segment(&at.name));
    JobView {
        results: format!(
            "/api/orgs/{org}/products/{product}/jobs/{}/results.csv",
            job.id
        ),
        script: job.script.map(|(name, _)| name),
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
        failed: job.refused + job.failed,
        refused: job.refused,
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
    let all = all.into_iter().map(|job| view(&scope, job)).collect();
    Ok(at.page(all, total))
}

/// `GET …/jobs/:job`.
async fn show(State(app): State<App>, scope: Scope<Product>, job: Word) -> Result<Data<JobDetail>> {
    let (job, reasons) = jobs::show(&app.db, &scope, job.number()?).await?;
    Ok(Data(JobDetail {
        script_text: job.script.as_ref().map(|(_, text)| text.clone()),
        job: view(&scope, job),
        errors: counts(reasons),
    }))
}

/// `POST …/jobs/:job/cancel`.
async fn cancel(State(app): State<App>, scope: Scope<Product>, job: Word) -> Result<Data<JobView>> {
    let job = jobs::cancel(&app, &scope, job.number()?).await?;
    Ok(Data(view(&scope, job)))
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
