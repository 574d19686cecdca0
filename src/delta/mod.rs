//! Deltas: VCDIFF (RFC 3284) as xdelta3 and fwup read it and the delta `.fw` made of it, and detools patches for ESP-IDF images. Pure:
//! bytes in, bytes out.

pub mod bundle;
pub mod decode;
pub mod detools;
pub mod encode;
mod table;
#[cfg(test)]
mod tests;
