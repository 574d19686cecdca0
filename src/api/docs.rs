//! The OpenAPI document of the API, and a page to browse it.

use crate::api::http::answer::{Documented, text_schema};
use crate::api::http::contract::{Auth, Contract};
use crate::api::http::error::Result;
use crate::api::http::operation::Operation;
use crate::api::http::tag::Tag;
use axum::body::Bytes;
use axum::extract::Extension;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::json;

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::PlatformStatus);
    contract
        .get("router.document", "/openapi", Auth::Anyone, document)
        .summary("This document");
    contract
        .get("router.docs", "/docs", Auth::Anyone, docs)
        .summary("This document, to browse");
    contract
        .get("router.to_docs", "/swaggerui", Auth::Anyone, to_docs)
        .summary("To the page");
}

/// The OpenAPI document, made once, when all routes are filed.
#[derive(Clone)]
pub(super) struct Document(pub Bytes);

async fn document(Extension(document): Extension<Document>) -> Result<Document> {
    Ok(document)
}

impl IntoResponse for Document {
    fn into_response(self) -> Response {
        let kind = HeaderValue::from_static("application/json; charset=utf-8");
        ([(header::CONTENT_TYPE, kind)], self.0).into_response()
    }
}

impl Documented for Document {
    fn document(operation: &mut Operation<'_>) {
        let schema = json!({"type": "object"});
        operation.answers_with(
            StatusCode::OK,
            "OpenAPI 3.1",
            &[("application/json", schema)],
        );
    }
}

/// The page that shows the document.
struct DocsPage;

async fn docs() -> Result<DocsPage> {
    Ok(DocsPage)
}

impl IntoResponse for DocsPage {
    fn into_response(self) -> Response {
        let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'";
        (
            [(header::CONTENT_SECURITY_POLICY, policy)],
            Html(include_str!("docs.html")),
        )
            .into_response()
    }
}

impl Documented for DocsPage {
    fn document(operation: &mut Operation<'_>) {
        operation.answers_with(StatusCode::OK, "A page", &[("text/html", text_schema())]);
    }
}

/// 302 to the page.
struct ToDocs;

async fn to_docs() -> Result<ToDocs> {
    Ok(ToDocs)
}

impl IntoResponse for ToDocs {
    fn into_response(self) -> Response {
        (StatusCode::FOUND, [(header::LOCATION, "/api/docs")]).into_response()
    }
}

impl Documented for ToDocs {
    fn document(operation: &mut Operation<'_>) {
        operation.answers(StatusCode::FOUND, "To /api/docs");
    }
}
