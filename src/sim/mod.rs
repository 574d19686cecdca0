//! Simulated devices: the same protocol from the other end. Real TLS, real downloads with resume, real signatures and
//! deltas, and slots that a device would really boot from. It uses the firmware and delta rooms, and nothing of the
//! server's.

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
