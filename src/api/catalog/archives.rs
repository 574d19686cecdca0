//! Archives: signed files for the device's application. Routes of our own, shaped like those of firmware; the original has
//! them in its console only.

use super::upload::{Form, host_of, received};
use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::{created, in_product, none, ok};
use crate::api::http::error::Result;
use crate::api::http::extract::Name;
use crate::app::App;
use crate::blob::download_urls::StoredFileLink;
use crate::clock;
use crate::domain::catalog::archives::{self, ArchiveRow};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use schemars::JsonSchema;
use serde::Serialize;

/// An archive.
#[derive(Serialize, JsonSchema)]
pub struct Archive {
    /// Names this very file.
    uuid: String,
    /// Semantic version.
    version: String,
    /// Such as `rpi4`, or `generic`.
    platform: String,
    /// Such as `arm`, or `generic`.
    architecture: String,
    /// Free text.
    description: Option<String>,
    /// Bytes.
    size: i64,
    /// `2026-08-22T08:33:49`.
    uploaded_at: String,
}

pub fn view(a: &ArchiveRow) -> Archive {
    Archive {
        uuid: a.uuid.clone(),
        version: a.version.clone(),
        platform: a.platform.clone(),
        architecture: a.architecture.clone(),
        description: a.description.clone(),
        size: a.size,
        uploaded_at: a.inserted_at.naive(),
    }
}

/// `GET /archives`: highest version first.
pub async fn list(State(app): State<App>, scope: Scope<Product>) -> Result {
    let all = archives::list(&app.db, &scope).await?;
    Ok(ok(&all.iter().map(view).collect::<Vec<_>>()))
}

/// `GET /archives/:uuid`.
pub async fn show(State(app): State<App>, scope: Scope<Product>, Name(uuid): Name) -> Result {
    Ok(ok(&view(&archives::show(&app.db, &scope, &uuid).await?)))
}

/// `POST /archives`: the part `archive`, streamed to disk; other parts are ignored.
pub async fn upload(State(app): State<App>, scope: Scope<Product>, form: Form) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let upload = received(&app, &scope, form, "archive").await?;
    let archive = archives::finish(&app, &scope, upload).await?;
    let location = in_product(&scope, &["archives", &archive.uuid]);
    Ok(created(Some(&location), &view(&archive)))
}

/// `DELETE /archives/:uuid`.
pub async fn delete(State(app): State<App>, scope: Scope<Product>, Name(uuid): Name) -> Result {
    let scope = scope.allow(Role::Manage)?;
    archives::delete(&app, &scope, &uuid).await?;
    Ok(none())
}

/// `GET /archives/:uuid/download`: to a signed link on the host that was asked.
pub async fn download(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(uuid): Name,
    headers: HeaderMap,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let archive = archives::show(&app.db, &scope, &uuid).await?;
    let file = StoredFileLink::archive(&archive);
    let url = app
        .download_urls
        .url(host_of(&headers), &file, clock::now());
    Ok((StatusCode::FOUND, [(header::LOCATION, url)]).into_response())
}
