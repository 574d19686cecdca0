//! One device's connection as a pure state machine: frames and instants in, effects out. It knows no socket, no clock
//! and no database; `link` carries its effects out. There are 500,000 of these: it remembers as little as it can.

mod bucket;
mod extensions;
mod join;
#[cfg(test)]
mod tests;
mod update;

pub use extensions::Said;
pub use join::{Firmware, Join};
pub use update::Report;

use bucket::{Bucket, Rate};

use super::wire::{self, Format, Message, Packet};
use crate::clock::Micros;
use crate::ids::{Extensions, RunId};
use crate::limits::{MESSAGE_BURST, MESSAGE_UNIT, MESSAGES_A_SECOND, OUTPUT_CHARS, SEEN_EVERY};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Messages that a device may send.
const SPEECH: Rate = Rate {
    burst: MESSAGE_BURST,
    a_second: MESSAGES_A_SECOND,
};

/// What happens to a session.
#[derive(Debug)]
pub enum Input {
    /// A frame.
    Frame(Packet),
    /// The join that it asked for is stored.
    Joined(Welcome),
    /// The join could not be stored.
    JoinFailed,
    /// An update for the device: the payload.
    Offer(Value),
    /// An operator wants it to reboot.
    Reboot,
    /// The extensions that it may use have changed.
    Extensions(Extensions),
    /// A script to run.
    Script {
        /// Its reference.
        run: RunId,
        /// Elixir.
        text: Arc<str>,
        /// How long somebody waits.
        millis: u64,
    },
    /// Time has passed, to or beyond [`Session::due`].
    Tick,
}

/// What a joined device gets at once.
#[derive(Debug, Default)]
pub struct Welcome {
    /// The organisation's signing keys; empty when it has none.
    pub keys: Vec<String>,
    /// Code to run.
    pub connecting_code: Option<String>,
    /// The extensions that it may use.
    pub extensions: Extensions,
}

/// What a session wants done.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Send a frame.
    Send(Packet),
    /// Store the join, then tell the session.
    Join(Box<Join>),
    /// Store what the device says of its update.
    Report(Report),
    /// Store that its firmware is validated.
    Validated,
    /// Store its network interface.
    Interface(&'static str),
    /// Store what an extension said.
    Said(Box<Said>),
    /// Give a script's output to whoever waits; `None` when the device cannot run it.
    Ran(RunId, Option<String>),
    /// Store that it lives.
    Seen,
    /// Close the socket.
    Close(Close),
}

/// Why a socket is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// The device left.
    Left,
    /// A newer connection took over, or an operator asked for it.
    Replaced,
    /// It does not speak the protocol, or was silent for too long.
    Protocol,
    /// A frame of the kind that this version of the protocol does not have.
    WrongKind,
    /// Text that is not UTF-8.
    NotText,
    /// Too many messages.
    Flood,
    /// A message above its bound.
    TooLarge,
    /// The server stops.
    Restart,
}

impl Close {
    /// The WebSocket code (device-protocol 1.7).
    pub fn code(self) -> u16 {
        match self {
            Self::Left => 1000,
            Self::Replaced => 1001,
            Self::Protocol => 1002,
            Self::WrongKind => 1003,
            Self::NotText => 1007,
            Self::Flood => 1008,
            Self::TooLarge => 1009,
            Self::Restart => 1012,
        }
    }
}

/// A device's connection.
#[derive(Debug)]
pub struct Session {
    format: Format,
    /// The join in progress or done: how the device numbered it.
    joined: Option<Box<str>>,
    /// The join whose outcome is awaited.
    joining: Option<Box<(Message, Join)>>,
    welcome: bool,
    console: bool,
    scripts: bool,
    allowed: Extensions,
    extensions: Option<Box<extensions::Topic>>,
    progress: update::Progress,
    seen: Micros,
    speech: Bucket,
    jitter: Duration,
}

impl Session {
    /// A session that begins at `now`; `jitter` spreads the last-seen writes of many.
    pub fn new(format: Format, now: Micros, jitter: Duration) -> Self {
        Self {
            format,
            joined: None,
            joining: None,
            welcome: false,
            console: false,
            scripts: false,
            allowed: Extensions::default(),
            extensions: None,
            progress: update::Progress::default(),
            seen: now,
            speech: Bucket::full(SPEECH, now),
            jitter,
        }
    }

    /// Whether the device topic is joined, so that updates may be pushed.
    pub fn joined(&self) -> bool {
        self.welcome
    }

