//! API tokens and accounts for programs: routes of our own.

use super::members::ROLES;
use crate::access::scope::{Org, Role, Scope};
use crate::api::http::answer::{Created, Data, NoContent, path};
use crate::api::http::contract::{Auth, Contract, Field, FieldType, optional_field, required};
use crate::api::http::error::Result;
use crate::api::http::extract::{Caller, Word, number_of};
use crate::api::http::params::{Params, number};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::clock::Micros;
use crate::domain;
use crate::domain::accounts::tokens::{self, NewToken, ServiceAccount, Token, TokenForm};
use crate::domain::error::field;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::Serialize;

/// Fields of a new token.
const FIELDS: &[Field] = &[
    required("note", FieldType::Text, "What it is for"),
    optional_field(
        "access",
        FieldType::Words(&["full", "read", "publish"]),
        "All that you may, reading only, or publishing firmware only",
    ),
    optional_field(
        "product",
        FieldType::Text,
        "The one product that it is for, as `org/product`",
    ),
    optional_field(
        "expires_in_days",
        FieldType::Number,
        "For ever unless given; at most 3650",
    ),
];

/// An API token, without itself.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Token")]
struct TokenView {
    /// A number.
    id: i64,
    /// What it is for.
    note: String,
    /// `full`, `read` or `publish`.
    access: String,
    /// The one product that it is for, as `org/product`.
    product: Option<String>,
    /// `2026-08-22T08:33:49`.
    inserted_at: String,
    /// `2026-08-22T08:33:49Z`.
    last_used_at: Option<String>,
    /// `2026-08-22T08:33:49Z`; null for never.
    expires_at: Option<String>,
    /// Whether it has ended.
    expired: bool,
}

/// A new API token.
#[derive(Serialize, JsonSchema)]
struct Minted {
    /// As it will be listed.
    #[serde(flatten)]
    view: TokenView,
    /// The token, shown this once.
    token: String,
}

/// An account for programs.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ServiceAccount")]
struct ServiceView {
    /// Unique in the organization.
    name: String,
    /// `admin`, `manage` or `view`.
    role: String,
    /// `2026-08-22T08:33:49`.
    inserted_at: String,
}

fn view(t: &Token, now: Micros) -> TokenView {
    TokenView {
        id: t.id,
        note: t.note.clone(),
        access: t.access.clone(),
        product: t
            .org
            .as_ref()
            .zip(t.product.as_ref())
            .map(|(org, product)| format!("{org}/{product}")),
        inserted_at: t.inserted_at.naive(),
        last_used_at: t.last_used_at.map(|at| at.zulu()),
        expires_at: t.expires_at.map(|at| at.zulu()),
        expired: tokens::ended(t, now),
    }
}

fn minted(new: NewToken, now: Micros) -> Minted {
    Minted {
        view: view(&new.row, now),
        token: new.text,
    }
}

fn service_view(s: &ServiceAccount) -> ServiceView {
    ServiceView {
        name: s.name.clone(),
        role: s.role.clone(),
        inserted_at: s.inserted_at.naive(),
    }
}

fn form(p: &Params) -> domain::Result<TokenForm> {
    let days = match p.0.get("expires_in_days") {
        None => None,
        Some(v) if v.is_null() => None,
        Some(v) => {
            Some(number(v).ok_or_else(|| field("expires_in_days", "must be a number of days"))?)
        }
    };
    Ok(TokenForm {
        note: p.string("note"),
        access: p.string("access"),
        product: p.string("product"),
        days,
    })
}

pub(super) fn routes(contract: &mut Contract) {
    own_token_routes(contract);
    service_account_routes(contract);
}

fn own_token_routes(contract: &mut Contract) {
    contract.tag(Tag::Auth);
    contract
        .get("tokens.list", "/users/me/tokens", Auth::Person, list)
        .summary("Your tokens, newest first; only a token that grants all may ask");
    contract
        .post("tokens.create", "/users/me/tokens", Auth::Person, create)
        .summary("Make a token; it is shown once")
        .body_fields(FIELDS);
    contract
        .delete(
            "tokens.delete",
            "/users/me/tokens/{token}",
            Auth::Person,
            delete,
        )
        .summary("Delete one of your tokens");
}

