//! What nodes say to each other in a conversation.

use crate::ids::{ConnectionId, DeviceId};
use crate::store::ids::of_node;
use device_protocol::terminal::{TerminalInput, TerminalKind, TerminalOutput};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a conversation is about, and when it was begun, in microseconds since 1970: the first thing that is said.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OpeningAt {
    pub at: i64,
    pub opening: Opening,
}

/// What a conversation is about.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Opening {
    /// People look at a terminal of a device.
    Terminal {
        #[serde(deserialize_with = "of_node")]
        device: DeviceId,
        kind: TerminalKind,
    },
    /// A device is to run a script.
    Script {
        #[serde(deserialize_with = "of_node")]
        device: DeviceId,
        script: String,
        /// How long it may take.
        millis: u64,
    },
}

/// What the node of the people says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FromPeople {
    /// Somebody typed.
    Typed(Typed),
    /// Somebody said something to the others who look.
    Chat(Value),
}

/// What the node of the device says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FromDevice {
    /// The terminal is open by this connection, with this version of the console.
    Opened(ConnectionId, String),
    /// The device printed something.
    Output(String),
    /// Another event of the terminal.
    Event(String, Value),
    /// The connection has ended.
    Left(ConnectionId),
    /// Somebody said something to the others who look.
    Chat(Value),
    /// What a script has printed; nothing when the device cannot run scripts.
    Ran(Option<String>),
}

/// Input for a terminal.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Typed {
    Event(String, Value),
    Keys(String),
}

/// The events of terminals, in both directions.
const EVENTS: [&str; 11] = [
    "dn",
    "window_size",
    "restart",
    "file-data/start",
    "file-data",
    "file-data/stop",
    "shell_input",
    "request_shell",
    "kill_shell",
    "status",
    "exited",
];

fn known(event: &str) -> Option<&'static str> {
    EVENTS.into_iter().find(|known| *known == event)
}

impl Typed {
    pub(super) fn of(input: TerminalInput) -> Self {
        match input {
            TerminalInput::Event(event, payload) => Self::Event(event.to_owned(), payload),
            TerminalInput::Keys(text) => Self::Keys(text.into()),
        }
    }

    /// The input; `None` for an event that this version does not know.
    pub(super) fn input(self) -> Option<TerminalInput> {
        Some(match self {
            Self::Event(event, payload) => TerminalInput::Event(known(&event)?, payload),
            Self::Keys(text) => TerminalInput::Keys(text.into()),
        })
    }
}

impl FromDevice {
    pub(super) fn of(said: TerminalOutput, connection: ConnectionId) -> Self {
        match said {
            TerminalOutput::Open(version) => Self::Opened(connection, version.into()),
            TerminalOutput::Output(text) => Self::Output(text),
            TerminalOutput::Event(event, payload) => Self::Event(event.to_owned(), payload),
        }
    }
}

/// What a device said, from an event of another node; `None` for one that this version does not know.
pub(super) fn output_event(event: &str, payload: Value) -> Option<TerminalOutput> {
    Some(TerminalOutput::Event(known(event)?, payload))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn input_arrives_as_it_was_typed() {
        for input in [
            TerminalInput::Keys("1 + 1".into()),
            TerminalInput::Event("dn", json!({"data": "x"})),
            TerminalInput::Event("kill_shell", json!({"signal": 15})),
        ] {
            let text = serde_json::to_string(&Typed::of(input.clone())).unwrap();
            let typed: Typed = serde_json::from_str(&text).unwrap();
            assert_eq!(typed.input(), Some(input));
        }
        assert_eq!(Typed::Event("sing".into(), json!({})).input(), None);
    }
}
