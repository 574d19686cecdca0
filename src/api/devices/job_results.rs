//! What jobs came to at their devices, in pages and as a file.

use crate::access::scope::{Product, Scope};
use crate::api::http::answer::{Documented, attachment, text_schema};
use crate::api::http::contract::{Auth, Contract, Field, FieldType, optional_field};
use crate::api::http::error::Result;
use crate::api::http::extract::Word;
use crate::api::http::operation::Operation;
use crate::api::http::page::{Page, Paging};
use crate::api::http::params::Params;
use crate::app::App;
use crate::domain::devices::csv_cells::harmless;
use crate::domain::devices::jobs::{self, JobDevice, ResultBatch};
use crate::domain::{self, error::field};
use crate::limits::JOB_RESULT_PAGE;
use crate::store::words::JobOutcome;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use schemars::JsonSchema;
use serde::Serialize;

/// What a job came to at a device.
#[derive(Serialize, JsonSchema)]
struct JobResult {
    /// Its identifier; null of a device that was destroyed.
    device: Option<String>,
    /// `changed` (of a script: it answered), `unchanged`, `refused`, or `failed` (it gave no answer to the script); null when the job has
    /// not come to it, or waits for its answer.
    outcome: Option<&'static str>,
    /// Why it was refused or has failed.
    reason: Option<String>,
    /// What the script printed and returned, at most 16,384 bytes of it.
    output: Option<String>,
    /// Whether it was more than that, or than the 32 MiB that a job keeps of all devices.
    output_cut: bool,
}

/// What results can be narrowed by.
const OUTCOME: &[Field] = &[optional_field(
    "outcome",
    FieldType::Words(JobOutcome::WORDS),
    "Only these devices",
)];

pub(super) fn routes(contract: &mut Contract) {
    contract
        .get(
            "jobs.results",
            "/orgs/{org}/products/{product}/jobs/{job}/results",
            Auth::VIEW,
            results,
        )
        .summary("What it came to at each device")
        .query(OUTCOME);
    contract
        .get(
            "jobs.results_csv",
            "/orgs/{org}/products/{product}/jobs/{job}/results.csv",
            Auth::VIEW,
            results_csv,
        )
        .summary("The same as CSV, streamed: `identifier,outcome,reason,output`")
        .query(OUTCOME);
}

fn result(d: JobDevice) -> JobResult {
    JobResult {
        device: d.identifier,
        outcome: d.outcome.map(JobOutcome::word),
        reason: d.reason,
        output: d.output,
        output_cut: d.output_cut,
    }
}

/// The outcome that results are narrowed to.
fn outcome_of(p: &Params) -> domain::Result<Option<JobOutcome>> {
    let wrong = || format!("must be one of: {}", JobOutcome::WORDS.join(", "));
    let word = p.text("outcome").filter(|t| !t.is_empty());
    word.map(|word| JobOutcome::parse(word).ok_or_else(|| field("outcome", &wrong())))
        .transpose()
}

/// `GET …/jobs/:job/results`.
async fn results(
    State(app): State<App>,
    scope: Scope<Product>,
    job: Word,
    p: Params,
) -> Result<Page<JobResult, 25>> {
    // The outputs of a page are in memory.
    let at = Paging::of(&p)?.at_most(JOB_RESULT_PAGE);
    let (id, outcome) = (job.number()?, outcome_of(&p)?);
    let (all, total) = jobs::results(&app.db, &scope, id, outcome, at.number, at.size).await?;
    Ok(at.page(all.into_iter().map(result).collect(), total))
}

/// `GET …/jobs/:job/results.csv`: streamed.
async fn results_csv(
    State(app): State<App>,
    scope: Scope<Product>,
    job: Word,
    p: Params,
) -> Result<ResultCsv> {
    let (id, outcome) = (job.number()?, outcome_of(&p)?);
    let first = jobs::results_behind(&app.db, &scope, id, outcome, None).await?;
    let begun = (true, Some(first), app, scope);
    let body = stream::try_unfold(begun, move |(begins, ready, app, scope)| async move {
        let Some(ResultBatch { devices, next }) = ready else {
            return Ok::<_, std::io::Error>(None);
        };
        let text = lines(begins, &devices)?;
        let more = match next {
            Some(_) => {
                let more = jobs::results_behind(&app.db, &scope, id, outcome, next).await;
                Some(more.map_err(std::io::Error::other)?)
            }
            None => None,
        };
        Ok(Some((text, (false, more, app, scope))))
    });
    Ok(ResultCsv(Body::from_stream(body)))
}

/// Devices of a job as lines of CSV, behind the head at the beginning of the file.
fn lines(begins: bool, devices: &[JobDevice]) -> std::io::Result<Vec<u8>> {
    let mut out = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    if begins {
        out.write_record(["identifier", "outcome", "reason", "output"])?;
    }
    for d in devices {
        out.write_record([
            &*harmless(d.identifier.as_deref().unwrap_or_default()),
            d.outcome.map_or("", JobOutcome::word),
            &*harmless(d.reason.as_deref().unwrap_or_default()),
            &*harmless(d.output.as_deref().unwrap_or_default()),
        ])?;
    }
    out.into_inner()
        .map_err(|e| std::io::Error::other(e.to_string()))
}

/// What a job came to, as a file.
struct ResultCsv(Body);

impl IntoResponse for ResultCsv {
    fn into_response(self) -> Response {
        let name = "attachment; filename=\"job-results.csv\"";
        attachment("text/csv; charset=utf-8", name, self.0)
    }
}

impl Documented for ResultCsv {
    fn document(operation: &mut Operation<'_>) {
        let kinds = [("text/csv", text_schema())];
        operation.answers_with(StatusCode::OK, "A line a device", &kinds);
    }
}
