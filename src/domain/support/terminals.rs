//! Open consoles and shells of devices: their viewers, their recent output, and input that was not sent yet.
//! Like the connections, they are known to this process only; people of other nodes come by a relay. A device costs nothing here until somebody opens
//! its terminal.

mod relay;
mod scrollback;
mod transfer;
mod viewer;

use crate::ids::{ConnectionId, DeviceId};
use crate::limits::{TERMINAL_INBOX, TERMINALS};
use device_protocol::terminal::{TerminalInput, TerminalKind, TerminalOutput};
use relay::Relay;
pub use relay::{RelaySeat, Relayed};
use scrollback::Scrollback;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use transfer::Transfers;
use viewer::{Viewer, ViewerInbox, shown};

/// A message to a viewer: an event and its payload.
pub type Shown = Arc<(String, Value)>;

/// Why input was not queued for the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// The device is offline or has no terminal.
    #[error("the device is not connected, or has no terminal")]
    Closed,
    /// The queue is full because the device does not keep up.
    #[error("the device does not take what was typed")]
    Full,
    /// The client on the device is too old for file transfers.
    #[error("the device's client is too old for files: it needs nerves_hub_link 2.1.0 or later")]
    NoFiles,
    /// A file name that could leave its folder, an unknown transfer, or a malformed chunk.
    #[error("this is not a file transfer that can be passed on")]
    BadTransfer,
    /// The file exceeds its size limit.
    #[error("files may have at most 10 MiB")]
    TooLarge,
}

#[derive(Default)]
struct Terminal {
    connection: Option<ConnectionId>,
    version: Box<str>,
    lines: Scrollback,
    viewers: Vec<Viewer>,
    relays: Vec<Relay>,
    inbox: VecDeque<TerminalInput>,
    up: Transfers,
    down: Transfers,
}

impl Terminal {
    fn unused(&self) -> bool {
        self.viewers.is_empty() && self.inbox.is_empty() && self.relays.is_empty()
    }

    /// Sends a message to every viewer that has received the earlier output.
    fn show_all(&mut self, shown: &Shown) {
        self.viewers.retain(|v| v.fresh || v.show(shown));
    }
}

/// A terminal of a device.
pub type Key = (DeviceId, TerminalKind);

/// All open terminals of this process.
#[derive(Clone, Default)]
pub struct Terminals(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    open: HashMap<Key, Terminal>,
    viewers: u64,
}

/// A viewer's place at a terminal. Dropping it removes the viewer.
pub struct Seat {
    key: Key,
    id: u64,
    terminals: Terminals,
    /// Receives the device's output and what other viewers say.
    pub shown: ViewerInbox,
}

impl Terminals {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates the terminal if needed. Returns false when too many are open.
    fn ensure(state: &mut State, key: Key) -> bool {
        if state.open.len() >= TERMINALS && !state.open.contains_key(&key) {
            let unused = state.open.iter().find(|(_, t)| t.unused()).map(|(k, _)| *k);
            match unused {
                Some(unused) => state.open.remove(&unused),
                None => return false,
            };
        }
        state.open.entry(key).or_default();
        true
    }

    /// Adds a viewer; `None` when too many terminals are open. The caller signals the device afterwards.
    pub fn watch(&self, device: DeviceId, kind: TerminalKind, name: &str) -> Option<Seat> {
        let mut state = self.lock();
        let key = (device, kind);
        if !Self::ensure(&mut state, key) {
            return None;
        }
        state.viewers += 1;
        let id = state.viewers;
        let (viewer, shown) = viewer::pair(id, name, output_word(kind));
        state.open.get_mut(&key)?.viewers.push(viewer);
        Some(Seat {
            key,
            id,
            terminals: self.clone(),
            shown,
        })
    }

