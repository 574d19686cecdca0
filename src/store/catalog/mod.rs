//! Products, signing keys, firmware, archives, their files, and deltas in the database.

pub mod archives;
pub mod deltas;
pub mod files;
pub mod firmwares;
pub mod keys;
pub mod products;
