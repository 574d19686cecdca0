//! Reading the database of another server.

pub mod nerves_hub;
