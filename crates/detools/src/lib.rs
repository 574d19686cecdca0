//! Patches for ESP-IDF images as `esp_delta_ota` applies them: the sequential format of detools with
//! heatshrink. One patch from image to image, without a container around it.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod alike;
mod heatshrink;
#[cfg(test)]
mod tests;

/// Maximum bytes of an ESP-IDF image for a delta: flash has 16 MiB for two images, and making a patch takes
/// some forty bytes of memory for each byte.
pub const MAX_IMAGE_BYTES: usize = 8 << 20;

/// Patch type "sequential" in bits 6 to 4, compression "heatshrink" in bits 3 to 0.
const HEADER: u8 = 0x04;

/// Why a patch cannot be made or applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// An image exceeds [`MAX_IMAGE_BYTES`].
    #[error("the images are larger than {MAX_IMAGE_BYTES} bytes, of which no delta is made")]
    TooLarge,
    /// The patch would not be smaller than the target.
    #[error("the delta would not be smaller than the full image")]
    NotSmaller,
    /// The patch that was made did not reproduce the target. It is discarded.
    #[error("the delta does not give the target back; it was discarded")]
    Wrong,
    /// The patch has another format.
    #[error("not a sequential detools patch with heatshrink")]
    Format,
    /// The patch contains inconsistent numbers.
    #[error("the patch is damaged: {0}")]
    Damaged(&'static str),
}

/// Makes the patch from `source` to `target`, and verifies it by applying it.
///
/// # Errors
/// [`PatchError::TooLarge`] for large images, [`PatchError::NotSmaller`] when the patch would not be smaller
/// than `target`.
pub fn create(source: &[u8], target: &[u8]) -> Result<Vec<u8>, PatchError> {
    if source.len().max(target.len()) > MAX_IMAGE_BYTES {
        return Err(PatchError::TooLarge);
    }
    let mut plain = Vec::with_capacity(target.len() + 4_096);
    put_size(&mut plain, 0);
    let mut steps = alike::steps(source, target).into_iter().peekable();
    if let Some(first) = steps.peek().filter(|s| s.from > 0) {
        // The reader begins at the source's first byte. An empty step moves it.
        put_size(&mut plain, 0);
        put_size(&mut plain, 0);
        put_size(&mut plain, signed(first.from));
    }
    while let Some(step) = steps.next() {
        put_size(&mut plain, signed(step.alike));
        plain.extend(step.differences(source, target));
        put_size(&mut plain, signed(step.new));
        plain.extend_from_slice(step.news(target));
        let here = signed(step.from) + signed(step.alike);
        let next = steps.peek().map_or(here, |n| signed(n.from));
        put_size(&mut plain, next - here);
    }
    let mut patch = vec![HEADER];
    put_size(&mut patch, signed(target.len()));
    if !target.is_empty() {
        heatshrink::compress(&plain, &mut patch);
    }
    if patch.len() >= target.len() {
        return Err(PatchError::NotSmaller);
    }
    match apply(source, &patch) {
        Ok(back) if back == target => Ok(patch),
        _ => Err(PatchError::Wrong),
    }
}

/// Applies a patch.
///
/// # Errors
/// [`PatchError::Format`] for another format, [`PatchError::Damaged`] for a patch that does not fit the source.
pub fn apply(source: &[u8], patch: &[u8]) -> Result<Vec<u8>, PatchError> {
    let mut rest = patch.strip_prefix(&[HEADER]).ok_or(PatchError::Format)?;
    let size = length(take_size(&mut rest)?)?;
    if size > MAX_IMAGE_BYTES {
        return Err(PatchError::TooLarge);
    }
    if size == 0 {
        return Ok(Vec::new());
    }
    // Each step has three numbers of at most nine bytes, and each of our steps produces at least one byte.
    let plain = heatshrink::expand(rest, size.saturating_mul(28) + 64)?;
    let mut rest = plain.as_slice();
    if take_size(&mut rest)? != 0 {
        return Err(PatchError::Format);
    }
    let mut target = Vec::with_capacity(size);
    let mut from = 0i64;
    while target.len() < size {
        let alike = length(take_size(&mut rest)?)?;
        let differences = take(&mut rest, alike)?;
        let start = length(from)?;
        let old = source
            .get(start..start.saturating_add(alike))
            .ok_or(PatchError::Damaged("it reads beyond the source"))?;
        target.extend(old.iter().zip(differences).map(|(o, d)| o.wrapping_add(*d)));
        let new = length(take_size(&mut rest)?)?;
        target.extend_from_slice(take(&mut rest, new)?);
        let moved = take_size(&mut rest)?;
        from = from.saturating_add(signed(alike)).saturating_add(moved);
    }
    if target.len() > size {
        return Err(PatchError::Damaged("it writes more than it says"));
    }
    Ok(target)
}

fn signed(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn length(n: i64) -> Result<usize, PatchError> {
    usize::try_from(n).map_err(|_| PatchError::Damaged("a negative length"))
}

fn take<'a>(rest: &mut &'a [u8], n: usize) -> Result<&'a [u8], PatchError> {
    let (head, tail) = rest
        .split_at_checked(n)
        .ok_or(PatchError::Damaged("it ends early"))?;
    *rest = tail;
    Ok(head)
}

/// Writes a number: bit 7 of a byte says that more follow, bit 6 of the first one is the sign, and the lowest
/// bits come first.
fn put_size(out: &mut Vec<u8>, value: i64) {
    let mut left = value.unsigned_abs();
    let mut byte = u8::from(value < 0) << 6 | (left & 0x3f) as u8;
    left >>= 6;
    while left > 0 {
        out.push(byte | 0x80);
        byte = (left & 0x7f) as u8;
        left >>= 7;
    }
    out.push(byte);
}

fn take_size(rest: &mut &[u8]) -> Result<i64, PatchError> {
    let byte = |rest: &mut &[u8]| {
        take(rest, 1)?
            .first()
            .copied()
            .ok_or(PatchError::Damaged("it ends early"))
    };
    let first = byte(rest)?;
    let mut value = i64::from(first & 0x3f);
    let (mut more, mut shift) = (first & 0x80 != 0, 6);
    while more {
        // A number of more than 55 bits is no size that fits in memory.
        if shift > 48 {
            return Err(PatchError::Damaged("a number above 55 bits"));
        }
        let next = byte(rest)?;
        value |= i64::from(next & 0x7f) << shift;
        (more, shift) = (next & 0x80 != 0, shift + 7);
    }
    Ok(if first & 0x40 == 0 { value } else { -value })
}
