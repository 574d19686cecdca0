//! What a release would do, before it is made. Beyond NervesHub.

use super::fields::{DRY_RUN, PREVIEW, changes};
use crate::access::scope::{Product, Scope};
use crate::api::http::answer::Data;
use crate::api::http::contract::{Auth, Contract};
use crate::api::http::error::Result;
use crate::api::http::extract::Name;
use crate::api::http::params::Params;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::clock::Micros;
use crate::domain::deployments::forecast::{
    self, Forecast, ForecastReport, Proposal, StepForecast,
};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// What a release would do.
#[derive(Serialize, JsonSchema)]
struct ForecastView {
    /// The firmware.
    firmware: ForecastFirmware,
    /// Devices that it is about: those of the group, or those that the given conditions take.
    devices: i64,
    /// Those that run the firmware.
    already: i64,
    /// Those that do not get it, by the rule that keeps them from it (as `why` of a device names it).
    kept_out: Vec<KeptOut>,
    /// Those that get it, but not at once, by the rule that they wait for.
    not_now: Vec<NotNow>,
    /// The steps in order, from the present one on.
    steps: Vec<StepForecastView>,
    /// What all steps send.
    bytes: i64,
    /// Where conditions are given: how many of the devices are in which group; null stands for none.
    by_group: Vec<GroupCount>,
    /// What to know before the release is made.
    warnings: Vec<String>,
}

/// A firmware.
#[derive(Serialize, JsonSchema)]
struct ForecastFirmware {
    uuid: String,
    version: String,
}

/// Devices that do not get a release.
#[derive(Serialize, JsonSchema)]
struct KeptOut {
    /// `updates_enabled`, `fwup_is_new_enough`, `release_tags` or `network_interface`.
    rule: &'static str,
    /// How many.
    count: i64,
    /// Up to five of them.
    devices: Vec<String>,
}

/// Devices that do not get a release at once.
#[derive(Serialize, JsonSchema)]
struct NotNow {
    /// `connected`, `firmware_validated`, `not_blocked` or `nothing_in_flight`.
    rule: &'static str,
    /// How many.
    count: i64,
}

/// What a step would do.
#[derive(Serialize, JsonSchema)]
struct StepForecastView {
    /// Its name.
    name: String,
    /// `devices` or `approval_required`.
    r#type: &'static str,
    /// Devices that it updates.
    devices: i64,
    /// How many of them could be told at once.
    ready: i64,
    /// Updates in flight at once at most, but for those of the priority queue; null for a step that waits for people.
    concurrent_updates: Option<i64>,
    /// How many get a delta; the others get the whole file.
    deltas: i64,
    /// What it sends.
    bytes: i64,
    /// When it begins at the earliest, `2026-08-22T08:33:49Z`. People and devices that it waits for are not counted.
    begins_at: String,
    /// When all is sent at the earliest.
    sent_at: String,
    /// What the next step waits for then.
    then: Vec<String>,
    /// Up to five of the devices. Which are in a share is drawn when the release is made.
    sample: Vec<String>,
}

/// Devices in a group.
#[derive(Serialize, JsonSchema)]
struct GroupCount {
    /// Its name; null for none.
    name: Option<String>,
    /// How many.
    count: i64,
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::DeploymentGroups);
    contract
        .post(
            "deployments.dry_run",
            "/orgs/{org}/products/{product}/deployments/{name}/dry_run",
            Auth::VIEW,
            dry_run,
        )
        .summary("What the current release has left to do, or what another one would do; changes nothing")
        .description("Without fields it is about the current release as it goes on. With any of them it is about a new release, with these settings in place of the group's. With `conditions` it is about the devices that these take, whichever group they are in.")
        .body_fields(DRY_RUN);
    contract
        .post(
            "deployments.preview",
            "/orgs/{org}/products/{product}/deployment_preview",
            Auth::VIEW,
            preview,
        )
        .summary("What a group with these conditions would do; makes nothing")
        .body_fields(PREVIEW);
}

fn proposal(p: &Params) -> Result<Proposal> {
    let known = |name: &str| PREVIEW.iter().any(|f| f.0 == name);
    let given = p.0.iter().filter(|(name, _)| known(name));
    let given: Map<String, Value> = given.map(|(k, v)| (k.clone(), v.clone())).collect();
    Ok(Proposal {
        firmware: p.string("firmware"),
        changes: changes(&given)?,
        as_it_is: given.is_empty(),
    })
}

/// `POST /deployments/:name/dry_run`.
async fn dry_run(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(name): Name,
    p: Params,
) -> Result<Data<ForecastView>> {
    let found = forecast::dry_run(&app.db, &scope, &name, proposal(&p)?).await?;
    Ok(Data(view(found)))
}

/// `POST /deployment_preview`.
async fn preview(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result<Data<ForecastView>> {
    let found = forecast::preview(&app.db, &scope, proposal(&p)?).await?;
    Ok(Data(view(found)))
}

fn view(report: ForecastReport) -> ForecastView {
    let Forecast {
        devices,
        already,
        kept_out,
        not_now,
        steps,
        warnings,
    } = report.forecast;
    let (uuid, version) = report.firmware;
    let by_group = report.by_group.into_iter();
    ForecastView {
        firmware: ForecastFirmware { uuid, version },
        devices,
        already,
        kept_out: kept_out
            .into_iter()
            .map(|(rule, found)| KeptOut {
                rule,
                count: found.devices,
                devices: found.sample,
            })
            .collect(),
        not_now: not_now
            .into_iter()
            .map(|(rule, count)| NotNow { rule, count })
            .collect(),
        bytes: steps.iter().map(|s| s.bytes).sum(),
        steps: steps.into_iter().map(step_view).collect(),
        by_group: by_group
            .map(|(name, count)| GroupCount { name, count })
            .collect(),
        warnings,
    }
}

fn step_view(step: StepForecast) -> StepForecastView {
    StepForecastView {
        name: step.name,
        r#type: if step.approvals.is_some() {
            "approval_required"
        } else {
            "devices"
        },
        devices: step.count.devices,
        ready: step.ready,
        concurrent_updates: step.concurrent_updates,
        deltas: step.deltas,
        bytes: step.bytes,
        begins_at: Micros::zulu(step.begins_at),
        sent_at: Micros::zulu(step.sent_at),
        then: step.then,
        sample: step.count.sample,
    }
}
