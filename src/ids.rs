//! Typed identifiers, so that a device's number cannot be passed where an organization's is meant. The numbers of rows come
//! from the store, which alone can make them.

pub use crate::store::ids::*;
pub use device_protocol::{Extension, Extensions, RunId};
