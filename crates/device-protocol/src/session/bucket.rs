//! A token bucket for rate limits.

use crate::Timestamp;

/// Capacity, and tokens that are refilled each second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub burst: u32,
    pub a_second: u32,
}

/// The tokens left. The rate is a constant of the owner, so that a session stays small.
#[derive(Debug)]
pub(super) struct Bucket {
    left: u32,
    filled: Timestamp,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn full(rate: Rate, now: Timestamp) -> Self {
        Self {
            left: rate.burst,
            filled: now,
        }
    }

    /// Takes `cost` tokens if they are available.
    pub(super) fn take(&mut self, cost: u32, rate: Rate, now: Timestamp) -> bool {
        let seconds = now.since(self.filled).as_secs();
        if seconds > 0 {
            let more = u32::try_from(seconds)
                .unwrap_or(u32::MAX)
                .saturating_mul(rate.a_second);
            self.left = self.left.saturating_add(more).min(rate.burst);
            self.filled = now;
        }
        let left = self.left.checked_sub(cost);
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }
}