    /// Takes an input; the effects are to be carried out in order.
    pub fn handle(&mut self, input: Input, now: Micros) -> Vec<Effect> {
        match input {
            Input::Frame(packet) => self.frame(&packet, now),
            Input::Joined(welcome) => self.welcomed(&welcome),
            Input::JoinFailed => self.join_failed(),
            Input::Offer(payload) if self.welcome => {
                self.progress = update::Progress::default();
                vec![self.push("update", &payload)]
            }
            Input::Reboot if self.welcome => vec![self.push("reboot", &json!({}))],
            Input::Offer(_) | Input::Reboot => Vec::new(),
            Input::Extensions(allowed) => self.allow(allowed),
            Input::Script { run, .. } if !(self.welcome && self.scripts) => {
                vec![Effect::Ran(run, None)]
            }
            Input::Script { run, text, millis } => {
                let script = json!({"text": &*text, "ref": reference(run), "timeout": millis});
                vec![self.push("scripts/run", &script)]
            }
            Input::Tick => self.tick(now),
        }
    }

    /// When the session wants to hear of the time.
    pub fn due(&self) -> Option<Micros> {
        self.extensions.as_deref().and_then(extensions::Topic::due)
    }

    fn tick(&mut self, now: Micros) -> Vec<Effect> {
        let ask = self.extensions.as_mut().is_some_and(|t| t.tick(now));
        ask.then(|| self.push_extension("health:check", &json!({})))
            .into_iter()
            .collect()
    }

