//! The metrics of a device over time, for charts. Beyond NervesHub.

use crate::access::scope::{Product, Scope};
use crate::api::http::answer::Data;
use crate::api::http::contract::{Auth, Contract, FieldType, optional_field};
use crate::api::http::error::Result;
use crate::api::http::extract::Name;
use crate::api::http::params::{Params, time, words};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::devices::metrics::{self, Span};
use crate::domain::error::{INVALID, field};
use crate::limits::METRIC_POINTS_UNTOLD;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Metrics over time.
#[derive(Serialize, JsonSchema)]
struct MetricSeries {
    /// Where each point begins, in seconds since 1970.
    t: Vec<f64>,
    /// The average of each metric in each point; null where no report has it.
    series: BTreeMap<String, Vec<Option<f64>>>,
}

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
        .query(&[
            optional_field(
                "keys",
                FieldType::Text,
                "Names with commas, 64 at most; all unless told",
            ),
            optional_field(
                "from",
                FieldType::Text,
                "`2026-08-22T08:33:49Z`; 24 hours before the end unless told",
            ),
            optional_field("to", FieldType::Text, "Now unless told"),
            optional_field(
                "points",
                FieldType::Number,
                "From 2 to 2,000, 300 unless told",
            ),
        ]);
    contract
        .get(
            "metrics.keys",
            "/orgs/{org}/products/{product}/devices/{device}/metrics/keys",
            Auth::VIEW,
            keys,
        )
        .summary("The names of the metrics in the newest health reports");
}

fn span(app: &App, p: &Params) -> Result<Span> {
    let to = time(p, "to")?.unwrap_or_else(|| app.now());
    let day = Duration::from_secs(86_400);
    let points = match p.text("points") {
        None => METRIC_POINTS_UNTOLD,
        Some(text) => text.parse().map_err(|_| field("points", INVALID))?,
    };
    Ok(Span {
        from: time(p, "from")?.unwrap_or_else(|| to.before(day)),
        to,
        points,
    })
}

/// `GET …/devices/:device/metrics`.
async fn series(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result<Data<MetricSeries>> {
    let span = span(&app, &p)?;
    let keys = words(&p, "keys");
    let found = metrics::metrics(&app.db, &scope, &d, span, keys.as_deref()).await?;
    let times = found.times.iter();
    Ok(Data(MetricSeries {
        t: times.map(|at| at.0 as f64 / 1e6).collect(),
        series: found.series,
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
