//! Signing keys (rest-api 6).

use super::answer::{created, none, ok};
use super::error::Result;
use super::extract::Name;
use super::params::Params;
use crate::access::scope::{Org, Role, Scope};
use crate::app::App;
use crate::domain::keys::{self, KeyRow};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

/// A signing key.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SigningKey")]
pub(super) struct Key {
    /// Unique in the organisation.
    name: String,
    /// The public key: base64 of 32 bytes.
    key: String,
    /// `ed25519`.
    scheme: String,
}

fn view(k: &KeyRow) -> Key {
    Key {
        name: k.name.clone(),
        key: k.key.clone(),
        scheme: k.scheme.clone(),
    }
}

/// `GET /keys`.
pub(super) async fn list(State(app): State<App>, scope: Scope<Org>) -> Result {
    let all = keys::list(&app.db, &scope).await?;
    Ok(ok(&all.iter().map(view).collect::<Vec<_>>()))
}

/// `GET /keys/:name`.
pub(super) async fn show(State(app): State<App>, scope: Scope<Org>, Name(name): Name) -> Result {
    Ok(ok(&view(&keys::show(&app.db, &scope, &name).await?)))
}

/// `POST /keys`.
pub(super) async fn create(State(app): State<App>, scope: Scope<Org>, p: Params) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let (name, key, scheme) = (p.text("name"), p.text("key"), p.text("scheme"));
    Ok(created(
        None,
        &view(&keys::create(&app, &scope, name, key, scheme).await?),
    ))
}

/// `DELETE /keys/:name`.
pub(super) async fn delete(State(app): State<App>, scope: Scope<Org>, Name(name): Name) -> Result {
    let scope = scope.allow(Role::Manage)?;
    keys::delete(&app, &scope, &name).await?;
    Ok(none())
}
