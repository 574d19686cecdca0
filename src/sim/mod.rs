//! Simulated devices: the other end of the device protocol, with real TLS, real downloads with resume, real
//! signatures and deltas, and slots that a device would really boot from. It uses the firmware and delta
//! modules, and nothing else of the server.

mod connection;
mod device;
mod disk;
mod download;
mod extension;
mod fleet;
mod polling;
mod release;
mod secret;
mod stats;

pub use device::Faults;
pub use fleet::{Auth, Fleet, Plan};
pub use release::Release;
