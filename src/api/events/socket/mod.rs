//! People's sockets over Phoenix channels (docs/protocol/rest.md, "User sockets"): consoles and shells of devices, and how their updates go. One task
//! a socket; what a device cannot take yet stays with the sender.

mod frame;
mod session;
mod topics;

use crate::access::credential::Credential;
use crate::access::scope::{Act, Person};
use crate::api::http::session_cookie::{self, Origin};
use crate::app::App;
use crate::budget::{Account, Refused};
use crate::domain::accounts::scopes;
use axum::Router;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use frame::Version;
use serde::Deserialize;
use session::UserSocket;
use std::time::Duration;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    token: String,
    vsn: Option<String>,
}

/// The sockets, which are no part of the document.
pub fn router() -> Router<App> {
    Router::new()
        .route("/socket/websocket", get(terminals))
        .route("/api/socket/websocket", get(terminals))
        .route("/events-socket/websocket", get(events))
}

/// `GET /socket/websocket` and `/api/socket/websocket` with a token: the upgrade, or 403.
async fn terminals(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    request: Request,
) -> Response {
    connect(app, asked, request, Purpose::Terminals).await
}

/// `GET /events-socket/websocket` with a token: the same.
async fn events(State(app): State<App>, Query(asked): Query<Asked>, request: Request) -> Response {
    connect(app, asked, request, Purpose::Events).await
}

/// What a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Terminals,
    Events,
}

async fn connect(app: App, asked: Asked, mut request: Request, purpose: Purpose) -> Response {
    let Some(key) = upgrade_key(request.headers()) else {
        return (
            StatusCode::BAD_REQUEST,
            "this address is for WebSockets only",
        )
            .into_response();
    };
    let Some(secret) = secret_of(&app, asked.token, request.headers()) else {
        return StatusCode::FORBIDDEN.into_response();
    };
    let version = Version::parse(asked.vsn.as_deref());
    let (person, version) = match authenticate(&app, &secret, version, purpose).await {
        Ok(allowed) => allowed,
        Err(status) => return status.into_response(),
    };
    if let Some(account) = request.extensions().get::<Account>() {
        account.set(person.id.number());
    }
    let slot = match app.viewer_slots.take(person.id) {
        Ok(slot) => slot,
        Err(Refused::Share) => {
            let text = "you have too many sockets open on this server";
            return (StatusCode::TOO_MANY_REQUESTS, text).into_response();
        }
        Err(Refused::Full) => {
            let text = "too many people's sockets are open on this server";
            return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
        }
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let link = UserSocket::new(app.clone(), purpose, person, secret, version);
    app.background.spawn(async move {
        match timeout(Duration::from_secs(10), upgrade).await {
            Ok(Ok(raw)) => session::serve(link, raw, slot).await,
            _ => tracing::debug!("a socket was not upgraded"),
        }
    });
    switching_protocols(&key)
}

/// What a socket was opened with. It is kept, to be looked at again.
enum SocketSecret {
    /// An API token, in the address.
    Token(String),
    /// The session of a browser.
    Session(String),
}

impl SocketSecret {
    fn credential(&self) -> Credential<'_> {
        match self {
            Self::Token(text) => Credential::Token(text),
            Self::Session(text) => Credential::Session(text),
        }
    }
}

/// The token of the address; without one the cookie, if the browser says that a page of this server opens the socket: other pages
/// may open sockets too, and the cookie goes with them.
fn secret_of(app: &App, token: String, headers: &HeaderMap) -> Option<SocketSecret> {
    if !token.is_empty() {
        return Some(SocketSecret::Token(token));
    }
    let own = session_cookie::origin(headers, &app.policy) == Origin::Own;
    let text = session_cookie::sent(headers, &app.policy).filter(|_| own)?;
    Some(SocketSecret::Session(text))
}

/// The person whose token or session it is, if it grants what the socket does, and the protocol that the client speaks.
async fn authenticate(
    app: &App,
    secret: &SocketSecret,
    version: Option<Version>,
    purpose: Purpose,
) -> Result<(Person, Version), StatusCode> {
    let person = scopes::person(app, secret.credential())
        .await
        .map_err(|e| {
            tracing::warn!(error = %e, "a socket could not be authenticated");
            StatusCode::SERVICE_UNAVAILABLE
        })?;
    let act = match purpose {
        Purpose::Terminals => Act::Change,
        Purpose::Events => Act::Read,
    };
    let person = person.filter(|p| p.grant.covers(act));
    person.zip(version).ok_or(StatusCode::FORBIDDEN)
}

fn switching_protocols(key: &str) -> Response {
    let answer = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::UPGRADE, "websocket")
        .header(header::CONNECTION, "Upgrade")
        .header(
            header::SEC_WEBSOCKET_ACCEPT,
            derive_accept_key(key.as_bytes()),
        )
        .body(Body::empty());
    answer.unwrap_or_else(|_| StatusCode::BAD_REQUEST.into_response())
}

/// The key of a request that asks for a WebSocket.
fn upgrade_key(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok());
    let asks = text(header::UPGRADE)?.eq_ignore_ascii_case("websocket");
    let key = text(header::SEC_WEBSOCKET_KEY)?;
    asks.then(|| key.to_owned())
}
