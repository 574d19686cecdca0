//! What a product offers to its devices: firmware, archives, the keys that sign them, and their stored files.

pub mod archives;
pub mod file_store;
pub mod finder;
pub mod firmware_checks;
pub mod firmwares;
pub mod keys;
pub mod org_summary;
mod pages;
pub mod products;
pub mod series;
pub mod stored_files;
pub mod summary;
pub mod uploads;
