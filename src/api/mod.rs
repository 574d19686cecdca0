//! The REST API: exact in path, JSON, status and role to what `nh` and scripts expect. A handler extracts, allows, calls
//! and answers; rules are in the domain, SQL in the store, and statuses in [`error`].
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod answer;
mod archives;
mod audits;
mod before;
mod body;
mod bulk;
mod ca_certificates;
mod contract;
mod deployments;
mod device_certificates;
mod devices;
mod error;
mod events;
mod extensions;
mod extract;
mod firmwares;
mod history;
mod iroh_endpoints;
mod keys;
mod mail_rules;
mod pages;
mod params;
mod products;
mod router;
mod scripts;
mod shared_secrets;
mod socket;
mod tokens;
mod upload;
mod uploads;
mod users;
mod webhooks;

pub use devices::filter as device_filter;
pub use pages::Peer;
pub use router::router;
