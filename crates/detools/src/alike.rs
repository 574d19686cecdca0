//! Finds parts of the target that are similar to parts of the source, such as code whose addresses moved. After
//! Colin Percival's bsdiff ("Naive differences of executable code", 2003): exact matches are anchors, which are
//! extended over differing bytes as long as most bytes are equal.
#![expect(
    clippy::indexing_slicing,
    reason = "the hot loops index what they have just bounded; both inputs are the server's own files"
)]

/// An anchor must beat the present alignment by more than this many bytes.
const BETTER: isize = 8;
/// Matches are compared up to this length, so that no input makes the search slow.
const LONGEST: usize = 1 << 10;

/// A run of similar bytes, followed by a run of new bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// Offset of the similar bytes in the source.
    pub from: usize,
    /// Offset of the similar bytes in the target.
    pub to: usize,
    /// Number of similar bytes.
    pub alike: usize,
    /// Number of new bytes that follow.
    pub new: usize,
}

impl Step {
    /// Target minus source, byte by byte.
    pub fn differences<'a>(
        &self,
        source: &'a [u8],
        target: &'a [u8],
    ) -> impl Iterator<Item = u8> + 'a {
        let old = &source[self.from..self.from + self.alike];
        let new = &target[self.to..self.to + self.alike];
        new.iter().zip(old).map(|(n, o)| n.wrapping_sub(*o))
    }

    /// The new bytes.
    pub fn news<'a>(&self, target: &'a [u8]) -> &'a [u8] {
        let start = self.to + self.alike;
        &target[start..start + self.new]
    }
}

#[derive(Clone, Copy)]
struct Anchor {
    from: usize,
    to: usize,
}

/// The steps that build `target` from `source`.
pub(super) fn steps(source: &[u8], target: &[u8]) -> Vec<Step> {
    let order = suffixes(source);
    let mut steps = Vec::new();
    let mut open = Anchor { from: 0, to: 0 };
    let mut scan = 0;
    while scan < target.len() {
        let (found, length) = next_anchor(&order, source, target, open, scan);
        let Some(length) = length else {
            scan = found.to;
            continue;
        };
        let mut forward = forward(&source[open.from..], &target[open.to..found.to]);
        let mut back = backward(&source[..found.from], &target[open.to..found.to]);
        let gap = found.to - open.to;
        if forward + back > gap {
            let keep = seam(source, target, open, found, forward, back);
            back = gap - keep;
            forward = keep;
        }
        if gap > back {
            steps.push(Step {
                from: open.from,
                to: open.to,
                alike: forward,
                new: gap - forward - back,
            });
        }
        open = Anchor {
            from: found.from - back,
            to: found.to - back,
        };
        scan = found.to + length;
    }
    if open.to < target.len() {
        let alike = forward(&source[open.from..], &target[open.to..]);
        steps.push(Step {
            from: open.from,
            to: open.to,
            alike,
            new: target.len() - open.to - alike,
        });
    }
    steps
}

/// The next exact match from `scan` on that beats the alignment of `open`. Without one, the position until
/// which the alignment holds, which is at most the end of the target.
fn next_anchor(
    order: &[u32],
    source: &[u8],
    target: &[u8],
    open: Anchor,
    mut scan: usize,
) -> (Anchor, Option<usize>) {
    let aligned = |to: usize| source.get(open.from + (to - open.to)) == Some(&target[to]);
    let (mut score, mut scored) = (0isize, scan);
    while scan < target.len() {
        let (from, length) = longest(order, source, &target[scan..]);
        while scored < scan + length {
            score += isize::from(aligned(scored));
            scored += 1;
        }
        if length > 0 && length as isize == score {
            let to = scan + length;
            return (Anchor { from, to }, None);
        }
        if length as isize > score + BETTER {
            return (Anchor { from, to: scan }, Some(length));
        }
        score -= isize::from(aligned(scan));
        scan += 1;
    }
    let end = Anchor {
        from: 0,
        to: target.len(),
    };
    (end, None)
}

/// The number of bytes from the start that are similar.
fn forward(source: &[u8], target: &[u8]) -> usize {
    best(source.iter().zip(target))
}

/// The number of bytes before the end that are similar.
fn backward(source: &[u8], target: &[u8]) -> usize {
    best(source.iter().rev().zip(target.iter().rev()))
}

