//! Nervecenter: an over-the-air update server for fleets of Nerves devices.
//!
//! # The map
//!
//! ```text
//!  device ──TLS──> device::endpoint ──> device::identity ──> device::link ─── frames ──> device::session  (pure)
//!                      (accept, limit)     (who is it?)         (one task a socket)            │ effects
//!                                                                  ▲                           ▼
//!                                                         device::registry <── bus <── rollout::scheduler ──> store
//!  operator ──> api / cli ──> fleet, firmware, rollout (the domain) ───────────────────────────────────────> store
//!                                              │                                                               blob
//!                                              └── jobs: deltas, reconcile, certificates ──> delta, blob
//! ```
//!
//! **Device path**: `endpoint` accepts and bounds, `tls` proves possession of a key, `identity` decides who it is,
//! `link` carries frames between the socket and the pure `session`. What a device says goes through group commit
//! (`fleet::records`) into the store. **People's path**: `api` and `cli` make a scope (`access`) and call the domain.
//!
//! # What always holds
//!
//! 1. Only firmware whose signature and whose every resource checks out is stored, but for whole ESP-IDF images of a product
//!    that allows them unsigned; a delta is released only after it was decoded back to its target.
//! 2. Nothing crosses an organization: people's queries take a scope, which only `access` makes.
//! 3. The database is the truth and messages are hints: each may be lost, and the reconcile tick repairs it.
//! 4. `concurrent_updates` is a hard limit: a slot is a row, taken under the group's lease before the device is told.
//! 5. A slow or hostile peer costs only itself: every queue and wait has its bound in `limits`.
//!
//! # The walls
//!
//! | room | must not know |
//! |---|---|
//! | `api` | `store`, `device` |
//! | `rollout` | `device`, `api` |
//! | `device::session`, `device::wire` | anything of ours but `ids`, `limits`, `clock` |
//! | `firmware`, `delta` | disk, network, database: they take readers and writers |
//! | `store` | any room but `access::scope`, `ids`, `limits`, `clock` |
//! | `sim` | the server's rooms; it shares `firmware`, `delta` and `clock` |
//!
//! `tests/it/walls.rs` reads the sources against this table.

mod access;
mod api;
mod app;
mod blob;
mod budget;
mod bus;
pub mod cli;
mod clock;
mod config;
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
mod rollout;
mod segment;
mod sim;
mod store;
