//! Organisations, people, products, devices, firmware files: what people manage and what devices report. It knows no
//! HTTP; every function for people takes a scope.

pub mod access_check;
pub mod archives;
pub mod audits;
pub mod broadcast;
pub mod certificates;
pub mod csv_cells;
pub mod csv_import;
pub mod device_events;
pub mod devices;
pub mod download_urls;
pub mod error;
pub mod extensions;
pub mod firmware_checks;
pub mod firmwares;
pub mod history;
pub mod iroh_endpoints;
pub mod iroh_takeover;
pub mod join;
pub mod keys;
pub mod logins;
pub mod mail_rules;
pub mod nerves_hub;
pub mod notifications;
pub mod orgs;
pub mod passwords;
pub mod polling;
pub mod products;
pub mod query;
pub mod records;
pub mod scopes;
pub mod script_runs;
pub mod scripts;
pub mod signature;
pub mod stored_files;
pub mod terminal_access;
pub mod terminals;
pub mod tokens;
pub mod transfer;
pub mod uploads;
pub mod users;
pub mod webhooks;
pub mod x509;

use crate::limits::PAGE_SIZE;
pub use error::{DomainError, Result};

/// Work that would hold up other tasks (disk, hashes of passwords), done on a thread that may wait.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
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
