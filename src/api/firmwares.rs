//! Firmware (rest-api 13).

use super::answer::{created, none, ok, path};
use super::error::{Error, Result};
use super::extract::Name;
use crate::access::scope::{Product, Role, Scope};
use crate::app::App;
use crate::blob::Blob;
use crate::clock;
use crate::fleet::Refusal;
use crate::fleet::firmwares::{self, FirmwareRow, Upload};
use crate::limits::UPLOAD_STALL;
use axum::extract::multipart::Field;
use axum::extract::{Multipart, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use serde_json::{Value, json};
use tokio::time::timeout;

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
    form: std::result::Result<Multipart, axum::extract::multipart::MultipartRejection>,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let missing = || {
        Refusal::Detail("No firmware uploaded: send it as the multipart part \"firmware\".".into())
    };
    let mut form = form.map_err(|_| missing())?;
    let _place = app
        .uploads
        .acquire()
        .await
        .map_err(|e| Refusal::Fault(e.to_string()))?;
    let mut received = None;
    while let Some(field) = next(&mut form).await? {
        if field.name() == Some("firmware") && received.is_none() {
            received = Some(receive(&app, field).await?);
        }
    }
    let firmware = received.ok_or_else(missing)?.finish(&app, &scope).await?;
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

fn cut_off() -> Error {
    Refusal::Bad("the upload broke off, or its multipart body cannot be read".into()).into()
}

async fn next(form: &mut Multipart) -> Result<Option<Field<'_>>> {
    timeout(UPLOAD_STALL, form.next_field())
        .await
        .map_err(|_| cut_off())?
        .map_err(|_| cut_off())
}

async fn receive(app: &App, mut field: Field<'_>) -> Result<Upload> {
    let mut upload = Upload::begin(app)?;
    loop {
        let chunk = timeout(UPLOAD_STALL, field.chunk())
            .await
            .map_err(|_| cut_off())?;
        match chunk.map_err(|_| cut_off())? {
            Some(bytes) => upload.write(bytes).await?,
            None => return Ok(upload),
        }
    }
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
    let host = headers
        .get(header::HOST)
        .and_then(|h| h.to_str().ok())
        .unwrap_or("localhost");
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let url = app.links.url(
        host,
        Blob::Firmware(firmware.id),
        &firmware.uuid,
        clock::now(),
    );
    Ok((StatusCode::FOUND, [(header::LOCATION, url)]).into_response())
}
