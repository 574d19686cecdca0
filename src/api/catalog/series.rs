//! How the fleet of a product was over time, for charts. Beyond NervesHub.

use crate::access::scope::{Product, Scope};
use crate::api::http::answer::Data;
use crate::api::http::contract::{Auth, Contract, FieldType, required};
use crate::api::http::error::Result;
use crate::api::http::params::Params;
use crate::api::http::span::{SPAN, span};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::catalog::series::{self, Metric};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// What is shown over time; the words of [`Metric::WORDS`].
const METRICS: [&str; 5] = ["connected", "health", "updates", "failures", "bytes"];

/// A metric of a product over time.
#[derive(Serialize, JsonSchema)]
struct ProductSeries {
    /// Where each point begins, in seconds since 1970.
    t: Vec<f64>,
    /// How long a point is, in seconds.
    step: f64,
    /// The lines of the metric; null where nobody counted.
    series: BTreeMap<&'static str, Vec<Option<f64>>>,
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Products);
    contract
        .get(
            "products.series",
            "/orgs/{org}/products/{product}/series",
            Auth::VIEW,
            show,
        )
        .summary("How the fleet was over time")
        .description(
            "`connected`: devices that were connected, and all `devices`. `health`: devices that were `healthy`, `warning`, \
             `unhealthy`, `unknown`. `updates`: devices with an update in flight (`updating`), and attempts that ended as \
             `installed`, `failed`, `reverted`, or without a word (`lapsed`). `failures`: the last three. `bytes`: of the files \
             of those attempts, by `full` and `delta`. What is counted at instants is averaged into points, the rest is summed. \
             Kept by the minute for two days, by the hour for 400 days; a point is at least that long.",
        )
        .query(
            &[
                &[required(
                    "metric",
                    FieldType::Words(&METRICS),
                    "What is shown",
                )],
                &SPAN[..],
            ]
            .concat(),
        );
}

/// `GET …/products/:product/series`.
async fn show(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result<Data<ProductSeries>> {
    let metric = Metric::parse(p.text("metric"))?;
    let found = series::read(&app, &scope, metric, span(&p, app.now())?).await?;
    let times = found.times.iter();
    Ok(Data(ProductSeries {
        t: times.map(|at| at.0 as f64 / 1e6).collect(),
        step: found.step.as_secs_f64(),
        series: found.lines,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_names_each_metric() {
        assert_eq!(Metric::WORDS.map(|(word, _)| word), METRICS);
    }
}
