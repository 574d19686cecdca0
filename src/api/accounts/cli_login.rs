//! The login of a command line through a browser: the command line's side.

use crate::api::http::answer::{Data, Documented, Either, text_schema};
use crate::api::http::contract::{Auth, Contract, FieldType, optional_field};
use crate::api::http::error::Result;
use crate::api::http::operation::Operation;
use crate::api::http::params::Params;
use crate::api::http::peer::{Peer, address_of};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::budget::{Rate, counted};
use crate::domain::DomainError;
use crate::domain::accounts::logins;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use std::net::IpAddr;

/// A login that waits for a browser.
#[derive(Serialize, JsonSchema)]
struct CliSession {
    /// What names it.
    token: String,
    /// Six digits that both sides show.
    confirmation_code: i64,
    /// Where to confirm it.
    url: String,
}

/// How a login stands.
#[derive(Serialize, JsonSchema)]
struct CliStatus {
    /// `waiting` or `ready`.
    status: &'static str,
    /// The API token, once, when it is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_token: Option<String>,
}

/// The address of the web, as people reach it.
fn base(app: &App, headers: &header::HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
    app.policy
        .web_url
        .clone()
        .unwrap_or_else(|| format!("http://{}", host.unwrap_or("localhost:4000")))
}

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Auth);
    contract
        .post("pages.begin", "/auth/cli_session", Auth::Anyone, begin)
        .summary("Begin the login of a command line through a browser")
        .body_fields(&[optional_field(
            "note",
            FieldType::Text,
            "What the token is for",
        )])
        .error(503, "Too many logins wait already");
    contract
        .get(
            "pages.status",
            "/auth/cli_session/{session}",
            Auth::Anyone,
            status,
        )
        .summary("Whether it was confirmed; at most 30 times a minute");
}

/// `POST /auth/cli_session`.
async fn begin(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    headers: header::HeaderMap,
    p: Params,
) -> Result<Data<CliSession>> {
    let note = p.text("note").unwrap_or_default();
    let session = logins::begin(&app, note, address_of(peer)).await?;
    let url = format!("{}/auth/cli/{}", base(&app, &headers), session.token);
    Ok(Data(CliSession {
        token: session.token,
        confirmation_code: session.code,
        url,
    }))
}

fn may_poll(polls: &Rate<IpAddr>, from: Option<IpAddr>) -> bool {
    from.and_then(counted)
        .is_none_or(|from| polls.count(&from).is_ok())
}

/// `GET /auth/cli_session/:session`: polled, so limited by address.
async fn status(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    Path(session): Path<String>,
) -> Result<Either<Data<CliStatus>, AskedTooOften>> {
    if !may_poll(&app.cli_login_limiter, address_of(peer)) {
        return Ok(Either::B(AskedTooOften));
    }
    if session.contains('\0') {
        return Err(DomainError::NotFound.into());
    }
    let token = logins::fetch(&app, &session).await?;
    Ok(Either::A(Data(CliStatus {
        status: if token.is_some() { "ready" } else { "waiting" },
        user_token: token.map(|t| t.reveal().to_owned()),
    })))
}

/// 403 in the words of the original, which programs that poll take as a sign to wait.
struct AskedTooOften;

impl IntoResponse for AskedTooOften {
    fn into_response(self) -> Response {
        (StatusCode::FORBIDDEN, "Forbidden\n").into_response()
    }
}

impl Documented for AskedTooOften {
    fn document(operation: &mut Operation<'_>) {
        let kinds = [("text/plain", text_schema())];
        operation.answers_with(StatusCode::FORBIDDEN, "Asked too often", &kinds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{POLL_EVERY, POLLS};

    #[test]
    fn p09_the_31st_poll_at_once_is_one_too_many() {
        let polls = Rate::new(POLLS, POLL_EVERY);
        let far = "203.0.113.7".parse().ok();
        assert!((0..30).all(|_| may_poll(&polls, far)));
        assert!(!may_poll(&polls, far));
        let other = "203.0.113.8".parse().ok();
        assert!(may_poll(&polls, other), "each address has its own count");
        let near = "127.0.0.1".parse().ok();
        assert!((0..100).all(|_| may_poll(&polls, near)));
    }
}
