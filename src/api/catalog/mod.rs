//! What a product offers: firmware, archives, signing keys, uploads, shared secrets, settings.

pub mod archives;
pub mod firmwares;
pub mod keys;
pub mod products;
pub mod shared_secrets;
pub mod upload;
pub mod uploads;