    /// Tells the device what to stop and what to begin, without a reconnect.
    fn allow(&mut self, allowed: Extensions) -> Vec<Effect> {
        self.allowed = allowed;
        let Some(topic) = &mut self.extensions else {
            return Vec::new();
        };
        let (gone, new) = (topic.forbid(allowed).words(), topic.permit(allowed).words());
        [("detach", gone), ("attach", new)]
            .into_iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(event, names)| self.push_extension(event, &json!({"extensions": names})))
            .collect()
    }

    fn push_extension(&self, event: &str, payload: &Value) -> Effect {
        Effect::Send(self.format.push("extensions", event, payload))
    }

    fn push(&self, event: &str, payload: &Value) -> Effect {
        Effect::Send(self.format.push("device", event, payload))
    }

    fn frame(&mut self, packet: &Packet, now: Micros) -> Vec<Effect> {
        let cost = u32::try_from(packet.length() / MESSAGE_UNIT)
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        if !self.speech.take(cost, SPEECH, now) {
            return vec![Effect::Close(Close::Flood)];
        }
        if packet.format() != self.format {
            return vec![Effect::Close(Close::WrongKind)];
        }
        let Ok(message) = wire::read(packet) else {
            return vec![Effect::Close(Close::Protocol)];
        };
        let mut effects = self.message(message, now);
        if now.since(self.seen) > SEEN_EVERY + self.jitter {
            self.seen = now;
            effects.push(Effect::Seen);
        }
        effects
    }

    fn message(&mut self, m: Message, now: Micros) -> Vec<Effect> {
        let format = self.format;
        let reply = |m: &Message, status: &str, response: &Value| {
            vec![Effect::Send(format.reply(m, status, response))]
        };
        let ok = |m: &Message| reply(m, "ok", &json!({}));
        match (m.topic.as_str(), m.event.as_str()) {
            ("phoenix", "heartbeat") => ok(&m),
            ("device", "phx_join") => self.join(m),
            ("console", "phx_join") => {
                self.console = true;
                ok(&m)
            }
            ("extensions", "phx_join") => {
                let reference = m.join_ref.as_deref().or(m.reference.as_deref());
                let topic = extensions::Topic::new(reference.unwrap_or_default(), &m.payload, now);
                let names = json!(topic.usable(self.allowed).words());
                self.extensions = Some(Box::new(topic));
                reply(&m, "ok", &names)
            }
            (_, "phx_join") => {
                let reason = json!({"reason": "unmatched topic"});
                reply(&m, "error", &reason)
            }
            ("device", "phx_leave") if self.welcome => {
                let mut effects = ok(&m);
                effects.push(Effect::Close(Close::Left));
                effects
            }
            ("extensions", "phx_leave") => {
                self.extensions = None;
                ok(&m)
            }
            (_, "phx_leave") => ok(&m),
            ("device", _) => self.device(&m, now),
            ("extensions", _) => self.extension(&m, now),
            _ => Vec::new(),
        }
    }

    fn extension(&mut self, m: &Message, now: Micros) -> Vec<Effect> {
        let turn = match &mut self.extensions {
            Some(topic) if topic.stale(m.join_ref.as_deref()) => return Vec::new(),
            Some(topic) => topic.message(&m.event, &m.payload, self.allowed, now),
            None => extensions::Turn::Detach,
        };
        match turn {
            extensions::Turn::Nothing => Vec::new(),
            extensions::Turn::Push(event) => vec![self.push_extension(event, &json!({}))],
            extensions::Turn::Said(said) => vec![Effect::Said(Box::new(said))],
            extensions::Turn::Detach => {
                let detach = Value::from("detach");
                vec![Effect::Send(self.format.reply(m, "error", &detach))]
            }
        }
    }

    fn join(&mut self, m: Message) -> Vec<Effect> {
        let join = Join::read(&m.payload);
        let own = m
            .join_ref
            .clone()
            .or_else(|| m.reference.clone())
            .unwrap_or_default();
        self.joined = Some(own.into_boxed_str());
        self.welcome = false;
        let effect = Effect::Join(Box::new(join.clone()));
        let head = Message {
            payload: serde_json::Map::new(),
            ..m
        };
        self.joining = Some(Box::new((head, join)));
        vec![effect]
    }

    fn join_failed(&mut self) -> Vec<Effect> {
        self.joined = None;
        let Some(waiting) = self.joining.take() else {
            return Vec::new();
        };
        let error = json!({"error": "could not connect"});
        vec![Effect::Send(self.format.reply(&waiting.0, "error", &error))]
    }

    /// The answer, then what the device asked for, in the order of device-protocol 3.1. The answer must stay empty: an
    /// old client would start an update from a `firmware_url` in it.
    fn welcomed(&mut self, welcome: &Welcome) -> Vec<Effect> {
        let Some(waiting) = self.joining.take() else {
            return Vec::new();
        };
        let (message, join) = *waiting;
        self.welcome = true;
        self.allowed = welcome.extensions;
        self.scripts = join.runs_scripts();
        let mut effects = vec![Effect::Send(self.format.reply(&message, "ok", &json!({})))];
        // An empty list would make some clients forget their keys: it is never sent.
        if !welcome.keys.is_empty() {
            let keys = json!({"keys": welcome.keys});
            if join.wants_keys {
                effects.push(self.push("fwup_public_keys", &keys));
            }
            if join.wants_archive_keys {
                effects.push(self.push("archive_public_keys", &keys));
            }
        }
        if join.has_extensions() {
            effects.push(self.push("extensions:get", &json!({})));
        }
        if let Some(code) = welcome.connecting_code.as_deref().filter(|c| !c.is_empty()) {
            if join.runs_scripts() {
                let script = json!({"text": code, "ref": "connecting_code"});
                effects.push(self.push("scripts/run", &script));
            } else if self.console {
                let keys = json!({"data": format!("{code}\n\r")});
                effects.push(Effect::Send(self.format.push("console", "dn", &keys)));
            }
        }
        effects
    }

    /// Messages on the joined device topic. None of them is ever answered, and unknown ones are ignored.
    fn device(&mut self, m: &Message, now: Micros) -> Vec<Effect> {
        let stale = m
            .join_ref
            .as_deref()
            .is_some_and(|r| self.joined.as_deref() != Some(r));
        if !self.welcome || stale {
            return Vec::new();
        }
        let effect = match m.event.as_str() {
            "fwup_progress" | "update_progress" => {
                self.progress.progress(&m.payload, now).map(Effect::Report)
            }
            "status_update" => self.progress.status(&m.payload, now).map(Effect::Report),
            "firmware_validated" => Some(Effect::Validated),
            "scripts/run" => ran(&m.payload),
            "report_network_interface" => m
                .payload
                .get("interface")
                .and_then(Value::as_str)
                .map(|i| Effect::Interface(kind(i))),
            _ => None,
        };
        effect.into_iter().collect()
    }
}

/// How a device names a run.
fn reference(run: RunId) -> String {
    format!("{:016x}", run.0)
}

/// A script's end: what it printed and what it returned (device-protocol 3.3). A reference that is none of ours, such as
/// that of the connecting code, is ignored.
fn ran(payload: &serde_json::Map<String, Value>) -> Option<Effect> {
    let text = |key: &str| payload.get(key).and_then(Value::as_str).unwrap_or_default();
    let run = i64::from_str_radix(text("ref"), 16).ok()?;
    let all = format!("{}\n{}", text("output"), text("return"));
    let output = all.trim().chars().take(OUTPUT_CHARS).collect();
    Some(Effect::Ran(RunId(run), Some(output)))
}

/// The kind of a network interface by its name (device-protocol 3.3).
fn kind(interface: &str) -> &'static str {
    if interface.starts_with("wlan") {
        "wifi"
    } else if interface.starts_with("eth") || interface.starts_with("en") {
        "ethernet"
    } else if interface.starts_with("wwan") {
        "cellular"
    } else {
        "unknown"
    }
}
