//! Files that people send, streamed to disk out of a multipart body.

use crate::access::scope::{Product, Scope};
use crate::api::http::answer::Documented;
use crate::api::http::error::{Error, Result};
use crate::api::http::operation::Operation;
use crate::app::App;
use crate::domain::DomainError;
use crate::domain::accounts::access_check::AccessCheck;
use crate::domain::catalog::firmwares::Upload;
use crate::domain::catalog::uploads::{self, Pace};
use crate::limits::{FORM_BYTES, UPLOAD_STALL};
use axum::body::{Body, Bytes};
use axum::extract::multipart::{Field, MultipartRejection};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::timeout;

/// A multipart form whose parser cannot be made to hold more than [`FORM_BYTES`]: it keeps the head of a part, and what is
/// before the first one, until it has all of it, and reads by itself what nobody asked for.
pub(super) struct Form {
    parts: std::result::Result<Multipart, MultipartRejection>,
    /// Bytes that came and are not the file's, as far as is known.
    overhead: Arc<AtomicUsize>,
}

impl FromRequest<App> for Form {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let overhead = Arc::new(AtomicUsize::new(0));
        let (head, body) = request.into_parts();
        let counter = overhead.clone();
        let counted = body.into_data_stream().map(move |chunk| {
            let chunk: Bytes = chunk.map_err(io::Error::other)?;
            let before = counter.fetch_add(chunk.len(), Ordering::Relaxed);
            if before + chunk.len() > FORM_BYTES {
                return Err(io::Error::other("too much that is not the file"));
            }
            Ok(chunk)
        });
        let request = Request::from_parts(head, Body::from_stream(counted));
        Ok(Self {
            parts: Multipart::from_request(request, app).await,
            overhead,
        })
    }
}

/// The part of this name, received whole; other parts are ignored.
pub(super) async fn received(
    app: &App,
    scope: &Scope<Product>,
    form: Form,
    part: &str,
) -> Result<Upload> {
    let missing = || {
        let text = format!("No {part} uploaded: send it as the multipart part {part:?}.");
        DomainError::Detail(text)
    };
    let Form { parts, overhead } = form;
    let mut parts = parts.map_err(|_| missing())?;
    let _place = uploads::reserve_slot(app, scope.person().id).await?;
    let mut pace = Pace::begin();
    let mut standing = AccessCheck::begin(&app.db, scope);
    let mut received = None;
    while let Some(field) = next(&mut parts).await? {
        // Many small parts that nobody reads are no progress.
        if !pace.keeps(0) {
            return Err(cut_off());
        }
        if field.name() == Some(part) && received.is_none() {
            let file = receive(app, field, &overhead, &mut pace, &mut standing);
            received = Some(file.await?);
        }
    }
    Ok(received.ok_or_else(missing)?)
}

fn cut_off() -> Error {
    DomainError::Bad("the upload broke off, or its multipart body cannot be read".into()).into()
}

async fn next(form: &mut Multipart) -> Result<Option<Field<'_>>> {
    timeout(UPLOAD_STALL, form.next_field())
        .await
        .map_err(|_| cut_off())?
        .map_err(|_| cut_off())
}

async fn receive(
    app: &App,
    mut field: Field<'_>,
    overhead: &AtomicUsize,
    pace: &mut Pace,
    standing: &mut AccessCheck,
) -> Result<Upload> {
    let mut upload = Upload::begin(app)?;
    loop {
        let chunk = tokio::select! {
            chunk = timeout(UPLOAD_STALL, field.chunk()) => chunk.map_err(|_| cut_off())?,
            // The token, the membership or the product is gone.
            () = standing.lost() => return Err(Error::Unauthorized),
        };
        match chunk.map_err(|_| cut_off())? {
            Some(bytes) if pace.keeps(bytes.len()) => {
                overhead.fetch_sub(bytes.len(), Ordering::Relaxed);
                upload.write(bytes).await?;
            }
            Some(_) => return Err(cut_off()),
            None if standing.holds().await => return Ok(upload),
            None => return Err(Error::Unauthorized),
        }
    }
}

/// The host that was asked, without its port, for a link to the download listener.
pub(super) fn host_of(headers: &HeaderMap) -> &str {
    let host = headers
        .get(header::HOST)
        .and_then(|h| h.to_str().ok())
        .unwrap_or("localhost");
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// 302 to a signed link, which expires.
pub(super) struct FileLink(pub String);

impl IntoResponse for FileLink {
    fn into_response(self) -> Response {
        (StatusCode::FOUND, [(header::LOCATION, self.0)]).into_response()
    }
}

impl Documented for FileLink {
    fn document(operation: &mut Operation<'_>) {
        operation.answers(StatusCode::FOUND, "To the file");
    }
}
