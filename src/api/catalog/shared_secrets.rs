//! Shared secrets of a product, or of one device: an addition to the original's API, so that a script can set up a fleet.

use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::{Created, Data, NoContent};
use crate::api::http::contract::{Auth, Contract};
use crate::api::http::error::Result;
use crate::api::http::extract::{DeviceName, Name};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::catalog::products::{self, ProductSecret};
use crate::domain::devices;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

/// A shared secret without its secret.
#[derive(Serialize, JsonSchema)]
struct SharedSecret {
    /// What names it.
    key: String,
    /// `2026-08-22T08:33:49`.
    inserted_at: String,
    /// Since when it is refused, `2026-08-22T08:33:49Z`.
    deactivated_at: Option<String>,
}

/// A shared secret, shown once.
#[derive(Serialize, JsonSchema)]
struct NewSharedSecret {
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

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::SharedSecrets);
    contract
        .get(
            "shared_secrets.list",
            "/orgs/{org}/products/{product}/shared_secrets",
            Auth::MANAGE,
            list,
        )
        .summary("The product's, without the secrets");
    contract
        .post(
            "shared_secrets.create",
            "/orgs/{org}/products/{product}/shared_secrets",
            Auth::MANAGE,
            create,
        )
        .summary("Make one; it is shown once");
    contract
        .delete(
            "shared_secrets.delete",
            "/orgs/{org}/products/{product}/shared_secrets/{*key}",
            Auth::MANAGE,
            delete,
        )
        .summary("Deactivate one");
    contract
        .get(
            "shared_secrets.list_of_device",
            "/orgs/{org}/products/{product}/devices/{device}/shared_secrets",
            Auth::MANAGE,
            list_of_device,
        )
        .summary("A device's, without the secrets");
    contract
        .post(
            "shared_secrets.create_for_device",
            "/orgs/{org}/products/{product}/devices/{device}/shared_secrets",
            Auth::MANAGE,
            create_for_device,
        )
        .summary("Make one for a device; it is shown once");
    contract
        .delete(
            "shared_secrets.delete_of_device",
            "/orgs/{org}/products/{product}/devices/{device}/shared_secrets/{*key}",
            Auth::MANAGE,
            delete_of_device,
        )
        .summary("Deactivate a device's");
}

/// `GET /shared_secrets`: keys without their secrets.
async fn list(State(app): State<App>, scope: Scope<Product>) -> Result<Data<Vec<SharedSecret>>> {
    let scope = scope.allow(Role::Manage)?;
    let all = products::secrets(&app.db, &scope).await?;
    Ok(Data(all.iter().map(view).collect()))
}

/// `GET /devices/:device/shared_secrets`: keys without their secrets.
async fn list_of_device(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(device): Name,
) -> Result<Data<Vec<SharedSecret>>> {
    let scope = scope.allow(Role::Manage)?;
    let all = devices::secrets(&app.db, &scope, &device).await?;
    Ok(Data(all.iter().map(view).collect()))
}

/// `DELETE /devices/:device/shared_secrets/:key`.
async fn delete_of_device(
    State(app): State<App>,
    scope: Scope<Product>,
    DeviceName(device): DeviceName,
    Name(key): Name,
) -> Result<NoContent> {
    let scope = scope.allow(Role::Manage)?;
    devices::deactivate_secret(&app, &scope, &device, &key).await?;
    Ok(NoContent)
}

/// `POST /shared_secrets`: the secret is shown this once.
async fn create(State(app): State<App>, scope: Scope<Product>) -> Result<Created<NewSharedSecret>> {
    let scope = scope.allow(Role::Manage)?;
    let (key, secret) = products::add_secret(&app.db, &app.vault, &scope).await?;
    Ok(Created::without_location(NewSharedSecret {
        key,
        secret: secret.reveal().to_string(),
    }))
}

/// `POST /devices/:device/shared_secrets`: for one device; the secret is shown this once.
async fn create_for_device(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(device): Name,
) -> Result<Created<NewSharedSecret>> {
    let scope = scope.allow(Role::Manage)?;
    let (key, secret) = devices::add_secret(&app, &scope, &device).await?;
    Ok(Created::without_location(NewSharedSecret {
        key,
        secret: secret.reveal().to_string(),
    }))
}

/// `DELETE /shared_secrets/:key`.
async fn delete(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(key): Name,
) -> Result<NoContent> {
    let scope = scope.allow(Role::Manage)?;
    products::deactivate_secret(&app, &scope, &key).await?;
    Ok(NoContent)
}
