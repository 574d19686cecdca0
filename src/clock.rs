//! Time as a value: microseconds since 1970, UTC. The only place that reads the machine's clock.

use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;

/// An instant: microseconds since 1970-01-01T00:00:00Z, as it is stored.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type,
)]
#[sqlx(transparent)]
#[serde(transparent)]
pub struct Micros(pub i64);

impl From<Micros> for device_protocol::Timestamp {
    fn from(at: Micros) -> Self {
        Self(at.0)
    }
}

impl From<device_protocol::Timestamp> for Micros {
    fn from(at: device_protocol::Timestamp) -> Self {
        Self(at.0)
    }
}

impl Micros {
    /// The instant `d` later; saturates at the end of time.
    pub fn after(self, d: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(d.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// The instant `d` earlier; saturates.
    pub fn before(self, d: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(d.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// How long ago `earlier` was; zero when it is in the future.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Whole seconds since 1970.
    pub fn secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    fn date(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// `2026-08-22T08:33:49`: no zone, whole seconds (docs/protocol/rest.md, "Answers", `inserted_at`).
    pub fn naive(self) -> String {
        let d = self.date();
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            d.year(),
            u8::from(d.month()),
            d.day(),
            d.hour(),
            d.minute(),
            d.second()
        )
    }

    /// `2026-08-22T08:33:49Z` (docs/protocol/rest.md, "Answers", `updates_blocked_until`).
    pub fn zulu(self) -> String {
        format!("{}Z", self.naive())
    }

    /// `2026-08-22 08:33:49.123456Z` (docs/protocol/rest.md, "Answers", `last_communication`).
    pub fn spaced(self) -> String {
        format!(
            "{}.{:06}Z",
            self.naive().replace('T', " "),
            self.0.rem_euclid(1_000_000)
        )
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7), for the `Date` header.
    pub fn http_date(self) -> String {
        let since = Duration::from_micros(u64::try_from(self.0).unwrap_or(0));
        httpdate::fmt_http_date(UNIX_EPOCH + since)
    }
}

/// The machine's clock.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the clock"
)]
pub fn now() -> Micros {
    let d = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    Micros(i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_prints_in_each_of_the_four_formats_of_the_api() {
        let t = Micros(1_787_387_629_123_456);
        assert_eq!(t.naive(), "2026-08-22T08:33:49");
        assert_eq!(t.zulu(), "2026-08-22T08:33:49Z");
        assert_eq!(t.spaced(), "2026-08-22 08:33:49.123456Z");
        assert_eq!(t.http_date(), "Sat, 22 Aug 2026 08:33:49 GMT");
    }
}
