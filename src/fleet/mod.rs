//! Organisations, people, products, devices, firmware files: what people manage and what devices report. It knows no
//! HTTP; every function for people takes a scope.

pub mod archives;
pub mod audits;
pub mod bulk;
pub mod cells;
pub mod certificates;
pub mod consoles;
pub mod devices;
pub mod endpoints;
pub mod extensions;
pub mod files;
pub mod firmwares;
pub mod history;
pub mod join;
pub mod judge;
pub mod keys;
pub mod links;
pub mod logins;
pub mod mails;
pub mod moves;
pub mod nerves_hub;
pub mod notices;
pub mod orgs;
pub mod passwords;
pub mod polling;
pub mod products;
pub mod progress;
pub mod query;
pub mod records;
pub mod refusal;
pub mod running;
pub mod scopes;
pub mod scripts;
pub mod signature;
pub mod standing;
pub mod taking;
pub mod telling;
pub mod terminals;
pub mod tokens;
pub mod uploads;
pub mod users;
pub mod webhooks;
pub mod x509;

use crate::limits::PAGE_SIZE;
pub use refusal::{Refusal, Result};

/// Work that would hold up other tasks (disk, hashes of passwords), done on a thread that may wait.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| Refusal::Fault(e.to_string()))
}

/// Where a page begins, counted from 1, and how many rows it has: at most [`PAGE_SIZE`].
fn stretch(page: u64, size: u64) -> (i64, i64) {
    let size = size.clamp(1, PAGE_SIZE);
    let offset = page.saturating_sub(1).saturating_mul(size);
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    (number(offset), number(size))
}
