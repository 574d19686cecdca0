//! Extensions: the switches, and what they reported. Routes of our own; the original has none for these.

use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::Data;
use crate::api::http::contract::{Auth, Contract, Field, FieldType, optional_field, required};
use crate::api::http::error::Result;
use crate::api::http::extract::Name;
use crate::api::http::params::{Params, number};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::clock::Micros;
use crate::domain::devices::extensions::{self, HealthReport};
use crate::domain::error::field;
use crate::ids::{Extension, Extensions};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Extensions by name, each on or off.
type Switches = BTreeMap<&'static str, bool>;

fn switches(on: Extensions) -> Switches {
    Extension::ALL.map(|e| (e.word(), on.has(e))).into()
}

/// An extension is used when the product and the device allow it.
#[derive(Serialize, JsonSchema)]
struct ExtensionSwitch {
    /// The product's switch.
    product: bool,
    /// The device's.
    device: bool,
}

/// A health report.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "HealthReport")]
struct HealthView {
    /// `2026-08-22T08:33:49Z`.
    reported_at: String,
    /// `healthy`, `warning`, `unhealthy` or `unknown`.
    status: String,
    /// Which values made it so.
    status_reasons: Value,
    /// What the device sent.
    report: Value,
}

/// How many of the newest are wanted.
pub(super) const LIMIT: &[Field] = &[optional_field(
    "limit",
    FieldType::Number,
    "How many, 25 unless given, at most 1000",
)];

/// Which health reports are wanted.
const REPORTS: &[Field] = &[
    optional_field("hours", FieldType::Number, "How far back, at most 168"),
    optional_field(
        "limit",
        FieldType::Number,
        "How many, 25 unless given, at most 1000",
    ),
    optional_field("refresh", FieldType::Flag, "Ask the device for a new one"),
];

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Products);
    contract
        .get(
            "extensions.of_product",
            "/orgs/{org}/products/{product}/extensions",
            Auth::VIEW,
            of_product,
        )
        .summary("Which extensions the product uses");
    contract
        .put(
            "extensions.set_product",
            "/orgs/{org}/products/{product}/extensions",
            Auth::MANAGE,
            set_product,
        )
        .summary("Switch extensions on and off, also on devices that are connected")
        .body_fields(&[required(
            "extensions",
            FieldType::Map,
            "Booleans by name, such as `{\"health\": true}`",
        )]);
    contract.tag(Tag::DeviceReports);
    contract
        .get(
            "extensions.of_device",
            "/orgs/{org}/products/{product}/devices/{device}/extensions",
            Auth::VIEW,
            of_device,
        )
        .summary("Which extensions the device uses");
    contract
        .get(
            "extensions.health",
            "/orgs/{org}/products/{product}/devices/{device}/health",
            Auth::VIEW,
            health,
        )
        .summary("Health reports, newest first")
        .query(REPORTS);
}

/// `GET /products/:product/extensions`.
async fn of_product(State(app): State<App>, scope: Scope<Product>) -> Result<Data<Switches>> {
    Ok(Data(switches(
        extensions::of_product(&app.db, &scope).await?,
    )))
}

/// `PUT /products/:product/extensions` with `{"extensions": {"health": true, …}}`.
async fn set_product(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result<Data<Switches>> {
    let scope = scope.allow(Role::Manage)?;
    let wanted = p.0.get("extensions").ok_or_else(|| {
        field(
            "extensions",
            "can't be blank; give an object of booleans such as {\"health\": true}",
        )
    })?;
    Ok(Data(switches(
        extensions::set_product(&app, &scope, wanted).await?,
    )))
}

/// A number from 1 to `most` among the parameters.
fn within(p: &Params, key: &str, default: i64, most: i64) -> Result<i64> {
    let Some(value) = p.0.get(key) else {
        return Ok(default);
    };
    let text = || field(key, &format!("must be a number from 1 to {most}")).into();
    number(value)
        .filter(|n| (1..=most).contains(n))
        .ok_or_else(text)
}

/// `limit` of a list of reports.
pub(super) fn limit(p: &Params) -> Result<i64> {
    within(p, "limit", 25, 1_000)
}

/// Where the `hours` of a list of reports begin.
fn since(p: &Params, now: Micros) -> Result<Micros> {
    let hours = within(p, "hours", 24 * 7, 24 * 7)?;
    let span = Duration::from_secs(hours.unsigned_abs() * 3600);
    Ok(now.before(span))
}

/// Stored JSON; it was written by this server.
pub(in crate::api) fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

fn health_view(h: &HealthReport) -> HealthView {
    HealthView {
        reported_at: h.at.zulu(),
        status: h.status.word().into(),
        status_reasons: document(&h.reasons),
        report: document(&h.report),
    }
}

/// `GET …/devices/:device/extensions`.
async fn of_device(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
) -> Result<Data<BTreeMap<&'static str, ExtensionSwitch>>> {
    let s = extensions::switches(&app.db, &scope, &d).await?;
    let all = Extension::ALL.map(|e| {
        let view = ExtensionSwitch {
            product: s.product.has(e),
            device: !s.off.has(e),
        };
        (e.word(), view)
    });
    Ok(Data(BTreeMap::from(all)))
}

/// `GET …/devices/:device/health`: newest first; `hours` and `limit` bound it. `refresh=true` asks
/// the device for a new one, which comes in a moment.
async fn health(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result<Data<Vec<HealthView>>> {
    let (since, limit) = (since(&p, app.now())?, limit(&p)?);
    if p.flag("refresh") == Some(true) {
        extensions::ask_health(&app, &scope, &d).await?;
    }
    let found = extensions::health_of(&app.db, &scope, &d, since, limit).await?;
    Ok(Data(found.iter().map(health_view).collect()))
}
