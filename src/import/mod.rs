//! Imports of fleets from other servers.

pub mod nerves_hub;
