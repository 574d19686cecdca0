//! The pages under `/status`, for load balancers and monitoring.

use crate::api::http::answer::json_answer;
use crate::app::App;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::any;
use serde_json::json;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/status/_health", any(health))
        .route("/status/health", any(health))
        .route("/status/healthy", any(health))
        .route("/status/alive", any(alive))
        .route("/status/ready", any(ready))
}

/// The process answers; nothing else is said.
async fn alive() -> &'static str {
    "Hello, Friend!"
}

/// Whether this server can do its work: 200, or 503 with what is wrong and what to do.
async fn ready(State(app): State<App>) -> Response {
    let problems = app.health.problems();
    let told: Vec<_> = problems
        .iter()
        .map(|p| json!({"problem": p, "advice": p.advice()}))
        .collect();
    let status = if problems.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = json!({"ready": problems.is_empty(), "problems": told});
    let mut answer = json_answer(status, &body);
    if !problems.is_empty() {
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    answer
}

/// Whether the database takes writes, in the words of the original.
async fn health(State(app): State<App>) -> (StatusCode, &'static str) {
    if app.health.database_answers() {
        (StatusCode::OK, "Hello, Friend!")
    } else {
        (StatusCode::INTERNAL_SERVER_ERROR, "Sorry, Friend :(")
    }
}
