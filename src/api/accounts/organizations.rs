//! Organizations of the person who asks. To make, rename and delete them is beyond NervesHub, whose API only lists them.

use crate::access::scope::{Org, Role, Scope};
use crate::api::catalog::products::{self, ProductView};
use crate::api::http::answer::{Created, Data, NoContent, path};
use crate::api::http::contract::{Auth, Contract, FieldType, optional_field, required};
use crate::api::http::error::Result;
use crate::api::http::extract::Caller;
use crate::api::http::params::Params;
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::accounts::orgs::{self, Organization};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

/// An organization.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Organization")]
struct OrgView {
    /// Unique on the server.
    name: String,
    /// `2026-08-22T08:33:49`.
    inserted_at: String,
    /// `2026-08-22T08:33:49`.
    updated_at: String,
    /// What you may do in it: `admin`, `manage` or `view`. Beyond NervesHub.
    role: &'static str,
    /// Only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    products: Option<Vec<ProductView>>,
}

fn view(org: Organization) -> OrgView {
    let products = org.products.as_deref();
    OrgView {
        inserted_at: org.inserted_at.naive(),
        updated_at: org.updated_at.naive(),
        role: org.role.word(),
        products: products.map(|all| all.iter().map(products::view).collect()),
        name: org.name,
    }
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Organizations);
    contract
        .get("users.orgs", "/orgs", Auth::Person, list)
        .summary("Organizations that you belong to")
        .query(&[optional_field(
            "include",
            FieldType::Text,
            "`products` for their products",
        )])
        .accepts_any_value();
    let name = [required(
        "name",
        FieldType::Text,
        "Letters A to Z, digits, `-` and `_`; unique on the server",
    )];
    contract
        .post("orgs.create", "/orgs", Auth::Person, create)
        .summary(
            "Make an organization; you are its administrator. Only a token that grants all may",
        )
        .body_fields(&name);
    contract
        .put("orgs.rename", "/orgs/{org}", Auth::ADMIN, rename)
        .summary("Rename an organization; its addresses change with it")
        .body_fields(&name);
    contract
        .delete("orgs.delete", "/orgs/{org}", Auth::ADMIN, delete)
        .summary("Delete an organization that has no products any more, with its members, keys and authorities")
        .error(409, "It has products");
}

/// `GET /orgs`.
async fn list(
    State(app): State<App>,
    Caller(person): Caller,
    p: Params,
) -> Result<Data<Vec<OrgView>>> {
    let products = p
        .text("include")
        .is_some_and(|i| i.split(',').any(|w| w.trim() == "products"));
    let all = orgs::of(&app.db, &person, products).await?;
    Ok(Data(all.into_iter().map(view).collect()))
}

/// `POST /orgs`.
async fn create(
    State(app): State<App>,
    Caller(person): Caller,
    p: Params,
) -> Result<Created<OrgView>> {
    let made = orgs::create(&app.db, &person, p.text("name")).await?;
    let location = path(&["orgs", &made.name]);
    Ok(Created::at(location, view(made)))
}

/// `PUT /orgs/:org`.
async fn rename(State(app): State<App>, scope: Scope<Org>, p: Params) -> Result<Data<OrgView>> {
    let scope = scope.allow(Role::Admin)?;
    let renamed = orgs::rename(&app.db, &scope, p.text("name")).await?;
    Ok(Data(view(renamed)))
}

/// `DELETE /orgs/:org`.
async fn delete(State(app): State<App>, scope: Scope<Org>) -> Result<NoContent> {
    let scope = scope.allow(Role::Admin)?;
    orgs::delete(&app.db, &scope).await?;
    Ok(NoContent)
}
