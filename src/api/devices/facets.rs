//! What the devices of a list have in common, and what queries can be made of. Beyond NervesHub.

use super::device::narrowed;
use super::filter::narrowing;
use crate::access::scope::{Product, Scope};
use crate::api::http::answer::Data;
use crate::api::http::contract::{Auth, Contract, Field, FieldType, required};
use crate::api::http::error::Result;
use crate::api::http::params::Params;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::devices::facets;
use crate::domain::devices::query::{Column, METRIC_OPERATORS, Values};
use crate::domain::error::{BLANK, field};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// How many devices have a value.
#[derive(Serialize, JsonSchema)]
struct FacetValue {
    /// Null for devices without one.
    value: Option<String>,
    /// Devices.
    count: i64,
}

/// A column of device queries.
#[derive(Serialize, JsonSchema)]
struct QueryColumn {
    /// As queries call it; `metric:` stands for the name of any metric with that before it.
    name: &'static str,
    /// What stands between the column and its value, the usual one first.
    operators: &'static [&'static str],
    /// What it may be compared with, most devices first, 50 at most; null where that is no list.
    values: Option<Vec<String>>,
    /// What it is compared with, where that is no list.
    hint: Option<&'static str>,
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Devices);
    let by = required(
        "by",
        FieldType::Text,
        "With commas, any of: version, platform, architecture, connection, health_status, deployment_group, tags, updates; each device has one of the last: disabled, else penalty-box, else enabled",
    );
    let fields: Vec<Field> = std::iter::once(by).chain(narrowing()).collect();
    contract
        .get(
            "devices.facets",
            "/orgs/{org}/products/{product}/device_facets",
            Auth::VIEW,
            counted,
        )
        .summary("How many devices of a list have which values, most devices first, 50 values of each column at most")
        .query(&fields);
    contract
        .get(
            "devices.columns",
            "/orgs/{org}/products/{product}/device_columns",
            Auth::VIEW,
            columns,
        )
        .summary("The columns of device queries, for whoever completes one");
}

/// `GET …/device_facets`.
async fn counted(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result<Data<BTreeMap<&'static str, Vec<FacetValue>>>> {
    let by = p.text("by").ok_or_else(|| field("by", BLANK))?;
    let filter = narrowed(&app, &scope, &p).await?;
    let all = facets::facets(&app, &scope, &filter, by).await?;
    let views = all.into_iter().map(|(name, values)| {
        let values = values.into_iter().map(|v| FacetValue {
            value: v.value,
            count: v.devices,
        });
        (name, values.collect())
    });
    Ok(Data(views.collect()))
}

fn view((column, of_devices): (Column, Vec<String>)) -> QueryColumn {
    let (values, hint) = match column.values {
        Values::Words(words) => (Some(words.iter().map(|w| (*w).to_owned()).collect()), None),
        Values::OfDevices => (Some(of_devices), None),
        Values::Text(hint) => (None, Some(hint)),
    };
    QueryColumn {
        name: column.name,
        operators: column.operators,
        values,
        hint,
    }
}

/// `GET …/device_columns`.
async fn columns(State(app): State<App>, scope: Scope<Product>) -> Result<Data<Vec<QueryColumn>>> {
    let all = facets::columns(&app, &scope).await?;
    let metric = QueryColumn {
        name: "metric:",
        operators: METRIC_OPERATORS,
        values: None,
        hint: Some("a number, against the newest health report"),
    };
    Ok(Data(all.into_iter().map(view).chain([metric]).collect()))
}
