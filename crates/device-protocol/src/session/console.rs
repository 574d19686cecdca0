//! The topic `console` of a session: remote IEx, file transfers, and scripts that are typed into it.

use super::pace::Pace;
use crate::RunId;
use crate::Timestamp;
use crate::limits::OUTPUT_CHARS;
use crate::terminal::TerminalOutput;
use crate::wire::Message;
use crate::wire::raw::Joiner;
use serde_json::{Map, Value, json};

/// Printed at the end of a typed script, for clients that cannot run scripts by themselves.
const END: &str = "[NERVESHUB:END]";

/// Bytes of output in a terminal message.
pub(super) fn output_bytes(m: &Message) -> usize {
    let text = m.payload.get("data").and_then(Value::as_str);
    text.map_or(0, str::len)
}

/// The joined console topic.
#[derive(Debug)]
pub(super) struct Console {
    reference: Box<str>,
    /// The `console_version` of the client.
    pub version: Box<str>,
    joiner: Joiner,
    pub pace: Pace,
    typed: Option<Box<TypedScript>>,
}

/// A script that was typed, and the output since then.
#[derive(Debug)]
struct TypedScript {
    run: RunId,
    output: String,
}

impl Console {
    /// A joined console.
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

    /// Drops a message if it is plain output. Other messages are kept: without one a file would be damaged, or
    /// a script would not end.
    pub(super) fn leaves_out(&mut self, m: &Message, now: Timestamp) -> bool {
        let only_shown = m.event == "up" && self.typed.is_none();
        if only_shown {
            self.pace.leave_out(output_bytes(m), now);
        }
        only_shown
    }

    /// Handles a message of the device. Unknown events are ignored.
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

    /// Begins to type a script. Returns the run that it replaces, and the two texts to type.
    pub(super) fn run(&mut self, run: RunId, text: &str) -> (Option<RunId>, [Value; 2]) {
        let output = String::new();
        let before = self.typed.replace(Box::new(TypedScript { run, output }));
        let script = json!({"data": format!("{text}\n# {END}")});
        (before.map(|b| b.run), [script, json!({"data": "\r"})])
    }

    /// Collects the output of a typed script. Returns the run and its whole output once it is over.
    pub(super) fn ran(&mut self, text: &str) -> Option<(RunId, String)> {
        let script = self.typed.as_mut()?;
        script.output.push_str(text);
        let over = script.output.contains(END) || script.output.len() > OUTPUT_CHARS;
        if !over {
            return None;
        }
        let TypedScript { run, output } = *self.typed.take()?;
        // The last line contains the end mark.
        let lines = output.rsplit_once('\n').map_or("", |(lines, _)| lines);
        Some((run, lines.to_owned()))
    }
}