fn service_account_routes(contract: &mut Contract) {
    contract.tag(Tag::ServiceAccounts);
    contract
        .get(
            "tokens.services",
            "/orgs/{org}/service_accounts",
            Auth::ADMIN,
            services,
        )
        .summary("The accounts, by name");
    contract
        .post(
            "tokens.add_service",
            "/orgs/{org}/service_accounts",
            Auth::ADMIN,
            add_service,
        )
        .summary("Make an account")
        .body_fields(&[
            required("name", FieldType::Text, "Its name"),
            required("role", ROLES, "What it may do"),
        ]);
    contract
        .delete(
            "tokens.remove_service",
            "/orgs/{org}/service_accounts/{account}",
            Auth::ADMIN,
            remove_service,
        )
        .summary("Remove an account and all its tokens");
    contract
        .get(
            "tokens.of_service",
            "/orgs/{org}/service_accounts/{account}/tokens",
            Auth::ADMIN,
            of_service,
        )
        .summary("An account's tokens, newest first");
    contract
        .post(
            "tokens.add_to_service",
            "/orgs/{org}/service_accounts/{account}/tokens",
            Auth::ADMIN,
            add_to_service,
        )
        .summary("Make a token for an account; it is shown once")
        .body_fields(FIELDS);
    contract
        .delete(
            "tokens.remove_of_service",
            "/orgs/{org}/service_accounts/{account}/tokens/{token}",
            Auth::ADMIN,
            remove_of_service,
        )
        .summary("Delete one of an account's tokens");
}

/// `GET /users/me/tokens`.
async fn list(State(app): State<App>, Caller(person): Caller) -> Result<Data<Vec<TokenView>>> {
    let all = tokens::list(&app.db, &person).await?;
    Ok(Data(all.iter().map(|t| view(t, app.now())).collect()))
}

/// `POST /users/me/tokens`.
async fn create(
    State(app): State<App>,
    Caller(person): Caller,
    p: Params,
) -> Result<Created<Minted>> {
    let new = tokens::create(&app.db, &person, &form(&p)?).await?;
    Ok(Created::without_location(minted(new, app.now())))
}

/// `DELETE /users/me/tokens/:token`.
async fn delete(State(app): State<App>, Caller(person): Caller, token: Word) -> Result<NoContent> {
    tokens::delete(&app.db, &person, token.number()?).await?;
    Ok(NoContent)
}

/// `GET /orgs/:org/service_accounts`.
async fn services(State(app): State<App>, scope: Scope<Org>) -> Result<Data<Vec<ServiceView>>> {
    let scope = scope.allow(Role::Admin)?;
    let all = tokens::services(&app.db, &scope).await?;
    Ok(Data(all.iter().map(service_view).collect()))
}

/// `POST /orgs/:org/service_accounts`.
async fn add_service(
    State(app): State<App>,
    scope: Scope<Org>,
    p: Params,
) -> Result<Created<ServiceView>> {
    let scope = scope.allow(Role::Admin)?;
    let made = tokens::add_service(&app.db, &scope, p.text("name"), p.text("role")).await?;
    let location = path(&["orgs", &scope.at().name, "service_accounts", &made.name]);
    Ok(Created::at(location, service_view(&made)))
}

/// `DELETE /orgs/:org/service_accounts/:account`.
async fn remove_service(
    State(app): State<App>,
    scope: Scope<Org>,
    Word(name): Word,
) -> Result<NoContent> {
    let scope = scope.allow(Role::Admin)?;
    tokens::remove_service(&app.db, &scope, &name).await?;
    Ok(NoContent)
}

/// `GET /orgs/:org/service_accounts/:account/tokens`.
async fn of_service(
    State(app): State<App>,
    scope: Scope<Org>,
    Word(name): Word,
) -> Result<Data<Vec<TokenView>>> {
    let scope = scope.allow(Role::Admin)?;
    let all = tokens::of_service(&app.db, &scope, &name).await?;
    Ok(Data(all.iter().map(|t| view(t, app.now())).collect()))
}

/// `POST /orgs/:org/service_accounts/:account/tokens`.
async fn add_to_service(
    State(app): State<App>,
    scope: Scope<Org>,
    Word(name): Word,
    p: Params,
) -> Result<Created<Minted>> {
    let scope = scope.allow(Role::Admin)?;
    let new = tokens::add_to_service(&app.db, &scope, &name, &form(&p)?).await?;
    Ok(Created::without_location(minted(new, app.now())))
}

/// `DELETE /orgs/:org/service_accounts/:account/tokens/:token`.
async fn remove_of_service(
    State(app): State<App>,
    scope: Scope<Org>,
    Path((_, name, id)): Path<(String, String, String)>,
) -> Result<NoContent> {
    let scope = scope.allow(Role::Admin)?;
    tokens::remove_of_service(&app.db, &scope, &name, number_of(&id)?).await?;
    Ok(NoContent)
}
