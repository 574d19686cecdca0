//! Fleets that come from another server.

pub mod nerves_hub;