    /// Waits so long for the device to report that its terminal is open. `nudge` signals the device.
    pub async fn opened(
        &self,
        device: DeviceId,
        kind: TerminalKind,
        time: Duration,
        nudge: impl Fn(),
    ) -> bool {
        if !Self::ensure(&mut self.lock(), (device, kind)) {
            return false;
        }
        nudge();
        let end = Instant::now() + time;
        loop {
            let open = self
                .lock()
                .open
                .get(&(device, kind))
                .is_some_and(|t| t.connection.is_some());
            if open || Instant::now() >= end {
                return open;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Queues input for the device. The caller signals the device afterwards.
    ///
    /// # Errors
    /// See [`Blocked`]. After [`Blocked::Full`] the caller may try again soon.
    pub fn type_in(
        &self,
        device: DeviceId,
        kind: TerminalKind,
        typed: TerminalInput,
    ) -> Result<(), Blocked> {
        let mut state = self.lock();
        let terminal = state
            .open
            .get_mut(&(device, kind))
            .filter(|t| t.connection.is_some())
            .ok_or(Blocked::Closed)?;
        if terminal.inbox.len() >= TERMINAL_INBOX {
            return Err(Blocked::Full);
        }
        if let TerminalInput::Event(event, payload) = &typed
            && event.starts_with("file-data")
        {
            if !at_least_two(&terminal.version) {
                return Err(Blocked::NoFiles);
            }
            terminal.down.check(event, payload)?;
        }
        terminal.inbox.push_back(typed);
        Ok(())
    }

    /// Takes all queued input. Called by the device's own connection.
    pub fn take(&self, device: DeviceId, kind: TerminalKind) -> Option<VecDeque<TerminalInput>> {
        let mut state = self.lock();
        let terminal = state.open.get_mut(&(device, kind))?;
        Some(std::mem::take(&mut terminal.inbox))
    }

    /// Passes the device's output to the viewers. A slow viewer delays neither the device nor other viewers.
    pub fn say(
        &self,
        device: DeviceId,
        kind: TerminalKind,
        connection: ConnectionId,
        said: TerminalOutput,
    ) {
        let mut state = self.lock();
        let Some(terminal) = state.open.get_mut(&(device, kind)) else {
            return;
        };
        let opens = matches!(said, TerminalOutput::Open(_));
        if !opens {
            terminal.relay_said(&said);
        }
        let anew = terminal.connection != Some(connection);
        terminal.show_said(kind, connection, said);
        if opens {
            terminal.relay_open(connection, anew);
        }
    }

    /// Passes the output of a device that is connected to another node to the viewers of this one, and to no other node: two nodes
    /// that told each other would go on for ever.
    pub fn say_from_elsewhere(&self, key: Key, connection: ConnectionId, said: TerminalOutput) {
        if let Some(terminal) = self.lock().open.get_mut(&key) {
            terminal.show_said(key.1, connection, said);
        }
    }

    /// Takes all queued input, if the terminal is open by this connection.
    pub fn take_for(&self, key: Key, connection: ConnectionId) -> VecDeque<TerminalInput> {
        let mut state = self.lock();
        let terminal = state.open.get_mut(&key);
        let own = terminal.filter(|t| t.connection == Some(connection));
        own.map(|t| std::mem::take(&mut t.inbox))
            .unwrap_or_default()
    }

    fn leave(&self, key: Key, id: u64) -> Option<String> {
        let mut state = self.lock();
        let terminal = state.open.get_mut(&key)?;
        let at = terminal.viewers.iter().position(|v| v.id == id)?;
        let name = terminal.viewers.swap_remove(at).name;
        if terminal.unused() && terminal.connection.is_none() {
            state.open.remove(&key);
        }
        Some(name)
    }

    /// Closes the terminals of a connection that ended, and drops their output.
    pub fn close(&self, device: DeviceId, connection: ConnectionId) {
        for kind in TerminalKind::ALL {
            self.close_one((device, kind), connection);
        }
    }

    /// Closes one terminal of a connection that ended.
    pub fn close_one(&self, key: Key, connection: ConnectionId) {
        let mut state = self.lock();
        let Some(terminal) = state.open.get_mut(&key) else {
            return;
        };
        if terminal.connection != Some(connection) {
            return;
        }
        terminal.relay_left(connection);
        let relays = std::mem::take(&mut terminal.relays);
        let mut viewers = std::mem::take(&mut terminal.viewers);
        for viewer in &mut viewers {
            // The viewer must receive the next connection's output from its start.
            viewer.fresh = true;
            let gone = shown("message", json!({"event": "the device has disconnected"}));
            // The message may be lost for a slow viewer, which notices the end anyway because no output
            // follows.
            viewer.notify(&gone);
        }
        if viewers.is_empty() && relays.is_empty() {
            state.open.remove(&key);
        } else {
            let next = Terminal {
                viewers,
                relays,
                ..Terminal::default()
            };
            state.open.insert(key, next);
        }
    }
}

impl Terminal {
    /// Shows the viewers what the device said.
    fn show_said(&mut self, kind: TerminalKind, connection: ConnectionId, said: TerminalOutput) {
        match said {
            TerminalOutput::Open(version) => self.open(connection, version),
            TerminalOutput::Output(text) => {
                self.lines.add(&text);
                self.show_all(&shown(output_word(kind), json!({"data": text})));
            }
            TerminalOutput::Event(event, payload) if event.starts_with("file-data") => {
                let letter = match self.up.check(event, &payload) {
                    Ok(()) => shown(event, payload),
                    Err(e) => {
                        let name = &payload["filename"];
                        let text = json!({"filename": name, "reason": e.to_string()});
                        shown("file-data/error", text)
                    }
                };
                self.show_all(&letter);
            }
            TerminalOutput::Event(event, payload) => self.show_all(&shown(event, payload)),
        }
    }

    /// Marks the terminal as open on the device, and sends the earlier output to each new viewer.
    fn open(&mut self, connection: ConnectionId, version: Box<str>) {
        if self.connection != Some(connection) {
            self.connection = Some(connection);
            self.lines = Scrollback::default();
        }
        self.version = version;
        let word = if self.shell() { "output" } else { "up" };
        let metadata = shown("metadata", json!({"version": &*self.version}));
        let past = shown(word, json!({"data": self.lines.all()}));
        self.viewers.retain_mut(|viewer| {
            if !std::mem::take(&mut viewer.fresh) {
                return true;
            }
            (word != "up" || viewer.show(&metadata)) && viewer.show(&past)
        });
    }

    /// Whether this is a shell: only consoles report a version.
    fn shell(&self) -> bool {
        self.version.is_empty()
    }
}

impl Seat {
    /// Sends a chat message to every viewer of this terminal, under the sender's name.
    pub fn chat(&self, mut payload: Value) {
        let mut state = self.terminals.lock();
        let Some(terminal) = state.open.get_mut(&self.key) else {
            return;
        };
        let own = terminal.viewers.iter().find(|v| v.id == self.id);
        if let (Some(own), Some(map)) = (own, payload.as_object_mut()) {
            map.insert("name".into(), own.name.clone().into());
        }
        terminal.relay_chat(&payload, None);
        let message = shown("message", payload);
        for viewer in &terminal.viewers {
            viewer.notify(&message);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let name = self.terminals.leave(self.key, self.id);
        let (Some(name), TerminalKind::Console) = (name, self.key.1) else {
            return;
        };
        let mut state = self.terminals.lock();
        let Some(terminal) = state.open.get_mut(&self.key) else {
            return;
        };
        let message = relay::closed_console(&name);
        terminal.relay_chat(&message, None);
        let message = shown("message", message);
        for viewer in terminal.viewers.iter().filter(|v| !v.fresh) {
            viewer.notify(&message);
        }
    }
}

fn output_word(kind: TerminalKind) -> &'static str {
    match kind {
        TerminalKind::Console => "up",
        TerminalKind::Shell => "output",
    }
}

/// Whether the console supports file transfers: `console_version` 2.0.0 or later (docs/protocol/device.md,
/// "What a client knows").
fn at_least_two(version: &str) -> bool {
    semver::Version::parse(version).is_ok_and(|v| v.major >= 2)
}

#[cfg(test)]
mod tests;
