//! The web console: files that were built before the server was compiled (`web/`, `crates/console-assets`), served under a policy
//! that lets a page run nothing and ask nobody but this server.
//!
//! The console is a client of the REST API alone. What is served here is the same for everybody and tells nothing of a fleet.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod address;
mod coding;

use crate::access::sha256;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use console_assets::{Asset, FILES};

/// What a page of the console may do (Content Security Policy 3, Trusted Types): run the files of this server, show its images and
/// those that it makes itself, and talk to this server. No page of another site may show it in a frame.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; \
    connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'";

/// The page that each address of the console is answered with; the address is read by the page itself.
const PAGE: &str = "index.html";

/// Answers what no other route of the web listener does.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().fallback(answer)
}

async fn answer(request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = StatusCode::METHOD_NOT_ALLOWED.into_response();
        let allowed = HeaderValue::from_static("GET, HEAD");
        refused.headers_mut().insert(header::ALLOW, allowed);
        return refused;
    }
    let path = request.uri().path();
    if let Some(moved) = address::moved(path).and_then(|to| HeaderValue::from_str(&to).ok()) {
        return (StatusCode::FOUND, [(header::LOCATION, moved)]).into_response();
    }
    if let Some(asset) = find(path.trim_start_matches('/')) {
        return file(asset, request.headers());
    }
    if !address::is_page(path) {
        return (StatusCode::NOT_FOUND, "There is no such page.\n").into_response();
    }
    match find(PAGE) {
        Some(page) => file(page, request.headers()),
        None => absent(),
    }
}

fn find(path: &str) -> Option<&'static Asset> {
    let at = FILES.binary_search_by(|asset| asset.path.cmp(path)).ok()?;
    FILES.get(at)
}

/// What a server says that was built without its console.
fn absent() -> Response {
    let text = "This server was built without its web console. Its API is at /api and described at /api/docs; the command line \
        does what the console does: nervecenter --help.\nA released build has the console, and so has one made where Node.js is \
        installed, without NERVECENTER_CONSOLE=off.\n";
    (StatusCode::NOT_FOUND, text).into_response()
}

/// The name of a file's version, for browsers that have it (RFC 9110, 8.8.3). Few files need one: the others are named by their
/// content.
fn tag(asset: &Asset) -> HeaderValue {
    let text = format!("W/\"{}\"", hex::encode(&sha256(asset.gzip)[..8]));
    HeaderValue::from_str(&text).expect("hexadecimal digits in quotes are a header")
}

fn file(asset: &'static Asset, asked: &HeaderMap) -> Response {
    let named_by_content = asset.path.starts_with("assets/");
    let tag = (!named_by_content).then(|| tag(asset));
    let mut answer = if tag.as_ref().is_some_and(|tag| is_known(asked, tag)) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let (encoding, bytes) = coding::encoded(asset, asked);
        let mut answer = Response::new(Body::from(bytes));
        if let Some(encoding) = encoding {
            let value = HeaderValue::from_static(encoding);
            answer.headers_mut().insert(header::CONTENT_ENCODING, value);
        }
        answer
    };
    let kept = if named_by_content {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let headers = answer.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(header::CONTENT_TYPE, media_type(asset.path));
    set(header::CACHE_CONTROL, kept);
    set(header::VARY, "accept-encoding");
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "same-origin");
    let opener = HeaderName::from_static("cross-origin-opener-policy");
    set(opener, "same-origin");
    if let Some(tag) = tag {
        headers.insert(header::ETAG, tag);
    }
    answer
}

/// Whether the browser has this version of a file.
fn is_known(asked: &HeaderMap, tag: &HeaderValue) -> bool {
    let known = asked.get_all(header::IF_NONE_MATCH).iter();
    known
        .filter_map(|t| t.to_str().ok())
        .any(|t| t.split(',').any(|t| t.trim() == tag))
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
