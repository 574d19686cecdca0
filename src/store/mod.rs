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
pub mod accounts;
pub mod batch;
pub mod catalog;
pub mod deployments;
pub mod devices;
pub mod events;
pub mod ids;
pub mod import;
pub mod ingest;
pub mod node;
pub mod support;
pub mod words;

#[cfg(test)]
pub(crate) mod tests;

pub use engine::fold;
pub use engine::{Db, Error, On, Read, Result, Write};
