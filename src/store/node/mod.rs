//! Rows of the nodes themselves, their settings, and what the node key has encrypted.

pub mod nodes;
pub mod sealed;
