//! A product at a glance, for whoever looks after its fleet. Beyond NervesHub.

use crate::access::scope::{Product, Scope};
use crate::api::http::answer::Data;
use crate::api::http::contract::{Auth, Contract};
use crate::api::http::error::Result;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::catalog::summary::{self, Attention, Counts, RolloutSummary, Summary};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// A product at a glance.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ProductSummary")]
pub(in crate::api) struct SummaryView {
    /// When it was counted, `2026-08-22T08:33:49Z`: at most five seconds ago, or ten times as long as it took.
    at: String,
    /// Devices of the product.
    devices: i64,
    /// Devices that are `connected`, `disconnected` and `not_seen`; of the disconnected, those that were not seen for seven and for
    /// fourteen days, as `unseen_7d` and `unseen_14d`.
    connection: BTreeMap<String, i64>,
    /// Devices by the status of their newest health report: `healthy`, `warning`, `unhealthy`, `unknown`.
    health: BTreeMap<String, i64>,
    /// Devices whose updates are `enabled`, `disabled`, or that rest (`penalty-box`).
    updates: BTreeMap<String, i64>,
    /// Devices with an update in flight.
    inflight: i64,
    /// The ten versions that most devices run; null for devices that never told.
    versions: Vec<VersionCount>,
    /// Releases that are not everywhere yet, of the largest groups first.
    rollouts: Vec<RolloutView>,
    /// What waits for a person, errors first.
    attention: Vec<AttentionView>,
}

/// How many devices run a version.
#[derive(Serialize, JsonSchema)]
struct VersionCount {
    /// Null for devices that never told.
    version: Option<String>,
    /// Devices.
    count: i64,
}

/// How far a release is.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RolloutSummary")]
struct RolloutView {
    /// The deployment group.
    group: String,
    /// The number of the release.
    release: i64,
    /// What it brings.
    version: String,
    /// `running`, `paused`, `stopped` or `aborted`.
    state: &'static str,
    /// Whether devices wait for deltas, as the group's `status`.
    status: &'static str,
    /// What it does or waits for.
    sentence: String,
    /// Devices in the group.
    devices: i64,
    /// Those that run the release.
    updated: i64,
    /// Updates in flight.
    in_flight: i64,
    /// Devices on which it failed.
    failed: i64,
    /// Its steps.
    steps: Vec<StepState>,
}

/// A step of a release.
#[derive(Serialize, JsonSchema)]
struct StepState {
    /// Its name.
    name: String,
    /// `done`, `current` or `ahead`.
    state: &'static str,
}

/// What waits for a person.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Attention")]
struct AttentionView {
    /// `rollout_stopped`, `approval`, `deltas_failed`, `failures`, `unhealthy` or `unseen`.
    kind: &'static str,
    /// `error` or `warning`.
    severity: &'static str,
    /// A sentence.
    title: String,
    /// The deployment group that it is about.
    group: Option<String>,
    /// How many devices it is about.
    count: Option<i64>,
    /// A device query that finds them.
    query: Option<String>,
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Products);
    contract
        .get(
            "products.summary",
            "/orgs/{org}/products/{product}/summary",
            Auth::VIEW,
            show,
        )
        .summary("How the fleet is, what rolls out, and what waits for a person");
}

pub(super) fn map(counts: &Counts) -> BTreeMap<String, i64> {
    let all = counts.iter().map(|(word, n)| ((*word).to_owned(), *n));
    all.collect()
}

fn rollout(r: &RolloutSummary) -> RolloutView {
    let steps = &r.progress.steps;
    RolloutView {
        group: r.group.clone(),
        release: r.progress.release,
        version: r.version.clone(),
        state: r.progress.state.word(),
        status: r.progress.status.word(),
        sentence: r.progress.sentence.clone(),
        devices: r.progress.devices.0,
        updated: r.progress.devices.1,
        in_flight: steps.iter().map(|s| s.counts.in_flight).sum(),
        failed: steps.iter().map(|s| s.counts.failed).sum(),
        steps: steps
            .iter()
            .map(|s| StepState {
                name: s.name.clone(),
                state: s.state,
            })
            .collect(),
    }
}

fn attention(a: &Attention) -> AttentionView {
    AttentionView {
        kind: a.kind,
        severity: a.severity,
        title: a.title.clone(),
        group: a.group.clone(),
        count: a.devices,
        query: a.query.clone(),
    }
}

impl SummaryView {
    pub(in crate::api) fn of(s: &Summary) -> Self {
        Self {
            at: s.at.zulu(),
            devices: s.devices,
            connection: map(&s.connection),
            health: map(&s.health),
            updates: map(&s.updates),
            inflight: s.updating,
            versions: s
                .versions
                .iter()
                .map(|v| VersionCount {
                    version: v.value.clone(),
                    count: v.devices,
                })
                .collect(),
            rollouts: s.rollouts.iter().map(rollout).collect(),
            attention: s.attention.iter().map(attention).collect(),
        }
    }
}

/// `GET …/summary`.
async fn show(State(app): State<App>, scope: Scope<Product>) -> Result<Data<SummaryView>> {
    let found = summary::summary(&app, &scope).await?;
    Ok(Data(SummaryView::of(&found)))
}
