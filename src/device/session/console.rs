//! The topic `console`: remote IEx and files, as the session sees it (device-protocol 4.1).

use super::bucket::{Bucket, Rate};
use crate::clock::Micros;
use crate::device::wire::raw::Joiner;
use crate::ids::RunId;
use crate::limits::{OUTPUT_A_SECOND, OUTPUT_BURST, OUTPUT_CHARS};
use crate::terminal::Said;
use serde_json::{Map, Value, json};

/// Messages of a terminal; who sends more is read slower.
pub(super) const OUTPUT: Rate = Rate {
    burst: OUTPUT_BURST,
    a_second: OUTPUT_A_SECOND,
};

/// What a client that runs no scripts by itself prints when a typed one is over.
const END: &str = "[NERVESHUB:END]";

/// The joined topic.
#[derive(Debug)]
pub(super) struct Console {
    reference: Box<str>,
    /// `console_version`.
    pub version: Box<str>,
    joiner: Joiner,
    pace: Bucket,
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
    pub(super) fn new(reference: &str, version: &str, now: Micros) -> Self {
        Self {
            reference: reference.into(),
            version: version.into(),
            joiner: Joiner::default(),
            pace: Bucket::full(OUTPUT, now),
            typed: None,
        }
    }

    /// Whether a message belongs to an earlier join.
    pub(super) fn stale(&self, reference: Option<&str>) -> bool {
        reference.is_some_and(|r| r != &*self.reference)
    }

    /// Whether the device keeps its pace.
    pub(super) fn paced(&mut self, cost: u32, now: Micros) -> bool {
        self.pace.take(cost, OUTPUT, now)
    }

    /// What the device says; other events than these are ignored.
    pub(super) fn message(
        &mut self,
        event: &str,
        payload: &mut Map<String, Value>,
    ) -> Option<Said> {
        let event = match event {
            "up" => {
                let text = payload.get("data")?.as_str()?;
                return Some(Said::Output(self.joiner.next(text)));
            }
            "file-data/start" => "file-data/start",
            "file-data" => "file-data",
            "file-data/stop" => "file-data/stop",
            _ => return None,
        };
        Some(Said::Event(event, Value::Object(std::mem::take(payload))))
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
