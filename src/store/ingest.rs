//! What devices cause, for many of them at once: everything here takes a set of rows and is one statement, however many they
//! are ([`super::engine`] says how). `crate::ingest` decides what is written.

pub mod ask;
pub mod bearers;
pub mod read;
pub mod reports;
pub mod told;
pub mod updates;
pub mod write;
