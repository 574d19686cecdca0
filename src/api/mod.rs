//! The REST API: exact in path, JSON, status and role to what `nh` and scripts expect. Each file of endpoints files its
//! routes beside its handlers. A handler extracts, allows, calls and answers; rules are in the domain, SQL in the store, and
//! statuses of errors in [`http::error`].
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod accounts;
mod catalog;
mod deployments;
mod devices;
mod docs;
mod events;
mod http;
mod router;
mod status;
mod support;

pub use self::http::peer::Peer;
pub use devices::filter as device_filter;
pub use router::router;
