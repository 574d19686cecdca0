//! The output limit of a terminal. The connection of a device that prints too fast is not read more slowly,
//! because its heartbeats come the same way. Instead output is dropped, and viewers are told how much.

use super::bucket::{Bucket, Rate};
use crate::Timestamp;
use crate::limits::{OUTPUT_A_SECOND, OUTPUT_BURST};
use std::time::Duration;

/// The rate of terminal messages that are shown.
const OUTPUT: Rate = Rate {
    burst: OUTPUT_BURST,
    a_second: OUTPUT_A_SECOND,
};

/// After this long without other output, viewers are told what was dropped.
const TOLD_AFTER: Duration = Duration::from_secs(1);

/// The output limit of one terminal.
#[derive(Debug)]
pub(super) struct Pace {
    bucket: Bucket,
    left_out: u64,
    due: Option<Timestamp>,
}

impl Pace {
    /// The limit of a terminal without output so far.
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            bucket: Bucket::full(OUTPUT, now),
            left_out: 0,
            due: None,
        }
    }

    /// Whether a message of this cost is within the rate.
    pub(super) fn take(&mut self, cost: u32, now: Timestamp) -> bool {
        self.bucket.take(cost, OUTPUT, now)
    }

    /// Records that bytes were dropped.
    pub(super) fn leave_out(&mut self, bytes: usize, now: Timestamp) {
        self.left_out = self.left_out.saturating_add(bytes as u64);
        self.due.get_or_insert(now.after(TOLD_AFTER));
    }

    /// When viewers must be told about dropped output.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// The message about dropped output, once, if there was any.
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
