//! The topic `console`: remote IEx and files, as the session sees it.

use super::pace::Pace;
use crate::RunId;
use crate::Timestamp;
use crate::limits::OUTPUT_CHARS;
use crate::terminal::TerminalOutput;
use crate::wire::Message;
use crate::wire::raw::Joiner;
use serde_json::{Map, Value, json};

/// What a client that runs no scripts by itself prints when a typed one is over.
const END: &str = "[NERVESHUB:END]";

/// Bytes that a message of a terminal would show.
pub(super) fn output_bytes(m: &Message) -> usize {
    let text = m.payload.get("data").and_then(Value::as_str);
    text.map_or(0, str::len)
}

/// The joined topic.
#[derive(Debug)]
pub(super) struct Console {
    reference: Box<str>,
    /// `console_version`.
    pub version: Box<str>,
    joiner: Joiner,
    pub pace: Pace,
    typed: Option<Box<TypedScript>>,
}

/// A script that was typed, and what the device printed since.
#[derive(Debug)]
struct TypedScript {
    run: RunId,
    output: String,
}

impl Console {
    /// A join.
    pub(super) fn new(reference: &str, version: &str, now: Timestamp) -> Self {
        Self {
            reference: reference.into(),
            version: version.into(),
            joiner: Joiner::default(),
            pace: Pace::new(now),
            typed: None,
        }
    }

    /// Whether a message belongs to an earlier join.
    pub(super) fn stale(&self, reference: Option<&str>) -> bool {
        reference.is_some_and(|r| r != &*self.reference)
    }

    /// Leaves a message out, when it is output that is only shown: a file would be damaged, and a script would not end.
    pub(super) fn leaves_out(&mut self, m: &Message, now: Timestamp) -> bool {
        let only_shown = m.event == "up" && self.typed.is_none();
        if only_shown {
            self.pace.leave_out(output_bytes(m), now);
        }
        only_shown
    }

    /// What the device says; other events than these are ignored.
    pub(super) fn message(
        &mut self,
        event: &str,
        payload: &mut Map<String, Value>,
    ) -> Option<TerminalOutput> {
        let event = match event {
            "up" => {
                let text = payload.get("data")?.as_str()?;
                let mut shown = self.pace.told().unwrap_or_default();
                shown.push_str(&self.joiner.next(text));
                return Some(TerminalOutput::Output(shown));
            }
            "file-data/start" => "file-data/start",
            "file-data" => "file-data",
            "file-data/stop" => "file-data/stop",
            _ => return None,
        };
        Some(TerminalOutput::Event(
            event,
            Value::Object(std::mem::take(payload)),
        ))
    }

    /// Begins to type a script: the run that it takes the place of, and the two texts to type.
    pub(super) fn run(&mut self, run: RunId, text: &str) -> (Option<RunId>, [Value; 2]) {
        let output = String::new();
        let before = self.typed.replace(Box::new(TypedScript { run, output }));
        let script = json!({"data": format!("{text}\n# {END}")});
        (before.map(|b| b.run), [script, json!({"data": "\r"})])
    }

    /// Takes output of a typed script; the run and all of it once it is over.
    pub(super) fn ran(&mut self, text: &str) -> Option<(RunId, String)> {
        let script = self.typed.as_mut()?;
        script.output.push_str(text);
        let over = script.output.contains(END) || script.output.len() > OUTPUT_CHARS;
        if !over {
            return None;
        }
        let TypedScript { run, output } = *self.typed.take()?;
        // The last line holds the end's mark.
        let lines = output.rsplit_once('\n').map_or("", |(lines, _)| lines);
        Some((run, lines.to_owned()))
    }
}
