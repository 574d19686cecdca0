//! The encoder. It is fast because the source is indexed only at every eighth byte, by one multiplicative hash for
//! each position, and because the last distance is tried first. The deltas are small because short strings of the
//! target window are indexed as well.
//!
//! Output: windows of 8 MiB, each with Adler-32 and the smallest source segment that its copies touch, the default
//! code table, no secondary compression: what `xdelta3 -A -S` writes and every fwup since 1.6 reads.
#![expect(
    clippy::indexing_slicing,
    reason = "the hot loops index what they have just compared; both inputs are the server's own files"
)]

use crate::decode::adler32;
use crate::table::{AddressCache, put};

/// Bytes of target in a window. The device holds one window in memory.
const WINDOW: usize = 8 << 20;
/// The source is indexed at every `STEP`th byte.
const STEP: usize = 8;
/// Bytes that a source hash covers.
const LONG: usize = 12;
/// Bytes that a target hash covers.
const SHORT: usize = 5;
/// Minimum length of a copy from the source; a shorter one does not pay for its address.
const SOURCE_MIN: usize = 10;
/// Minimum length of a copy from the target window, whose addresses are shorter.
const TARGET_MIN: usize = 6;
/// A match of this length is used without looking for a better one.
const GOOD: usize = 96;

#[derive(Clone, Copy)]
enum Step {
    Add { start: usize, length: usize },
    Run { byte: u8, length: usize },
    Source { from: usize, length: usize },
    Target { from: usize, length: usize },
}

#[derive(Clone, Copy, Default)]
struct Match {
    from: usize,
    length: usize,
    back: usize,
    source: bool,
}

impl Match {
    fn gain(self) -> usize {
        self.length + self.back
    }
}

/// Encodes `target` as a delta from `source`.
pub fn encode(source: &[u8], target: &[u8]) -> Vec<u8> {
    let mut out = vec![0xd6, 0xc3, 0xc4, 0x00, 0x00];
    let index = Index::new(source);
    let mut finder = Finder::new(source, &index);
    for window in target.chunks(WINDOW) {
        let steps = finder.steps(window);
        write_window(&mut out, window, &steps);
    }
    out
}

fn load(bytes: &[u8], at: usize) -> u64 {
    let mut raw = [0u8; 8];
    raw.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(raw)
}

fn long_hash(bytes: &[u8], at: usize) -> u64 {
    let head = load(bytes, at).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let tail = load(bytes, at + LONG - 8).wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
    (head ^ tail.rotate_left(29)).wrapping_mul(0x9FB2_1C65_1E98_DF25)
}

/// The positions of `LONG`-byte strings of the source, at every `STEP`th byte; the first of equal ones wins. An
/// entry is the position divided by `STEP`, plus one, above some bits of the hash that spare most comparisons
/// with the source.
struct Index {
    table: Vec<u32>,
    shift: u32,
    tag_bits: u32,
}

impl Index {
    fn new(source: &[u8]) -> Self {
        let positions = source.len().saturating_sub(LONG) / STEP + 1;
        let bits = (usize::BITS - (positions * 2).leading_zeros()).clamp(8, 26);
        let position_bits = usize::BITS - (positions + 1).leading_zeros();
        let tag_bits = 32u32.saturating_sub(position_bits).min(12);
        let mut index = Self {
            table: vec![0; 1 << bits],
            shift: 64 - bits,
            tag_bits,
        };
        // Backwards, so that the first of equal strings is written last: a store that depends on no load is
        // cheap where almost every one misses the cache.
        let places = (source.len() + STEP).saturating_sub(LONG) / STEP;
        for place in (0..places).rev() {
            let h = long_hash(source, place * STEP);
            let tag = index.tag(h);
            index.table[(h >> index.shift) as usize] = ((place as u32 + 1) << tag_bits) | tag;
        }
        index
    }

    fn tag(&self, hash: u64) -> u32 {
        (hash as u32) & ((1u32 << self.tag_bits) - 1)
    }

    fn find(&self, hash: u64) -> Option<usize> {
        let entry = self.table[(hash >> self.shift) as usize];
        let position = entry >> self.tag_bits;
        (position != 0 && entry & ((1u32 << self.tag_bits) - 1) == self.tag(hash))
            .then(|| (position as usize - 1) * STEP)
    }
}

fn forward(a: &[u8], b: &[u8]) -> usize {
    let most = a.len().min(b.len());
    let mut n = 0;
    while n + 8 <= most {
        let diff = load(a, n) ^ load(b, n);
        if diff != 0 {
            return n + diff.trailing_zeros() as usize / 8;
        }
        n += 8;
    }
    while n < most && a[n] == b[n] {
        n += 1;
    }
    n
}

