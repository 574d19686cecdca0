//! Files that people send, streamed to disk out of a multipart body.

use super::error::{Error, Result};
use crate::access::scope::{Product, Scope};
use crate::app::App;
use crate::fleet::Refusal;
use crate::fleet::firmwares::Upload;
use crate::fleet::standing::Standing;
use crate::fleet::uploads::{self, Pace};
use crate::limits::UPLOAD_STALL;
use axum::extract::Multipart;
use axum::extract::multipart::{Field, MultipartRejection};
use axum::http::{HeaderMap, header};
use tokio::time::timeout;

/// The part of this name, received whole; other parts are ignored.
pub(super) async fn received(
    app: &App,
    scope: &Scope<Product>,
    form: std::result::Result<Multipart, MultipartRejection>,
    part: &str,
) -> Result<Upload> {
    let missing = || {
        let text = format!("No {part} uploaded: send it as the multipart part {part:?}.");
        Refusal::Detail(text)
    };
    let mut form = form.map_err(|_| missing())?;
    let _place = uploads::place(app, scope.person().id).await?;
    let mut pace = Pace::begin();
    let mut standing = Standing::begin(&app.db, scope);
    let mut received = None;
    while let Some(field) = next(&mut form).await? {
        if field.name() == Some(part) && received.is_none() {
            received = Some(receive(app, field, &mut pace, &mut standing).await?);
        }
    }
    Ok(received.ok_or_else(missing)?)
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

async fn receive(
    app: &App,
    mut field: Field<'_>,
    pace: &mut Pace,
    standing: &mut Standing,
) -> Result<Upload> {
    let mut upload = Upload::begin(app)?;
    loop {
        let chunk = tokio::select! {
            chunk = timeout(UPLOAD_STALL, field.chunk()) => chunk.map_err(|_| cut_off())?,
            // The token, the membership or the product is gone.
            () = standing.lost() => return Err(Error::Unauthorized),
        };
        match chunk.map_err(|_| cut_off())? {
            Some(bytes) if pace.keeps(bytes.len()) => upload.write(bytes).await?,
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
