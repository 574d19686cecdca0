//! The metrics of a device over time, for charts. Beyond NervesHub.

use crate::access::scope::{Product, Scope};
use crate::api::http::answer::Data;
use crate::api::http::contract::{Auth, Contract, Field, FieldType, optional_field};
use crate::api::http::error::Result;
use crate::api::http::extract::Name;
use crate::api::http::params::{Params, words};
use crate::api::http::span::{SPAN, span};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::devices::metrics;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Metrics over time.
#[derive(Serialize, JsonSchema)]
struct MetricSeries {
    /// Where each point begins, in seconds since 1970.
    t: Vec<f64>,
    /// The average of each metric in each point; null where no report has it.
    series: BTreeMap<String, Vec<Option<f64>>>,
    /// In how many reports of each point each alarm was set, 64 alarms at most.
    alarms: BTreeMap<String, Vec<u32>>,
}

const KEYS: Field = optional_field(
    "keys",
    FieldType::Text,
    "Names with commas, 64 at most; all unless told",
);

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Devices);
    contract
        .get(
            "metrics.series",
            "/orgs/{org}/products/{product}/devices/{device}/metrics",
            Auth::VIEW,
            series,
        )
        .summary("Metrics of the health reports over time, averaged into points")
        .query(&[&[KEYS], &SPAN[..]].concat());
    contract
        .get(
            "metrics.keys",
            "/orgs/{org}/products/{product}/devices/{device}/metrics/keys",
            Auth::VIEW,
            keys,
        )
        .summary("The names of the metrics in the newest health reports");
}

/// `GET …/devices/:device/metrics`.
async fn series(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result<Data<MetricSeries>> {
    let span = span(&p, app.now())?;
    let keys = words(&p, "keys");
    let found = metrics::metrics(&app.db, &scope, &d, span, keys.as_deref()).await?;
    let times = found.times.iter();
    Ok(Data(MetricSeries {
        t: times.map(|at| at.0 as f64 / 1e6).collect(),
        series: found.series,
        alarms: found.alarms,
    }))
}

/// `GET …/devices/:device/metrics/keys`.
async fn keys(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
) -> Result<Data<Vec<String>>> {
    Ok(Data(metrics::keys(&app.db, &scope, &d).await?))
}
