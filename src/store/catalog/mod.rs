//! Products, signing keys, firmware, archives, their files, deltas, uploads under way, and how fleets were over time.

pub mod archives;
pub mod deltas;
pub mod files;
pub mod firmwares;
pub mod keys;
pub mod products;
pub mod series;
pub mod uploads;