/// The length with the largest excess of equal over differing bytes.
fn best<'a>(pairs: impl Iterator<Item = (&'a u8, &'a u8)>) -> usize {
    let (mut score, mut top, mut length) = (0isize, 0, 0);
    for (n, (a, b)) in pairs.enumerate() {
        score += if a == b { 1 } else { -1 };
        if score > top {
            (top, length) = (score, n + 1);
        }
    }
    length
}

/// Splits the overlap of two similar runs: the number of bytes from `open` on that the first run keeps, so that
/// the most bytes are equal.
fn seam(
    source: &[u8],
    target: &[u8],
    open: Anchor,
    found: Anchor,
    forward: usize,
    back: usize,
) -> usize {
    let gap = found.to - open.to;
    let start = gap - back;
    let (mut score, mut top, mut keep) = (0isize, 0, start);
    for n in start..forward {
        let byte = target[open.to + n];
        score += isize::from(source[open.from + n] == byte);
        score -= isize::from(source[found.from - (gap - n)] == byte);
        if score > top {
            (top, keep) = (score, n + 1);
        }
    }
    keep
}

/// Offset and length of the longest match in the source for a prefix of `wanted`.
fn longest(order: &[u32], source: &[u8], wanted: &[u8]) -> (usize, usize) {
    let cut = |bytes: &[u8]| bytes.len().min(LONGEST);
    let wanted = &wanted[..cut(wanted)];
    let suffix = |at: u32| {
        let bytes = &source[at as usize..];
        &bytes[..cut(bytes)]
    };
    let place = order.partition_point(|at| suffix(*at) < wanted);
    let length = |at: u32| {
        let same = suffix(at).iter().zip(wanted);
        (at as usize, same.take_while(|(a, b)| a == b).count())
    };
    let near = [place.checked_sub(1), Some(place)];
    near.into_iter()
        .flatten()
        .filter_map(|n| order.get(n).map(|at| length(*at)))
        .max_by_key(|(_, length)| *length)
        .unwrap_or((0, 0))
}

/// The suffix array: sorted by eight bytes first, then by twice as many in each round (Manber and Myers).
fn suffixes(bytes: &[u8]) -> Vec<u32> {
    let n = bytes.len();
    let head = |at: u32| {
        let rest = &bytes[at as usize..];
        let mut raw = [0u8; 8];
        let held = rest.len().min(8);
        raw[..held].copy_from_slice(&rest[..held]);
        // A suffix that ends within the eight bytes sorts before longer ones.
        (u64::from_be_bytes(raw), held)
    };
    let mut order: Vec<u32> = (0..u32::try_from(n).unwrap_or(u32::MAX)).collect();
    order.sort_unstable_by_key(|at| head(*at));
    let mut rank = vec![0u32; n];
    let mut first = 0u32;
    for place in 0..n {
        if place == 0 || head(order[place - 1]) != head(order[place]) {
            first = place as u32 + 1;
        }
        rank[order[place] as usize] = first;
    }
    let mut known = 8;
    loop {
        let mut tied = false;
        let mut start = 0;
        while start < n {
            let group = rank[order[start] as usize];
            let same = order[start..]
                .iter()
                .take_while(|at| rank[**at as usize] == group);
            let end = start + same.count();
            if end - start > 1 {
                tied |= split(&mut order[start..end], &mut rank, known, start);
            }
            start = end;
        }
        if !tied {
            return order;
        }
        known *= 2;
    }
}

/// Sorts suffixes that agree in their first `known` bytes by what follows. Returns whether some are still
/// equal.
fn split(group: &mut [u32], rank: &mut [u32], known: usize, start: usize) -> bool {
    let after = |rank: &[u32], at: u32| rank.get(at as usize + known).copied().unwrap_or(0);
    group.sort_unstable_by_key(|at| after(rank, *at));
    let keys: Vec<u32> = group.iter().map(|at| after(rank, *at)).collect();
    let (mut tied, mut first) = (false, start as u32 + 1);
    for (place, at) in group.iter().enumerate() {
        if place > 0 {
            if keys[place - 1] == keys[place] {
                tied = true;
            } else {
                first = (start + place) as u32 + 1;
            }
        }
        rank[*at as usize] = first;
    }
    tied
}

#[cfg(test)]
mod tests;
