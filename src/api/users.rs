//! Login, organisations, members (rest-api 4 and 5).

use super::answer::{created, none, ok, path};
use super::error::{Error, Result};
use super::extract::{Caller, Name};
use super::params::Params;
use crate::access::scope::{Org, Role, Scope};
use crate::app::App;
use crate::fleet::orgs::{self, Member};
use crate::fleet::{Refusal, users};
use axum::extract::State;
use serde_json::{Value, json};

/// `POST /users/auth` and `/users/login`.
pub(super) async fn login(State(app): State<App>, p: Params) -> Result {
    let (Some(email), Some(password)) = (p.text("email"), p.text("password")) else {
        return Err(Error::WrongPassword);
    };
    let note = p.text("note").unwrap_or_default();
    let session = users::login(&app.db, email, password, note)
        .await?
        .ok_or(Error::WrongPassword)?;
    Ok(ok(&json!({
        "name": session.person.name, "email": session.person.email, "token": session.token,
    })))
}

/// `GET /users/me`.
pub(super) async fn me(Caller(person): Caller) -> Result {
    Ok(ok(&json!({"name": person.name, "email": person.email})))
}

/// `GET /orgs`.
pub(super) async fn orgs(State(app): State<App>, Caller(person): Caller, p: Params) -> Result {
    let products = p
        .text("include")
        .is_some_and(|i| i.split(',').any(|w| w.trim() == "products"));
    let all = orgs::of(&app.db, &person, products).await?;
    let views: Vec<Value> = all
        .into_iter()
        .map(|(org, held)| {
            let mut view = json!({
                "name": org.name,
                "inserted_at": org.inserted_at.naive(),
                "updated_at": org.updated_at.naive(),
            });
            if let (Some(held), Some(map)) = (held, view.as_object_mut()) {
                map.insert(
                    "products".into(),
                    held.iter().map(super::products::view).collect(),
                );
            }
            view
        })
        .collect();
    Ok(ok(&views.into()))
}

fn view(m: &Member) -> Value {
    json!({"name": m.name, "email": m.email, "role": m.role})
}

/// `GET /orgs/:org/users`.
pub(super) async fn members(State(app): State<App>, scope: Scope<Org>) -> Result {
    let scope = scope.allow(Role::Admin)?;
    let all = orgs::members(&app.db, &scope).await?;
    Ok(ok(&all.iter().map(view).collect()))
}

/// `POST /orgs/:org/users` and `/users/invite`.
pub(super) async fn add_member(State(app): State<App>, scope: Scope<Org>, p: Params) -> Result {
    let scope = scope.allow(Role::Admin)?;
    let (Some(email), Some(role)) = (p.text("email"), p.text("role")) else {
        return Err(Refusal::Bad("email and role are needed".into()).into());
    };
    let member = orgs::add_member(&app.db, &scope, email, role).await?;
    let location = path(&["orgs", &scope.at().name, "users", email]);
    Ok(created(Some(&location), &view(&member)))
}

/// `GET /orgs/:org/users/:email`.
pub(super) async fn member(State(app): State<App>, scope: Scope<Org>, Name(email): Name) -> Result {
    let scope = scope.allow(Role::Admin)?;
    Ok(ok(&view(&orgs::member(&app.db, &scope, &email).await?)))
}

/// `PUT /orgs/:org/users/:email`.
pub(super) async fn set_role(
    State(app): State<App>,
    scope: Scope<Org>,
    Name(email): Name,
    p: Params,
) -> Result {
    let scope = scope.allow(Role::Admin)?;
    let role = p
        .text("role")
        .ok_or_else(|| Refusal::Bad("role is needed".into()))?;
    Ok(ok(&view(
        &orgs::set_role(&app.db, &scope, &email, role).await?,
    )))
}

/// `DELETE /orgs/:org/users/:email`.
pub(super) async fn remove_member(
    State(app): State<App>,
    scope: Scope<Org>,
    Name(email): Name,
) -> Result {
    let scope = scope.allow(Role::Admin)?;
    orgs::remove_member(&app.db, &scope, &email).await?;
    Ok(none())
}
