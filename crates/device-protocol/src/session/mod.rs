//! One device's connection as a pure state machine (joins, heartbeats, updates, terminals, extensions): frames
//! and instants in, effects out. It knows no socket, no clock, and no database; its owner carries the effects
//! out. A server holds up to 500,000 sessions, so a session remembers as little as it can.

mod bucket;
mod close;
mod console;
mod extensions;
mod join;
mod pace;
#[cfg(test)]
mod tests;
mod update;

mod effects;

pub use close::Close;
pub use extensions::{ExtensionEffect, NetworkIdentity};
pub use join::{EspIdf, Firmware, Join, clean};
pub use update::UpdateMessage;

use bucket::{Bucket, Rate};
use console::Console;
use pace::Pace;

use crate::Timestamp;
use crate::limits::{MESSAGE_BURST, MESSAGE_UNIT, MESSAGES_A_SECOND, OUTPUT_CHARS, SEEN_EVERY};
use crate::terminal::{self, TerminalInput, TerminalKind};
use crate::wire::{self, Format, Message, Packet};
use crate::{Extensions, RunId};
pub use effects::*;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// The rate limit of a device's messages.
const SPEECH: Rate = Rate {
    burst: MESSAGE_BURST,
    a_second: MESSAGES_A_SECOND,
};

/// The session of a device's connection.
#[derive(Debug)]
pub struct Session {
    format: Format,
    /// The `join_ref` of the current join of the `device` topic.
    joined: Option<Box<str>>,
    /// The join that is being stored, with its message to answer.
    joining: Option<Box<(Message, Join)>>,
    welcome: bool,
    abilities: join::Abilities,
    console: Option<Box<Console>>,
    /// Code for a client that only runs what is typed into its console, until the console is joined.
    code: Option<Box<str>>,
    allowed: Extensions,
    extensions: Option<Box<extensions::Topic>>,
    progress: update::Progress,
    seen: Timestamp,
    speech: Bucket,
    jitter: Duration,
}

