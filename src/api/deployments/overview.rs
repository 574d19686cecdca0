//! What people look at while a release goes on: updates in flight, failures, deltas. Beyond NervesHub.

use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::Data;
use crate::api::http::contract::{Auth, Contract, FieldType, optional_field};
use crate::api::http::error::Result;
use crate::api::http::extract::Name;
use crate::api::http::params::Params;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::clock::Micros;
use crate::domain::deployments::overview::{self, BY};
use crate::domain::error::{INVALID, field};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

/// An update in flight.
#[derive(Serialize, JsonSchema)]
struct InFlightView {
    /// Identifier of the device.
    device: String,
    /// `requested` until the device says more.
    stage: String,
    /// How far that stage is, where the device tells.
    percent: Option<i64>,
    /// `full` or `delta`.
    kind: String,
    /// When the device was chosen, `2026-08-22T08:33:49Z`.
    since: String,
    /// When it was told; null until then.
    told_at: Option<String>,
}

/// Failed attempts that have something in common.
#[derive(Serialize, JsonSchema)]
struct FailureView {
    /// The reason, stage or version; empty where none was told.
    value: String,
    /// How many devices.
    count: i64,
    /// Up to five of them.
    devices: Vec<String>,
    /// When the first of them failed, `2026-08-22T08:33:49Z`.
    first: String,
    /// When the last one did.
    last: String,
}

/// A delta to the firmware of the current release.
#[derive(Serialize, JsonSchema)]
struct DeltaView {
    /// The firmware that it is from.
    from_uuid: String,
    /// Its version.
    from_version: String,
    /// `processing`, `completed`, `failed` or `timed_out`. One that was withdrawn has failed.
    status: &'static str,
    /// Bytes of the delta, once it is made.
    size: Option<i64>,
    /// Bytes that it saves each device.
    saved: Option<i64>,
    /// Why there is none.
    error: Option<String>,
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::DeploymentGroups);
    contract
        .get(
            "deployments.inflight",
            "/orgs/{org}/products/{product}/deployments/{name}/inflight",
            Auth::VIEW,
            in_flight,
        )
        .summary("The updates in flight, oldest first; a thousand at most");
    contract
        .get(
            "deployments.failures",
            "/orgs/{org}/products/{product}/deployments/{name}/failures",
            Auth::VIEW,
            failures,
        )
        .summary(
            "What the failed attempts of the current release have in common, most devices first",
        )
        .query(&[
            optional_field(
                "by",
                FieldType::Words(&BY),
                "What they are grouped by; `reason` unless told",
            ),
            optional_field(
                "release",
                FieldType::Number,
                "Of which release; the current one unless told",
            ),
        ]);
    contract
        .get(
            "deployments.deltas",
            "/orgs/{org}/products/{product}/deployments/{name}/deltas",
            Auth::VIEW,
            deltas,
        )
        .summary("The deltas to the firmware of the current release");
    contract
        .post(
            "deployments.retry_deltas",
            "/orgs/{org}/products/{product}/deployments/{name}/deltas/retry",
            Auth::MANAGE,
            retry_deltas,
        )
        .summary("Make deltas again that could not be made, timed out or were withdrawn; devices wait for them as for new ones")
        .body_fields(&[optional_field(
            "from",
            FieldType::Text,
            "uuid of the firmware that the delta is from; all unless told",
        )]);
}

/// `GET /deployments/:name/inflight`.
async fn in_flight(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(name): Name,
) -> Result<Data<Vec<InFlightView>>> {
    let all = overview::in_flight(&app.db, &scope, &name).await?;
    let view = all.into_iter().map(|u| InFlightView {
        device: u.identifier,
        stage: u.stage,
        percent: u.percent,
        kind: u.kind.word().into(),
        since: u.since.zulu(),
        told_at: u.told_at.map(Micros::zulu),
    });
    Ok(Data(view.collect()))
}

/// `GET /deployments/:name/failures`.
async fn failures(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(name): Name,
    p: Params,
) -> Result<Data<Vec<FailureView>>> {
    let by = p.text("by").unwrap_or("reason");
    let number = match p.text("release") {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| field("release", INVALID))?),
    };
    let all = overview::failures(&app.db, &scope, &name, by, number).await?;
    let view = all.into_iter().map(|f| FailureView {
        value: f.common.value,
        count: f.common.devices,
        devices: f.sample,
        first: f.common.first.zulu(),
        last: f.common.last.zulu(),
    });
    Ok(Data(view.collect()))
}

/// `GET /deployments/:name/deltas`.
async fn deltas(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(name): Name,
) -> Result<Data<Vec<DeltaView>>> {
    let all = overview::list_deltas(&app.db, &scope, &name).await?;
    let view = all.into_iter().map(|d| DeltaView {
        from_uuid: d.from_uuid,
        from_version: d.from_version,
        status: d.status.word(),
        size: d.size,
        saved: d.size.map(|size| d.full_size - size),
        error: d.reason,
    });
    Ok(Data(view.collect()))
}

/// Deltas that are made again.
#[derive(Serialize, JsonSchema)]
struct RetriedDeltas {
    /// How many.
    deltas: u64,
}

/// `POST /deployments/:name/deltas/retry`.
async fn retry_deltas(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(name): Name,
    p: Params,
) -> Result<Data<RetriedDeltas>> {
    let scope = scope.allow(Role::Manage)?;
    let deltas = overview::retry_deltas(&app, &scope, &name, p.text("from")).await?;
    Ok(Data(RetriedDeltas { deltas }))
}
