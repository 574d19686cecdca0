//! Why a connection is closed: the WebSocket close code, and the word for the connection history.

/// Why a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// The device left.
    Left,
    /// A newer connection took over.
    Replaced,
    /// A person requested it, or revoked the credentials of the connection.
    Asked,
    /// The device violated the protocol or was silent for too long.
    Protocol,
    /// A frame kind (text or binary) that this version of the protocol does not use.
    WrongKind,
    /// A text frame that is not UTF-8.
    NotText,
    /// Too many messages.
    Flood,
    /// A message above the size limit.
    TooLarge,
    /// The server shuts down.
    Restart,
}

impl Close {
    /// The word for the connection history.
    pub fn word(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Replaced => "replaced",
            Self::Asked => "asked to reconnect",
            Self::Protocol => "silent or not understood",
            Self::WrongKind | Self::NotText => "not understood",
            Self::Flood => "too many messages",
            Self::TooLarge => "message too large",
            Self::Restart => "server stopped",
        }
    }

    /// The WebSocket close code.
    pub fn code(self) -> u16 {
        match self {
            Self::Left => 1000,
            Self::Replaced | Self::Asked => 1001,
            Self::Protocol => 1002,
            Self::WrongKind => 1003,
            Self::NotText => 1007,
            Self::Flood => 1008,
            Self::TooLarge => 1009,
            Self::Restart => 1012,
        }
    }
}
