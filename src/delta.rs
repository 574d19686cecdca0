//! Deltas of firmware files: the delta file of fwup, with patches in VCDIFF.

use fwup::delta::{Codec, DeltaError, Patched};
use std::io::{Read, Seek, Write};

struct Vcdiff;

impl Codec for Vcdiff {
    fn encode(&self, source: &[u8], target: &[u8]) -> Vec<u8> {
        vcdiff::encode(source, target)
    }

    fn decode(
        &self,
        source: &[u8],
        patch: &[u8],
        limit: u64,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Option<u64> {
        vcdiff::windows(source, patch, limit, sink).ok()
    }
}

/// Makes the delta file from `source` to `target`, decoding every patch again before it is written. Gives its size and what
/// became of each patched resource.
///
/// # Errors
/// When there is no delta, or when the outcome would not be smaller than `target`.
pub fn bundle<S: Read + Seek, T: Read + Seek>(
    source: &mut S,
    target: &mut T,
    target_bytes: u64,
    out: impl Write,
) -> Result<(u64, Vec<Patched>), DeltaError> {
    fwup::delta::make(&Vcdiff, source, target, target_bytes, out)
}

#[cfg(test)]
mod tests;
