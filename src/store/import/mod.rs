//! Reads the database of a NervesHub server for an import.

pub mod nerves_hub;
