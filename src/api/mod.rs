//! The REST API: exact in path, JSON, status and role to what `nh` and scripts expect. A handler extracts, allows, calls
//! and answers; rules are in the domain, SQL in the store, and statuses in [`error`].
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod accounts;
pub mod catalog;
pub mod deployments;
mod devices;
pub mod events;
pub mod http;
mod router;
pub mod support;

pub use accounts::pages::Peer;
pub use devices::filter as device_filter;
pub use router::router;
