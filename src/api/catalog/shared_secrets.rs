//! Shared secrets of a product, or of one device: an addition to the original's API, so that a script can set up a fleet.

use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::{created, none, ok};
use crate::api::http::error::Result;
use crate::api::http::extract::{DeviceName, Name};
use crate::app::App;
use crate::domain::catalog::products;
use crate::domain::catalog::products::ProductSecret;
use crate::domain::devices;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

/// A shared secret without its secret.
#[derive(Serialize, JsonSchema)]
pub struct SharedSecret {
    /// What names it.
    key: String,
    /// `2026-08-22T08:33:49`.
    inserted_at: String,
    /// Since when it is refused, `2026-08-22T08:33:49Z`.
    deactivated_at: Option<String>,
}

/// A shared secret, shown once.
#[derive(Serialize, JsonSchema)]
pub struct NewSharedSecret {
    /// What names it.
    key: String,
    /// What proves it.
    secret: String,
}

fn view(s: &ProductSecret) -> SharedSecret {
    SharedSecret {
        key: s.key.clone(),
        inserted_at: s.inserted_at.naive(),
        deactivated_at: s.deactivated_at.map(|at| at.zulu()),
    }
}

/// `GET /shared_secrets`: keys without their secrets.
pub async fn list(State(app): State<App>, scope: Scope<Product>) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let all = products::secrets(&app.db, &scope).await?;
    Ok(ok(&all.iter().map(view).collect::<Vec<_>>()))
}

/// `GET /devices/:device/shared_secrets`: keys without their secrets.
pub async fn list_of_device(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(device): Name,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let all = devices::secrets(&app.db, &scope, &device).await?;
    Ok(ok(&all.iter().map(view).collect::<Vec<_>>()))
}

/// `DELETE /devices/:device/shared_secrets/:key`.
pub async fn delete_of_device(
    State(app): State<App>,
    scope: Scope<Product>,
    DeviceName(device): DeviceName,
    Name(key): Name,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    devices::deactivate_secret(&app, &scope, &device, &key).await?;
    Ok(none())
}

/// `POST /shared_secrets`: the secret is shown this once.
pub async fn create(State(app): State<App>, scope: Scope<Product>) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let (key, secret) = products::add_secret(&app.db, &app.vault, &scope).await?;
    Ok(created(
        None,
        &NewSharedSecret {
            key,
            secret: secret.reveal().to_string(),
        },
    ))
}

/// `POST /devices/:device/shared_secrets`: for one device; the secret is shown this once.
pub async fn create_for_device(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(device): Name,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let (key, secret) = devices::add_secret(&app, &scope, &device).await?;
    Ok(created(
        None,
        &NewSharedSecret {
            key,
            secret: secret.reveal().to_string(),
        },
    ))
}

/// `DELETE /shared_secrets/:key`.
pub async fn delete(State(app): State<App>, scope: Scope<Product>, Name(key): Name) -> Result {
    let scope = scope.allow(Role::Manage)?;
    products::deactivate_secret(&app, &scope, &key).await?;
    Ok(none())
}
