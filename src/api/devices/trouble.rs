//! What went wrong in a span of time, over all devices of a product. Beyond NervesHub.

use crate::access::scope::{Product, Scope};
use crate::api::http::answer::Data;
use crate::api::http::contract::{Auth, Contract, FieldType, optional_field};
use crate::api::http::error::Result;
use crate::api::http::params::{Params, time};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::devices::trouble::{self, BY};
use crate::domain::error::{INVALID, field};
use crate::limits::{FLAPPING_HOURS, FLAPPING_LEAST, TROUBLE_UNTOLD};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

/// Failed attempts that have something in common.
#[derive(Serialize, JsonSchema)]
struct FailuresOverTime {
    /// What they have in common; empty where nothing was told.
    value: String,
    /// Attempts.
    attempts: i64,
    /// Devices.
    count: i64,
    /// Identifiers of some of them, the last that failed first.
    devices: Vec<String>,
    /// When the first of them ended, `2026-08-22T08:33:49Z`.
    first: String,
    /// When the last of them ended.
    last: String,
}

/// A device that lost its connection often.
#[derive(Serialize, JsonSchema)]
struct FlappingDevice {
    /// Its identifier.
    device: String,
    /// How many of its connections ended.
    connections: i64,
    /// When the last of them ended, `2026-08-22T08:33:49Z`.
    last: String,
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Devices);
    contract
        .get(
            "devices.failures",
            "/orgs/{org}/products/{product}/failures",
            Auth::VIEW,
            failures,
        )
        .summary("What updates that failed in a span of time have in common, most devices first")
        .query(&[
            optional_field(
                "by",
                FieldType::Words(&BY),
                "What they are grouped by: `version` is the one that devices ran, `target` the one that they were to run; \
                 `reason` unless told",
            ),
            optional_field(
                "from",
                FieldType::Text,
                "`2026-08-22T08:33:49Z`; 7 days before the end unless told, 92 at most",
            ),
            optional_field("to", FieldType::Text, "Now unless told"),
        ]);
    contract
        .get(
            "devices.flapping",
            "/orgs/{org}/products/{product}/flapping",
            Auth::VIEW,
            flapping,
        )
        .summary("Devices that lost their connections often, a hundred at most")
        .query(&[
            optional_field("hours", FieldType::Number, "How far back; 24 unless told"),
            optional_field(
                "least",
                FieldType::Number,
                "How many connections ended at least; 5 unless told",
            ),
        ]);
}

/// `GET …/products/:product/failures`.
async fn failures(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result<Data<Vec<FailuresOverTime>>> {
    let to = time(&p, "to")?.unwrap_or_else(|| app.now());
    let from = time(&p, "from")?.unwrap_or_else(|| to.before(TROUBLE_UNTOLD));
    let by = p.text("by").unwrap_or("reason");
    let all = trouble::failures(&app, &scope, by, (from, to)).await?;
    let view = all.into_iter().map(|f| FailuresOverTime {
        value: f.common.value,
        attempts: f.common.attempts,
        count: f.common.devices,
        devices: f.sample,
        first: f.common.first.zulu(),
        last: f.common.last.zulu(),
    });
    Ok(Data(view.collect()))
}

/// `GET …/products/:product/flapping`.
async fn flapping(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result<Data<Vec<FlappingDevice>>> {
    let (hours, least) = (
        number(&p, "hours", FLAPPING_HOURS)?,
        number(&p, "least", FLAPPING_LEAST)?,
    );
    let all = trouble::flapping(&app, &scope, hours, least).await?;
    let view = all.into_iter().map(|d| FlappingDevice {
        device: d.identifier,
        connections: d.connections,
        last: d.last.zulu(),
    });
    Ok(Data(view.collect()))
}

fn number<N: std::str::FromStr>(p: &Params, name: &str, untold: N) -> Result<N> {
    match p.text(name) {
        None => Ok(untold),
        Some(text) => Ok(text.parse().map_err(|_| field(name, INVALID))?),
    }
}
