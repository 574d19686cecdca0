//! The server nodes in the database, their settings, and everything that is encrypted with the node key.

pub mod nodes;
pub mod notify;
pub mod sealed;
