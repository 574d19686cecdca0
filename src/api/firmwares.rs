//! Firmware (rest-api 13).

use super::answer::{created, none, ok, path};
use super::error::Result;
use super::extract::Name;
use super::upload::{host_of, received};
use crate::access::scope::{Product, Role, Scope};
use crate::app::App;
use crate::blob::Blob;
use crate::clock;
use crate::fleet::firmwares::{self, FirmwareRow};
use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

fn view(f: &FirmwareRow) -> Value {
    json!({
        "uuid": f.uuid, "version": f.version, "architecture": f.architecture,
        "platform": f.platform, "product": f.product, "author": f.author, "tool": "fwup",
    })
}

/// `GET /firmwares`.
pub(super) async fn list(State(app): State<App>, scope: Scope<Product>) -> Result {
    Ok(ok(&firmwares::list(&app.db, &scope)
        .await?
        .iter()
        .map(view)
        .collect()))
}

/// `GET /firmwares/:uuid`.
pub(super) async fn show(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(uuid): Name,
) -> Result {
    Ok(ok(&view(&firmwares::show(&app.db, &scope, &uuid).await?)))
}

/// `POST /firmwares`: the part `firmware`, streamed to disk; other parts are ignored.
pub(super) async fn upload(
    State(app): State<App>,
    scope: Scope<Product>,
    form: std::result::Result<Multipart, MultipartRejection>,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let upload = received(&app, form, "firmware").await?;
    let firmware = upload.finish(&app, &scope).await?;
    let at = scope.product();
    let location = path(&[
        "orgs",
        &at.org.name,
        "products",
        &at.name,
        "firmwares",
        &firmware.uuid,
    ]);
    Ok(created(Some(&location), &view(&firmware)))
}

/// `DELETE /firmwares/:uuid`.
pub(super) async fn delete(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(uuid): Name,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    firmwares::delete(&app, &scope, &uuid).await?;
    Ok(none())
}

/// `GET /firmwares/:uuid/download`: to a signed link on the host that was asked.
pub(super) async fn download(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(uuid): Name,
    headers: HeaderMap,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let firmware = firmwares::show(&app.db, &scope, &uuid).await?;
    let url = app.links.url(
        host_of(&headers),
        Blob::Firmware(firmware.id),
        &firmware.uuid,
        clock::now(),
    );
    Ok((StatusCode::FOUND, [(header::LOCATION, url)]).into_response())
}
