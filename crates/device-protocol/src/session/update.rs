//! The progress reports of an update: maps the status words of all clients to those that are stored.

use super::Effect;
use super::bucket::{Bucket, Rate};
use super::join::clean;
use crate::Timestamp;
use crate::limits::PROGRESS_EVERY;
use serde_json::{Map, Value};
use std::time::Duration;

/// A report to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateMessage {
    /// The update is in progress, with a percentage if the device reports one.
    Stage(&'static str, Option<i64>),
    /// The update failed, for this reason.
    Failed(String),
    /// The application refused the update, for this reason.
    Ignored(String),
    /// The device postponed the update by this long.
    Rescheduled(Duration),
}

/// The last stored report, so that a device that reports each percent costs one write in fifteen seconds.
#[derive(Debug, Default)]
pub(super) struct Progress {
    stage: &'static str,
    stored: Option<Timestamp>,
    shown: Option<Box<Bucket>>,
}

/// The rate of reports that watchers are shown: each percent of a fast download, and not more than people can
/// follow.
const SHOWN: Rate = Rate {
    burst: 250,
    a_second: 10,
};

/// The delay when the device gives none: the shortest that clients can ask for.
const DEFAULT_DELAY: Duration = Duration::from_secs(5 * 60);
/// The longest delay that a device can request.
const LONGEST_DELAY: Duration = Duration::from_secs(7 * 24 * 3600);
/// Numbers from here on are milliseconds, which some client sends; smaller ones are minutes.
const MILLISECONDS_FROM: u64 = 60_000;

impl Progress {
    fn stage(&mut self, stage: &'static str, value: Option<i64>, now: Timestamp) -> Option<Effect> {
        let report = UpdateMessage::Stage(stage, value);
        let due = self.stored.is_none_or(|at| now.since(at) >= PROGRESS_EVERY);
        if self.stage == stage && !due {
            value?;
            let shown = self
                .shown
                .get_or_insert_with(|| Box::new(Bucket::full(SHOWN, now)));
            return shown
                .take(1, SHOWN, now)
                .then_some(Effect::Progress(report));
        }
        self.stage = stage;
        self.stored = Some(now);
        Some(Effect::Report(report))
    }

    pub(super) fn progress(&mut self, p: &Map<String, Value>, now: Timestamp) -> Option<Effect> {
        let value = p
            .get("value")
            .and_then(Value::as_i64)
            .filter(|v| (0..=100).contains(v))?;
        let stage = match p.get("stage").and_then(Value::as_str) {
            Some("downloading") => "downloading",
            Some(_) => "updating",
            None if value == 100 => "completed",
            None => "updating",
        };
        self.stage(stage, Some(value), now)
    }

    pub(super) fn status(&mut self, p: &Map<String, Value>, now: Timestamp) -> Option<Effect> {
        let status = p.get("status").and_then(Value::as_str)?;
        let reason = || clean(p.get("reason").and_then(Value::as_str).unwrap_or_default());
        let report = match status {
            "received" => return self.stage("received", None, now),
            "started" => return self.stage("started", None, now),
            "downloading" => return self.stage("downloading", None, now),
            "updating" => return self.stage("updating", None, now),
            "completed" | "fwup_complete" => return self.stage("completed", None, now),
            "failed" | "update_failed" => UpdateMessage::Failed(reason()),
            "ignored" => UpdateMessage::Ignored(reason()),
            "rescheduled" | "reschedule" => UpdateMessage::Rescheduled(delay(p.get("delay_for"))),
            other if other.to_lowercase().contains("fwup error") => {
                UpdateMessage::Failed(clean(other))
            }
            _ => return None,
        };
        self.stage = "";
        self.stored = None;
        Some(Effect::Report(report))
    }
}

fn delay(given: Option<&Value>) -> Duration {
    let delay = match given.and_then(Value::as_u64) {
        None | Some(0) => DEFAULT_DELAY,
        Some(ms) if ms >= MILLISECONDS_FROM => Duration::from_millis(ms),
        Some(minutes) => Duration::from_secs(minutes * 60),
    };
    delay.min(LONGEST_DELAY)
}
