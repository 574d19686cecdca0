//! Every limit of the server in one table, each with its reason. Nothing that a peer can reach is unbounded.

mod devices;
mod people;
mod work;

pub use detools::MAX_IMAGE_BYTES as ESP_DELTA_BYTES;
pub use device_protocol::limits::*;
pub use devices::*;
pub use people::*;
use std::num::NonZeroU32;
use std::time::Duration;
pub use work::*;
