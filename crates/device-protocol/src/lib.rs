//! The protocol between a device and its update server, as NervesHub and its clients speak it: Phoenix channels
//! over a WebSocket, in JSON or MessagePack ([`wire`]), and one device's connection as a pure state machine
//! ([`session::Session`]).
//!
//! The session takes frames and instants and returns effects. It knows no socket, no clock, and no database, so
//! that a server, a simulation, and a test use it alike:
//!
//! ```
//! use device_protocol::session::{Input, Session};
//! use device_protocol::wire::{Format, Packet};
//! use device_protocol::Timestamp;
//! use std::time::Duration;
//!
//! let now = Timestamp(1_700_000_000_000_000);
//! let mut session = Session::new(Format::Json, now, Duration::ZERO);
//! let beat = Packet::Text(r#"[null,"1","phoenix","heartbeat",{}]"#.into());
//! let effects = session.handle(Input::Frame(beat), now);
//! assert_eq!(effects.len(), 1); // the answer to the heartbeat
//! ```

mod extension;
pub mod limits;
pub mod session;
pub mod terminal;
mod timestamp;
pub mod wire;

use serde::{Deserialize, Serialize};

pub use extension::{Extension, Extensions};
pub use timestamp::Timestamp;

/// The id of a script run on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId(pub i64);

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
