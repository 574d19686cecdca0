//! Consoles and shells of devices that people look at: who watches, what was printed, what was typed and not sent yet.
//! In this process only, like the sockets. A device costs nothing here until somebody opens its terminal.

mod scrollback;
mod transfer;
mod viewer;

use crate::ids::{ConnectionId, DeviceId};
use crate::limits::{TERMINAL_INBOX, TERMINAL_OPEN_TIME, TERMINALS};
use device_protocol::terminal::{TerminalInput, TerminalKind, TerminalOutput};
use scrollback::Scrollback;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use transfer::Transfers;
use viewer::{Viewer, ViewerInbox, shown};

/// What a viewer gets: an event and its payload.
pub type Shown = Arc<(String, Value)>;

/// Why something was not passed on to the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// The device is not there, or does not have a terminal.
    #[error("the device is not connected, or has no terminal")]
    Closed,
    /// The device does not keep up.
    #[error("the device does not take what was typed")]
    Full,
    /// The client on the device is too old for files.
    #[error("the device's client is too old for files: it needs nerves_hub_link 2.1.0 or later")]
    NoFiles,
    /// A name that could leave the folder, an unknown transfer, a broken chunk.
    #[error("this is not a file transfer that can be passed on")]
    BadTransfer,
    /// More than a file may have.
    #[error("files may have at most 10 MiB")]
    TooLarge,
}

#[derive(Default)]
struct Terminal {
    connection: Option<ConnectionId>,
    version: Box<str>,
    lines: Scrollback,
    viewers: Vec<Viewer>,
    inbox: VecDeque<TerminalInput>,
    up: Transfers,
    down: Transfers,
}

impl Terminal {
    fn unused(&self) -> bool {
        self.viewers.is_empty() && self.inbox.is_empty()
    }

    /// Shows the same to every viewer that takes part already.
    fn show_all(&mut self, shown: &Shown) {
        self.viewers.retain(|v| v.fresh || v.show(shown));
    }
}

type Key = (DeviceId, TerminalKind);

/// All terminals.
#[derive(Clone, Default)]
pub struct Terminals(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    open: HashMap<Key, Terminal>,
    viewers: u64,
}

/// A place before a terminal, given back when dropped.
pub struct Seat {
    key: Key,
    id: u64,
    terminals: Terminals,
    /// What the device prints, and what others say.
    pub shown: ViewerInbox,
}

impl Terminals {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes sure that there is a terminal; false when there are too many.
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

    /// Takes a seat; `None` when too many terminals are open. Nudge the device afterwards.
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

    /// Waits a moment for a device to say that its terminal is there. `nudge` asks it.
    pub async fn opened(&self, device: DeviceId, kind: TerminalKind, nudge: impl Fn()) -> bool {
        if !Self::ensure(&mut self.lock(), (device, kind)) {
            return false;
        }
        nudge();
        let end = Instant::now() + TERMINAL_OPEN_TIME;
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

    /// Queues something for the device. Nudge it afterwards.
    ///
    /// # Errors
    /// See [`Blocked`]; [`Blocked::Full`] may be tried again.
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

    /// Everything that waits for the device; the device's own link calls this.
    pub fn take(&self, device: DeviceId, kind: TerminalKind) -> Option<VecDeque<TerminalInput>> {
        let mut state = self.lock();
        let terminal = state.open.get_mut(&(device, kind))?;
        Some(std::mem::take(&mut terminal.inbox))
    }

    /// Passes on what a device says. Neither the device nor another viewer waits for one that reads slowly.
    pub fn say(
        &self,
        device: DeviceId,
        kind: TerminalKind,
        connection: ConnectionId,
        said: TerminalOutput,
    ) {
        let key = (device, kind);
        let mut state = self.lock();
        let Some(terminal) = state.open.get_mut(&key) else {
            return;
        };
        match said {
            TerminalOutput::Open(version) => terminal.open(connection, version),
            TerminalOutput::Output(text) => {
                terminal.lines.add(&text);
                terminal.show_all(&shown(output_word(kind), json!({"data": text})));
            }
            TerminalOutput::Event(event, payload) if event.starts_with("file-data") => {
                let letter = match terminal.up.check(event, &payload) {
                    Ok(()) => shown(event, payload),
                    Err(e) => {
                        let name = &payload["filename"];
                        let text = json!({"filename": name, "reason": e.to_string()});
                        shown("file-data/error", text)
                    }
                };
                terminal.show_all(&letter);
            }
            TerminalOutput::Event(event, payload) => terminal.show_all(&shown(event, payload)),
        }
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

    /// The device's connection ended: its terminals are gone, and with them what they printed.
    pub fn close(&self, device: DeviceId, connection: ConnectionId) {
        let mut state = self.lock();
        for kind in TerminalKind::ALL {
            let key = (device, kind);
            let Some(terminal) = state.open.get_mut(&key) else {
                continue;
            };
            if terminal.connection != Some(connection) {
                continue;
            }
            let mut viewers = std::mem::take(&mut terminal.viewers);
            for viewer in &mut viewers {
                // It gets what the next connection printed from its beginning.
                viewer.fresh = true;
                let gone = shown("message", json!({"event": "the device has disconnected"}));
                // A viewer that is behind learns it when nothing more comes.
                viewer.notify(&gone);
            }
            if viewers.is_empty() {
                state.open.remove(&key);
            } else {
                let next = Terminal {
                    viewers,
                    ..Terminal::default()
                };
                state.open.insert(key, next);
            }
        }
    }
}

impl Terminal {
    /// The device's terminal is there: each new viewer gets what was printed.
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

    /// Shells have no version.
    fn shell(&self) -> bool {
        self.version.is_empty()
    }
}

impl Seat {
    /// Says something to everybody before this terminal, under the viewer's name.
    pub fn chat(&self, mut payload: Value) {
        let state = self.terminals.lock();
        let Some(terminal) = state.open.get(&self.key) else {
            return;
        };
        let own = terminal.viewers.iter().find(|v| v.id == self.id);
        if let (Some(own), Some(map)) = (own, payload.as_object_mut()) {
            map.insert("name".into(), own.name.clone().into());
        }
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
        let message = shown(
            "message",
            json!({"name": name, "event": "closed the console"}),
        );
        let state = self.terminals.lock();
        let others = state.open.get(&self.key).map(|t| &t.viewers);
        for viewer in others.into_iter().flatten().filter(|v| !v.fresh) {
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

/// `console_version` from 2.0.0 on takes files (docs/protocol/device.md, "What a client knows").
fn at_least_two(version: &str) -> bool {
    semver::Version::parse(version).is_ok_and(|v| v.major >= 2)
}

#[cfg(test)]
mod tests;
