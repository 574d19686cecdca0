//! The inputs and the effects of a session.

use super::*;

/// An input to a session.
#[derive(Debug)]
pub enum Input {
    /// A frame of the device.
    Frame(Packet),
    /// The requested join is stored.
    Joined(Welcome),
    /// The join could not be stored.
    JoinFailed,
    /// An update for the device: its payload.
    Offer(Value),
    /// The device should reboot.
    Reboot,
    /// The device should identify itself.
    Identify,
    /// Somebody views the device's health.
    Health,
    /// The organization's signing keys have changed.
    Keys(Vec<String>),
    /// An archive for the device: its payload.
    Archive(Value),
    /// Somebody views a terminal of the device; holds the input to send.
    Terminal(TerminalKind, Vec<TerminalInput>),
    /// The extensions that the device may use have changed.
    Extensions(Extensions),
    /// A script to run on the device.
    Script {
        /// The run's id.
        run: RunId,
        /// Elixir code.
        text: Arc<str>,
        /// Time limit in milliseconds.
        millis: u64,
    },
    /// Time has advanced to [`Session::due`] or beyond.
    Tick,
}

/// What a device is sent right after its join.
#[derive(Debug, Default)]
pub struct Welcome {
    /// The organization's signing keys; empty when it has none.
    pub keys: Vec<String>,
    /// The payload of the deployment group's archive.
    pub archive: Option<Value>,
    /// Elixir code to run.
    pub connecting_code: Option<String>,
    /// The extensions that the device may use.
    pub extensions: Extensions,
}

/// What the owner of a session must do.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Send a frame.
    Send(Packet),
    /// Store the join, then answer with [`Input::Joined`] or [`Input::JoinFailed`].
    Join(Box<Join>),
    /// Store and publish what the device reports about its update.
    Report(UpdateMessage),
    /// Publish the progress of the update without storing it, because it was stored a moment ago.
    Progress(UpdateMessage),
    /// Store that the device's firmware is validated.
    Validated,
    /// Store the device's network interface.
    Interface(&'static str),
    /// Store the device's connection types.
    Types(String),
    /// Pass terminal output to its viewers.
    Terminal(TerminalKind, terminal::TerminalOutput),
    /// Store what an extension reported.
    Said(Box<ExtensionEffect>),
    /// Deliver a script's output; `None` when the device cannot run it.
    Ran(RunId, Option<String>),
    /// Store that the device was seen.
    Seen,
    /// Close the connection.
    Close(Close),
}
