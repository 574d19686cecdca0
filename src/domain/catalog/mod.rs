//! What a product offers to its devices: firmware, archives, the keys that they are signed with, and the files of both.

pub mod archives;
pub mod firmware_checks;
pub mod firmwares;
pub mod keys;
pub mod products;
pub mod stored_files;
pub mod uploads;
