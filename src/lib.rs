//! Nervecenter: an over-the-air update server for fleets of Nerves devices.
//!
//! The map of the code, the rule of who may know whom, and what always holds are in `ARCHITECTURE.md`; `tests/it/walls` reads
//! the sources against it.

mod access;
mod api;
mod app;
mod blob;
mod budget;
mod bus;
pub mod cli;
mod clock;
mod config;
mod console;
mod delta;
mod device;
mod domain;
mod firmware;
#[cfg(fuzzing)]
pub mod fuzz;
mod health;
mod ids;
mod import;
mod ingest;
mod jobs;
mod limits;
mod node;
mod oidc;
mod relay;
mod rollout;
mod segment;
mod sendfile;
mod sim;
#[doc(hidden)]
pub mod simulation;
mod store;

// What a program needs that runs a server in its own process, as the whole-system tests do.
pub use clock::Clock;
pub use config::{Config, ConfigError, Options};
pub use node::Node;
