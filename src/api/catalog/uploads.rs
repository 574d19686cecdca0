//! Uploads that can go on after a cut: routes of our own.

use super::archives::{self, Archive};
use super::firmwares::{self, Firmware};
use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::{Created, Data, NoContent, in_product};
use crate::api::http::contract::{Auth, Contract, Field, FieldType, required};
use crate::api::http::error::Result;
use crate::api::http::extract::Word;
use crate::api::http::params::{Params, number};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::catalog::uploads::{self, UploadStatus};
use crate::domain::error::{INVALID, field};
use axum::body::Body;
use axum::extract::{Query, State};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashMap;

/// Fields of a new upload.
const FIELDS: &[Field] = &[
    required("size", FieldType::Number, "Bytes of the file"),
    required("sha256", FieldType::Text, "Its SHA-256 in 64 hex digits"),
];

/// What a request with bytes says of them.
const FROM: &[Field] = &[required(
    "offset",
    FieldType::Number,
    "Where in the file they begin",
)];

/// An upload.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Upload")]
struct UploadView {
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

pub(super) fn routes(contract: &mut Contract) {
    upload_routes(contract);
    finish_routes(contract);
}

fn upload_routes(contract: &mut Contract) {
    contract.tag(Tag::Uploads);
    contract.post(
        "uploads.begin",
        "/orgs/{org}/products/{product}/uploads",
        Auth::Publisher(Role::Manage),
        begin,
    )
    .summary(
        "Begin an upload, or find the one of the same file that was cut; it waits for six hours",
    )
    .body_fields(FIELDS)
    .error(429, "Too many of your uploads are under way")
    .error(503, "Too many uploads are under way");
    contract
        .get(
            "uploads.show",
            "/orgs/{org}/products/{product}/uploads/{upload}",
            Auth::Publisher(Role::Manage),
            show,
        )
        .summary("How far it is");
    contract
        .patch(
            "uploads.write_patch",
            "/orgs/{org}/products/{product}/uploads/{upload}",
            Auth::Publisher(Role::Manage),
            write,
        )
        .summary("Send bytes from an offset on; what came of a request that is cut is kept")
        .query(FROM)
        .bytes()
        .error(409, "Another offset is the right one")
        .error(413, "More bytes than were announced");
    contract
        .delete(
            "uploads.cancel",
            "/orgs/{org}/products/{product}/uploads/{upload}",
            Auth::Publisher(Role::Manage),
            cancel,
        )
        .summary("Give it up");
}

fn finish_routes(contract: &mut Contract) {
    contract.tag(Tag::Uploads);
    contract
        .post(
            "uploads.firmware",
            "/orgs/{org}/products/{product}/uploads/{upload}/firmware",
            Auth::Publisher(Role::Manage),
            firmware,
        )
        .summary("Make a firmware of it")
        .error(409, "There is more to send");
    contract
        .post(
            "uploads.archive",
            "/orgs/{org}/products/{product}/uploads/{upload}/archive",
            Auth::MANAGE,
            archive,
        )
        .summary("Make an archive of it")
        .error(409, "There is more to send")
        .error(422, "What came is no archive of this product");
}

/// `POST /uploads`.
async fn begin(
    State(app): State<App>,
    scope: Scope<Product>,
    p: Params,
) -> Result<Created<UploadView>> {
    let scope = scope.allow(Role::Manage)?;
    let size = p.0.get("size").and_then(number);
    let begun = uploads::begin(&app, &scope, size, p.text("sha256")).await?;
    let location = in_product(&scope, &["uploads", &begun.id]);
    Ok(Created::at(location, view(&begun)))
}

/// `GET /uploads/:upload`.
async fn show(State(app): State<App>, scope: Scope<Product>, id: Word) -> Result<Data<UploadView>> {
    let scope = scope.allow(Role::Manage)?;
    Ok(Data(view(&uploads::status(&app, &scope, &id.0).await?)))
}

/// `PATCH /uploads/:upload?offset=`: the bytes as they are.
async fn write(
    State(app): State<App>,
    scope: Scope<Product>,
    id: Word,
    Query(query): Query<HashMap<String, String>>,
    body: Body,
) -> Result<Data<UploadView>> {
    let scope = scope.allow(Role::Manage)?;
    let offset = query.get("offset").and_then(|o| o.parse().ok());
    let offset = offset.ok_or_else(|| field("offset", INVALID))?;
    let body = body.into_data_stream();
    let stands = uploads::write(&app, &scope, &id.0, offset, body).await?;
    Ok(Data(view(&stands)))
}

/// `DELETE /uploads/:upload`.
async fn cancel(State(app): State<App>, scope: Scope<Product>, id: Word) -> Result<NoContent> {
    let scope = scope.allow(Role::Manage)?;
    uploads::cancel(&app, &scope, &id.0).await?;
    Ok(NoContent)
}

/// `POST /uploads/:upload/firmware`.
async fn firmware(
    State(app): State<App>,
    scope: Scope<Product>,
    id: Word,
) -> Result<Created<Firmware>> {
    let scope = scope.allow(Role::Manage)?;
    let made = uploads::firmware(&app, scope.clone(), &id.0).await?;
    let location = in_product(&scope, &["firmwares", &made.uuid]);
    Ok(Created::at(location, firmwares::view(&made)))
}

/// `POST /uploads/:upload/archive`.
async fn archive(
    State(app): State<App>,
    scope: Scope<Product>,
    id: Word,
) -> Result<Created<Archive>> {
    let scope = scope.allow(Role::Manage)?;
    let made = uploads::archive(&app, scope.clone(), &id.0).await?;
    let location = in_product(&scope, &["archives", &made.uuid]);
    Ok(Created::at(location, archives::view(&made)))
}
