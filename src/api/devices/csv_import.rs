//! Many devices at once: import and export (docs/protocol/rest.md, "Devices over REST").

use super::device::narrowed;
use super::filter::narrowing;
use crate::access::scope::{Product, Role, Scope};
use crate::api::http::answer::{Data, Documented, Either, attachment, text_schema};
use crate::api::http::contract::{Auth, Contract, Field, FieldType, optional_field};
use crate::api::http::error::{Error, Result};
use crate::api::http::operation::Operation;
use crate::api::http::params::{Params, tags, whole_body};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::domain::catalog::uploads::{self, Pace};
use crate::domain::devices::check_tags;
use crate::domain::devices::csv_cells::harmless;
use crate::domain::devices::csv_import::{self, Exported};
use crate::domain::error::field;
use crate::domain::{self, DomainError};
use crate::ids::UserId;
use crate::limits::{BODY_TIME, EXPORT_ROWS, JSON_BYTES, UPLOAD_BYTES, UPLOAD_STALL};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt as _, stream};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::fs::File;
use std::io::{Seek as _, Write as _};
use tokio::time::timeout;

/// What an import of CSV did.
#[derive(Serialize, JsonSchema)]
struct Imported {
    /// Devices that it registered.
    imported: u64,
    /// Columns that no export has, and whose values were left: mistyped names are among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ignored_columns: Vec<String>,
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Devices);
    contract.upload("bulk.import", "/orgs/{org}/products/{product}/devices/import", Auth::MANAGE, import)
        .summary("Register many devices")
        .description("A JSON array is a Microchip Trust&Go manifest: 201 at once, the work is done in the background, and a notification tells how it went. \
               CSV (`content-type: text/csv`) is imported all or nothing before the answer: the first line names the columns `identifier`, `description`, `tags`, `certificates`; \
               others are ignored, and named in `ignored_columns` if no export has them. Bad rows are told by line in `errors.rows`.")
        .headers(&[
            optional_field("format", FieldType::Words(&["microchip_trust_and_go"]), "Kind of manifest"),
            optional_field("tags", FieldType::Text, "With commas; tags of all devices of a manifest"),
        ])
        .body_of(&[
            ("application/json", serde_json::json!({"type": "array", "items": {"type": "object"}})),
            ("text/csv", serde_json::json!({"type": "string"})),
        ]);
    let listed: Vec<Field> = narrowing().collect();
    contract
        .get(
            "bulk.export",
            "/orgs/{org}/products/{product}/devices.csv",
            Auth::VIEW,
            export,
        )
        .summary(
            "Devices as CSV, streamed, by identifier: `identifier,description,tags,product,org,certificates`",
        )
        .query(&listed);
}

/// `POST /devices/import`.
async fn import(
    State(app): State<App>,
    scope: Scope<Product>,
    request: Request,
) -> Result<Either<Data<Imported>, ManifestTaken>> {
    let scope = scope.allow(Role::Manage)?;
    let (head, body) = request.into_parts();
    let kind = head.headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|v| v.to_str().ok()).unwrap_or_default();
    if kind.starts_with("text/csv") {
        let done =
            csv_import::csv(&app, &scope, spooled(&app, scope.person().id, body).await?).await?;
        return Ok(Either::A(Data(Imported {
            imported: done.devices,
            ignored_columns: done.ignored,
        })));
    }
    let wanted = manifest_tags(&head.headers)?;
    let bytes = whole_body(body, JSON_BYTES, BODY_TIME).await?;
    let parsed = serde_json::from_slice(&bytes).map_err(|_| Error::Malformed)?;
    let Value::Array(entries) = parsed else {
        let text = "the manifest must be a JSON array; send CSV with the content-type text/csv";
        return Err(DomainError::Bad(text.into()).into());
    };
    let task = csv_import::manifest(app.context.clone(), scope, entries, wanted);
    app.background.spawn(task);
    Ok(Either::B(ManifestTaken))
}

