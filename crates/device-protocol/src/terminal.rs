//! The messages between a device's terminal and its viewers.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The kinds of terminals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TerminalKind {
    /// The remote IEx, on the topic `console`.
    Console,
    /// A shell of the operating system, through the extension `local_shell`.
    Shell,
}

impl TerminalKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Console, Self::Shell];
}

/// Input for a device's terminal.
#[derive(Debug, Clone, PartialEq)]
pub enum TerminalInput {
    /// An event of the terminal's topic with its payload.
    Event(&'static str, Value),
    /// A text that is typed, one character in each message, followed by a return.
    Keys(Box<str>),
}

/// Output of a device's terminal.
#[derive(Debug, Clone, PartialEq)]
pub enum TerminalOutput {
    /// The terminal is open; holds the console version, which is empty for shells.
    Open(Box<str>),
    /// Text that the device printed.
    Output(String),
    /// Another event, which is passed on.
    Event(&'static str, Value),
}
