//! What happens to a session, and what it wants done.

use super::*;

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
    /// An operator wants to see which one it is.
    Identify,
    /// Somebody looks at its health.
    Health,
    /// The organization's signing keys have changed.
    Keys(Vec<String>),
    /// An archive for the device: the payload.
    Archive(Value),
    /// Somebody looks at a terminal of the device, and may have typed.
    Terminal(TerminalKind, Vec<TerminalInput>),
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
    /// The organization's signing keys; empty when it has none.
    pub keys: Vec<String>,
    /// The archive of its group: the payload.
    pub archive: Option<Value>,
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
    /// Store what the device says of its update, and show it.
    Report(UpdateMessage),
    /// Show what it says of its update to those who watch; the same was stored a moment ago.
    Progress(UpdateMessage),
    /// Store that its firmware is validated.
    Validated,
    /// Store its network interface.
    Interface(&'static str),
    /// Store its connection types.
    Types(String),
    /// Show people what its terminal says.
    Terminal(TerminalKind, terminal::TerminalOutput),
    /// Store what an extension said.
    Said(Box<ExtensionEffect>),
    /// Give a script's output to whoever waits; `None` when the device cannot run it.
    Ran(RunId, Option<String>),
    /// Store that it lives.
    Seen,
    /// Close the socket.
    Close(Close),
}
