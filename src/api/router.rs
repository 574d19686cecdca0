//! The whole contract on one page.

use super::error::Error;
use super::{
    archives, ca_certificates, deployments, device_certificates, devices, extensions, firmwares,
    history, keys, products, scripts, shared_secrets, socket, users,
};
use crate::access::random_id;
use crate::app::App;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, delete, get, post};

/// The routes of the web listener.
pub fn router(app: App) -> Router {
    let org = Router::new()
        .route("/users", get(users::members).post(users::add_member))
        .route("/users/invite", post(users::add_member))
        .route(
            "/users/{email}",
            get(users::member)
                .put(users::set_role)
                .delete(users::remove_member),
        )
        .route("/keys", get(keys::list).post(keys::create))
        .route("/keys/{name}", get(keys::show).delete(keys::delete))
        .route(
            "/ca_certificates",
            get(ca_certificates::list).post(ca_certificates::create),
        )
        .route(
            "/ca_certificates/verification_token",
            get(ca_certificates::verification_token),
        )
        .route(
            "/ca_certificates/{serial}",
            get(ca_certificates::show).delete(ca_certificates::delete),
        )
        .route("/products", get(products::list).post(products::create));
    let product = Router::new()
        .route(
            "/",
            get(products::show)
                .put(products::update)
                .patch(products::update)
                .delete(products::delete),
        )
        .route(
            "/shared_secrets",
            get(shared_secrets::list).post(shared_secrets::create),
        )
        .route(
            "/extensions",
            get(extensions::of_product).put(extensions::set_product),
        )
        .route("/devices/{device}/extensions", get(extensions::of_device))
        .route("/devices/{device}/health", get(extensions::health))
        .route("/devices/{device}/location", get(extensions::location))
        .route("/devices/{device}/logs", get(extensions::logs))
        .route("/shared_secrets/{*key}", delete(shared_secrets::delete))
        .route("/devices", get(devices::list).post(devices::create))
        .route(
            "/devices/{device}",
            get(devices::show)
                .put(devices::update)
                .delete(devices::delete),
        )
        .route("/devices/{device}/reboot", post(devices::reboot))
        .route("/devices/{device}/identify", post(devices::identify))
        .route("/devices/{device}/move", post(devices::move_to))
        .route("/devices/{device}/code", post(devices::code))
        .route("/devices/{device}/connections", get(history::connections))
        .route("/devices/{device}/firmwares", get(history::firmwares))
        .route("/devices/{device}/updates", get(history::updates))
        .route(
            "/devices/{device}/network_identities",
            get(history::identities),
        )
        .route("/devices/{device}/reconnect", post(devices::reconnect))
        .route("/devices/{device}/upgrade", post(devices::upgrade))
        .route("/devices/{device}/penalty", delete(devices::clear_penalty))
        .route(
            "/devices/{device}/shared_secrets",
            get(shared_secrets::list_of_device).post(shared_secrets::create_for_device),
        )
        .route(
            "/devices/{device}/shared_secrets/{*key}",
            delete(shared_secrets::delete_of_device),
        )
        .route(
            "/devices/{device}/certificates",
            get(device_certificates::list).post(device_certificates::create),
        )
        .route(
            "/devices/{device}/certificates/{serial}",
            get(device_certificates::show).delete(device_certificates::delete),
        )
        .route(
            "/firmwares",
            get(firmwares::list)
                .post(firmwares::upload)
                .layer(DefaultBodyLimit::disable()),
        )
        .route(
            "/firmwares/{uuid}",
            get(firmwares::show).delete(firmwares::delete),
        )
        .route(
            "/archives",
            get(archives::list)
                .post(archives::upload)
                .layer(DefaultBodyLimit::disable()),
        )
        .route(
            "/archives/{uuid}",
            get(archives::show).delete(archives::delete),
        )
        .route("/archives/{uuid}/download", get(archives::download))
        .route(
            "/notifications",
            get(history::notifications).delete(history::dismiss),
        )
        .route("/scripts", get(scripts::list).post(scripts::create))
        .route(
            "/scripts/{script}",
            get(scripts::show)
                .put(scripts::update)
                .delete(scripts::delete),
        )
        .route("/devices/{device}/scripts/{script}", post(scripts::run))
        .route("/firmwares/{uuid}/download", get(firmwares::download))
        .route(
            "/deployments",
            get(deployments::list).post(deployments::create),
        )
        .route(
            "/deployments/{name}",
            get(deployments::show)
                .put(deployments::update)
                .delete(deployments::delete),
        );
    let device = Router::new()
        .route("/", get(devices::show))
        .route("/reboot", post(devices::reboot))
        .route("/identify", post(devices::identify))
        .route("/move", post(devices::move_to))
        .route("/code", post(devices::code))
        .route("/reconnect", post(devices::reconnect))
        .route("/upgrade", post(devices::upgrade))
        .route("/penalty", delete(devices::clear_penalty))
        .route("/scripts", get(scripts::list))
        .route("/scripts/{script}", post(scripts::run));
    let api = Router::new()
        .route("/users/auth", post(users::login))
        .route("/users/login", post(users::login))
        .route("/users/me", get(users::me))
        .route("/orgs", get(users::orgs))
        .nest("/orgs/{org}", org)
        .nest("/orgs/{org}/products/{product}", product)
        .nest("/devices/{device}", device)
        .fallback(|| async { Error::NoRoute })
        .method_not_allowed_fallback(|| async { Error::NoMethod })
        .layer(middleware::from_fn(dress));
    let mut web = Router::new()
        .nest("/api", api)
        .route("/socket/websocket", get(socket::terminals))
        .route("/api/socket/websocket", get(socket::terminals))
        .route("/events-socket/websocket", get(socket::events));
    for path in [
        "/status/alive",
        "/status/_health",
        "/status/health",
        "/status/healthy",
    ] {
        web = web.route(path, any(health));
    }
    web.with_state(app)
}

/// What every answer of the API carries, and the one kind of answer that it has.
async fn dress(request: Request, next: Next) -> Response {
    let accept = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("*/*");
    let fits = |word: &str| {
        word.contains("json")
            || word.contains("*/*")
            || word.contains("text/plain")
            || word.contains("application/*")
            || word.contains("text/*")
    };
    let mut answer = if accept.split(',').any(fits) {
        next.run(request).await
    } else {
        Error::NotAcceptable.into_response()
    };
    let headers = answer.headers_mut();
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("max-age=0, private, must-revalidate"),
    );
    if let Ok(id) = HeaderValue::from_str(&format!("{:016x}", random_id())) {
        headers.insert("x-request-id", id);
    }
    answer
}

async fn health(State(app): State<App>) -> (StatusCode, &'static str) {
    if app.db.alive().await {
        (StatusCode::OK, "Hello, Friend!")
    } else {
        (StatusCode::INTERNAL_SERVER_ERROR, "Sorry, Friend :(")
    }
}
