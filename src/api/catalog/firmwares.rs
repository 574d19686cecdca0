//! Firmware (docs/protocol/rest.md, "Uploads").

use super::upload::{Form, host_of, received};
use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::{created, in_product, none, ok};
use crate::api::http::error::Result;
use crate::api::http::extract::Name;
use crate::app::App;
use crate::blob::download_urls::StoredFileLink;
use crate::clock;
use crate::domain::catalog::firmwares::{self, FirmwareRow};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use schemars::JsonSchema;
use serde::Serialize;

/// A firmware.
#[derive(Serialize, JsonSchema)]
pub struct Firmware {
    /// Names this very image.
    uuid: String,
    /// Semantic version.
    version: String,
    /// Such as `arm`.
    architecture: String,
    /// Such as `rpi4`.
    platform: String,
    /// The product that it was built for.
    product: String,
    /// Who built it.
    author: Option<String>,
    /// `fwup` or `esp-idf`.
    tool: String,
}

pub fn view(f: &FirmwareRow) -> Firmware {
    Firmware {
        uuid: f.uuid.clone(),
        version: f.version.clone(),
        architecture: f.architecture.clone(),
        platform: f.platform.clone(),
        product: f.product.clone(),
        author: f.author.clone(),
        tool: f.tool.clone(),
    }
}

/// `GET /firmwares`.
pub async fn list(State(app): State<App>, scope: Scope<Product>) -> Result {
    let all = firmwares::list(&app.db, &scope).await?;
    Ok(ok(&all.iter().map(view).collect::<Vec<_>>()))
}

/// `GET /firmwares/:uuid`.
pub async fn show(State(app): State<App>, scope: Scope<Product>, Name(uuid): Name) -> Result {
    Ok(ok(&view(&firmwares::show(&app.db, &scope, &uuid).await?)))
}

/// `POST /firmwares`: the part `firmware`, streamed to disk; other parts are ignored.
pub async fn upload(State(app): State<App>, scope: Scope<Product>, form: Form) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let upload = received(&app, &scope, form, "firmware").await?;
    let firmware = upload.finish(&app, &scope).await?;
    let location = in_product(&scope, &["firmwares", &firmware.uuid]);
    Ok(created(Some(&location), &view(&firmware)))
}

/// `DELETE /firmwares/:uuid`.
pub async fn delete(State(app): State<App>, scope: Scope<Product>, Name(uuid): Name) -> Result {
    let scope = scope.allow(Role::Manage)?;
    firmwares::delete(&app, &scope, &uuid).await?;
    Ok(none())
}

/// `GET /firmwares/:uuid/download`: to a signed link on the host that was asked.
pub async fn download(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(uuid): Name,
    headers: HeaderMap,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let firmware = firmwares::show(&app.db, &scope, &uuid).await?;
    let file = StoredFileLink::firmware(&firmware);
    let url = app
        .download_urls
        .url(host_of(&headers), &file, clock::now());
    Ok((StatusCode::FOUND, [(header::LOCATION, url)]).into_response())
}
