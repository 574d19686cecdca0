//! Shared secrets of a product, or of one device: an addition to the original's API, so that a script can set up a fleet.

use super::answer::{created, none, ok};
use super::error::Result;
use super::extract::{DeviceName, Name};
use crate::access::scope::{Product, Role, Scope};
use crate::app::App;
use crate::fleet::products::ProductSecret;
use crate::fleet::{devices, products};
use axum::extract::State;
use serde_json::{Value, json};

fn view(s: &ProductSecret) -> Value {
    json!({
        "key": s.key,
        "inserted_at": s.inserted_at.naive(),
        "deactivated_at": s.deactivated_at.map(|at| at.zulu()),
    })
}

/// `GET /shared_secrets`: keys without their secrets.
pub(super) async fn list(State(app): State<App>, scope: Scope<Product>) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let all = products::secrets(&app.db, &scope).await?;
    Ok(ok(&all.iter().map(view).collect()))
}

/// `GET /devices/:device/shared_secrets`: keys without their secrets.
pub(super) async fn list_of_device(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(device): Name,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let all = devices::secrets(&app.db, &scope, &device).await?;
    Ok(ok(&all.iter().map(view).collect()))
}

/// `DELETE /devices/:device/shared_secrets/:key`.
pub(super) async fn delete_of_device(
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
pub(super) async fn create(State(app): State<App>, scope: Scope<Product>) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let (key, secret) = products::add_secret(&app.db, &app.vault, &scope).await?;
    Ok(created(
        None,
        &json!({"key": key, "secret": secret.reveal()}),
    ))
}

/// `POST /devices/:device/shared_secrets`: for one device; the secret is shown this once.
pub(super) async fn create_for_device(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(device): Name,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let (key, secret) = devices::add_secret(&app, &scope, &device).await?;
    Ok(created(
        None,
        &json!({"key": key, "secret": secret.reveal()}),
    ))
}

/// `DELETE /shared_secrets/:key`.
pub(super) async fn delete(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(key): Name,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    products::deactivate_secret(&app.db, &scope, &key).await?;
    Ok(none())
}
