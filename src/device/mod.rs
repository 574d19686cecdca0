//! The device plane, in the order in which a connection meets it: `endpoint` accepts, `tls` proves possession of a
//! key, `identity` decides who it is, `link` carries frames between the socket and the pure `session`.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod download;
pub mod endpoint;
pub mod identity;
pub mod join_payload;
mod known_files;
mod link;
mod mailbox;
mod polling;
pub mod queue;
pub mod registry;
mod request;
pub mod stale_connections;
pub mod tls;
mod tls_socket;
