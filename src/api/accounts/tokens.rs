//! API tokens and accounts for programs: routes of our own.

use crate::access::scope::{Org, Role, Scope};
use crate::api::http::answer::{created, none, ok, path};
use crate::api::http::contract::{Field, FieldType, optional_field, required};
use crate::api::http::error::Result;
use crate::api::http::extract::{Caller, Word, number_of};
use crate::api::http::params::{Params, number};
use crate::app::App;
use crate::clock;
use crate::domain;
use crate::domain::accounts::tokens::{self, NewToken, ServiceAccount, Token, TokenForm};
use crate::domain::error::field;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::Serialize;

/// Fields of a new token.
pub const FIELDS: &[Field] = &[
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
pub struct TokenView {
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
pub struct Minted {
    /// As it will be listed.
    #[serde(flatten)]
    view: TokenView,
    /// The token, shown this once.
    token: String,
}

/// An account for programs.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ServiceAccount")]
pub struct ServiceView {
    /// Unique in the organization.
    name: String,
    /// `admin`, `manage` or `view`.
    role: String,
    /// `2026-08-22T08:33:49`.
    inserted_at: String,
}

fn view(t: &Token) -> TokenView {
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
        expired: tokens::ended(t, clock::now()),
    }
}

fn minted(new: NewToken) -> Minted {
    Minted {
        view: view(&new.row),
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

/// `GET /users/me/tokens`.
pub async fn list(State(app): State<App>, Caller(person): Caller) -> Result {
    let all = tokens::list(&app.db, &person).await?;
    Ok(ok(&all.iter().map(view).collect::<Vec<_>>()))
}

/// `POST /users/me/tokens`.
pub async fn create(State(app): State<App>, Caller(person): Caller, p: Params) -> Result {
    let new = tokens::create(&app.db, &person, &form(&p)?).await?;
    Ok(created(None, &minted(new)))
}

/// `DELETE /users/me/tokens/:token`.
pub async fn delete(State(app): State<App>, Caller(person): Caller, token: Word) -> Result {
    tokens::delete(&app.db, &person, token.number()?).await?;
    Ok(none())
}

/// `GET /orgs/:org/service_accounts`.
pub async fn services(State(app): State<App>, scope: Scope<Org>) -> Result {
    let scope = scope.allow(Role::Admin)?;
    let all = tokens::services(&app.db, &scope).await?;
    Ok(ok(&all.iter().map(service_view).collect::<Vec<_>>()))
}

/// `POST /orgs/:org/service_accounts`.
pub async fn add_service(State(app): State<App>, scope: Scope<Org>, p: Params) -> Result {
    let scope = scope.allow(Role::Admin)?;
    let made = tokens::add_service(&app.db, &scope, p.text("name"), p.text("role")).await?;
    let location = path(&["orgs", &scope.at().name, "service_accounts", &made.name]);
    Ok(created(Some(&location), &service_view(&made)))
}

/// `DELETE /orgs/:org/service_accounts/:account`.
pub async fn remove_service(State(app): State<App>, scope: Scope<Org>, Word(name): Word) -> Result {
    let scope = scope.allow(Role::Admin)?;
    tokens::remove_service(&app.db, &scope, &name).await?;
    Ok(none())
}

/// `GET /orgs/:org/service_accounts/:account/tokens`.
pub async fn of_service(State(app): State<App>, scope: Scope<Org>, Word(name): Word) -> Result {
    let scope = scope.allow(Role::Admin)?;
    let all = tokens::of_service(&app.db, &scope, &name).await?;
    Ok(ok(&all.iter().map(view).collect::<Vec<_>>()))
}

/// `POST /orgs/:org/service_accounts/:account/tokens`.
pub async fn add_to_service(
    State(app): State<App>,
    scope: Scope<Org>,
    Word(name): Word,
    p: Params,
) -> Result {
    let scope = scope.allow(Role::Admin)?;
    let new = tokens::add_to_service(&app.db, &scope, &name, &form(&p)?).await?;
    Ok(created(None, &minted(new)))
}

/// `DELETE /orgs/:org/service_accounts/:account/tokens/:token`.
pub async fn remove_of_service(
    State(app): State<App>,
    scope: Scope<Org>,
    Path((_, name, id)): Path<(String, String, String)>,
) -> Result {
    let scope = scope.allow(Role::Admin)?;
    tokens::remove_of_service(&app.db, &scope, &name, number_of(&id)?).await?;
    Ok(none())
}
