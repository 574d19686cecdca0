//! Firmware downloads: a listener of its own, plain HTTP, by signed links. Never 429 or 503 for load (a device takes
//! any status of 400 or above as the end); ranges are clamped and answered 206; HEAD equals GET (docs/protocol/device.md, "Downloads").

use super::known_files::KnownFiles;
use crate::app::App;
use crate::blob::download_urls::StoredFileLink;
use crate::blob::{Blob, Content, Look};
use crate::budget::Account;
use crate::domain::catalog::stored_files::{FileError, require_sound};
use crate::sendfile::Pieces;
use crate::store::catalog::files::{self, FileRow};
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};
use serde::Deserialize;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// The routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/download/{*file}", get(download))
        .with_state((app, Arc::default()))
}

#[derive(Deserialize)]
struct Signed {
    #[serde(default)]
    expires: i64,
    #[serde(default)]
    signature: String,
}

async fn download(
    State((app, known)): State<(App, Arc<KnownFiles>)>,
    account: Option<Extension<Account>>,
    Extension(pieces): Extension<Pieces>,
    uri: Uri,
    Query(signed): Query<Signed>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let blob = app
        .download_urls
        .read(uri.path(), signed.expires, &signed.signature, app.now());
    let Some(blob) = blob else {
        let text = "this link is not valid, or not any more; the server gives the device a new one with each update";
        return (StatusCode::FORBIDDEN, text).into_response();
    };
    match find(&app, &known, blob, uri.path()).await {
        Ok(Some(file)) => {
            if let Some(Extension(account)) = account {
                account.set(file.product.number());
            }
            serve(&app, &file, &pieces, &method, &headers).await
        }
        Ok(None) => (StatusCode::NOT_FOUND, "this file was deleted").into_response(),
        Err(FileError::Damaged(..) | FileError::Remade) => broken_off(),
        Err(e) => {
            tracing::warn!(error = %e, "download not found for a fault");
            broken_off()
        }
    }
}

/// The file that a link names, if it is still the one that the link was made for, and sound.
async fn find(
    app: &App,
    known: &KnownFiles,
    blob: Blob,
    path: &str,
) -> Result<Option<FileRow>, FileError> {
    if let Some(file) = known.sound(app, blob).await?
        && StoredFileLink::file(&file).path() == path
    {
        return Ok(Some(file));
    }
    let read = Instant::now();
    let mut r = app.db.read().await.map_err(FileError::Store)?;
    let file = files::of(&mut r, blob).await?;
    if file.is_none() && files::remade(&mut r, blob).await? {
        return Err(FileError::Remade);
    }
    drop(r);
    let Some(file) = file.filter(|f| StoredFileLink::file(f).path() == path) else {
        return Ok(None);
    };
    require_sound(app, &file, Look::Known).await?;
    known.remember(&file, read);
    Ok(Some(file))
}

/// A fault of ours: the body breaks off, which a device takes for a lost connection and tries again; any status would
/// make it give up.
fn broken_off() -> Response {
    let body = futures_util::stream::once(async {
        Err::<bytes::Bytes, _>(std::io::Error::other("the server has a fault"))
    });
    let mut response = Response::new(Body::from_stream(body));
    response.headers_mut().insert(
        header::CONTENT_LENGTH,
        header::HeaderValue::from_static("1"),
    );
    response
}

async fn serve(
    app: &App,
    file: &FileRow,
    pieces: &Pieces,
    method: &Method,
    headers: &HeaderMap,
) -> Response {
    let etag = format!("\"{}\"", file.checksum.to_lowercase());
    let fresh = headers
        .get(header::IF_RANGE)
        .is_none_or(|v| v.as_bytes() == etag.as_bytes());
    let asked = headers
        .get(header::RANGE)
        .and_then(|v| v.to_str().ok())
        .filter(|_| fresh);
    let resumed = headers.get("x-retry-number").is_some_and(|n| n != "0");
    if app.policy.bucket_downloads
        && method == Method::GET
        && !resumed
        && begins(asked, file.size)
        && let Some(elsewhere) = presigned(app, file).await
    {
        return elsewhere;
    }
    let part = match asked.map(|r| range(r, file.size)) {
        Some(Asked::Part(part)) => Some(part),
        Some(Asked::Beyond) => return beyond(file.size),
        Some(Asked::Nothing) | None => None,
    };
    let bytes = part.clone().unwrap_or(0..file.size);
    let mut answer = Response::builder()
        .status(if part.is_some() {
            StatusCode::PARTIAL_CONTENT
        } else {
            StatusCode::OK
        })
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .header(header::CONTENT_LENGTH, bytes.end - bytes.start)
        .header(header::ACCEPT_RANGES, "bytes")
        .header(
            header::CACHE_CONTROL,
            "private, max-age=31536000, immutable",
        )
        .header(header::ETAG, etag);
    if part.is_some() {
        let text = format!(
            "bytes {}-{}/{}",
            bytes.start,
            bytes.end.saturating_sub(1),
            file.size
        );
        answer = answer.header(header::CONTENT_RANGE, text);
    }
    let body = if *method == Method::HEAD {
        // AtomVM's client waits for the end of the connection, since it expects the body that it was told of.
        answer = answer.header(header::CONNECTION, "close");
        Body::empty()
    } else {
        match app.blobs.read(&file.file, bytes.clone()).await {
            Ok(Content::File(stored)) => pieces.body(stored, bytes),
            Ok(Content::Stream(stream)) => Body::from_stream(stream),
            Err(e) => {
                tracing::error!(error = %e, "a stored file cannot be read");
                return broken_off();
            }
        }
    };
    answer.body(body).unwrap_or_else(|_| broken_off())
}

