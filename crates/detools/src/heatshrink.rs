//! heatshrink compression: a bit stream of literals (1, eight bits) and of copies from the last 256 bytes (0,
//! distance minus one, length minus one). Devices are built for a window of 8 bits and a lookahead of 7.

use super::PatchError;

/// Bits of a distance.
const WINDOW: u32 = 8;
/// Bits of a length.
const LOOKAHEAD: u32 = 7;
/// Both sizes in the byte before the bit stream.
const SIZES: u8 = ((WINDOW - 4) << 4 | (LOOKAHEAD - 3)) as u8;
/// The longest copy in bytes.
const LONGEST: usize = 1 << LOOKAHEAD;
/// Bits of a literal.
const LITERAL: u32 = 1 + 8;
/// Bits of a copy, whatever its length.
const COPY: u32 = 1 + WINDOW + LOOKAHEAD;

/// Compresses to the fewest bits that the format allows. A copy costs the same at every length and distance, so
/// the longest copy at a position is the best one. Only the choice between copy and literal remains, which is
/// made from the end.
pub(super) fn compress(data: &[u8], out: &mut Vec<u8>) {
    let copies: Vec<(u8, u8)> = (0..data.len()).map(|at| longest(data, at)).collect();
    let mut bits = vec![0u32; data.len() + 1];
    let cost = |bits: &[u32], at: usize| bits.get(at).copied().unwrap_or(0);
    for (at, (length, _)) in copies.iter().enumerate().rev() {
        let literal = LITERAL + cost(&bits, at + 1);
        let copy = match usize::from(*length) {
            0 => u32::MAX,
            n => COPY + cost(&bits, at + n),
        };
        if let Some(own) = bits.get_mut(at) {
            *own = literal.min(copy);
        }
    }
    out.push(SIZES);
    let mut writer = Writer {
        out,
        held: 0,
        free: 8,
    };
    let mut at = 0;
    while let (Some(byte), Some((length, distance))) = (data.get(at), copies.get(at)) {
        let n = usize::from(*length);
        if n > 0 && COPY + cost(&bits, at + n) <= LITERAL + cost(&bits, at + 1) {
            writer.put(0, 1);
            writer.put(u32::from(*distance), WINDOW);
            writer.put(u32::from(*length) - 1, LOOKAHEAD);
            at += n;
        } else {
            writer.put(1, 1);
            writer.put(u32::from(*byte), 8);
            at += 1;
        }
    }
    writer.end();
}

/// The longest copy at `at`: its length (copies below two bytes are not used) and its distance minus one.
fn longest(data: &[u8], at: usize) -> (u8, u8) {
    let here = data.get(at..).unwrap_or_default();
    let here = here.get(..LONGEST).unwrap_or(here);
    let (mut best, mut distance) = (1, 0u8);
    for less_one in 0..=u8::MAX {
        let Some(from) = at.checked_sub(usize::from(less_one) + 1) else {
            break;
        };
        let there = data.get(from..).unwrap_or_default();
        // Only a candidate that is longer than the best one needs a full comparison.
        if there.get(best) != here.get(best) {
            continue;
        }
        let length = here.iter().zip(there).take_while(|(a, b)| a == b).count();
        if length > best {
            (best, distance) = (length, less_one);
            if best == here.len() {
                break;
            }
        }
    }
    match u8::try_from(best) {
        Ok(length) if best > 1 => (length, distance),
        _ => (0, 0),
    }
}

struct Writer<'o> {
    out: &'o mut Vec<u8>,
    held: u8,
    free: u32,
}

impl Writer<'_> {
    fn put(&mut self, value: u32, bits: u32) {
        for bit in (0..bits).rev() {
            self.free -= 1;
            self.held |= ((value >> bit & 1) as u8) << self.free;
            if self.free == 0 {
                self.out.push(self.held);
                (self.held, self.free) = (0, 8);
            }
        }
    }

    fn end(self) {
        if self.free < 8 {
            self.out.push(self.held);
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, bits: u32) -> Option<usize> {
        let mut value = 0;
        for _ in 0..bits {
            let byte = self.bytes.get(self.at / 8)?;
            value = value << 1 | usize::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }
}

/// Decompresses to at most `limit` bytes. The padding bits of the last byte yield nothing.
pub(super) fn expand(packed: &[u8], limit: usize) -> Result<Vec<u8>, PatchError> {
    let bytes = packed.strip_prefix(&[SIZES]).ok_or(PatchError::Format)?;
    let mut bits = Reader { bytes, at: 0 };
    let mut out = Vec::new();
    while let Some(literal) = bits.take(1) {
        if literal == 1 {
            let Some(byte) = bits.take(8) else { break };
            out.push(byte as u8);
        } else {
            let (Some(distance), Some(length)) = (bits.take(WINDOW), bits.take(LOOKAHEAD)) else {
                break;
            };
            for _ in 0..=length {
                // The window is filled with zeros at the start.
                let from = out.len().checked_sub(distance + 1);
                let byte = from.and_then(|from| out.get(from)).copied().unwrap_or(0);
                out.push(byte);
            }
        }
        if out.len() > limit {
            return Err(PatchError::Damaged("it unpacks to more than it can mean"));
        }
    }
    Ok(out)
}
