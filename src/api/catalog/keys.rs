//! Signing keys (docs/protocol/rules.md, "Signing keys").

use crate::access::scope::{Org, Role, Scope};
use crate::api::http::answer::{created, none, ok};
use crate::api::http::error::Result;
use crate::api::http::extract::Name;
use crate::api::http::params::Params;
use crate::app::App;
use crate::domain::catalog::keys::{self, KeyRow};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

/// A signing key.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SigningKey")]
pub struct Key {
    /// Unique in the organization.
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
pub async fn list(State(app): State<App>, scope: Scope<Org>) -> Result {
    let all = keys::list(&app.db, &scope).await?;
    Ok(ok(&all.iter().map(view).collect::<Vec<_>>()))
}

/// `GET /keys/:name`.
pub async fn show(State(app): State<App>, scope: Scope<Org>, Name(name): Name) -> Result {
    Ok(ok(&view(&keys::show(&app.db, &scope, &name).await?)))
}

/// `POST /keys`.
pub async fn create(State(app): State<App>, scope: Scope<Org>, p: Params) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let (name, key, scheme) = (p.text("name"), p.text("key"), p.text("scheme"));
    Ok(created(
        None,
        &view(&keys::create(&app, &scope, name, key, scheme).await?),
    ))
}

/// `DELETE /keys/:name`.
pub async fn delete(State(app): State<App>, scope: Scope<Org>, Name(name): Name) -> Result {
    let scope = scope.allow(Role::Manage)?;
    keys::delete(&app, &scope, &name).await?;
    Ok(none())
}