fn backward(a: &[u8], b: &[u8]) -> usize {
    a.iter()
        .rev()
        .zip(b.iter().rev())
        .take_while(|(x, y)| x == y)
        .count()
}

struct Finder<'a> {
    source: &'a [u8],
    index: &'a Index,
    /// Last position in the window, plus one, of each hash of `SHORT` bytes.
    short: Vec<u32>,
    /// Distance of the last copy from the source: source position minus target position in the whole file.
    drift: Option<i64>,
    /// Number of bytes in earlier windows.
    done: usize,
}

const SHORT_BITS: u32 = 18;

impl<'a> Finder<'a> {
    fn new(source: &'a [u8], index: &'a Index) -> Self {
        Self {
            source,
            index,
            short: vec![0; 1 << SHORT_BITS],
            drift: None,
            done: 0,
        }
    }

    fn steps(&mut self, window: &[u8]) -> Vec<Step> {
        self.short.fill(0);
        let mut steps = Vec::new();
        let (mut at, mut pending) = (0usize, 0usize);
        let last = window.len().saturating_sub(LONG);
        while at < last {
            let mut best = self.best(window, at, pending);
            if best.length == 0 {
                at += 1;
                continue;
            }
            // Lazy matching by one step: a better match may begin at the next byte.
            if best.gain() < GOOD && at + 1 < last {
                let next = self.best(window, at + 1, pending);
                if next.gain() > best.gain() + 1 {
                    best = next;
                    at += 1;
                }
            }
            let start = at - best.back;
            literal(&mut steps, window, pending, start);
            let (from, length) = (best.from - best.back, best.length + best.back);
            if best.source {
                steps.push(Step::Source { from, length });
                self.drift = Some(from as i64 - (self.done + start) as i64);
            } else {
                steps.push(Step::Target { from, length });
            }
            self.learn(window, at, start + length);
            at = start + length;
            pending = at;
        }
        literal(&mut steps, window, pending, window.len());
        self.done += window.len();
        steps
    }

    /// Indexes a few strings inside a copied stretch, so that later copies can refer to them.
    fn learn(&mut self, window: &[u8], from: usize, to: usize) {
        let end = to.min(window.len().saturating_sub(8));
        let stride = if to - from > 4_096 { 64 } else { 3 };
        for at in (from + 1..end).step_by(stride) {
            self.short[short_slot(window, at)] = at as u32 + 1;
        }
    }

    /// The best match at `at`: tries the continuation of the last copy, then the long hash, then the window.
    fn best(&mut self, window: &[u8], at: usize, pending: usize) -> Match {
        let mut best = Match::default();
        if let Some(from) = self.on_drift(at) {
            let length = forward(&self.source[from..], &window[at..]);
            if length >= SOURCE_MIN - 4 {
                best = self.source_match(window, at, pending, from, length);
                if length >= GOOD {
                    return best;
                }
            }
        }
        if let Some(from) = self.index.find(long_hash(window, at)) {
            let length = forward(&self.source[from..], &window[at..]);
            if length >= SOURCE_MIN {
                let found = self.source_match(window, at, pending, from, length);
                if found.gain() > best.gain() + 2 {
                    best = found;
                }
            }
        }
        if best.gain() < GOOD {
            let slot = short_slot(window, at);
            let seen = self.short[slot];
            self.short[slot] = at as u32 + 1;
            if seen != 0 && (seen as usize - 1) < at {
                let from = seen as usize - 1;
                let length = forward(&window[from..], &window[at..]);
                let needed = if at - from < 16_384 {
                    TARGET_MIN
                } else {
                    TARGET_MIN + 1
                };
                if length >= needed {
                    let back = backward(&window[..from], &window[pending..at]);
                    let found = Match {
                        from,
                        length,
                        back,
                        source: false,
                    };
                    if found.gain() > best.gain() {
                        best = found;
                    }
                }
            }
        }
        best
    }

    fn on_drift(&self, at: usize) -> Option<usize> {
        let from = usize::try_from((self.done + at) as i64 + self.drift?).ok()?;
        (from < self.source.len()).then_some(from)
    }

    fn source_match(
        &self,
        window: &[u8],
        at: usize,
        pending: usize,
        from: usize,
        length: usize,
    ) -> Match {
        let back = backward(&self.source[..from], &window[pending..at]);
        Match {
            from,
            length,
            back,
            source: true,
        }
    }
}

