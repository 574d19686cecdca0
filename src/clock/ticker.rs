//! Ticks of a clock that may be moved.

use super::Clock;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Ticks of a [`Clock`]. A tick that is late moves those after it.
#[derive(Debug)]
pub struct Ticker {
    clock: Clock,
    period: Duration,
    first: bool,
    last: Instant,
    ahead: i64,
}

impl Ticker {
    /// Begins with a tick, or with the first period.
    pub(super) fn begin(clock: &Clock, period: Duration, first: bool) -> Self {
        Self {
            clock: clock.clone(),
            period,
            first,
            last: Instant::now(),
            ahead: clock.ahead(),
        }
    }

    /// Waits for the next tick. Whoever stops waiting misses nothing.
    pub async fn tick(&mut self) {
        let mut moves = self
            .clock
            .ahead
            .as_ref()
            .map(|a| watch::Sender::subscribe(a));
        loop {
            let moved = u64::try_from(self.clock.ahead() - self.ahead).unwrap_or(0);
            let passed = self.last.elapsed() + Duration::from_micros(moved);
            let left = self.period.saturating_sub(passed);
            if self.first || left.is_zero() {
                break;
            }
            let moved = async {
                match &mut moves {
                    Some(moves) => _ = moves.changed().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                () = moved => {}
            }
        }
        self.first = false;
        self.last = Instant::now();
        self.ahead = self.clock.ahead();
    }
}
