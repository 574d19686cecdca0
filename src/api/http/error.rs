//! The only place that knows status codes. Not found and not allowed look the same from outside (docs/protocol/rest.md, "Order of checks" and "Errors").

use super::answer::json_answer;
use crate::access::scope::Denied;
use crate::domain::DomainError;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::time::Duration;

/// What a handler returns.
pub type Result<T> = std::result::Result<T, Error>;

const HIDDEN: &str = "Resource Not Found or Authorization Insufficient";

const CROSS_SITE: &str = "A request with the cookie of a session must come from a page of this server, and one that changes \
    something needs the session's X-CSRF-Token. Programs use an API token.";

/// Why a request failed.
#[derive(Debug)]
pub enum Error {
    /// No valid token.
    Unauthorized,
    /// A cookie without a sign that a page of this server sent it.
    CrossSite,
    /// A wrong email or password.
    WrongPassword,
    /// A wrong code of a second factor, or a challenge that is over.
    WrongCode,
    /// A passkey that is not known here, or a challenge that is over.
    WrongPasskey,
    /// The password is right, and a code is needed beside it.
    NeedsCode,
    /// No such route.
    NoRoute,
    /// Another method than the route has.
    NoMethod,
    /// The body cannot be read.
    Malformed,
    /// Only HTML would be accepted.
    NotAcceptable,
    /// A change is refused by its fields; what it was to change stays as it is, and is said.
    Unchanged {
        /// The fields.
        errors: Value,
        /// What stays.
        data: Value,
    },
    /// The domain refused.
    Refused(DomainError),
}

impl From<DomainError> for Error {
    fn from(r: DomainError) -> Self {
        Self::Refused(r)
    }
}

impl From<Denied> for Error {
    fn from(d: Denied) -> Self {
        Self::Refused(d.into())
    }
}

fn detail(status: StatusCode, text: &str) -> Response {
    json_answer(status, &json!({"errors": {"detail": text}}))
}

/// A map of fields, with a sentence beside it for programs that print one (docs/protocol/rest.md, "Errors").
fn fields(status: StatusCode, errors: &Value) -> Response {
    json_answer(status, &json!({ "errors": with_detail(errors) }))
}

/// The errors, and a sentence of all of them.
fn with_detail(errors: &Value) -> Value {
    let mut errors = errors.clone();
    let mut sentences = Vec::new();
    sentence(&errors, "", &mut sentences);
    if let Value::Object(map) = &mut errors {
        let text = format!("{}.", sentences.join("; "));
        map.entry("detail").or_insert(text.into());
    }
    errors
}

/// `version has already been taken`, of each message at any depth.
pub fn sentence(errors: &Value, at: &str, into: &mut Vec<String>) {
    match errors {
        Value::String(text) => into.push(format!("{at} {text}").trim().to_owned()),
        Value::Array(all) => all.iter().for_each(|e| sentence(e, at, into)),
        Value::Object(map) => {
            for (key, inner) in map {
                let deeper = if at.is_empty() {
                    key.clone()
                } else {
                    format!("{at}.{key}")
                };
                sentence(inner, &deeper, into);
            }
        }
        _ => {}
    }
}

/// What every refusal looks like, for the document.
pub fn schema() -> Value {
    json!({
        "type": "object", "required": ["errors"],
        "properties": {"errors": {
            "type": "object", "required": ["detail"],
            "properties": {"detail": {"type": "string", "description": "A sentence for people"}},
            "additionalProperties": {"description": "Messages of the field of this name"},
        }},
    })
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match self {
            Self::Unauthorized => detail(StatusCode::UNAUTHORIZED, HIDDEN),
            Self::CrossSite => detail(StatusCode::UNAUTHORIZED, CROSS_SITE),
            Self::WrongPassword => detail(
                StatusCode::UNAUTHORIZED,
                "Authentication failed, please check your username and password and try again.",
            ),
            Self::WrongCode => detail(
                StatusCode::UNAUTHORIZED,
                "The code is wrong or was used already, or the login has taken more than five minutes.",
            ),
            Self::WrongPasskey => detail(
                StatusCode::UNAUTHORIZED,
                "The passkey is not known here or was removed, or the login has taken more than five minutes; begin again.",
            ),
            Self::NeedsCode => detail(
                StatusCode::UNAUTHORIZED,
                "This account has a second factor: give its code, or a recovery code, as well (`code`), or log in through a browser.",
            ),
            Self::Unchanged { errors, data } => json_answer(
                StatusCode::UNPROCESSABLE_ENTITY,
                &json!({"errors": with_detail(&errors), "data": data}),
            ),
            Self::NoRoute => detail(StatusCode::NOT_FOUND, HIDDEN),
            Self::NoMethod => detail(
                StatusCode::METHOD_NOT_ALLOWED,
                "This path does not take this method.",
            ),
            Self::Malformed => detail(StatusCode::BAD_REQUEST, "Invalid request"),
            Self::NotAcceptable => detail(
                StatusCode::NOT_ACCEPTABLE,
                "The API answers JSON; accept application/json.",
            ),
            Self::Refused(r) => refused(r),
        }
    }
}

/// 503 with the seconds after which another try makes sense (RFC 9110, 10.2.3).
fn later(text: &str) -> Response {
    let mut answer = detail(StatusCode::SERVICE_UNAVAILABLE, text);
    answer
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    answer
}

/// 429: this asker has had its share (RFC 6585, 4).
fn too_many(wait: Duration) -> Response {
    let seconds = wait.as_secs().max(1);
    let text = format!("You have asked for too much at once; try again in {seconds} s.");
    let mut answer = detail(StatusCode::TOO_MANY_REQUESTS, &text);
    answer
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    answer
}

fn refused(r: DomainError) -> Response {
    if let Some(text) = r.passing() {
        tracing::warn!(error = %r, "request refused for now");
        return later(text);
    }
    match r {
        DomainError::NotFound => detail(StatusCode::NOT_FOUND, HIDDEN),
        DomainError::Denied(role) => {
            tracing::debug!(needs = role.word(), "role too low");
            detail(StatusCode::UNAUTHORIZED, HIDDEN)
        }
        DomainError::Fields(errors) => fields(StatusCode::UNPROCESSABLE_ENTITY, &errors),
        DomainError::Detail(text) => detail(StatusCode::UNPROCESSABLE_ENTITY, &text),
        DomainError::Conflict(text) => detail(StatusCode::CONFLICT, &text),
        DomainError::InUse(errors) => fields(StatusCode::CONFLICT, &errors),
        DomainError::Unavailable => {
            detail(StatusCode::FORBIDDEN, "device not available or responding")
        }
        DomainError::Busy(text) => later(&text),
        DomainError::TooMany(wait) => too_many(wait),
        DomainError::Bad(why) => detail(
            StatusCode::BAD_REQUEST,
            &format!("An unknown error occurred, please check the request: {why}."),
        ),
        DomainError::TooLarge => detail(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
        DomainError::Store(_) | DomainError::Blob(_) | DomainError::Fault(_) => {
            tracing::error!(error = %r, "request failed");
            detail(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The server has a fault and wrote the reason into its log; nothing was changed.",
            )
        }
    }
}
