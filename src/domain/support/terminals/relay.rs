//! A relay of a terminal: another node whose people look at a terminal of this node's device, or the way to the node that holds this
//! node's viewers' device. It is a viewer that gets what the device said as it was, and what people say to each other.

use super::{Key, Terminals, shown};
use crate::domain::support::terminals::Blocked;
use crate::ids::ConnectionId;
use crate::limits::{RELAY_QUEUE, TERMINAL_INBOX};
use device_protocol::terminal::{TerminalInput, TerminalOutput};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// What a relay is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Relayed {
    /// The terminal is open by this connection, with this version.
    Opened(ConnectionId, Box<str>),
    /// The device said something.
    Said(TerminalOutput),
    /// The connection has ended.
    Left(ConnectionId),
    /// A message of people to each other.
    Chat(Value),
}

/// The terminal's end of a relay.
pub(super) struct Relay {
    id: u64,
    to: mpsc::Sender<Relayed>,
    /// Whether it is told what the device says, and not only what people say.
    device: bool,
    /// Whether it has not been told yet what the device said before it came.
    fresh: bool,
}

impl Relay {
    /// Queues something. False when it does not keep up, and is to be removed: it comes again, and is told all from the start.
    #[must_use]
    fn tell(&self, what: Relayed) -> bool {
        self.to.try_send(what).is_ok()
    }
}

/// A relay's place at a terminal. Dropping it removes the relay.
pub struct RelaySeat {
    key: Key,
    id: u64,
    /// Whether the terminal is that of a device of this node.
    device: bool,
    terminals: Terminals,
    /// What it is told; ends when it does not keep up.
    pub told: mpsc::Receiver<Relayed>,
}

impl Terminals {
    /// Adds a relay to a terminal; `None` when too many terminals are open. `device` says whether it wants what the device says.
    pub fn relay(&self, key: Key, device: bool) -> Option<RelaySeat> {
        let mut state = self.lock();
        if !Self::ensure(&mut state, key) {
            return None;
        }
        state.viewers += 1;
        let id = state.viewers;
        let (to, told) = mpsc::channel(RELAY_QUEUE);
        let relay = Relay {
            id,
            to,
            device,
            fresh: true,
        };
        state.open.get_mut(&key)?.relays.push(relay);
        Some(RelaySeat {
            key,
            id,
            device,
            terminals: self.clone(),
            told,
        })
    }

    /// Whether anybody of this node looks at a terminal or has typed what was not sent yet.
    pub fn is_wanted(&self, key: Key) -> bool {
        let state = self.lock();
        let terminal = state.open.get(&key);
        terminal.is_some_and(|t| !t.viewers.is_empty() || !t.inbox.is_empty())
    }
}

impl super::Terminal {
    /// Tells the relays that the terminal is open, and those that came since what the device said before.
    pub(super) fn relay_open(&mut self, connection: ConnectionId, anew: bool) {
        let past = self.lines.all();
        let version = self.version.clone();
        self.relays.retain_mut(|relay| {
            let fresh = std::mem::take(&mut relay.fresh) || anew;
            if !relay.device || !fresh {
                return true;
            }
            relay.tell(Relayed::Opened(connection, version.clone()))
                && (past.is_empty()
                    || relay.tell(Relayed::Said(TerminalOutput::Output(past.clone()))))
        });
    }

    /// Tells the relays what the device said.
    pub(super) fn relay_said(&mut self, said: &TerminalOutput) {
        self.relays.retain(|relay| {
            !relay.device || relay.fresh || relay.tell(Relayed::Said(said.clone()))
        });
    }

    /// Tells the relays that the connection has ended.
    pub(super) fn relay_left(&mut self, connection: ConnectionId) {
        self.relays.retain_mut(|relay| {
            relay.fresh = true;
            !relay.device || relay.tell(Relayed::Left(connection))
        });
    }

    /// Tells the relays what people of this node say to each other; and those at the device's node what people of another one do.
    pub(super) fn relay_chat(&mut self, message: &Value, from: Option<&RelaySeat>) {
        self.relays.retain(|relay| {
            let told = from.is_none_or(|from| from.device && relay.device && relay.id != from.id);
            !told || relay.tell(Relayed::Chat(message.clone()))
        });
    }
}

impl RelaySeat {
    /// Queues input that people of another node typed, which that node has checked.
    ///
    /// # Errors
    /// [`Blocked::Closed`] when the device has left; [`Blocked::Full`] while it does not keep up.
    pub fn type_in(&self, typed: TerminalInput) -> Result<(), Blocked> {
        let mut state = self.terminals.lock();
        let terminal = state.open.get_mut(&self.key);
        let open = terminal.filter(|t| t.connection.is_some());
        let terminal = open.ok_or(Blocked::Closed)?;
        if terminal.inbox.len() >= TERMINAL_INBOX {
            return Err(Blocked::Full);
        }
        terminal.inbox.push_back(typed);
        Ok(())
    }

    /// Passes on what somebody of another node said to all who look.
    pub fn chat(&self, message: Value) {
        let mut state = self.terminals.lock();
        let Some(terminal) = state.open.get_mut(&self.key) else {
            return;
        };
        terminal.relay_chat(&message, Some(self));
        let message = shown("message", message);
        for viewer in &terminal.viewers {
            viewer.notify(&message);
        }
    }
}

impl Drop for RelaySeat {
    fn drop(&mut self) {
        let mut state = self.terminals.lock();
        let Some(terminal) = state.open.get_mut(&self.key) else {
            return;
        };
        terminal.relays.retain(|relay| relay.id != self.id);
        if terminal.unused() && terminal.connection.is_none() {
            state.open.remove(&self.key);
        }
    }
}

/// What others hear when somebody closes a console.
pub(super) fn closed_console(name: &str) -> Value {
    json!({"name": name, "event": "closed the console"})
}
