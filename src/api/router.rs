//! The routes of the web listener: those of the API, which are filed beside their handlers, and the few beside it.

use super::docs::{self, Document};
use super::http::before::{Shadows, before_routing};
use super::http::contract::Contract;
use super::http::error::Error;
use super::http::extract::RequestSlot;
use super::{accounts, catalog, deployments, devices, events, status, support};
use crate::access::random_id;
use crate::app::App;
use crate::console;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, Request};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};

/// The routes of the web listener.
pub fn router(app: App) -> Router {
    let (api, shadows) = api();
    let web = Router::new()
        .nest("/api", api)
        .merge(events::socket::router())
        .merge(accounts::pages::router())
        .merge(accounts::oidc::router())
        .merge(status::router())
        .merge(console::router());
    // Around all routes, since it decides which one is found.
    let before = middleware::from_fn_with_state(shadows, before_routing);
    Router::new()
        .fallback_service(web.with_state(app))
        .layer(before)
}

/// Everything under `/api`, with the document that is made of it.
fn api() -> (Router<App>, Shadows) {
    let mut contract = Contract::new();
    for routes in [
        accounts::routes,
        catalog::routes,
        deployments::routes,
        devices::routes,
        events::routes,
        support::routes,
        docs::routes,
    ] {
        routes(&mut contract);
    }
    let (api, shadows, document) = contract.done();
    let document = Document(Bytes::from(document.to_string()));
    let api = api
        .fallback(|| async { Error::NoRoute })
        .method_not_allowed_fallback(|| async { Error::NoMethod })
        .layer(middleware::from_fn(dress))
        .layer(Extension(document));
    (api, shadows)
}

/// Whether a body is longer than what is read of it in any case.
fn long_body(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|l| l.to_str().ok()?.parse::<u64>().ok());
    headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|n| n > 8_192)
}

/// What every answer of the API carries, and the one kind of answer that it has.
///
/// The layers of `tower-http` do not fit: its request id is the client's when the client sends one, while the server makes
/// it in any case here, and `connection: close` depends on the request and the answer together. One header would be left
/// for its `SetResponseHeaderLayer`. Time limits are the listener's, since they hold before there is a request to route.
async fn dress(mut request: Request, next: Next) -> Response {
    let held = RequestSlot::default();
    request.extensions_mut().insert(held.clone());
    let accept = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("*/*");
    let fits = |word: &str| {
        word.contains("json")
            || word.contains("*/*")
            || word.contains("text/plain")
            // What a browser's EventSource asks for.
            || word.contains("text/event-stream")
            || word.contains("application/*")
            || word.contains("text/*")
    };
    let long = long_body(request.headers());
    // The page is for browsers, which also ask for anything else.
    let page = matches!(request.uri().path(), "/docs" | "/swaggerui");
    let mut answer = if page || accept.split(',').any(fits) {
        next.run(request).await
    } else {
        Error::NotAcceptable.into_response()
    };
    drop(held);
    let refused = answer.status().is_client_error();
    let headers = answer.headers_mut();
    if refused && long {
        // Its rest may be unread, and the connection good for nothing else: who would send on it again is told.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("max-age=0, private, must-revalidate"),
    );
    if let Ok(id) = HeaderValue::from_str(&format!("{:016x}", random_id())) {
        headers.insert("x-request-id", id);
    }
    answer
}
