//! Makes a delta `.fw`: the target's file with patches in place of resources, and without what no upgrade task
//! writes.
use crate::check::{self, CheckError, Head};
use crate::keys::Blake2b256;
use crate::limits::DELTA_SOURCE_BYTES;
use crate::meta::{Length, Meta, MetaError, Resource, upgrades};
use crate::write::ZipWriter;
use crate::zip::{self, Member, ZipError};
use blake2::Digest as _;
use std::collections::HashSet;
use std::io::{self, Read, Seek, Write};

/// Why a delta cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum DeltaError {
    /// One of the files is not firmware.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The container of one of the files is damaged.
    #[error(transparent)]
    Zip(#[from] ZipError),
    /// The `meta.conf` of one of the files cannot be parsed.
    #[error(transparent)]
    Meta(#[from] MetaError),
    /// Reading or writing failed.
    #[error("could not read or write: {0}")]
    Io(#[from] io::Error),
    /// No upgrade task of the target has a delta source.
    #[error(
        "the target takes no deltas: no upgrade task has delta-source-raw-* or delta-source-fat-* keys"
    )]
    Unsupported,
    /// No resource became smaller.
    #[error("no resource became smaller as a delta")]
    NoChanges,
    /// The whole file did not become smaller.
    #[error("the delta file would not be smaller than the full firmware")]
    NotSmaller,
    /// A patch did not decode to the target. It is discarded.
    #[error("the delta of {0} does not give the target back; it was discarded")]
    Wrong(String),
}

impl DeltaError {
    /// Whether another try can help.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Io(_) | Self::Zip(ZipError::Io(_)))
    }
}

/// A patched resource.
#[derive(Debug, Clone)]
pub struct Patched {
    /// Name of the resource.
    pub name: String,
    /// Size of the resource in the target.
    pub full: u64,
    /// Size of its patch.
    pub patch: u64,
}

/// The format of the patches, which is VCDIFF (RFC 3284) for every fwup. It is passed in, so that this crate
/// depends on no encoder.
pub trait Codec {
    /// Makes a patch from `source` to `target`.
    fn encode(&self, source: &[u8], target: &[u8]) -> Vec<u8>;

    /// Applies a patch, passing the target to `sink` piece by piece. Returns the number of bytes; `None` when
    /// the patch is damaged or produces more than `limit` bytes.
    fn decode(
        &self,
        source: &[u8],
        patch: &[u8],
        limit: u64,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Option<u64>;
}

/// Makes the delta file from `source` to `target`. Every patch is decoded for verification before it is
/// written.
///
/// # Errors
/// A file that cannot be read, or [`DeltaError::NoChanges`] or [`DeltaError::NotSmaller`] when a delta would
/// bring nothing.
pub fn make<S: Read + Seek, T: Read + Seek>(
    codec: &impl Codec,
    source: &mut S,
    target: &mut T,
    target_bytes: u64,
    out: impl Write,
) -> Result<(u64, Vec<Patched>), DeltaError> {
    let from = check::head(source)?;
    let to = check::head(target)?;
    let source_meta = Meta::parse(&from.conf)?;
    let meta = Meta::parse(&to.conf)?;
    let candidates = candidates(&meta);
    if candidates.is_empty() {
        return Err(DeltaError::Unsupported);
    }
    let written = written_by_upgrades(&meta);
    let mut zip = ZipWriter::new(out);
    let mut patched = Vec::new();
    for (i, m) in to.members.iter().enumerate() {
        if i < to.before_resources {
            zip.copy(target, m)?;
            continue;
        }
        let Some(r) = meta.resources.iter().find(|r| r.member() == m.name) else {
            continue;
        };
        if !written.contains(r.name.as_str()) {
            continue;
        }
        let old = source_meta.resources.iter().find(|o| o.name == r.name);
        let patch = match (candidates.contains(r.name.as_str()), old) {
            (true, Some(old)) => patch(codec, source, &from, old, target, m, r)?,
            _ => None,
        };
        match patch {
            Some(bytes) => {
                zip.add(&m.name, &bytes, 9)?;
                patched.push(Patched {
                    name: r.name.clone(),
                    full: m.size,
                    patch: bytes.len() as u64,
                });
            }
            None => zip.copy(target, m)?,
        }
    }
    if patched.is_empty() {
        return Err(DeltaError::NoChanges);
    }
    let size = zip.finish()?;
    if size >= target_bytes {
        return Err(DeltaError::NotSmaller);
    }
    Ok((size, patched))
}

/// Resources for which every upgrade task that writes them accepts a delta. The device chooses its task by its
/// own state, so a single task without a source would leave devices that cannot apply the delta.
fn candidates(meta: &Meta) -> HashSet<&str> {
    let uses = || {
        meta.tasks
            .iter()
            .filter(|t| upgrades(t))
            .flat_map(|t| &t.resources)
    };
    let never: HashSet<&str> = uses()
        .filter(|on| !on.takes_delta())
        .map(|on| on.name.as_str())
        .collect();
    uses()
        .map(|on| on.name.as_str())
        .filter(|name| !never.contains(name))
        .collect()
}

fn written_by_upgrades(meta: &Meta) -> HashSet<&str> {
    let tasks = meta.tasks.iter().filter(|t| upgrades(t));
    tasks
        .flat_map(|t| &t.resources)
        .map(|on| on.name.as_str())
        .collect()
}

/// The patch of one resource; `None` when the resource is sparse, tiny, or too large to hold, or the patch
/// would not be smaller.
fn patch<S: Read + Seek, T: Read + Seek>(
    codec: &impl Codec,
    source: &mut S,
    from: &Head,
    old: &Resource,
    target: &mut T,
    member: &Member,
    new: &Resource,
) -> Result<Option<Vec<u8>>, DeltaError> {
    let (Length::Whole(old_length), Length::Whole(length)) = (&old.length, &new.length) else {
        return Ok(None);
    };
    if *length < 22 || *old_length == 0 || old_length.max(length) > &DELTA_SOURCE_BYTES {
        return Ok(None);
    }
    let Some(old_member) = from.members.iter().find(|m| m.name == old.member()) else {
        return Ok(None);
    };
    let before = zip::unpack_small(source, old_member, DELTA_SOURCE_BYTES)?;
    let after = zip::unpack_small(target, member, DELTA_SOURCE_BYTES)?;
    let patch = codec.encode(&before, &after);
    // The device would take a patch of exactly the target's length for the resource itself.
    if patch.len() as u64 >= *length {
        return Ok(None);
    }
    let mut hash = Blake2b256::new();
    let wrong = || DeltaError::Wrong(new.name.clone());
    let n = codec
        .decode(&before, &patch, *length, &mut |w| hash.update(w))
        .ok_or_else(wrong)?;
    if n != *length || hex::encode(hash.finalize()) != new.blake2b {
        return Err(wrong());
    }
    Ok(Some(patch))
}
