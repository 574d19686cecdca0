//! Which kinds of firmware there are, and the images of ESP-IDF. Files of fwup are read by the crate `fwup`. What a server must
//! check is in docs/protocol/firmware.md, "Checks at upload"; `fwup::check::check` does it for fwup in one pass,
//! [`esp_idf::check`] for an ESP-IDF image.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod esp_idf;
pub mod kind;
pub mod secure_boot;
