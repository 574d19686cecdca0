//! The decoder. It accepts what fwup's decoder accepts and refuses the rest, so that a delta that passes here
//! applies on devices. No input can make it panic or allocate more than the given limits.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use crate::table::{AddressCache, Half, InstructionKind, default_table};

/// Why a delta cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The data is not VCDIFF, or another version of it.
    #[error("not a VCDIFF file")]
    Magic,
    /// The delta uses a feature that devices cannot decode.
    #[error("uses {0}, which devices cannot decode")]
    Unsupported(&'static str),
    /// The data ends early.
    #[error("the delta is truncated")]
    Truncated,
    /// The delta contains inconsistent numbers.
    #[error("the delta is damaged: {0}")]
    Damaged(&'static str),
    /// The checksum of a window differs.
    #[error("a window's Adler-32 does not match: wrong source, or damaged")]
    Checksum,
    /// The output exceeds this limit.
    #[error("the output is larger than {0} bytes")]
    TooLarge(u64),
}

/// The largest window that fwup accepts.
const WINDOW: u64 = 64 << 20;

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn byte(&mut self) -> Result<u8, DecodeError> {
        let (first, rest) = self.0.split_first().ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(*first)
    }

    fn take(&mut self, n: u64) -> Result<&'a [u8], DecodeError> {
        let n = usize::try_from(n).map_err(|_| DecodeError::Truncated)?;
        let (head, rest) = self.0.split_at_checked(n).ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(head)
    }

    fn number(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        for _ in 0..10 {
            let b = self.byte()?;
            if value >> 57 != 0 {
                return Err(DecodeError::Damaged("a number above 64 bits"));
            }
            value = (value << 7) | u64::from(b & 0x7f);
            if b & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::Damaged("a number that does not end"))
    }
}

/// Decodes a whole delta, passing each window to `sink` when it is complete.
///
/// # Errors
/// Anything that a device would refuse, and more than `limit` bytes of output.
pub fn windows(
    source: &[u8],
    delta: &[u8],
    limit: u64,
    mut sink: impl FnMut(&[u8]),
) -> Result<u64, DecodeError> {
    let mut input = Bytes(delta);
    if input.take(4)? != [0xd6, 0xc3, 0xc4, 0x00] {
        return Err(DecodeError::Magic);
    }
    match input.byte()? {
        0 => {}
        4 => {
            let n = input.number()?;
            input.take(n)?;
        }
        _ => {
            return Err(DecodeError::Unsupported(
                "secondary compression or a code table",
            ));
        }
    }
    let mut window = Window::new();
    let mut total = 0u64;
    while !input.0.is_empty() {
        window.decode(source, &mut input, limit - total)?;
        total += window.target.len() as u64;
        sink(&window.target);
    }
    Ok(total)
}

/// Decodes into memory.
///
/// # Errors
/// The errors of [`windows`].
pub fn decode(source: &[u8], delta: &[u8], limit: u64) -> Result<Vec<u8>, DecodeError> {
    let mut out = Vec::new();
    windows(source, delta, limit, |w| out.extend_from_slice(w))?;
    Ok(out)
}

struct Window {
    table: Vec<(Half, Half)>,
    cache: AddressCache,
    target: Vec<u8>,
}

impl Window {
    fn new() -> Self {
        Self {
            table: default_table(),
            cache: AddressCache::new(),
            target: Vec::new(),
        }
    }

    fn decode(
        &mut self,
        source: &[u8],
        input: &mut Bytes<'_>,
        limit: u64,
    ) -> Result<(), DecodeError> {
        let indicator = input.byte()?;
        if indicator & !0b101 != 0 {
            return Err(DecodeError::Unsupported("target windows as source"));
        }
        let segment = if indicator & 1 == 0 {
            &[]
        } else {
            segment(source, input)?
        };
        let length = input.number()?;
        let mut body = Bytes(input.take(length)?);
        let target_length = body.number()?;
        if target_length > WINDOW {
            return Err(DecodeError::Unsupported("windows above 64 MiB"));
        }
        if target_length > limit {
            return Err(DecodeError::TooLarge(limit));
        }
        if body.byte()? != 0 {
            return Err(DecodeError::Unsupported("compressed sections"));
        }
        let (data, inst, addr) = (body.number()?, body.number()?, body.number()?);
        let sum = if indicator & 4 == 0 {
            None
        } else {
            let raw = body.take(4)?;
            Some(raw.iter().fold(0u32, |sum, b| (sum << 8) | u32::from(*b)))
        };
        let (mut data, inst, mut addr) = (
            Bytes(body.take(data)?),
            body.take(inst)?,
            Bytes(body.take(addr)?),
        );
        if !body.0.is_empty() {
            return Err(DecodeError::Damaged("its sections do not fill the window"));
        }
        self.run(segment, target_length, &mut data, inst, &mut addr)?;
        if !data.0.is_empty() || !addr.0.is_empty() {
            return Err(DecodeError::Damaged("sections are not used up"));
        }
        if sum.is_some_and(|sum| sum != adler32(&self.target)) {
            return Err(DecodeError::Checksum);
        }
        Ok(())
    }

