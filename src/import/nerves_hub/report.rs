//! What an import did: what was made, what was here, and everything that was not brought, with the reason.

use std::collections::BTreeMap;
use std::time::Duration;

/// What an import did, or would do.
#[derive(Debug, Default, serde::Serialize)]
pub struct ImportReport {
    /// Made, by kind.
    pub imported: BTreeMap<&'static str, u64>,
    /// Here already, by kind.
    pub present: BTreeMap<&'static str, u64>,
    /// Left out one by one, with the reason.
    pub skipped: Vec<String>,
    /// Left behind as a whole, by table or column.
    pub left: Vec<Left>,
    /// How long this run took.
    pub seconds: u64,
    /// After a run that changed nothing: how long one with `--commit` takes.
    pub expected_seconds: Option<u64>,
    #[serde(skip)]
    counts: BTreeMap<(String, &'static str), u64>,
    #[serde(skip)]
    untold: u64,
}

/// Values or rows of the original that were not brought.
#[derive(Debug, serde::Serialize)]
pub struct Left {
    /// `table.column`, or `table` for rows.
    pub what: String,
    /// How many values or rows.
    pub count: u64,
    /// Why.
    pub reason: &'static str,
}

/// Rows that are told one by one.
const TOLD: usize = 1_000;

impl ImportReport {
    pub(super) fn made(&mut self, kind: &'static str) {
        *self.imported.entry(kind).or_default() += 1;
    }

    pub(super) fn there(&mut self, kind: &'static str) {
        *self.present.entry(kind).or_default() += 1;
    }

    /// Counts a row as made, or as here already.
    pub(super) fn count(&mut self, kind: &'static str, made: bool) {
        if made {
            self.made(kind);
        } else {
            self.there(kind);
        }
    }

    /// Tells one row that is left out.
    pub(super) fn skip(&mut self, why: String) {
        if self.skipped.len() < TOLD {
            self.skipped.push(why);
        } else {
            self.untold += 1;
        }
    }

    /// Counts values of a column, or rows of a table, that are left behind for one reason.
    pub(super) fn leave(&mut self, what: &str, count: u64, reason: &'static str) {
        if count > 0 {
            *self.counts.entry((what.to_owned(), reason)).or_default() += count;
        }
    }

    /// Completes the report of a run that took so long, and that would take `more` if it were kept.
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
        // Rounded up: also the shortest run is told as a second.
        self.expected_seconds = more.map(|more| (took + more).as_secs() + 1);
        self
    }
}
