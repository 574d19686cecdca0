//! What a person finds by a few letters, for a console's palette. Beyond NervesHub.

use crate::api::http::answer::Data;
use crate::api::http::contract::{Auth, Contract, FieldType, optional_field, required};
use crate::api::http::error::Result;
use crate::api::http::extract::Caller;
use crate::api::http::params::Params;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::catalog::finder::{self, Found, Place, Wanted};
use crate::domain::error::{BLANK, field};
use crate::limits::FINDER_HITS;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

/// What was found, of each kind the number that was asked for at most.
#[derive(Serialize, JsonSchema)]
struct Hits {
    /// By identifier.
    devices: Vec<DeviceHit>,
    /// Deployment groups, by name.
    groups: Vec<GroupHit>,
    /// By version, platform, or the beginning of the uuid.
    firmware: Vec<FirmwareHit>,
    /// By name.
    products: Vec<ProductHit>,
    /// Names of organizations.
    orgs: Vec<String>,
}

/// A device.
#[derive(Serialize, JsonSchema)]
struct DeviceHit {
    /// Its organization.
    org: String,
    /// Its product.
    product: String,
    /// Its identifier.
    identifier: String,
    /// Whether it is connected.
    online: bool,
}

/// A deployment group.
#[derive(Serialize, JsonSchema)]
struct GroupHit {
    /// Its organization.
    org: String,
    /// Its product.
    product: String,
    /// Its name.
    name: String,
}

/// A firmware.
#[derive(Serialize, JsonSchema)]
struct FirmwareHit {
    /// Its organization.
    org: String,
    /// Its product.
    product: String,
    /// Its version.
    version: String,
    /// Its platform.
    platform: String,
    /// The image.
    uuid: String,
}

/// A product.
#[derive(Serialize, JsonSchema)]
struct ProductHit {
    /// Its organization.
    org: String,
    /// Its name.
    name: String,
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Organizations);
    contract
        .get("finder.find", "/search", Auth::Person, find)
        .summary("Find devices, groups, firmware, products and organizations by a few letters in any case; devices by three at least, or by their whole identifier")
        .query(&[
            required("q", FieldType::Text, "What is looked for, at most 255 bytes"),
            optional_field("org", FieldType::Text, "Only in this organization"),
            optional_field("product", FieldType::Text, "Only in this product of it"),
            optional_field(
                "limit",
                FieldType::Number,
                "How many of each kind, 5 unless told, at most 50",
            ),
        ]);
}

fn limit(p: &Params) -> Result<usize> {
    let Some(text) = p.text("limit") else {
        return Ok(5);
    };
    let most = text.parse().ok().filter(|n| (1..=FINDER_HITS).contains(n));
    let text = format!("must be from 1 to {FINDER_HITS}");
    Ok(most.ok_or_else(|| field("limit", &text))?)
}

fn view(found: Found) -> Hits {
    let device = |(Place { org, product }, identifier, online)| DeviceHit {
        org,
        product,
        identifier,
        online,
    };
    let group = |(Place { org, product }, name)| GroupHit { org, product, name };
    let firmware = |(place, [version, platform, uuid]): (Place, [String; 3])| FirmwareHit {
        org: place.org,
        product: place.product,
        version,
        platform,
        uuid,
    };
    let product = |place: Place| ProductHit {
        org: place.org,
        name: place.product,
    };
    Hits {
        devices: found.devices.into_iter().map(device).collect(),
        groups: found.groups.into_iter().map(group).collect(),
        firmware: found.firmwares.into_iter().map(firmware).collect(),
        products: found.products.into_iter().map(product).collect(),
        orgs: found.orgs,
    }
}

/// `GET /search`.
async fn find(State(app): State<App>, Caller(person): Caller, p: Params) -> Result<Data<Hits>> {
    let wanted = Wanted {
        text: p.text("q").ok_or_else(|| field("q", BLANK))?,
        org: p.text("org"),
        product: p.text("product"),
        most: limit(&p)?,
    };
    let found = finder::find(&app, &person, wanted).await?;
    Ok(Data(view(found)))
}
