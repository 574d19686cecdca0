//! Time as a value: microseconds since 1970, UTC. The only place that reads the machine's clock.

mod ticker;

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
pub use ticker::Ticker;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;

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

    /// The beginning of the stretch of this length that the instant is in, counted from 1970.
    pub fn floor(self, stretch: Duration) -> Self {
        let length = i64::try_from(stretch.as_micros())
            .unwrap_or(i64::MAX)
            .max(1);
        Self(self.0.div_euclid(length).saturating_mul(length))
    }

    /// Whole seconds since 1970.
    pub fn secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The instant of a text such as `2026-08-22T08:33:49Z` (RFC 3339).
    pub fn parse(text: &str) -> Option<Self> {
        let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        Some(Self(i64::try_from(at.unix_timestamp_nanos() / 1_000).ok()?))
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

/// What says how late it is: the machine's clock, or that clock moved forward. A server has one and everything in it
/// asks that one, so that a test starts a whole server and moves it over days. Cloning is cheap; clones move together.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// Microseconds that the clock is ahead; `None` where nothing moves it.
    ahead: Option<Arc<watch::Sender<i64>>>,
    /// What it is ahead of: an instant, or the machine's clock.
    stopped: Option<Micros>,
}

impl Clock {
    /// A clock that [`Clock::advance`] moves.
    pub fn movable() -> Self {
        Self {
            ahead: Some(Arc::new(watch::Sender::new(0))),
            stopped: None,
        }
    }

    /// A clock that stands at an instant until [`Clock::advance`] moves it.
    pub fn stopped(at: Micros) -> Self {
        Self {
            stopped: Some(at),
            ..Self::movable()
        }
    }

    /// The time.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the machine's clock"
    )]
    pub fn now(&self) -> Micros {
        if let Some(at) = self.stopped {
            return Micros(at.0.saturating_add(self.ahead()));
        }
        let d = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        let now = Micros(i64::try_from(d.as_micros()).unwrap_or(i64::MAX));
        Micros(now.0.saturating_add(self.ahead()))
    }

    /// Moves the clock forward and wakes who sleeps on it. A clock that was not made movable stays.
    pub fn advance(&self, by: Duration) {
        if let Some(ahead) = &self.ahead {
            ahead.send_modify(|a| {
                *a = a.saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX));
            });
        }
    }

    fn ahead(&self) -> i64 {
        self.ahead.as_ref().map_or(0, |a| *a.borrow())
    }

    /// Waits until this clock has gone on by `d`. A step of the machine's clock does not matter, a move of this one does.
    pub async fn sleep(&self, d: Duration) {
        Ticker::begin(self, d, false).tick().await;
    }

    /// Begins to tick: at once, and then each time that this clock has gone on by `period`.
    pub fn every(&self, period: Duration) -> Ticker {
        Ticker::begin(self, period, true)
    }
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

    #[allow(
        clippy::disallowed_methods,
        reason = "a task of the test itself, which waits for it"
    )]
    #[tokio::test]
    async fn a_moved_clock_wakes_who_sleeps_on_it() {
        let clock = Clock::movable();
        let (begun, day) = (clock.now(), Duration::from_secs(86_400));
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(day).await }
        });
        tokio::task::yield_now().await;
        clock.clone().advance(day);
        sleeper.await.unwrap();
        assert!(clock.now().since(begun) >= day);
        let fixed = Clock::default();
        let before = fixed.now();
        fixed.advance(day);
        assert!(fixed.now().since(before) < day);
    }
}