impl Session {
    /// A session that begins at `now`. `jitter` spreads the last-seen writes of many devices.
    pub fn new(format: Format, now: Timestamp, jitter: Duration) -> Self {
        Self {
            format,
            joined: None,
            joining: None,
            welcome: false,
            abilities: join::Abilities::default(),
            console: None,
            code: None,
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

    /// Handles an input. The effects must be carried out in order.
    pub fn handle(&mut self, input: Input, now: Timestamp) -> Vec<Effect> {
        match input {
            Input::Frame(packet) => self.frame(&packet, now),
            Input::Joined(welcome) => self.welcomed(&welcome),
            Input::JoinFailed => self.join_failed(),
            Input::Offer(payload) if self.welcome => {
                self.progress = update::Progress::default();
                vec![self.push("update", &payload)]
            }
            Input::Reboot if self.welcome => vec![self.push("reboot", &json!({}))],
            Input::Identify if self.welcome && self.abilities.identify => {
                vec![self.push("identify", &json!({}))]
            }
            Input::Archive(payload) if self.welcome && self.abilities.archives => {
                vec![self.push("archive", &payload)]
            }
            Input::Keys(keys) if self.welcome => self.push_keys(&keys),
            Input::Keys(_)
            | Input::Offer(_)
            | Input::Reboot
            | Input::Identify
            | Input::Archive(_) => Vec::new(),
            Input::Terminal(kind, typed) => self.typed(kind, typed),
            Input::Extensions(allowed) => self.allow(allowed),
            Input::Script { run, text, millis } => self.script(run, &text, millis),
            Input::Health => self.check_health(now),
            Input::Tick => self.tick(now),
        }
    }

    /// When the session needs the next [`Input::Tick`].
    pub fn due(&self) -> Option<Timestamp> {
        let topic = self.extensions.as_deref();
        let console = self.console.as_deref().and_then(|c| c.pace.due());
        let own = topic.and_then(extensions::Topic::due);
        let shell = topic.and_then(extensions::Topic::shell_due);
        [own, shell, console].into_iter().flatten().min()
    }

    fn tick(&mut self, now: Timestamp) -> Vec<Effect> {
        let mut effects: Vec<Effect> = self
            .paces()
            .filter(|(_, pace)| pace.due().is_some_and(|due| due <= now))
            .filter_map(|(kind, pace)| {
                let said = terminal::TerminalOutput::Output(pace.told()?);
                Some(Effect::Terminal(kind, said))
            })
            .collect();
        if self.extensions.as_mut().is_some_and(|t| t.tick(now)) {
            effects.push(self.push_extension("health:check", &json!({})));
        }
        effects
    }

    fn check_health(&mut self, now: Timestamp) -> Vec<Effect> {
        let attached = self.extensions.as_mut().is_some_and(|t| t.check_now(now));
        attached
            .then(|| self.push_extension("health:check", &json!({})))
            .into_iter()
            .collect()
    }

    /// Sends a script over the device topic, or types it for clients that do not support that.
    fn script(&mut self, run: RunId, text: &str, millis: u64) -> Vec<Effect> {
        if self.welcome && self.abilities.scripts {
            let script = json!({"text": text, "ref": reference(run), "timeout": millis});
            return vec![self.push("scripts/run", &script)];
        }
        let Some(console) = &mut self.console else {
            return vec![Effect::Ran(run, None)];
        };
        let (before, keys) = console.run(run, text);
        before
            .map(|run| Effect::Ran(run, None))
            .into_iter()
            .chain(keys.iter().map(|k| self.push_console("dn", k)))
            .collect()
    }

    /// Handles a viewer's input to a terminal. Viewers first learn that the terminal is open.
    fn typed(&self, kind: TerminalKind, typed: Vec<TerminalInput>) -> Vec<Effect> {
        let version = match kind {
            TerminalKind::Console => self.console.as_ref().map(|c| c.version.clone()),
            TerminalKind::Shell => {
                let attached = self.extensions.as_ref().is_some_and(|t| t.has_shell());
                attached.then(|| "".into())
            }
        };
        let Some(version) = version else {
            return Vec::new();
        };
        let mut effects = vec![Effect::Terminal(
            kind,
            terminal::TerminalOutput::Open(version),
        )];
        for one in typed {
            match (kind, one) {
                (TerminalKind::Console, TerminalInput::Event(event, payload)) => {
                    effects.push(self.push_console(event, &payload));
                }
                (TerminalKind::Shell, TerminalInput::Event(event, payload)) => {
                    effects.push(self.push_extension(&format!("local_shell:{event}"), &payload));
                }
                (TerminalKind::Console, TerminalInput::Keys(text)) => {
                    let keys = text.chars().map(String::from).chain(["\r".to_owned()]);
                    effects.extend(keys.map(|k| self.push_console("dn", &json!({"data": k}))));
                }
                (TerminalKind::Shell, TerminalInput::Keys(_)) => {}
            }
        }
        effects
    }

    /// Detaches and attaches extensions after a change, without a reconnect.
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

    fn push_console(&self, event: &str, payload: &Value) -> Effect {
        Effect::Send(self.format.push("console", event, payload))
    }

    fn push(&self, event: &str, payload: &Value) -> Effect {
        Effect::Send(self.format.push("device", event, payload))
    }

    fn frame(&mut self, packet: &Packet, now: Timestamp) -> Vec<Effect> {
        if packet.format() != self.format {
            return vec![Effect::Close(Close::WrongKind)];
        }
        let Ok(message) = wire::read(packet) else {
            return vec![Effect::Close(Close::Protocol)];
        };
        let mut effects = Vec::new();
        let cost = u32::try_from(packet.length() / MESSAGE_UNIT)
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        // Terminal output above its rate is dropped. A device that exceeds the rate otherwise is disconnected.
        let shown = match self.pace(&message, cost, now) {
            Some(paced) => paced || !self.leaves_out(&message, now),
            None if self.speech.take(cost, SPEECH, now) => true,
            None => return vec![Effect::Close(Close::Flood)],
        };
        if shown {
            effects.extend(self.message(message, now));
        }
        if now.since(self.seen) > SEEN_EVERY + self.jitter {
            self.seen = now;
            effects.push(Effect::Seen);
        }
        effects
    }

    /// Whether a terminal message is within its rate; `None` for all other messages.
    fn pace(&mut self, m: &Message, cost: u32, now: Timestamp) -> Option<bool> {
        match (m.topic.as_str(), m.event.as_str()) {
            ("console", _) => {
                let console = self.console.as_mut()?;
                Some(console.pace.take(cost, now))
            }
            ("extensions", "local_shell:shell_output") => {
                let pace = self.extensions.as_mut()?.shell_pace()?;
                Some(pace.take(cost, now))
            }
            _ => None,
        }
    }

    /// Drops a terminal message above the rate, if that is possible without harm.
    fn leaves_out(&mut self, m: &Message, now: Timestamp) -> bool {
        if m.topic == "console" {
            return self.console.as_mut().is_some_and(|c| c.leaves_out(m, now));
        }
        if let Some(pace) = self.extensions.as_mut().and_then(|t| t.shell_pace()) {
            pace.leave_out(console::output_bytes(m), now);
        }
        true
    }

    /// The output limits of the open terminals.
    fn paces(&mut self) -> impl Iterator<Item = (TerminalKind, &mut Pace)> {
        let console = self
            .console
            .as_mut()
            .map(|c| (TerminalKind::Console, &mut c.pace));
        let shell = self.extensions.as_mut().and_then(|t| t.shell_pace());
        let shell = shell.map(|pace| (TerminalKind::Shell, pace));
        console.into_iter().chain(shell)
    }

    fn message(&mut self, m: Message, now: Timestamp) -> Vec<Effect> {
        let format = self.format;
        let reply = |m: &Message, status: &str, response: &Value| {
            vec![Effect::Send(format.reply(m, status, response))]
        };
        let ok = |m: &Message| reply(m, "ok", &json!({}));
        match (m.topic.as_str(), m.event.as_str()) {
            ("phoenix", "heartbeat") => ok(&m),
            ("device", "phx_join") => self.join(m),
            ("console", "phx_join") => self.join_console(&m, now),
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
            ("console", "phx_leave") => {
                self.console = None;
                ok(&m)
            }
            (_, "phx_leave") => ok(&m),
            ("device", _) => self.device(&m, now),
            ("console", _) => self.console(m),
            ("extensions", _) => self.extension(m, now),
            _ => Vec::new(),
        }
    }

    fn join_console(&mut self, m: &Message, now: Timestamp) -> Vec<Effect> {
        let own = m.join_ref.as_deref().or(m.reference.as_deref());
        // 1.x and 2.0 report their version; a client without one counts as old as these.
        let version = m.payload.get("console_version").and_then(Value::as_str);
        let version = version.map(join::clean).filter(|v| !v.is_empty());
        let version = version.unwrap_or_else(|| "1.0.0".to_owned());
        let console = Console::new(own.unwrap_or_default(), &version, now);
        let open = terminal::TerminalOutput::Open(console.version.clone());
        self.console = Some(Box::new(console));
        let mut effects = vec![
            Effect::Send(self.format.reply(m, "ok", &json!({}))),
            Effect::Terminal(TerminalKind::Console, open),
        ];
        if let Some(code) = self.code.take() {
            effects.push(self.push_console("dn", &json!({"data": format!("{code}\n\r")})));
        }
        effects
    }

    /// Handles messages on the joined console topic. None is ever answered.
    fn console(&mut self, mut m: Message) -> Vec<Effect> {
        let Some(console) = &mut self.console else {
            return Vec::new();
        };
        if console.stale(m.join_ref.as_deref()) {
            return Vec::new();
        }
        let Some(said) = console.message(&m.event, &mut m.payload) else {
            return Vec::new();
        };
        let ran = match &said {
            terminal::TerminalOutput::Output(text) => console.ran(text),
            _ => None,
        };
        let ran = ran.map(|(run, output)| Effect::Ran(run, Some(output)));
        let shown = Effect::Terminal(TerminalKind::Console, said);
        std::iter::once(shown).chain(ran).collect()
    }

    fn extension(&mut self, mut m: Message, now: Timestamp) -> Vec<Effect> {
        let turn = match &mut self.extensions {
            Some(topic) if topic.stale(m.join_ref.as_deref()) => return Vec::new(),
            Some(topic) => topic.message(&m.event, &mut m.payload, self.allowed, now),
            None => extensions::PollKind::Detach,
        };
        match turn {
            extensions::PollKind::Nothing => Vec::new(),
            extensions::PollKind::Shell(said, push) => {
                let push = push.map(|event| self.push_extension(event, &json!({})));
                let said = Effect::Terminal(TerminalKind::Shell, said);
                push.into_iter().chain([said]).collect()
            }
            extensions::PollKind::Push(event) => vec![self.push_extension(event, &json!({}))],
            extensions::PollKind::Said(said) => vec![Effect::Said(Box::new(said))],
            extensions::PollKind::Detach => {
                let detach = Value::from("detach");
                vec![Effect::Send(self.format.reply(&m, "error", &detach))]
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

    /// Sends the answer to the join, then what the device requested, in the order of the protocol. The answer
    /// must stay empty: an old client would start an update from a `firmware_url` in it.
    fn welcomed(&mut self, welcome: &Welcome) -> Vec<Effect> {
        let Some(waiting) = self.joining.take() else {
            return Vec::new();
        };
        let (message, join) = *waiting;
        self.welcome = true;
        self.allowed = welcome.extensions;
        self.abilities = join.abilities();
        let mut effects = vec![Effect::Send(self.format.reply(&message, "ok", &json!({})))];
        effects.extend(self.push_keys(&welcome.keys));
        if let Some(archive) = welcome.archive.as_ref().filter(|_| self.abilities.archives) {
            effects.push(self.push("archive", archive));
        }
        if self.abilities.extensions {
            effects.push(self.push("extensions:get", &json!({})));
        }
        if let Some(code) = welcome.connecting_code.as_deref().filter(|c| !c.is_empty()) {
            if self.abilities.scripts {
                let script = json!({"text": code, "ref": "connecting_code"});
                effects.push(self.push("scripts/run", &script));
            } else if self.console.is_some() {
                let keys = json!({"data": format!("{code}\n\r")});
                effects.push(self.push_console("dn", &keys));
            } else {
                // The device joins its console right after this topic.
                self.code = Some(code.into());
            }
        }
        effects
    }

    /// Sends the signing keys to a device that requested them in its join. An empty list is never sent, because
    /// it would make some clients forget their keys.
    fn push_keys(&self, keys: &[String]) -> Vec<Effect> {
        if keys.is_empty() {
            return Vec::new();
        }
        let keys = json!({"keys": keys});
        let wanted = [
            (self.abilities.keys, "fwup_public_keys"),
            (self.abilities.archive_keys, "archive_public_keys"),
        ];
        let wanted = wanted.into_iter().filter(|(wants, _)| *wants);
        wanted.map(|(_, event)| self.push(event, &keys)).collect()
    }

    /// Handles messages on the joined device topic. None is ever answered, and unknown ones are ignored.
    fn device(&mut self, m: &Message, now: Timestamp) -> Vec<Effect> {
        let stale = m
            .join_ref
            .as_deref()
            .is_some_and(|r| self.joined.as_deref() != Some(r));
        if !self.welcome || stale {
            return Vec::new();
        }
        let effect = match m.event.as_str() {
            "fwup_progress" | "update_progress" => self.progress.progress(&m.payload, now),
            "status_update" => self.progress.status(&m.payload, now),
            "firmware_validated" => Some(Effect::Validated),
            "scripts/run" => ran(&m.payload),
            "connection_types" => types(&m.payload).map(Effect::Types),
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

/// The connection types that a device reports, joined by commas.
fn types(payload: &serde_json::Map<String, Value>) -> Option<String> {
    let all = payload.get("values")?.as_array()?.iter().take(8);
    let words: Vec<String> = all
        .filter_map(Value::as_str)
        .map(|w| join::clean(w).chars().take(32).collect())
        .collect();
    Some(words.join(","))
}

/// The text of a run's id on the wire.
fn reference(run: RunId) -> String {
    format!("{:016x}", run.0)
}

/// The end of a script: what it printed and what it returned. An unknown reference, such as that of the
/// connecting code, is ignored.
fn ran(payload: &serde_json::Map<String, Value>) -> Option<Effect> {
    let text = |key: &str| payload.get(key).and_then(Value::as_str).unwrap_or_default();
    let run = i64::from_str_radix(text("ref"), 16).ok()?;
    let all = format!("{}\n{}", text("output"), text("return"));
    let output = all.trim().chars().take(OUTPUT_CHARS).collect();
    Some(Effect::Ran(RunId(run), Some(output)))
}

/// The kind of a network interface, by its name.
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
