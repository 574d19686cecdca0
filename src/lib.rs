//! placeholder
mod access { pub mod scope; }
mod clock;
mod ids;
mod limits;
mod store;
mod firmware;
pub mod delta;
