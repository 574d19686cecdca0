//! fwup firmware files: container, `meta.conf`, signatures, uuid. Pure: bytes in, facts out; no disk, no network, no
//! database. What a server must check is in reference firmware.md, section 9, and [`check::check`] does it in one pass.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod check;
pub mod conf;
pub mod keys;
pub mod meta;
pub mod write;
pub mod zip;
