//! Devices that are in a group that is not for them, or not in the one that is. Beyond NervesHub.

use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::Data;
use crate::api::http::contract::{Auth, Contract, Field, FieldType, optional_field};
use crate::api::http::error::Result;
use crate::api::http::extract::Name;
use crate::api::http::params::{Params, tags};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::deployments::strays::{self, Correction};
use crate::domain::error::{INVALID, field};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

/// The strays of a group.
#[derive(Serialize, JsonSchema)]
struct StraysView {
    /// Devices in the group that its conditions do not take; the first thousand.
    inside: Vec<InsideView>,
    /// How many there are.
    inside_count: i64,
    /// Devices that its conditions take, and that are not in it; the first thousand.
    outside: Vec<OutsideView>,
    /// How many there are.
    outside_count: i64,
}

/// A device in a group whose conditions do not take it.
#[derive(Serialize, JsonSchema)]
struct InsideView {
    /// Identifier of the device.
    device: String,
    /// What does not fit.
    reason: String,
}

/// A device that the conditions of a group take, and that is not in it.
#[derive(Serialize, JsonSchema)]
struct OutsideView {
    /// Identifier of the device.
    device: String,
    /// The group that it is in; null for none.
    group: Option<String>,
}

/// What became of strays.
#[derive(Serialize, JsonSchema)]
struct CorrectedView {
    /// Devices that were moved.
    devices: i64,
    /// Strays that are left; call again.
    left: i64,
}

const WHICH: &[Field] = &[optional_field(
    "devices",
    FieldType::Tags,
    "Identifiers, at most a thousand; all strays unless told, a thousand at once",
)];

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::DeploymentGroups);
    contract
        .get(
            "deployments.strays",
            "/orgs/{org}/products/{product}/deployments/{name}/strays",
            Auth::VIEW,
            list,
        )
        .summary("Devices in the group that it is not for, and devices that it is for outside");
    contract
        .post(
            "deployments.adopt",
            "/orgs/{org}/products/{product}/deployments/{name}/adopt",
            Auth::MANAGE,
            adopt,
        )
        .summary(
            "Put devices into the group: those that are named, else all that its conditions take",
        )
        .body_fields(WHICH);
    contract
        .post(
            "deployments.expel",
            "/orgs/{org}/products/{product}/deployments/{name}/expel",
            Auth::MANAGE,
            expel,
        )
        .summary("Take devices out of the group: those that are named, else all that its conditions do not take")
        .description("When a device without a group connects, it enters the best group that takes it, which may be this one.")
        .body_fields(WHICH);
}

/// `GET /deployments/:name/strays`.
async fn list(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(name): Name,
) -> Result<Data<StraysView>> {
    let found = strays::list(&app.db, &scope, &name).await?;
    let inside = found.inside.into_iter().map(|s| InsideView {
        device: s.identifier,
        reason: s.reason,
    });
    let outside = found.outside.into_iter().map(|s| OutsideView {
        device: s.identifier,
        group: s.group,
    });
    Ok(Data(StraysView {
        inside: inside.collect(),
        inside_count: found.counts.0,
        outside: outside.collect(),
        outside_count: found.counts.1,
    }))
}

async fn correct(
    app: &App,
    scope: &Scope<Product>,
    name: &str,
    correction: Correction,
    p: &Params,
) -> Result<Data<CorrectedView>> {
    let named = match p.0.get("devices").filter(|v| !v.is_null()) {
        None => None,
        Some(value) => Some(tags(value).ok_or_else(|| field("devices", INVALID))?),
    };
    let done = strays::correct(app, scope, name, correction, named).await?;
    Ok(Data(CorrectedView {
        devices: done.moved,
        left: done.left,
    }))
}

/// `POST /deployments/:name/adopt`.
async fn adopt(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(name): Name,
    p: Params,
) -> Result<Data<CorrectedView>> {
    let scope = scope.allow(Role::Manage)?;
    correct(&app, &scope, &name, Correction::Adopt, &p).await
}

/// `POST /deployments/:name/expel`.
async fn expel(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(name): Name,
    p: Params,
) -> Result<Data<CorrectedView>> {
    let scope = scope.allow(Role::Manage)?;
    correct(&app, &scope, &name, Correction::Expel, &p).await
}
