//! Why a socket is closed, in WebSocket's numbers and in words.

/// Why a socket is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// The device left.
    Left,
    /// A newer connection took over.
    Replaced,
    /// A person asked for it, or took away what had let it in.
    Asked,
    /// It does not speak the protocol, or was silent for too long.
    Protocol,
    /// A frame of the kind that this version of the protocol does not have.
    WrongKind,
    /// Text that is not UTF-8.
    NotText,
    /// Too many messages.
    Flood,
    /// A message above its bound.
    TooLarge,
    /// The server stops.
    Restart,
}

impl Close {
    /// Why, in the connection's history.
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

    /// The WebSocket code.
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
