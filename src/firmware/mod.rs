//! Firmware files: the containers of fwup and of ESP-IDF, `meta.conf`, signatures, uuid. Pure: bytes in, facts out; no disk, no
//! network, no database. What a server must check is in docs/protocol/firmware.md, "Checks at upload"; [`check::check`] does it for fwup in one
//! pass, [`esp_idf::check`] for an ESP-IDF image.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod check;
pub mod conf;
pub mod esp_idf;
pub mod keys;
pub mod kind;
pub mod meta;
pub mod write;
pub mod zip;
