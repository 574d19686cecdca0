//! Simulated devices: the other end of the device protocol, with real TLS, real downloads with resume, real
//! signatures and deltas, and slots that a device would really boot from. It uses the firmware and delta
//! modules, and nothing else of the server.
//!
//! A fleet may have many thousand devices, most of which wait for most of the time. Whatever such a device does not need for
//! itself is in [`common`], and what it needs only to connect is freed when it has joined.

mod addresses;
mod common;
mod connection;
mod device;
mod disk;
mod download;
mod extension;
mod fleet;
mod identity;
mod plan;
mod polling;
mod pulse;
mod release;
mod secret;
mod stats;
mod upgrade;

pub use addresses::Addresses;
pub use device::Faults;
pub use fleet::Fleet;
pub use plan::{Auth, Part, Plan};
pub use release::Release;
pub use stats::SimReport;
