//! How much of a terminal's output is shown. A device that prints faster than people can look is never read slower, since its
//! heartbeats come the same way: some of what it prints is left out, and how much is said in its place.

use super::bucket::{Bucket, Rate};
use crate::Timestamp;
use crate::limits::{OUTPUT_A_SECOND, OUTPUT_BURST};
use std::time::Duration;

/// Messages of a terminal that are shown.
const OUTPUT: Rate = Rate {
    burst: OUTPUT_BURST,
    a_second: OUTPUT_A_SECOND,
};

/// After this long without other output people are told what was left out.
const TOLD_AFTER: Duration = Duration::from_secs(1);

/// The pace of one terminal.
#[derive(Debug)]
pub(super) struct Pace {
    bucket: Bucket,
    left_out: u64,
    due: Option<Timestamp>,
}

impl Pace {
    /// A terminal that has said nothing yet.
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            bucket: Bucket::full(OUTPUT, now),
            left_out: 0,
            due: None,
        }
    }

    /// Whether a message of this cost comes within the pace.
    pub(super) fn take(&mut self, cost: u32, now: Timestamp) -> bool {
        self.bucket.take(cost, OUTPUT, now)
    }

    /// Leaves so many bytes out.
    pub(super) fn leave_out(&mut self, bytes: usize, now: Timestamp) {
        self.left_out = self.left_out.saturating_add(bytes as u64);
        self.due.get_or_insert(now.after(TOLD_AFTER));
    }

    /// When people are to be told of what was left out.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// What people are told, once, when something was left out.
    pub(super) fn told(&mut self) -> Option<String> {
        self.due = None;
        let bytes = std::mem::take(&mut self.left_out);
        (bytes > 0).then(|| {
            format!(
                "\r\n[{bytes} bytes are left out: the device prints faster than this can show]\r\n"
            )
        })
    }
}
