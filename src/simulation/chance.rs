//! Everything that a seed decides.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::ops::Range;
use std::time::Duration;

/// The dice of a seed.
#[derive(Debug)]
pub(super) struct Chance(StdRng);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// Whether something happens that happens so many times in a hundred.
    pub(super) fn percent(&mut self, p: u32) -> bool {
        self.0.random_range(0..100) < p
    }

    /// A number of a range.
    pub(super) fn number(&mut self, range: Range<i64>) -> i64 {
        self.0.random_range(range)
    }

    /// A place in a list of this length, which is not empty.
    pub(super) fn index(&mut self, length: usize) -> usize {
        self.0.random_range(0..length.max(1))
    }

    /// A time of so many seconds, to the millisecond.
    pub(super) fn seconds(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.0.random_range(range.start * 1_000..range.end * 1_000))
    }
}
