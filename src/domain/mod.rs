//! Organizations, people, products, devices, firmware files: what people manage and what devices report. It knows no
//! HTTP; every function for people takes a scope.

pub mod accounts;
pub mod catalog;
pub mod context;
pub mod deployments;
pub mod devices;
pub mod error;
pub mod events;
pub mod support;

use crate::limits::PAGE_SIZE;
pub use context::{Context, Policy};
pub use error::{DomainError, Result};

/// Work that would hold up other tasks (disk, hashes of passwords), done on a thread that may wait.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| DomainError::Fault(e.to_string()))
}

/// Where a page begins, counted from 1, and how many rows it has: at most [`PAGE_SIZE`].
fn limit_offset(page: u64, size: u64) -> (i64, i64) {
    let size = size.clamp(1, PAGE_SIZE);
    let offset = page.saturating_sub(1).saturating_mul(size);
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    (number(offset), number(size))
}
