//! The rules of the product: what people may do with organizations, products, devices, and firmware, and what
//! follows from device events. It knows no HTTP. Every function that serves a person takes a scope, so that
//! nothing crosses an organization.

pub mod accounts;
pub mod catalog;
pub mod context;
pub mod deployments;
pub mod devices;
pub mod error;
pub mod events;
mod sealed;
pub mod span;
pub mod support;

use crate::limits::PAGE_SIZE;
pub use context::{Context, Policy};
pub use error::{DomainError, Result};

/// Runs work that would block the async threads (disk access, password hashing) on a blocking thread.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| DomainError::Fault(e.to_string()))
}

/// Turns a page number, counted from 1, and a page size into `LIMIT` and `OFFSET`. The size is capped at
/// [`PAGE_SIZE`].
fn limit_offset(page: u64, size: u64) -> (i64, i64) {
    let size = size.clamp(1, PAGE_SIZE);
    let offset = page.saturating_sub(1).saturating_mul(size);
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    (number(offset), number(size))
}
