//! Devices that people have pinned. Beyond NervesHub's API.

use crate::access::scope::{Product, Scope};
use crate::api::http::answer::{Data, NoContent};
use crate::api::http::contract::{Auth, Contract};
use crate::api::http::error::Result;
use crate::api::http::extract::{Caller, Name};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::accounts::pins::{self, Pin};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

/// A device that you have pinned.
#[derive(Serialize, JsonSchema)]
struct PinnedDevice {
    /// Its organization.
    org: String,
    /// Its product.
    product: String,
    /// Its identifier.
    device: String,
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Devices);
    contract
        .get("pins.list", "/users/me/pins", Auth::Person, list)
        .summary("The devices that you have pinned, by identifier");
    contract
        .put(
            "pins.add",
            "/orgs/{org}/products/{product}/devices/{device}/pin",
            Auth::VIEW,
            pin,
        )
        .summary("Pin a device for yourself; the query `pinned = true` finds it");
    contract
        .delete(
            "pins.remove",
            "/orgs/{org}/products/{product}/devices/{device}/pin",
            Auth::VIEW,
            unpin,
        )
        .summary("Take your pin off a device");
}

/// `GET /users/me/pins`.
async fn list(State(app): State<App>, Caller(person): Caller) -> Result<Data<Vec<PinnedDevice>>> {
    let all = pins::list(&app.db, &person).await?;
    let pinned = |pin: Pin| PinnedDevice {
        org: pin.org,
        product: pin.product,
        device: pin.device,
    };
    Ok(Data(all.into_iter().map(pinned).collect()))
}

/// `PUT …/devices/:device/pin`.
async fn pin(State(app): State<App>, scope: Scope<Product>, Name(d): Name) -> Result<NoContent> {
    pins::pin(&app.db, &scope, &d).await?;
    Ok(NoContent)
}

/// `DELETE …/devices/:device/pin`.
async fn unpin(State(app): State<App>, scope: Scope<Product>, Name(d): Name) -> Result<NoContent> {
    pins::unpin(&app.db, &scope, &d).await?;
    Ok(NoContent)
}