    fn run(
        &mut self,
        segment: &[u8],
        length: u64,
        data: &mut Bytes<'_>,
        inst: &[u8],
        addr: &mut Bytes<'_>,
    ) -> Result<(), DecodeError> {
        self.target.clear();
        self.cache.clear();
        let mut inst = Bytes(inst);
        while !inst.0.is_empty() {
            let code = usize::from(inst.byte()?);
            let (first, second) = self
                .table
                .get(code)
                .copied()
                .ok_or(DecodeError::Damaged("an unknown code"))?;
            for half in [first, second] {
                if half.kind == InstructionKind::Nothing {
                    continue;
                }
                let size = if half.size == 0 {
                    inst.number()?
                } else {
                    u64::from(half.size)
                };
                if size > length - self.target.len() as u64 {
                    return Err(DecodeError::Damaged("instructions write past the window"));
                }
                match half.kind {
                    InstructionKind::Nothing => {}
                    InstructionKind::Add => self.target.extend_from_slice(data.take(size)?),
                    InstructionKind::Run => {
                        let byte = data.byte()?;
                        let n = self.target.len() + usize::try_from(size).unwrap_or(0);
                        self.target.resize(n, byte);
                    }
                    InstructionKind::Copy => self.copy(segment, half.mode, size, addr)?,
                }
            }
        }
        if self.target.len() as u64 != length {
            return Err(DecodeError::Damaged("a window that is not filled"));
        }
        Ok(())
    }

    fn copy(
        &mut self,
        segment: &[u8],
        mode: u8,
        size: u64,
        addr: &mut Bytes<'_>,
    ) -> Result<(), DecodeError> {
        let bad = DecodeError::Damaged("a copy from where nothing is");
        let here = (segment.len() + self.target.len()) as u64;
        let address = match mode {
            0 => addr.number()?,
            1 => here.checked_sub(addr.number()?).ok_or(bad)?,
            2..=5 => {
                let near = self.cache.near(usize::from(mode) - 2).ok_or(bad)?;
                near.checked_add(addr.number()?).ok_or(bad)?
            }
            _ => self
                .cache
                .same(usize::from(mode) - 6, addr.byte()?)
                .ok_or(bad)?,
        };
        if address >= here {
            return Err(bad);
        }
        self.cache.remember(address);
        let start = usize::try_from(address).map_err(|_| bad)?;
        let size = usize::try_from(size).map_err(|_| bad)?;
        let from_source = segment.len().saturating_sub(start).min(size);
        if from_source > 0 {
            let part = segment.get(start..start + from_source).ok_or(bad)?;
            self.target.extend_from_slice(part);
        }
        let rest = size - from_source;
        if rest == 0 {
            return Ok(());
        }
        let from = (start + from_source) - segment.len();
        // A copy may overlap its own output, so it is done in pieces that exist already.
        let mut done = 0;
        while done < rest {
            let piece = (self.target.len() - from - done).min(rest - done);
            if piece == 0 {
                return Err(bad);
            }
            self.target
                .extend_from_within(from + done..from + done + piece);
            done += piece;
        }
        Ok(())
    }
}

fn segment<'s>(source: &'s [u8], input: &mut Bytes<'_>) -> Result<&'s [u8], DecodeError> {
    let (length, offset) = (input.number()?, input.number()?);
    let bad = DecodeError::Damaged("a source segment outside the source");
    let start = usize::try_from(offset).map_err(|_| bad)?;
    let end = offset
        .checked_add(length)
        .and_then(|e| usize::try_from(e).ok())
        .ok_or(bad)?;
    source.get(start..end).ok_or(bad)
}

/// Adler-32 (RFC 1950 §8.2).
pub(super) fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1u32, 0u32);
    for chunk in bytes.chunks(5552) {
        for byte in chunk {
            a += u32::from(*byte);
            b += a;
        }
        a %= 65_521;
        b %= 65_521;
    }
    (b << 16) | a
}
