//! Successful answers as types. Each knows how it is sent and how the document describes it, so that neither can say what
//! the other does not.

use super::operation::Operation;
use crate::access::scope::{Product, Scope};
use crate::segment::segment;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

/// An answer that the document describes.
pub trait Documented: IntoResponse {
    /// Adds what a client may receive to the operation.
    fn document(operation: &mut Operation<'_>);
}

/// 200 with `{"data": …}`.
pub struct Data<T>(pub T);

impl<T: Serialize> IntoResponse for Data<T> {
    fn into_response(self) -> Response {
        json_answer(StatusCode::OK, &json!({ "data": self.0 }))
    }
}

impl<T: Serialize + JsonSchema> Documented for Data<T> {
    fn document(operation: &mut Operation<'_>) {
        let schema = enveloped::<T>(operation);
        operation.answers_with(StatusCode::OK, "Found", &[("application/json", schema)]);
    }
}

/// 201 with `{"data": …}` and, when it can be read back, where.
pub struct Created<T> {
    location: Option<String>,
    data: T,
}

impl<T> Created<T> {
    /// What was made, and the path that it is found at.
    pub fn at(location: String, data: T) -> Self {
        Self {
            location: Some(location),
            data,
        }
    }

    /// What was made and has no path of its own, such as a secret that is shown once.
    pub fn without_location(data: T) -> Self {
        Self {
            location: None,
            data,
        }
    }
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut answer = json_answer(StatusCode::CREATED, &json!({ "data": self.data }));
        let location = self.location.as_deref();
        if let Some(location) = location.and_then(|l| HeaderValue::from_str(l).ok()) {
            answer.headers_mut().insert(header::LOCATION, location);
        }
        answer
    }
}

impl<T: Serialize + JsonSchema> Documented for Created<T> {
    fn document(operation: &mut Operation<'_>) {
        let schema = enveloped::<T>(operation);
        operation.answers_with(StatusCode::CREATED, "Made", &[("application/json", schema)]);
    }
}

/// 202 with `{"data": …}`: what was asked for goes on in the background.
pub struct Accepted<T>(pub T);

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        json_answer(StatusCode::ACCEPTED, &json!({ "data": self.0 }))
    }
}

impl<T: Serialize + JsonSchema> Documented for Accepted<T> {
    fn document(operation: &mut Operation<'_>) {
        let schema = enveloped::<T>(operation);
        let kinds = [("application/json", schema)];
        operation.answers_with(StatusCode::ACCEPTED, "Begun", &kinds);
    }
}

/// The schema of `{"data": …}`.
fn enveloped<T: JsonSchema>(operation: &mut Operation<'_>) -> Value {
    let data = operation.schema::<T>();
    json!({"type": "object", "required": ["data"], "properties": {"data": data}})
}

/// 204.
pub struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl Documented for NoContent {
    fn document(operation: &mut Operation<'_>) {
        operation.answers(StatusCode::NO_CONTENT, "Done");
    }
}

/// An answer that may give the browser a cookie, or take it away.
pub struct WithCookie<A>(pub Option<HeaderValue>, pub A);

impl<A: IntoResponse> IntoResponse for WithCookie<A> {
    fn into_response(self) -> Response {
        let mut answer = self.1.into_response();
        if let Some(cookie) = self.0 {
            answer.headers_mut().append(header::SET_COOKIE, cookie);
        }
        answer
    }
}

impl<A: Documented> Documented for WithCookie<A> {
    fn document(operation: &mut Operation<'_>) {
        A::document(operation);
    }
}

/// One of two answers; the document tells of both.
pub enum Either<A, B> {
    /// The first.
    A(A),
    /// The second.
    B(B),
}

impl<A: IntoResponse, B: IntoResponse> IntoResponse for Either<A, B> {
    fn into_response(self) -> Response {
        match self {
            Self::A(answer) => answer.into_response(),
            Self::B(answer) => answer.into_response(),
        }
    }
}

impl<A: Documented, B: Documented> Documented for Either<A, B> {
    fn document(operation: &mut Operation<'_>) {
        A::document(operation);
        B::document(operation);
    }
}

/// The schema of a body that is a text to the document.
pub fn text_schema() -> Value {
    json!({"type": "string"})
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

/// A file to be saved, whose body may be made while it is sent. Both texts are values of headers.
pub fn attachment(content_type: &'static str, disposition: &'static str, body: Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (headers, body).into_response()
}
