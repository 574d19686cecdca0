//! Successful answers: `{"data": …}` or nothing.

use crate::access::scope::{Product, Scope};
use crate::segment::segment;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::Stream;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

/// Where a page stands among all.
#[derive(Serialize, JsonSchema)]
pub struct Pagination {
    /// Which page, from 1.
    page_number: u64,
    /// Entries a page.
    page_size: u64,
    /// Entries in all.
    total_entries: u64,
    /// Pages in all; 0 of an empty list.
    total_pages: u64,
}

/// An answer with this JSON.
pub fn json_answer(status: StatusCode, body: &impl Serialize) -> Response {
    let text = serde_json::to_string(body).unwrap_or_else(|e| {
        // Keys are texts and nothing else of our answers can fail.
        tracing::error!(error = %e, "an answer is no JSON");
        String::from("{}")
    });
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = status;
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

/// 200 with data.
pub fn ok(data: &impl Serialize) -> Response {
    json_answer(StatusCode::OK, &json!({ "data": data }))
}

/// 200 with a page of data, and where it stands among all (docs/protocol/rest.md, "Pages").
pub fn page<T: Serialize>(data: &[T], number: u64, size: u64, total: u64) -> Response {
    let pagination = Pagination {
        page_number: number,
        page_size: size,
        total_entries: total,
        total_pages: total.div_ceil(size),
    };
    let body = json!({"data": data, "pagination": pagination});
    json_answer(StatusCode::OK, &body)
}

/// 201 with data and, when it can be read back, where.
pub fn created(location: Option<&str>, data: &impl Serialize) -> Response {
    let mut answer = json_answer(StatusCode::CREATED, &json!({ "data": data }));
    if let Some(location) = location.and_then(|l| HeaderValue::from_str(l).ok()) {
        answer.headers_mut().insert(header::LOCATION, location);
    }
    answer
}

/// 204.
pub fn none() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// A path of the API whose parts are encoded as path segments.
pub fn path(parts: &[&str]) -> String {
    let mut text = String::from("/api");
    for part in parts {
        text.push('/');
        text.push_str(&segment(part));
    }
    text
}

/// The address of something in the scope's product.
pub fn in_product(scope: &Scope<Product>, rest: &[&str]) -> String {
    let at = scope.product();
    let mut parts = vec!["orgs", &at.org.name, "products", &at.name];
    parts.extend(rest);
    path(&parts)
}

/// A file that is made while it is sent.
pub fn file<S, B>(kind: &'static str, name: &'static str, parts: S) -> Response
where
    S: Stream<Item = std::io::Result<B>> + Send + 'static,
    B: Into<Bytes>,
{
    let mut answer = Response::new(Body::from_stream(parts));
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
    answer
}
