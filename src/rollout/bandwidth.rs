//! How much is sent: each claim promises the bytes of its file, and those that were promised before are sent first.

use super::policy::Limit;
use crate::clock::Micros;
use crate::limits::TICK;
use crate::store::deployments::server_bandwidth::ServerBandwidth;

/// A bandwidth that claims obey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bandwidth {
    /// Bytes a second on average; `None` for no limit.
    pub bytes_per_second: Option<i64>,
    /// Until when the bytes that claims have promised fill it.
    pub promised_until: Micros,
}

impl From<ServerBandwidth> for Bandwidth {
    fn from(row: ServerBandwidth) -> Self {
        Self {
            bytes_per_second: row.bytes_per_second,
            promised_until: row.promised_until,
        }
    }
}

impl Bandwidth {
    /// Whether a claim may promise more bytes: what was promised is sent within the next tick.
    pub fn is_free(&self, now: Micros) -> bool {
        self.bytes_per_second.is_none() || self.promised_until < now.after(TICK)
    }

    /// Promises these bytes, after those that were promised before.
    pub fn promise(&mut self, bytes: i64, now: Micros) {
        let Some(rate) = self.bytes_per_second else {
            return;
        };
        let micros = i128::from(bytes.max(0)) * 1_000_000 / i128::from(rate.max(1));
        let from = self.promised_until.0.max(now.0);
        self.promised_until =
            Micros(from.saturating_add(i64::try_from(micros).unwrap_or(i64::MAX)));
    }

    /// The limit that it is while it is not free; `who` sends.
    pub(super) fn limit(&self, rule: &'static str, who: &str, now: Micros) -> Option<Limit> {
        let rate = self.bytes_per_second.filter(|_| !self.is_free(now))?;
        Some(Limit {
            rule,
            sentence: format!("{who} sends {rate} bytes a second, which are promised to others."),
            until: Some(self.promised_until),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn promised_bytes_fill_the_bandwidth_one_after_the_other() {
        let now = Micros::parse("2026-11-30T12:00:00Z").unwrap();
        let mut bandwidth = Bandwidth {
            bytes_per_second: Some(1_000),
            promised_until: Micros(0),
        };
        bandwidth.promise(3_000, now);
        assert_eq!(bandwidth.promised_until, now.after(Duration::from_secs(3)));
        assert!(bandwidth.is_free(now));
        bandwidth.promise(3_000, now);
        assert!(!bandwidth.is_free(now));
        assert!(bandwidth.is_free(now.after(Duration::from_secs(2))));
        let limit = bandwidth.limit("bandwidth", "The group", now).unwrap();
        assert_eq!(limit.until, Some(bandwidth.promised_until));
        bandwidth.bytes_per_second = None;
        assert_eq!(bandwidth.limit("bandwidth", "The group", now), None);
    }
}