fn manifest_tags(headers: &HeaderMap) -> domain::Result<Vec<String>> {
    let text = |name: &str| match headers.get(name).map(HeaderValue::to_str) {
        None => Ok(""),
        Some(Ok(text)) => Ok(text),
        Some(Err(_)) => Err(field(name, "must be plain text")),
    };
    if !matches!(text("format")?, "" | "microchip_trust_and_go") {
        return Err(field("format", "must be microchip_trust_and_go"));
    }
    let wanted = tags(&Value::from(text("tags")?)).unwrap_or_default();
    check_tags(&wanted)?;
    Ok(wanted)
}

/// The body in a file without a name.
async fn spooled(app: &App, person: UserId, body: Body) -> Result<File> {
    let _place = uploads::reserve_slot(app, person).await?;
    let mut pace = Pace::begin();
    let fault = |e: std::io::Error| DomainError::Fault(format!("a temporary file: {e}"));
    let mut file = tempfile::tempfile().map_err(fault)?;
    let mut chunks = body.into_data_stream();
    let mut received = 0;
    let cut_off = || DomainError::Bad("the file broke off".into());
    while let Some(chunk) = timeout(UPLOAD_STALL, chunks.next())
        .await
        .map_err(|_| cut_off())?
    {
        let chunk = chunk.map_err(|_| cut_off())?;
        if !pace.keeps(chunk.len()) {
            return Err(cut_off().into());
        }
        received += chunk.len() as u64;
        if received > UPLOAD_BYTES {
            return Err(DomainError::TooLarge.into());
        }
        file.write_all(&chunk).map_err(fault)?;
    }
    file.rewind().map_err(fault)?;
    Ok(file)
}

/// `GET /devices.csv`: streamed.
async fn export(State(app): State<App>, scope: Scope<Product>, p: Params) -> Result<DeviceCsv> {
    let filter = narrowed(&app, &scope, &p).await?;
    let first = csv_import::export(&app, &scope, &filter, "", EXPORT_ROWS).await?;
    let begun = (true, Some(first), app, scope, filter);
    let body = stream::try_unfold(begun, |(begins, ready, app, scope, filter)| async move {
        let Some(rows) = ready else {
            return Ok::<_, std::io::Error>(None);
        };
        let mut out = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(Vec::new());
        if begins {
            out.write_record([
                "identifier",
                "description",
                "tags",
                "product",
                "org",
                "certificates",
            ])?;
        }
        for d in &rows {
            let at = scope.product();
            out.write_record([
                &*harmless(&d.identifier),
                &*harmless(d.description.as_deref().unwrap_or_default()),
                &*harmless(&d.tags.join(",")),
                &*harmless(&at.name),
                &*harmless(&at.org.name),
                &d.certificates.join("\n"),
            ])?;
        }
        let text = out
            .into_inner()
            .map_err(|e| std::io::Error::other(e.to_string()))?;
        let next = match rows.last() {
            Some(Exported { identifier, .. }) if rows.len() as i64 == EXPORT_ROWS => {
                let more = csv_import::export(&app, &scope, &filter, identifier, EXPORT_ROWS).await;
                Some(more.map_err(std::io::Error::other)?)
            }
            _ => None,
        };
        Ok(Some((text, (false, next, app, scope, filter))))
    });
    Ok(DeviceCsv(Body::from_stream(body)))
}

/// 201 without a body: a notification tells later how the import went.
struct ManifestTaken;

impl IntoResponse for ManifestTaken {
    fn into_response(self) -> Response {
        StatusCode::CREATED.into_response()
    }
}

impl Documented for ManifestTaken {
    fn document(operation: &mut Operation<'_>) {
        operation.answers(StatusCode::CREATED, "A manifest was taken");
    }
}

/// The devices of a list, as a file.
struct DeviceCsv(Body);

impl IntoResponse for DeviceCsv {
    fn into_response(self) -> Response {
        let name = "attachment; filename=\"devices.csv\"";
        attachment("text/csv; charset=utf-8", name, self.0)
    }
}

impl Documented for DeviceCsv {
    fn document(operation: &mut Operation<'_>) {
        let kinds = [("text/csv", text_schema())];
        operation.answers_with(StatusCode::OK, "A line a device", &kinds);
    }
}
