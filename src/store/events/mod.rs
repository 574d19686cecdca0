//! The audit log in the database, and the audit chain that seals it.

pub mod audit;
