//! Successful answers: `{"data": …}` or nothing.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

/// An answer with this JSON.
pub(super) fn json_answer(status: StatusCode, body: &Value) -> Response {
    let mut answer = Response::new(Body::from(body.to_string()));
    *answer.status_mut() = status;
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

/// 200 with data.
pub(super) fn ok(data: &Value) -> Response {
    json_answer(StatusCode::OK, &json!({ "data": data }))
}

/// 200 with a page of data, and where it stands among all (rest-api 1.1).
pub(super) fn page(data: Vec<Value>, number: u64, size: u64, total: u64) -> Response {
    let body = json!({
        "data": data,
        "pagination": {
            "page_number": number,
            "page_size": size,
            "total_entries": total,
            "total_pages": total.div_ceil(size).max(1),
        },
    });
    json_answer(StatusCode::OK, &body)
}

/// 201 with data and, when it can be read back, where.
pub(super) fn created(location: Option<&str>, data: &Value) -> Response {
    let mut answer = json_answer(StatusCode::CREATED, &json!({ "data": data }));
    if let Some(location) = location.and_then(|l| HeaderValue::from_str(l).ok()) {
        answer.headers_mut().insert(header::LOCATION, location);
    }
    answer
}

/// 204.
pub(super) fn none() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// A path of the API whose parts are encoded as path segments.
pub(super) fn path(parts: &[&str]) -> String {
    let mut text = String::from("/api");
    for part in parts {
        text.push('/');
        for b in part.bytes() {
            if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'@') {
                text.push(char::from(b));
            } else {
                text.push_str(&format!("%{b:02X}"));
            }
        }
    }
    text
}
