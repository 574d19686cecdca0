//! The report of an import: what was created, what existed, and everything that was left behind, with the
//! reason.

use crate::limits::IMPORT_LINES;
use std::collections::BTreeMap;
use std::time::Duration;

/// What an import did, or what a trial would do.
#[derive(Debug, Default, serde::Serialize)]
pub struct ImportReport {
    /// Created rows by kind.
    pub imported: BTreeMap<&'static str, u64>,
    /// Rows that existed already, by kind.
    pub present: BTreeMap<&'static str, u64>,
    /// Rows that were left out one by one, with the reason.
    pub skipped: Vec<String>,
    /// Tables and columns that were left behind as a whole.
    pub left: Vec<Left>,
    /// Duration of this run in seconds.
    pub seconds: u64,
    /// After a trial: how long the run with `--commit` will take.
    pub expected_seconds: Option<u64>,
    #[serde(skip)]
    counts: BTreeMap<(String, &'static str), u64>,
    #[serde(skip)]
    untold: u64,
}

/// Values or rows that were not imported.
#[derive(Debug, serde::Serialize)]
pub struct Left {
    /// `table.column`, or `table` for rows.
    pub what: String,
    /// The number of values or rows.
    pub count: u64,
    /// Why they were not imported.
    pub reason: &'static str,
}

impl ImportReport {
    pub(super) fn made(&mut self, kind: &'static str) {
        *self.imported.entry(kind).or_default() += 1;
    }

    pub(super) fn there(&mut self, kind: &'static str) {
        *self.present.entry(kind).or_default() += 1;
    }

    /// Counts a row as created, or as existing already.
    pub(super) fn count(&mut self, kind: &'static str, made: bool) {
        if made {
            self.made(kind);
        } else {
            self.there(kind);
        }
    }

    /// Reports a single row that is left out.
    pub(super) fn skip(&mut self, why: String) {
        if self.skipped.len() < IMPORT_LINES {
            self.skipped.push(why);
        } else {
            self.untold += 1;
        }
    }

    /// Counts values of a column, or rows of a table, that are left behind for the same reason.
    pub(super) fn leave(&mut self, what: &str, count: u64, reason: &'static str) {
        if count > 0 {
            *self.counts.entry((what.to_owned(), reason)).or_default() += count;
        }
    }

    /// Completes the report of a run that took `took`; `more` is the additional time that a committed run would
    /// need.
    pub(super) fn finish(mut self, took: Duration, more: Option<Duration>) -> Self {
        let counts = std::mem::take(&mut self.counts);
        let left = counts.into_iter().map(|((what, reason), count)| Left {
            what,
            count,
            reason,
        });
        self.left = left.collect();
        if self.untold > 0 {
            self.skipped
                .push(format!("and {} more rows, for such reasons", self.untold));
        }
        self.seconds = took.as_secs();
        // Rounded up, so that even the shortest run is reported as a second.
        self.expected_seconds = more.map(|more| (took + more).as_secs() + 1);
        self
    }
}
