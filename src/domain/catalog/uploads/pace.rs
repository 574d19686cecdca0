//! How fast an upload has to arrive.

use crate::limits::{UPLOAD_RATE, UPLOAD_STALL};
use std::time::Instant;

/// Measures whether an upload arrives fast enough to keep its slot.
pub struct Pace {
    begun: Instant,
    bytes: u64,
}

impl Pace {
    /// Starts measuring before the first byte.
    pub fn begin() -> Self {
        Self {
            begun: Instant::now(),
            bytes: 0,
        }
    }

    /// Counts received bytes. Returns false when the average was below [`UPLOAD_RATE`] for longer than
    /// [`UPLOAD_STALL`]. Each interval is measured by itself, so that a fast start does not excuse a later
    /// stall.
    pub fn keeps(&mut self, came: usize) -> bool {
        self.keeps_at(Instant::now(), came)
    }

    fn keeps_at(&mut self, now: Instant, came: usize) -> bool {
        self.bytes += came as u64;
        let time = now.saturating_duration_since(self.begun);
        if time <= UPLOAD_STALL {
            return true;
        }
        let kept = self.bytes >= time.as_secs() * UPLOAD_RATE;
        (self.begun, self.bytes) = (now, 0);
        kept
    }
}

#[cfg(test)]
mod tests;
