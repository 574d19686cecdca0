//! The firmware files of [fwup](https://github.com/fwup-home/fwup): a zip with a `meta.conf`, resources, and
//! Ed25519 signatures over the `meta.conf`.
//!
//! - [`check::check`] verifies in one pass that an untrusted file is complete and signed by one of the given
//!   keys,
//! - [`meta`] reads the `meta.conf`: metadata, resources, tasks, and what they require of a device,
//! - [`delta::make`] makes the delta file between two firmwares,
//! - [`mod@write`] makes and signs firmware files, [`keys`] holds their keys,
//! - [`zip`] and [`conf`] read the container and the configuration language, strictly.
//!
//! Everything takes readers and writers. Nothing uses the file system, the network, or a clock, and no input
//! causes a panic or uses more memory than [`limits`] says.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod check;
pub mod conf;
pub mod delta;
pub mod keys;
pub mod limits;
pub mod meta;
pub mod write;
pub mod zip;
