//! Uploads that can go on after a cut: routes of our own.

use super::{archives, firmwares};
use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::{created, in_product, none, ok};
use crate::api::http::contract::{Field, FieldType, required};
use crate::api::http::error::Result;
use crate::api::http::extract::Word;
use crate::api::http::params::{Params, number};
use crate::app::App;
use crate::domain::catalog::uploads::{self, UploadStatus};
use crate::domain::error::{INVALID, field};
use axum::body::Body;
use axum::extract::{Query, State};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashMap;

/// Fields of a new upload.
pub const FIELDS: &[Field] = &[
    required("size", FieldType::Number, "Bytes of the file"),
    required("sha256", FieldType::Text, "Its SHA-256 in 64 hex digits"),
];

/// What a request with bytes says of them.
pub const FROM: &[Field] = &[required(
    "offset",
    FieldType::Number,
    "Where in the file they begin",
)];

/// An upload.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Upload")]
pub struct UploadView {
    /// What names it.
    id: String,
    /// Bytes of the file.
    size: u64,
    /// Bytes that have come: where to go on.
    offset: u64,
}

fn view(s: &UploadStatus) -> UploadView {
    UploadView {
        id: s.id.clone(),
        size: s.size,
        offset: s.offset,
    }
}

/// `POST /uploads`.
pub async fn begin(State(app): State<App>, scope: Scope<Product>, p: Params) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let size = p.0.get("size").and_then(number);
    let begun = uploads::begin(&app, &scope, size, p.text("sha256")).await?;
    let location = in_product(&scope, &["uploads", &begun.id]);
    Ok(created(Some(&location), &view(&begun)))
}

/// `GET /uploads/:upload`.
pub async fn show(State(app): State<App>, scope: Scope<Product>, id: Word) -> Result {
    let scope = scope.allow(Role::Manage)?;
    Ok(ok(&view(&uploads::status(&app, &scope, &id.0).await?)))
}

/// `PATCH /uploads/:upload?offset=`: the bytes as they are.
pub async fn write(
    State(app): State<App>,
    scope: Scope<Product>,
    id: Word,
    Query(query): Query<HashMap<String, String>>,
    body: Body,
) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let offset = query.get("offset").and_then(|o| o.parse().ok());
    let offset = offset.ok_or_else(|| field("offset", INVALID))?;
    let body = body.into_data_stream();
    let stands = uploads::write(&app, &scope, &id.0, offset, body).await?;
    Ok(ok(&view(&stands)))
}

/// `DELETE /uploads/:upload`.
pub async fn cancel(State(app): State<App>, scope: Scope<Product>, id: Word) -> Result {
    let scope = scope.allow(Role::Manage)?;
    uploads::cancel(&app, &scope, &id.0)?;
    Ok(none())
}

/// `POST /uploads/:upload/firmware`.
pub async fn firmware(State(app): State<App>, scope: Scope<Product>, id: Word) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let made = uploads::firmware(&app, scope.clone(), &id.0).await?;
    let location = in_product(&scope, &["firmwares", &made.uuid]);
    Ok(created(Some(&location), &firmwares::view(&made)))
}

/// `POST /uploads/:upload/archive`.
pub async fn archive(State(app): State<App>, scope: Scope<Product>, id: Word) -> Result {
    let scope = scope.allow(Role::Manage)?;
    let made = uploads::archive(&app, scope.clone(), &id.0).await?;
    let location = in_product(&scope, &["archives", &made.uuid]);
    Ok(created(Some(&location), &archives::view(&made)))
}