/// Sends the device to the bucket; none when that cannot be signed now, and the file goes through this server.
async fn presigned(app: &App, file: &FileRow) -> Option<Response> {
    let url = match app.blobs.presigned(&file.file).await {
        Ok(url) => url?,
        Err(e) => {
            tracing::warn!(error = %e, "no link to the bucket, the file goes through this server");
            return None;
        }
    };
    let headers = [
        (header::LOCATION, url.as_str()),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Some((StatusCode::TEMPORARY_REDIRECT, headers).into_response())
}

/// Whether a request is the first one of a download, and not its continuation. A device that follows a redirect forgets how much it has
/// got already, and would put the beginning behind that: a continuation is never sent elsewhere. It asks for an end that is one past the
/// last byte, as no beginning does (docs/protocol/device.md, "Downloads").
fn begins(asked: Option<&str>, size: u64) -> bool {
    let last = asked
        .and_then(|r| r.rsplit_once('-'))
        .map(|(_, last)| last.trim());
    match last {
        None | Some("") => true,
        Some(last) => last.parse::<u64>().is_ok_and(|last| last < size),
    }
}

/// What a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// This part, clamped to the file.
    Part(Range<u64>),
    /// What lies behind the end. The device's cache holds something else than this file, and 416 makes it drop that.
    Beyond,
    /// Nothing that is one range of bytes; it is ignored, as RFC 9110 §14.2 allows.
    Nothing,
}

fn beyond(size: u64) -> Response {
    let range = [(header::CONTENT_RANGE, format!("bytes */{size}"))];
    (StatusCode::RANGE_NOT_SATISFIABLE, range).into_response()
}

/// Reads one range. A device resumes with an end one past the last byte: the end is clamped.
fn range(text: &str, size: u64) -> Asked {
    let one = || {
        let (first, last) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
        let (first, last) = (first.trim(), last.trim());
        let end = size.checked_sub(1)?;
        if first.is_empty() {
            let suffix: u64 = last.parse().ok().filter(|n| *n > 0)?;
            return Some(Asked::Part(size.saturating_sub(suffix)..size));
        }
        let first: u64 = first.parse().ok()?;
        let last: u64 = if last.is_empty() {
            u64::MAX
        } else {
            last.parse().ok()?
        };
        if last < first {
            return None;
        }
        Some(if first > end {
            Asked::Beyond
        } else {
            Asked::Part(first..last.min(end) + 1)
        })
    };
    one().unwrap_or(Asked::Nothing)
}

#[cfg(test)]
mod tests {
    use super::{Asked, range};

    #[test]
    fn ranges_are_clamped_and_what_is_none_is_ignored() {
        let part = |r: &str| match range(r, 10) {
            Asked::Part(p) => p,
            other => panic!("{r}: {other:?}"),
        };
        assert_eq!(part("bytes=0-"), 0..10);
        assert_eq!(part("bytes=4-10"), 4..10);
        assert_eq!(part("bytes=4-7"), 4..8);
        assert_eq!(part("bytes=9-100"), 9..10);
        assert_eq!(part("bytes=-3"), 7..10);
        assert_eq!(part("bytes=-30"), 0..10);
        assert_eq!(range("bytes=10-10", 10), Asked::Beyond);
        for ignored in [
            "",
            "bytes",
            "bytes=",
            "bytes=-0",
            "bytes=5-4",
            "bytes=x-",
            "items=0-1",
            "bytes=0-1,3-4",
        ] {
            assert_eq!(range(ignored, 10), Asked::Nothing, "{ignored}");
        }
    }
}
