//! What people ask of a device that is connected (docs/protocol/rest.md, "Devices over REST").

use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::{Data, NoContent};
use crate::api::http::contract::{Auth, Contract, Field, FieldType, optional_field, required};
use crate::api::http::error::{Error, Result};
use crate::api::http::extract::Name;
use crate::api::http::params::{Params, tags};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::devices;
use crate::domain::error::{BLANK, INVALID, field};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

/// What is typed into a console.
const CODE: &[Field] = &[
    optional_field("code", FieldType::Text, "What to type"),
    optional_field("body", FieldType::Text, "The same"),
];

/// What a device is to install.
const UPGRADE: &[Field] = &[required("uuid", FieldType::Text, "The firmware")];

/// What many devices are to install.
const UPGRADES: &[Field] = &[
    required("uuid", FieldType::Text, "The firmware"),
    required(
        "devices",
        FieldType::Tags,
        "Identifiers, at most a thousand",
    ),
];

/// What became of a push to many devices.
#[derive(Serialize, JsonSchema)]
struct UpgradesView {
    /// Devices that are told at once, or as soon as they are connected.
    pushed: usize,
    /// Those that are not.
    refused: Vec<RefusedView>,
}

/// A device to which a firmware was not pushed.
#[derive(Serialize, JsonSchema)]
struct RefusedView {
    /// Its identifier.
    device: String,
    /// Why.
    reason: String,
}

pub(super) fn routes(contract: &mut Contract) {
    routes_by_identifier(contract);
    routes_of_product(contract);
    contract
        .post(
            "devices.upgrade_many",
            "/orgs/{org}/products/{product}/upgrades",
            Auth::MANAGE,
            upgrade_many,
        )
        .summary("Send a firmware to many devices, whole, and switch their automatic updates off. Beyond NervesHub")
        .body_fields(UPGRADES);
}

fn routes_by_identifier(contract: &mut Contract) {
    contract.tag(Tag::DevicesByIdentifier);
    contract
        .post(
            "devices.reboot_by_identifier",
            "/devices/{device}/reboot",
            Auth::MANAGE,
            reboot,
        )
        .summary("Ask it to reboot");
    contract
        .post(
            "devices.identify_by_identifier",
            "/devices/{device}/identify",
            Auth::MANAGE,
            identify,
        )
        .summary("Ask it to show which one it is");
    contract
        .post(
            "devices.reconnect_by_identifier",
            "/devices/{device}/reconnect",
            Auth::MANAGE,
            reconnect,
        )
        .summary("Drop its socket");
    contract
        .post(
            "devices.code_by_identifier",
            "/devices/{device}/code",
            Auth::MANAGE,
            code,
        )
        .summary("Type into its remote console")
        .body_fields(CODE);
    contract
        .post(
            "devices.upgrade_by_identifier",
            "/devices/{device}/upgrade",
            Auth::MANAGE,
            upgrade,
        )
        .summary("Send it a firmware")
        .body_fields(UPGRADE);
    contract
        .delete(
            "devices.clear_penalty_by_identifier",
            "/devices/{device}/penalty",
            Auth::MANAGE,
            clear_penalty,
        )
        .summary("Let it out of the penalty box");
}

fn routes_of_product(contract: &mut Contract) {
    contract.tag(Tag::Devices);
    contract
        .post(
            "devices.reboot",
            "/orgs/{org}/products/{product}/devices/{device}/reboot",
            Auth::MANAGE,
            reboot,
        )
        .summary("Ask it to reboot");
    contract
        .post(
            "devices.identify",
            "/orgs/{org}/products/{product}/devices/{device}/identify",
            Auth::MANAGE,
            identify,
        )
        .summary("Ask it to show which one it is");
    contract
        .post(
            "devices.reconnect",
            "/orgs/{org}/products/{product}/devices/{device}/reconnect",
            Auth::MANAGE,
            reconnect,
        )
        .summary("Drop its socket; it connects again");
    contract
        .post(
            "devices.code",
            "/orgs/{org}/products/{product}/devices/{device}/code",
            Auth::MANAGE,
            code,
        )
        .summary("Type into its remote console")
        .body_fields(CODE);
    contract
        .post(
            "devices.upgrade",
            "/orgs/{org}/products/{product}/devices/{device}/upgrade",
            Auth::MANAGE,
            upgrade,
        )
        .summary("Send it a firmware, whole, and switch its automatic updates off")
        .body_fields(UPGRADE);
    contract
        .delete(
            "devices.clear_penalty",
            "/orgs/{org}/products/{product}/devices/{device}/penalty",
            Auth::MANAGE,
            clear_penalty,
        )
        .summary("Let it out of the penalty box");
}

/// `POST …/reboot`.
async fn reboot(State(app): State<App>, scope: Scope<Product>, Name(d): Name) -> Result<NoContent> {
    let scope = scope.allow(Role::Manage)?;
    devices::reboot(&app, &scope, &d).await?;
    Ok(NoContent)
}

/// `POST …/identify`: the device shows which one it is, if its client knows how.
async fn identify(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
) -> Result<NoContent> {
    let scope = scope.allow(Role::Manage)?;
    devices::identify(&app, &scope, &d).await?;
    Ok(NoContent)
}

/// `POST …/code` with `code` or `body`: typed into the console, 204 at once.
async fn code(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result<NoContent> {
    let scope = scope.allow(Role::Manage)?;
    let code = p
        .text("code")
        .or_else(|| p.text("body"))
        .ok_or(Error::Malformed)?;
    devices::type_code(&app, &scope, &d, code).await?;
    Ok(NoContent)
}

/// `POST …/reconnect`.
async fn reconnect(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
) -> Result<NoContent> {
    let scope = scope.allow(Role::Manage)?;
    devices::reconnect(&app, &scope, &d).await?;
    Ok(NoContent)
}

/// `POST …/upgrade`.
async fn upgrade(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    p: Params,
) -> Result<NoContent> {
    let scope = scope.allow(Role::Manage)?;
    let uuid = p.text("uuid").ok_or(Error::Malformed)?;
    devices::upgrade(&app, &scope, &d, uuid).await?;
    Ok(NoContent)
}

/// `POST …/upgrades`.
async fn upgrade_many(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result<Data<UpgradesView>> {
    let scope = scope.allow(Role::Manage)?;
    let uuid = p.text("uuid").ok_or_else(|| field("uuid", BLANK))?;
    let devices = p.0.get("devices").filter(|v| !v.is_null());
    let devices = devices.ok_or_else(|| field("devices", BLANK))?;
    let devices = tags(devices).ok_or_else(|| field("devices", INVALID))?;
    let done = devices::upgrade_many(&app, &scope, &devices, uuid).await?;
    let refused = done.refused.into_iter();
    Ok(Data(UpgradesView {
        pushed: done.pushed,
        refused: refused
            .map(|(device, reason)| RefusedView { device, reason })
            .collect(),
    }))
}

/// `DELETE …/penalty`.
async fn clear_penalty(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
) -> Result<NoContent> {
    let scope = scope.allow(Role::Manage)?;
    devices::clear_penalty(&app, &scope, &d).await?;
    Ok(NoContent)
}
