//! What the encoder and the decoder share: the default code table and address cache of RFC 3284 (§5.3, §5.6),
//! and integers.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

/// The kind of one half of an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InstructionKind {
    Nothing,
    Add,
    Run,
    Copy,
}

/// One half of an instruction of the code table. Size 0 means that the size follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Half {
    pub kind: InstructionKind,
    pub size: u8,
    pub mode: u8,
}

const NOTHING: Half = half(InstructionKind::Nothing, 0, 0);

const fn half(kind: InstructionKind, size: u8, mode: u8) -> Half {
    Half { kind, size, mode }
}

fn add(size: u8) -> Half {
    half(InstructionKind::Add, size, 0)
}

fn copy(size: u8, mode: u8) -> Half {
    half(InstructionKind::Copy, size, mode)
}

/// The 256 instructions of the default table (RFC 3284 §5.6).
pub(super) fn default_table() -> Vec<(Half, Half)> {
    let mut t = Vec::with_capacity(256);
    t.push((half(InstructionKind::Run, 0, 0), NOTHING));
    t.extend((0..=17).map(|size| (add(size), NOTHING)));
    for mode in 0..=8 {
        t.push((copy(0, mode), NOTHING));
        t.extend((4..=18).map(|size| (copy(size, mode), NOTHING)));
    }
    for mode in 0..=5 {
        for a in 1..=4 {
            t.extend((4..=6).map(|c| (add(a), copy(c, mode))));
        }
    }
    for mode in 6..=8 {
        t.extend((1..=4).map(|a| (add(a), copy(4, mode))));
    }
    t.extend((0..=8).map(|mode| (copy(4, mode), add(1))));
    t
}

/// The caches of recently used addresses: 4 near, 3 x 256 same.
pub(super) struct AddressCache {
    near: [u64; 4],
    next: usize,
    same: Vec<u64>,
}

impl AddressCache {
    pub(super) fn new() -> Self {
        Self {
            near: [0; 4],
            next: 0,
            same: vec![0; 768],
        }
    }

    pub(super) fn clear(&mut self) {
        self.near = [0; 4];
        self.next = 0;
        self.same.fill(0);
    }

    pub(super) fn remember(&mut self, address: u64) {
        if let Some(slot) = self.near.get_mut(self.next) {
            *slot = address;
        }
        self.next = (self.next + 1) % 4;
        if let Some(slot) = self
            .same
            .get_mut(usize::try_from(address % 768).unwrap_or(0))
        {
            *slot = address;
        }
    }

    pub(super) fn near(&self, i: usize) -> Option<u64> {
        self.near.get(i).copied()
    }

    pub(super) fn same(&self, block: usize, byte: u8) -> Option<u64> {
        self.same.get(block * 256 + usize::from(byte)).copied()
    }

    /// The cheapest mode for an address, and the number to write: as a byte when the mode is 6 or above.
    pub(super) fn choose(&self, address: u64, here: u64) -> (u8, u64) {
        let slot = address % 768;
        if self.same.get(usize::try_from(slot).unwrap_or(0)) == Some(&address) {
            let block = u8::try_from(slot / 256).unwrap_or(0);
            return (6 + block, slot % 256);
        }
        let mut best = (0u8, address);
        if here - address < best.1 {
            best = (1, here - address);
        }
        for (mode, near) in (2u8..).zip(self.near) {
            if let Some(d) = address.checked_sub(near)
                && length(d) < length(best.1)
            {
                best = (mode, d);
            }
        }
        best
    }
}

/// Length of an integer in bytes (RFC 3284 §2).
pub(super) fn length(value: u64) -> usize {
    let bits = 64 - value.leading_zeros().min(63) as usize;
    bits.div_ceil(7)
}

/// Appends an integer: base 128, most significant digit first.
pub(super) fn put(out: &mut Vec<u8>, value: u64) {
    for i in (0..length(value)).rev() {
        let digit = u8::try_from((value >> (7 * i)) & 0x7f).unwrap_or(0);
        out.push(if i == 0 { digit } else { digit | 0x80 });
    }
}

#[cfg(test)]
mod tests;
