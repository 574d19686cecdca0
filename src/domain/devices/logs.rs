//! Lines of a device's log, as people look through them.

use crate::access::scope::{Product, Scope};
use crate::clock::Micros;
use crate::domain::devices::extensions::LogLine;
use crate::domain::{Result, devices};
use crate::limits::{LOG_PAGE, LOG_SCAN};
use crate::store::Db;
use crate::store::devices::device_logs;
use crate::store::fold::fold;

/// Which lines are wanted.
#[derive(Debug, Default)]
pub struct LogFilter<'r> {
    /// Only those before this instant.
    pub before: Option<Micros>,
    /// Only those of this level.
    pub level: Option<&'r str>,
    /// Only those with this text, in any case, in the message.
    pub search: Option<&'r str>,
}

/// The newest lines of a device's log that are wanted. A search looks at no more than [`LOG_SCAN`] lines.
///
/// # Errors
/// [`crate::domain::DomainError::NotFound`] when the product has no such device.
pub async fn list(
    db: &Db,
    scope: &Scope<Product>,
    identifier: &str,
    filter: &LogFilter<'_>,
    most: usize,
) -> Result<Vec<LogLine>> {
    let mut r = db.read().await?;
    let device = devices::id_of(&mut r, scope, identifier).await?;
    // Folded here and not in the database, which would only know the case of ASCII.
    let wanted = filter.search.map(fold);
    let newest = (Micros(i64::MAX), i64::MAX);
    let mut at = filter.before.map_or(newest, |before| (before, 0));
    let (mut found, mut looked) = (Vec::new(), 0);
    while looked < LOG_SCAN {
        let page = device_logs::behind(&mut r, device, at, filter.level, LOG_PAGE).await?;
        let Some(last) = page.last() else { break };
        at = (last.line.at, last.id);
        looked += page.len();
        for row in page {
            let has = |text: &String| fold(&row.line.message).contains(text.as_str());
            if wanted.as_ref().is_none_or(has) {
                found.push(row.line);
            }
            if found.len() == most {
                return Ok(found);
            }
        }
    }
    Ok(found)
}
