//! Rows of the audit log and the chain that seals it.

pub mod audit;
