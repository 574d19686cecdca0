//! Lists that are answered page by page (docs/protocol/rest.md, "Pages").

use super::answer::{Data, Documented, json_answer};
use super::contract::{FieldType, optional_field};
use super::error::Error;
use super::operation::Operation;
use super::params::{Params, number};
use crate::domain::DomainError;
use crate::limits::PAGE_SIZE;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

/// Where a page stands among all.
#[derive(Serialize, JsonSchema)]
struct Pagination {
    /// Which page, from 1.
    page_number: u64,
    /// Entries a page.
    page_size: u64,
    /// Entries in all.
    total_entries: u64,
    /// Pages in all; 0 of an empty list.
    total_pages: u64,
}

/// The page that a request asks for. `SIZE` is the number of entries of a page unless the request says otherwise; the
/// document tells the same number, since [`Page`] carries it too.
#[derive(Debug, Clone, Copy)]
pub struct Paging<const SIZE: u64> {
    /// The page, from 1.
    pub number: u64,
    /// Entries a page, at most [`PAGE_SIZE`].
    pub size: u64,
}

impl<const SIZE: u64> Paging<SIZE> {
    /// Reads `pagination[page]` and `pagination[page_size]`.
    ///
    /// # Errors
    /// 400 when one of them is not a number above 0.
    pub fn of(p: &Params) -> Result<Self, Error> {
        Ok(Self {
            number: parameter(p, "page", 1)?,
            size: parameter(p, "page_size", SIZE)?.min(PAGE_SIZE),
        })
    }

    /// The same for a request that may ask for no page: `None` without `pagination[page]` and `pagination[page_size]`.
    ///
    /// # Errors
    /// As for [`Paging::of`].
    pub fn asked(p: &Params) -> Result<Option<Self>, Error> {
        let asked = p.map("pagination").is_some_and(|m| {
            let mut names = m.keys();
            names.any(|name| matches!(name.as_str(), "page" | "page_size"))
        });
        asked.then(|| Self::of(p)).transpose()
    }

    /// The same with at most so many entries a page.
    pub fn at_most(self, size: u64) -> Self {
        let size = self.size.min(size);
        Self { size, ..self }
    }

    /// The answer with the entries of this page, of `total` in all.
    pub fn page<T>(self, data: Vec<T>, total: u64) -> Page<T, SIZE> {
        Page {
            data,
            pagination: Pagination {
                page_number: self.number,
                page_size: self.size,
                total_entries: total,
                total_pages: total.div_ceil(self.size),
            },
        }
    }
}

/// A number of `pagination[…]`, above 0.
fn parameter(p: &Params, key: &str, default: u64) -> Result<u64, Error> {
    let Some(value) = p.map("pagination").and_then(|m| m.get(key)) else {
        return Ok(default);
    };
    number(value)
        .and_then(|n| u64::try_from(n).ok())
        .filter(|n| *n > 0)
        .ok_or_else(|| {
            DomainError::Bad(format!("pagination[{key}] must be a number above 0")).into()
        })
}

/// 200 with a list: all of it, or a page where the request asks for one. For lists of NervesHub, which have no pages there.
pub enum Listed<T, const SIZE: u64> {
    /// All of it.
    All(Vec<T>),
    /// The page that was asked for.
    Page(Page<T, SIZE>),
}

impl<T: Serialize, const SIZE: u64> IntoResponse for Listed<T, SIZE> {
    fn into_response(self) -> Response {
        match self {
            Self::All(all) => Data(all).into_response(),
            Self::Page(page) => page.into_response(),
        }
    }
}

impl<T: Serialize + JsonSchema, const SIZE: u64> Documented for Listed<T, SIZE> {
    fn document(operation: &mut Operation<'_>) {
        let schema = json!({
            "type": "object", "required": ["data"],
            "properties": {
                "data": operation.schema::<Vec<T>>(),
                "pagination": operation.schema::<Pagination>(),
            },
        });
        let text =
            "The page, from 1. Without this and the size the answer has all, and no `pagination`";
        let page = optional_field("pagination[page]", FieldType::Number, text);
        operation.paged(&page, SIZE);
        operation.answers_with(
            StatusCode::OK,
            "All, or a page",
            &[("application/json", schema)],
        );
    }
}

/// 200 with a page of data, and where it stands among all.
pub struct Page<T, const SIZE: u64> {
    data: Vec<T>,
    pagination: Pagination,
}

impl<T: Serialize, const SIZE: u64> IntoResponse for Page<T, SIZE> {
    fn into_response(self) -> Response {
        let body = json!({"data": self.data, "pagination": self.pagination});
        json_answer(StatusCode::OK, &body)
    }
}

impl<T: Serialize + JsonSchema, const SIZE: u64> Documented for Page<T, SIZE> {
    fn document(operation: &mut Operation<'_>) {
        let schema = json!({
            "type": "object", "required": ["data", "pagination"],
            "properties": {
                "data": operation.schema::<Vec<T>>(),
                "pagination": operation.schema::<Pagination>(),
            },
        });
        let page = optional_field("pagination[page]", FieldType::Number, "The page, from 1");
        operation.paged(&page, SIZE);
        operation.answers_with(StatusCode::OK, "A page", &[("application/json", schema)]);
    }
}
