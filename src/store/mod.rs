//! The only SQL. One text a query, run on SQLite or PostgreSQL by the macros of [`engine`]; a file an aggregate.
//!
//! Rules learned on both engines: `CAST(SUM(x) AS BIGINT)`; always `NULLS FIRST/LAST`; what people search is stored folded
//! ([`fold`]), since `lower()` knows ASCII alone; NUL is refused before it gets here; `ON CONFLICT` rather than catching a violation
//! (PostgreSQL aborts the transaction); no `STRICT` tables; text columns order by bytes. A function that changes
//! anything takes a [`Write`]; one that reads takes any [`On`]. Tenant data is reached through a scope, which only
//! `access` makes, or through a device's own id, which only authentication gives.
#![expect(clippy::disallowed_methods, reason = "this room is where SQL lives")]

#[macro_use]
mod engine;
pub mod archives;
pub mod audit;
pub mod batch;
pub mod certificates;
pub mod cli_sessions;
pub mod connections;
pub mod deltas;
pub mod deployment_groups;
pub mod device_logs;
pub mod devices;
pub mod extensions;
pub mod files;
pub mod firmwares;
pub mod fold;
pub mod health_reports;
pub mod history;
pub mod ids;
pub mod imports;
pub mod inflight;
pub mod invites;
pub mod iroh_endpoints;
pub mod keys;
pub mod locations;
pub mod mail;
pub mod messages;
pub mod nerves_hub;
pub mod network_identities;
pub mod nodes;
pub mod notifications;
pub mod orgs;
pub mod products;
pub mod releases;
pub mod scripts;
pub mod sealed;
pub mod secrets;
pub mod users;
pub mod webhooks;

#[cfg(test)]
mod tests;

pub use engine::{Db, Error, On, Read, Result, Write};
