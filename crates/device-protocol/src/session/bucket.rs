//! A bucket of tokens that refills with time.

use crate::Timestamp;

/// How many may be taken at once, and how many come back each second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub burst: u32,
    pub a_second: u32,
}

/// What is left in it; the rate is the owner's constant, so that a session stays small.
#[derive(Debug)]
pub(super) struct Bucket {
    left: u32,
    filled: Timestamp,
}

impl Bucket {
    /// A full one.
    pub(super) fn full(rate: Rate, now: Timestamp) -> Self {
        Self {
            left: rate.burst,
            filled: now,
        }
    }

    /// Takes so many, if they are there.
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
