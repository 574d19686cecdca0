//! The words between a device's terminal and the people before it.

use serde_json::Value;

/// What people can type into on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TerminalKind {
    /// Remote IEx, the topic `console`.
    Console,
    /// A shell of the operating system, the extension `local_shell`.
    Shell,
}

impl TerminalKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Console, Self::Shell];
}

/// What goes to a device, in the words of its topic.
#[derive(Debug, Clone, PartialEq)]
pub enum TerminalInput {
    /// An event with its payload.
    Event(&'static str, Value),
    /// A text, a character a message, then a return.
    Keys(Box<str>),
}

/// What a device says in a terminal.
#[derive(Debug, Clone, PartialEq)]
pub enum TerminalOutput {
    /// The terminal is there; with the version that the device speaks, which shells do not have.
    Open(Box<str>),
    /// Output.
    Output(String),
    /// Another event, passed on.
    Event(&'static str, Value),
}
