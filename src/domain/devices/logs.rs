//! Lines of a device's log, as people look through them.

use crate::access::scope::{Product, Scope};
use crate::clock::Micros;
use crate::domain::devices::extensions::LogLine;
use crate::domain::{Result, devices};
use crate::limits::{LOG_PAGE, LOG_SCAN};
use crate::store::Db;
use crate::store::devices::device_logs;
use crate::store::fold::fold;

/// A place in a log: several lines may have one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogCursor {
    at: Micros,
    id: i64,
}

impl LogCursor {
    /// The cursor of a text: of one that was given with a line, or of a time, which stands before all lines of that instant.
    pub fn parse(text: &str) -> Option<Self> {
        let numbers = text.split_once('.').and_then(|(at, id)| {
            let at = Micros(at.parse().ok()?);
            Some(Self {
                at,
                id: id.parse().ok()?,
            })
        });
        let time = || Micros::parse(&text.replacen(' ', "T", 1)).map(|at| Self { at, id: 0 });
        numbers.or_else(time)
    }
}

impl std::fmt::Display for LogCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.at.0, self.id)
    }
}

/// Which lines are wanted.
#[derive(Debug, Default)]
pub struct LogFilter<'r> {
    /// Only those behind this line.
    pub before: Option<LogCursor>,
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
) -> Result<Vec<(LogCursor, LogLine)>> {
    let mut r = db.read().await?;
    let device = devices::id_of(&mut r, scope, identifier).await?;
    // Folded here and not in the database, which would only know the case of ASCII.
    let wanted = filter.search.map(fold);
    let newest = (Micros(i64::MAX), i64::MAX);
    let mut at = filter
        .before
        .map_or(newest, |before| (before.at, before.id));
    let (mut found, mut looked) = (Vec::new(), 0);
    while looked < LOG_SCAN {
        let page = device_logs::behind(&mut r, device, at, filter.level, LOG_PAGE).await?;
        let Some(last) = page.last() else { break };
        at = (last.line.at, last.id);
        looked += page.len();
        for row in page {
            let has = |text: &String| fold(&row.line.message).contains(text.as_str());
            if wanted.as_ref().is_none_or(has) {
                let (at, id) = (row.line.at, row.id);
                found.push((LogCursor { at, id }, row.line));
            }
            if found.len() == most {
                return Ok(found);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_shown_and_a_time_stands_before_its_lines() {
        let cursor = LogCursor {
            at: Micros(1_700_000_000_000_000),
            id: 42,
        };
        assert_eq!(LogCursor::parse(&cursor.to_string()), Some(cursor));
        let time = LogCursor { id: 0, ..cursor };
        for text in ["2023-11-14T22:13:20Z", "2023-11-14 22:13:20.000000Z"] {
            assert_eq!(LogCursor::parse(text), Some(time), "{text}");
        }
        for bad in ["", "x", "1.", ".1", "1.x", "yesterday"] {
            assert_eq!(LogCursor::parse(bad), None, "{bad}");
        }
    }
}
