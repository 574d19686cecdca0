//! Iroh endpoints (docs/protocol/rules.md, "Health, position and identities").

use super::extensions::document;
use crate::access::scope::{Org, Role, Scope};
use crate::api::http::answer::{Created, Data, NoContent, path};
use crate::api::http::contract::{Auth, Contract, Field, FieldType, optional_field, required};
use crate::api::http::error::Result;
use crate::api::http::extract::Word;
use crate::api::http::params::Params;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::devices::iroh_endpoints::{self, Endpoint, EndpointFilter, EndpointForm};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// A key on the iroh network.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "IrohEndpoint")]
struct IrohEndpointView {
    /// The key.
    identifier: String,
    /// `iroh`.
    service: &'static str,
    /// One of several of its owner.
    instance: String,
    /// `device_reported` or `operator`.
    source: String,
    /// Whatever belongs to it.
    details: Value,
    /// When a device last reported it, `2026-08-22T08:33:49Z`.
    last_reported_at: Option<String>,
    /// `2026-08-22T08:33:49`.
    inserted_at: String,
    /// `2026-08-22T08:33:49`.
    updated_at: String,
    /// Whose it is.
    owner: Owner,
}

/// Whose a key is.
#[derive(Serialize, JsonSchema)]
struct Owner {
    /// `device`, `user` or `none`.
    r#type: &'static str,
    /// The device.
    device_identifier: Option<String>,
    /// The person.
    user_name: Option<String>,
    /// The person's login.
    user_email: Option<String>,
}

fn view(e: &Endpoint) -> IrohEndpointView {
    IrohEndpointView {
        identifier: e.identifier.clone(),
        service: "iroh",
        instance: e.instance.clone(),
        source: e.source.clone(),
        details: document(&e.details),
        last_reported_at: e.last_reported_at.map(|t| t.zulu()),
        inserted_at: e.inserted_at.naive(),
        updated_at: e.updated_at.naive(),
        owner: Owner {
            r#type: match (&e.device_identifier, &e.user_email) {
                (Some(_), _) => "device",
                (_, Some(_)) => "user",
                _ => "none",
            },
            device_identifier: e.device_identifier.clone(),
            user_name: e.user_name.clone(),
            user_email: e.user_email.clone(),
        },
    }
}

/// What a list can be narrowed by.
const FILTERS: &[Field] = &[
    optional_field(
        "owner",
        FieldType::Words(&["device", "user", "none"]),
        "Whose they are",
    ),
    optional_field(
        "search",
        FieldType::Text,
        "Beginning of the key, or part of a device's identifier or a member's name",
    ),
];

/// Fields of a new endpoint.
const ENDPOINT: &[Field] = &[
    required("identifier", FieldType::Text, "The key"),
    optional_field(
        "instance",
        FieldType::Text,
        "One of several; `default` unless given",
    ),
    optional_field(
        "details",
        FieldType::Map,
        "Whatever belongs to it, at most 4096 bytes",
    ),
    optional_field("user_email", FieldType::Text, "The member whose it is"),
];

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::IrohEndpoints);
    contract
        .get(
            "endpoints.list",
            "/orgs/{org}/iroh_endpoints",
            Auth::VIEW,
            list,
        )
        .summary("The keys, newest first")
        .query(FILTERS);
    contract
        .post(
            "endpoints.create",
            "/orgs/{org}/iroh_endpoints",
            Auth::MANAGE,
            create,
        )
        .summary("Register a key")
        .body_fields(ENDPOINT)
        .error(409, "It is registered already");
    contract
        .get(
            "endpoints.show",
            "/orgs/{org}/iroh_endpoints/{identifier}",
            Auth::VIEW,
            show,
        )
        .summary("One key");
    contract
        .delete(
            "endpoints.delete",
            "/orgs/{org}/iroh_endpoints/{identifier}",
            Auth::MANAGE,
            delete,
        )
        .summary("Forget a key; a device that reports it brings it back");
}

/// `GET /iroh_endpoints`.
async fn list(
    State(app): State<App>,
    scope: Scope<Org>,
    p: Params,
) -> Result<Data<Vec<IrohEndpointView>>> {
    let narrow = EndpointFilter {
        owner: p.string("owner").unwrap_or_default(),
        search: p.string("search").unwrap_or_default(),
    };
    let all = iroh_endpoints::list(&app.db, &scope, &narrow).await?;
    Ok(Data(all.iter().map(view).collect()))
}

/// `GET /iroh_endpoints/:identifier`.
async fn show(
    State(app): State<App>,
    scope: Scope<Org>,
    Word(id): Word,
) -> Result<Data<IrohEndpointView>> {
    Ok(Data(view(
        &iroh_endpoints::show(&app.db, &scope, &id).await?,
    )))
}

/// `POST /iroh_endpoints`.
async fn create(
    State(app): State<App>,
    scope: Scope<Org>,
    p: Params,
) -> Result<Created<IrohEndpointView>> {
    let scope = scope.allow(Role::Manage)?;
    let form = EndpointForm {
        identifier: p.string("identifier"),
        instance: p.string("instance"),
        details: p.0.get("details").cloned(),
        user_email: p.string("user_email"),
    };
    let made = iroh_endpoints::create(&app.db, &scope, form).await?;
    let location = path(&["orgs", &scope.at().name, "iroh_endpoints", &made.identifier]);
    Ok(Created::at(location, view(&made)))
}

/// `DELETE /iroh_endpoints/:identifier`.
async fn delete(State(app): State<App>, scope: Scope<Org>, Word(id): Word) -> Result<NoContent> {
    let scope = scope.allow(Role::Manage)?;
    iroh_endpoints::delete(&app.db, &scope, &id).await?;
    Ok(NoContent)
}
