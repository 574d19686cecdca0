//! Where the devices of a list are, for a map. Beyond NervesHub.

use super::device::narrowed;
use super::filter::narrowing;
use crate::access::scope::{Product, Scope};
use crate::api::http::answer::Data;
use crate::api::http::contract::{Auth, Contract, Field, FieldType, optional_field};
use crate::api::http::error::Result;
use crate::api::http::params::Params;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::devices::map::{self, View};
use crate::domain::error::{INVALID, field};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

/// Devices that are close together.
#[derive(Serialize, JsonSchema)]
struct MapPlace {
    /// Degrees north of their middle.
    lat: f64,
    /// Degrees east.
    lon: f64,
    /// Devices.
    count: i64,
    /// `healthy`, `warning`, `unhealthy` or `unknown`: the worst of their newest health reports.
    worst: &'static str,
    /// The first of them; the only one where there is one.
    identifier: String,
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Devices);
    let own = [
        optional_field(
            "bbox",
            FieldType::Text,
            "west,south,east,north in degrees; the whole world unless told",
        ),
        optional_field(
            "zoom",
            FieldType::Number,
            "From 0, where a cell is 11.25 degrees wide, to 16; each halves the cells. 0 unless told",
        ),
    ];
    let fields: Vec<Field> = own.into_iter().chain(narrowing()).collect();
    contract
        .get(
            "devices.map",
            "/orgs/{org}/products/{product}/device_map",
            Auth::VIEW,
            places,
        )
        .summary("Where the devices of a list are that told it, put together by the cells of a grid, most devices first, 2,000 places at most")
        .query(&fields);
}

/// `GET …/device_map`.
async fn places(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result<Data<Vec<MapPlace>>> {
    let zoom = match p.text("zoom") {
        None => 0,
        Some(text) => text.parse().map_err(|_| field("zoom", INVALID))?,
    };
    let view = View::new(p.text("bbox"), zoom)?;
    let filter = narrowed(&app, &scope, &p).await?;
    let places = map::places(&app, &scope, &filter, view).await?;
    let views = places.into_iter().map(|place| MapPlace {
        lat: place.latitude,
        lon: place.longitude,
        count: place.devices,
        worst: place.worst.word(),
        identifier: place.identifier,
    });
    Ok(Data(views.collect()))
}
