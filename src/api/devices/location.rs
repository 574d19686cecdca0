//! Where a device is: what it reports, and what people set. To set it is beyond NervesHub, whose console alone can.

use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::{Data, NoContent};
use crate::api::http::contract::{Auth, Contract, FieldType, required};
use crate::api::http::error::Result;
use crate::api::http::extract::Name;
use crate::api::http::params::{Params, decimal};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::devices::location::{self, Position};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

/// Where a device is.
#[derive(Serialize, JsonSchema)]
struct Location {
    /// When it was reported or set, `2026-08-22T08:33:49Z`.
    reported_at: String,
    /// Degrees.
    latitude: f64,
    /// Degrees.
    longitude: f64,
    /// Metres.
    accuracy: Option<i64>,
    /// Such as `geoip` or `gps`; `manual` where a person has set it.
    source: String,
    /// Whether a person has set it; the device's reports are shown again once that is taken away.
    manual: bool,
}

fn view(position: Position) -> Location {
    Location {
        reported_at: position.at.zulu(),
        latitude: position.latitude,
        longitude: position.longitude,
        accuracy: position.accuracy,
        source: position.source,
        manual: position.manual,
    }
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::DeviceReports);
    contract
        .get(
            "extensions.location",
            "/orgs/{org}/products/{product}/devices/{device}/location",
            Auth::VIEW,
            show,
        )
        .summary("Where it is; null while it has not reported it and nobody has set it");
    contract
        .put(
            "devices.set_location",
            "/orgs/{org}/products/{product}/devices/{device}/location",
            Auth::MANAGE,
            set,
        )
        .summary("Set where it is, whatever it reports. Beyond NervesHub")
        .body_fields(&[
            required(
                "latitude",
                FieldType::Decimal,
                "Degrees north, from -90 to 90",
            ),
            required(
                "longitude",
                FieldType::Decimal,
                "Degrees east, from -180 to 180",
            ),
        ]);
    contract
        .delete(
            "devices.clear_location",
            "/orgs/{org}/products/{product}/devices/{device}/location",
            Auth::MANAGE,
            clear,
        )
        .summary("Take away what was set; it is where it last reported. Beyond NervesHub");
}

/// `GET …/devices/:device/location`.
async fn show(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
) -> Result<Data<Option<Location>>> {
    let found = location::of(&app.db, &scope, &d).await?;
    Ok(Data(found.map(view)))
}

/// `PUT …/devices/:device/location`.
async fn set(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result<Data<Location>> {
    let scope = scope.allow(Role::Manage)?;
    let degrees = |name: &str| p.0.get(name).and_then(decimal);
    let (latitude, longitude) = (degrees("latitude"), degrees("longitude"));
    let set = location::set(&app, &scope, &d, latitude, longitude).await?;
    Ok(Data(view(set)))
}

/// `DELETE …/devices/:device/location`.
async fn clear(State(app): State<App>, scope: Scope<Product>, Name(d): Name) -> Result<NoContent> {
    let scope = scope.allow(Role::Manage)?;
    location::clear(&app, &scope, &d).await?;
    Ok(NoContent)
}