fn short_slot(window: &[u8], at: usize) -> usize {
    let key = load(window, at) << (64 - 8 * SHORT);
    (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - SHORT_BITS)) as usize
}

/// Adds bytes that no copy covers. A stretch of one repeated byte becomes a run.
fn literal(steps: &mut Vec<Step>, window: &[u8], start: usize, end: usize) {
    if start >= end {
        return;
    }
    let bytes = &window[start..end];
    if bytes.len() >= 4 && bytes.iter().all(|b| *b == bytes[0]) {
        steps.push(Step::Run {
            byte: bytes[0],
            length: bytes.len(),
        });
    } else {
        steps.push(Step::Add {
            start,
            length: bytes.len(),
        });
    }
}

#[derive(Default)]
struct Sections {
    data: Vec<u8>,
    inst: Vec<u8>,
    addr: Vec<u8>,
    /// The last instruction while it may still be merged with the next one: its position in `inst` and its
    /// kind.
    open: Option<(usize, Open)>,
}

#[derive(Clone, Copy)]
enum Open {
    Add { size: u8 },
    Copy { mode: u8 },
}

impl Sections {
    fn add(&mut self, bytes: &[u8]) {
        self.data.extend_from_slice(bytes);
        if let (1, Some((place, Open::Copy { mode }))) = (bytes.len(), self.open) {
            self.inst[place] = 247 + mode;
            self.open = None;
            return;
        }
        let place = self.inst.len();
        if bytes.len() <= 17 {
            self.inst.push(1 + bytes.len() as u8);
        } else {
            self.inst.push(1);
            put(&mut self.inst, bytes.len() as u64);
        }
        self.open = (bytes.len() <= 4).then_some((
            place,
            Open::Add {
                size: bytes.len() as u8,
            },
        ));
    }

    fn run(&mut self, byte: u8, length: usize) {
        self.data.push(byte);
        self.inst.push(0);
        put(&mut self.inst, length as u64);
        self.open = None;
    }

    fn copy(&mut self, mode: u8, length: usize) {
        if let Some((place, Open::Add { size })) = self.open.take() {
            if mode <= 5 && (4..=6).contains(&length) {
                self.inst[place] = 163 + mode * 12 + (size - 1) * 3 + (length as u8 - 4);
                return;
            }
            if mode >= 6 && length == 4 {
                self.inst[place] = 235 + (mode - 6) * 4 + (size - 1);
                return;
            }
        }
        let place = self.inst.len();
        if (4..=18).contains(&length) {
            self.inst.push(19 + mode * 16 + (length as u8 - 3));
        } else {
            self.inst.push(19 + mode * 16);
            put(&mut self.inst, length as u64);
        }
        self.open = (length == 4).then_some((place, Open::Copy { mode }));
    }
}

fn write_window(out: &mut Vec<u8>, window: &[u8], steps: &[Step]) {
    let (mut low, mut high) = (usize::MAX, 0);
    for s in steps {
        if let Step::Source { from, length } = *s {
            low = low.min(from);
            high = high.max(from + length);
        }
    }
    let segment = high.saturating_sub(low.min(high));
    let mut sections = Sections::default();
    let mut cache = AddressCache::new();
    let mut here = segment;
    for s in steps {
        let (address, length) = match *s {
            Step::Add { start, length } => {
                sections.add(&window[start..start + length]);
                here += length;
                continue;
            }
            Step::Run { byte, length } => {
                sections.run(byte, length);
                here += length;
                continue;
            }
            Step::Source { from, length } => (from - low, length),
            Step::Target { from, length } => (segment + from, length),
        };
        let (mode, value) = cache.choose(address as u64, here as u64);
        sections.copy(mode, length);
        if mode >= 6 {
            sections.addr.push(value as u8);
        } else {
            put(&mut sections.addr, value);
        }
        cache.remember(address as u64);
        here += length;
    }
    let mut body = Vec::with_capacity(24);
    put(&mut body, window.len() as u64);
    body.push(0);
    for section in [&sections.data, &sections.inst, &sections.addr] {
        put(&mut body, section.len() as u64);
    }
    body.extend_from_slice(&adler32(window).to_be_bytes());
    if segment > 0 {
        out.push(0b101);
        put(out, segment as u64);
        put(out, low as u64);
    } else {
        out.push(0b100);
    }
    let total = body.len() + sections.data.len() + sections.inst.len() + sections.addr.len();
    put(out, total as u64);
    out.extend_from_slice(&body);
    out.extend_from_slice(&sections.data);
    out.extend_from_slice(&sections.inst);
    out.extend_from_slice(&sections.addr);
}
