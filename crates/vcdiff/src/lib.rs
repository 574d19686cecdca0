//! VCDIFF deltas (RFC 3284) for firmware images: [`encode()`] makes what `xdelta3` and every fwup since 1.6
//! apply, [`decode()`] accepts what fwup's decoder accepts and refuses the rest, so that a delta which passes
//! here applies on the device.
//!
//! Both work on bytes in memory, without files, network, or threads of their own.
//!
//! ```
//! let (old, new) = (b"the quick brown fox jumps over the lazy dog", b"the quick red fox jumps over the lazy dog");
//! let delta = vcdiff::encode(old, new);
//! assert_eq!(vcdiff::decode(old, &delta, 1_000).unwrap(), new);
//! ```

mod decode;
mod encode;
mod table;
#[cfg(test)]
mod tests;

pub use decode::{DecodeError, decode, windows};
pub use encode::encode;
