//! Login, organizations, members (docs/protocol/rest.md, "Authentication" and "Members and organizations").

use super::pages::{Peer, address_of};
use crate::access::scope::{Org, Role, Scope};
use crate::api::http::answer::{created, none, ok, path};
use crate::api::http::error::{Error, Result};
use crate::api::http::extract::{Caller, Name};
use crate::api::http::params::Params;
use crate::app::App;
use crate::domain::DomainError;
use crate::domain::accounts::orgs::{self, Member};
use crate::domain::accounts::{logins, tokens, users};
use crate::domain::error::{BLANK, field};
use axum::extract::{Extension, State};
use schemars::JsonSchema;
use serde::Serialize;

/// A login that worked.
#[derive(Serialize, JsonSchema)]
pub struct LoginView {
    /// Full name.
    name: String,
    /// Login.
    email: String,
    /// A new API token, shown once.
    token: String,
}

/// The person whose token it is.
#[derive(Serialize, JsonSchema)]
pub struct Me {
    /// Full name.
    name: String,
    /// Login.
    email: String,
}

/// A member of an organization.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Member")]
pub struct MemberView {
    /// Full name.
    name: String,
    /// Login.
    email: String,
    /// `admin`, `manage` or `view`.
    role: String,
}

/// An organization.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Organization")]
pub struct OrgView {
    /// Unique on the server.
    name: String,
    /// `2026-08-22T08:33:49`.
    inserted_at: String,
    /// `2026-08-22T08:33:49`.
    updated_at: String,
    /// Only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    products: Option<Vec<crate::api::catalog::products::ProductView>>,
}

/// `POST /users/auth` and `/users/login`.
pub async fn login(State(app): State<App>, peer: Option<Extension<Peer>>, p: Params) -> Result {
    let (Some(email), Some(password)) = (p.text("email"), p.text("password")) else {
        return Err(Error::WrongPassword);
    };
    let note = p.text("note").unwrap_or_default();
    let session = users::login(&app, email, password, note, address_of(peer))
        .await?
        .ok_or(Error::WrongPassword)?;
    Ok(ok(&LoginView {
        name: session.person.name,
        email: session.person.email,
        token: session.token,
    }))
}

/// `GET /users/me`.
pub async fn me(Caller(person): Caller) -> Result {
    Ok(ok(&Me {
        name: person.name,
        email: person.email,
    }))
}

/// `PUT /users/me/password`.
pub async fn change_password(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    Caller(person): Caller,
    p: Params,
) -> Result {
    // Before the fields are read: what a token may not do, it may not ask about either.
    tokens::require_full_access(&person)?;
    let text = |key: &str| match p.text(key) {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(field(key, BLANK)),
    };
    let (present, new) = (text("current_password")?, text("new_password")?);
    users::change_password(&app, &person, present, new, address_of(peer)).await?;
    Ok(none())
}

/// `GET /orgs`.
pub async fn orgs(State(app): State<App>, Caller(person): Caller, p: Params) -> Result {
    let products = p
        .text("include")
        .is_some_and(|i| i.split(',').any(|w| w.trim() == "products"));
    let all = orgs::of(&app.db, &person, products).await?;
    let views: Vec<OrgView> = all
        .into_iter()
        .map(|(org, held)| OrgView {
            inserted_at: org.inserted_at.naive(),
            updated_at: org.updated_at.naive(),
            name: org.name,
            products: held.map(|all| {
                all.iter()
                    .map(crate::api::catalog::products::view)
                    .collect()
            }),
        })
        .collect();
    Ok(ok(&views))
}

fn view(m: &Member) -> MemberView {
    MemberView {
        name: m.name.clone(),
        email: m.email.clone(),
        role: m.role.clone(),
    }
}

/// `GET /orgs/:org/users`.
pub async fn members(State(app): State<App>, scope: Scope<Org>) -> Result {
    let scope = scope.allow(Role::Admin)?;
    let all = orgs::members(&app.db, &scope).await?;
    Ok(ok(&all.iter().map(view).collect::<Vec<_>>()))
}

/// The role that goes by another word in `nh`, which has those of before (docs/protocol/rest.md, "What nh relies on").
fn role_from_nh(role: &str) -> &str {
    match role {
        "delete" => "admin",
        "write" => "manage",
        "read" => "view",
        word => word,
    }
}

/// `POST /orgs/:org/users` and `/users/invite`.
pub async fn add_member(State(app): State<App>, scope: Scope<Org>, p: Params) -> Result {
    let scope = scope.allow(Role::Admin)?;
    // `nh` calls it username.
    let email = p.text("email").or_else(|| p.text("username"));
    let (Some(email), Some(role)) = (email, p.text("role")) else {
        return Err(DomainError::Bad("email and role are needed".into()).into());
    };
    let role = match p.text("email") {
        Some(_) => role,
        None => role_from_nh(role),
    };
    let Some(member) = orgs::add_member(&app, &scope, email, role).await? else {
        logins::invite(&app, &scope, email, role).await?;
        return Ok(none());
    };
    let location = path(&["orgs", &scope.at().name, "users", email]);
    Ok(created(Some(&location), &view(&member)))
}

/// `GET /orgs/:org/users/:email`.
pub async fn member(State(app): State<App>, scope: Scope<Org>, Name(email): Name) -> Result {
    let scope = scope.allow(Role::Admin)?;
    Ok(ok(&view(&orgs::member(&app.db, &scope, &email).await?)))
}

/// `PUT /orgs/:org/users/:email`.
pub async fn set_role(
    State(app): State<App>,
    scope: Scope<Org>,
    Name(email): Name,
    p: Params,
) -> Result {
    let scope = scope.allow(Role::Admin)?;
    let role = p
        .text("role")
        .ok_or_else(|| DomainError::Bad("role is needed".into()))?;
    let member = orgs::set_role(&app.db, &scope, &email, role_from_nh(role)).await?;
    Ok(ok(&view(&member)))
}

/// `DELETE /orgs/:org/invites/:email`.
pub async fn rescind(State(app): State<App>, scope: Scope<Org>, Name(email): Name) -> Result {
    let scope = scope.allow(Role::Admin)?;
    logins::rescind(&app.db, &scope, &email).await?;
    Ok(none())
}

/// `DELETE /orgs/:org/users/:email`.
pub async fn remove_member(State(app): State<App>, scope: Scope<Org>, Name(email): Name) -> Result {
    let scope = scope.allow(Role::Admin)?;
    orgs::remove_member(&app, &scope, &email).await?;
    Ok(none())
}
