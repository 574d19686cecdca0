//! The zip container, read as the device reads it: by the local headers, from front to back. The central
//! directory must agree with them (names, order, offsets, sizes, CRC). Otherwise the file is refused, because
//! every other tool would see another firmware than the device.

use crate::limits::{ZIP_MEMBERS, ZIP_NAME_BYTES};
use flate2::read::DeflateDecoder;
use std::collections::HashSet;
use std::io::{self, Read, Seek, SeekFrom};

/// Why a container is refused.
#[derive(Debug, thiserror::Error)]
pub enum ZipError {
    /// The file is empty.
    #[error("the file is empty")]
    Empty,
    /// The file is not a zip.
    #[error("this is not an fwup file: it does not begin with a zip header")]
    NotZip,
    /// The file was cut off.
    #[error(
        "the zip is truncated: its end record is missing, so the file was cut off or damaged on its way"
    )]
    Truncated,
    /// There are bytes where none belong.
    #[error("the zip has {0}")]
    Shape(String),
    /// A member breaks a rule.
    #[error("zip member {name:?} {problem}")]
    Member {
        /// The member's name, cut to a printable length.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// The file could not be read.
    #[error("could not read the file: {0}")]
    Io(#[from] io::Error),
}

/// How a member is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Not compressed.
    Stored,
    /// Deflate (RFC 1951).
    Deflated,
}

/// A member, as both of its headers describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Path in the archive.
    pub name: String,
    /// Compression method.
    pub method: Method,
    /// Offset of its compressed bytes in the file.
    pub data: u64,
    /// Number of compressed bytes.
    pub packed: u64,
    /// Number of uncompressed bytes.
    pub size: u64,
    /// CRC-32 of the uncompressed bytes.
    pub crc: u32,
}

fn shape(what: impl Into<String>) -> ZipError {
    ZipError::Shape(what.into())
}

fn member_error(name: &str, problem: impl Into<String>) -> ZipError {
    ZipError::Member {
        name: name.chars().take(80).collect(),
        problem: problem.into(),
    }
}

/// Reads little-endian fields of a header, without panics.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], ZipError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(ZipError::Truncated)?;
        self.0 = rest;
        Ok(*head)
    }
    fn u16(&mut self) -> Result<u16, ZipError> {
        Ok(u16::from_le_bytes(self.take()?))
    }
    fn u32(&mut self) -> Result<u32, ZipError> {
        Ok(u32::from_le_bytes(self.take()?))
    }
    fn bytes(&mut self, n: usize) -> Result<&[u8], ZipError> {
        let (head, rest) = self.0.split_at_checked(n).ok_or(ZipError::Truncated)?;
        self.0 = rest;
        Ok(head)
    }
}

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;
const END_BYTES: u64 = 22;
const LOCAL_BYTES: u64 = 30;
const HAS_DESCRIPTOR: u16 = 1 << 3;
/// The flag for a name in UTF-8.
const UTF8_NAME: u16 = 1 << 11;
/// Compression hints (1, 2), data descriptor (3), UTF-8 names (11). Any other flag (encryption above all) is
/// refused.
const KNOWN_FLAGS: u16 = 0b0000_1000_0000_1110;

/// An entry of the central directory.
struct Entry {
    name: String,
    flags: u16,
    method: Method,
    crc: u32,
    packed: u64,
    size: u64,
    offset: u64,
}

/// Lists the members in the order in which a device reads them.
///
/// # Errors
/// Any deviation between local headers and central directory, gaps, overlaps, trailing bytes, duplicate or
/// unsafe names, zip64, encryption, or more members than the limit.
pub fn members<R: Read + Seek>(file: &mut R) -> Result<Vec<Member>, ZipError> {
    let length = file.seek(SeekFrom::End(0))?;
    if length == 0 {
        return Err(ZipError::Empty);
    }
    let mut magic = [0u8; 4];
    file.seek(SeekFrom::Start(0))?;
    if length < 4 {
        return Err(ZipError::NotZip);
    }
    file.read_exact(&mut magic)?;
    if u32::from_le_bytes(magic) != LOCAL {
        return Err(ZipError::NotZip);
    }
    let (entries, directory) = central(file, length)?;
    let mut found = Vec::with_capacity(entries.len());
    let mut at = 0u64;
    for (i, e) in entries.iter().enumerate() {
        if e.offset != at {
            return Err(member_error(
                &e.name,
                "is not where the directory says it begins",
            ));
        }
        let next = entries.get(i + 1).map_or(directory, |n| n.offset);
        found.push(local(file, e, next)?);
        at = next;
    }
    if at != directory {
        return Err(shape("bytes between its last member and its directory"));
    }
    Ok(found)
}

/// Reads the end record and the central directory, which must fill the end of the file exactly.
fn central<R: Read + Seek>(file: &mut R, length: u64) -> Result<(Vec<Entry>, u64), ZipError> {
    let end_at = length.checked_sub(END_BYTES).ok_or(ZipError::Truncated)?;
    file.seek(SeekFrom::Start(end_at))?;
    let mut end = [0u8; END_BYTES as usize];
    file.read_exact(&mut end)?;
    let mut f = Fields(&end);
    if f.u32()? != END {
        return Err(ZipError::Truncated);
    }
    let (disk, start_disk, here, all) = (f.u16()?, f.u16()?, f.u16()?, f.u16()?);
    let (size, offset, comment) = (f.u32()?, f.u32()?, f.u16()?);
    if disk != 0 || start_disk != 0 || here != all {
        return Err(shape("several disks"));
    }
    if comment != 0 {
        return Err(shape("a comment after its end record"));
    }
    if offset == u32::MAX || all == u16::MAX {
        return Err(shape("zip64 records, which no firmware below 4 GiB needs"));
    }
    if usize::from(all) > ZIP_MEMBERS {
        return Err(shape(format!(
            "{all} members; at most {ZIP_MEMBERS} are taken"
        )));
    }
    let (size, offset) = (u64::from(size), u64::from(offset));
    if offset.checked_add(size) != Some(end_at) {
        return Err(shape(
            "bytes between its directory and its end record, or in front of it",
        ));
    }
    // 46 bytes and a name for each member, and a few extra fields. This limit bounds the buffer.
    if size > 2_000_000 {
        return Err(shape("a directory of more than 2 MB"));
    }
    file.seek(SeekFrom::Start(offset))?;
    let mut raw = vec![0u8; usize::try_from(size).unwrap_or(0)];
    file.read_exact(&mut raw)?;
    let mut f = Fields(&raw);
    let mut names = HashSet::new();
    let mut entries = Vec::with_capacity(usize::from(all));
    for _ in 0..all {
        let e = entry(&mut f)?;
        if !names.insert(e.name.clone()) {
            return Err(member_error(&e.name, "is there twice"));
        }
        entries.push(e);
    }
    if !f.0.is_empty() {
        return Err(shape("more in its directory than its end record counts"));
    }
    Ok((entries, offset))
}

fn entry(f: &mut Fields<'_>) -> Result<Entry, ZipError> {
    if f.u32()? != CENTRAL {
        return Err(shape("a broken directory"));
    }
    let (_made_by, _needs, flags, method) = (f.u16()?, f.u16()?, f.u16()?, f.u16()?);
    let (_time, _date) = (f.u16()?, f.u16()?);
    let (crc, packed, size) = (f.u32()?, f.u32()?, f.u32()?);
    let (name, extra, comment) = (f.u16()?, f.u16()?, f.u16()?);
    let (disk, _internal, _external, offset) = (f.u16()?, f.u16()?, f.u32()?, f.u32()?);
    let name = path(f.bytes(usize::from(name))?)?;
    if !plain_extras(f.bytes(usize::from(extra))?) {
        return Err(member_error(&name, EXTRAS));
    }
    f.bytes(usize::from(comment))?;
    if disk != 0 {
        return Err(shape("several disks"));
    }
    if flags & !KNOWN_FLAGS != 0 {
        return Err(member_error(
            &name,
            "is encrypted or uses an unknown zip feature",
        ));
    }
    if flags & UTF8_NAME != 0 && !name.is_ascii() {
        return Err(member_error(
            &name,
            "has a name beyond ASCII that is marked as UTF-8, which fwup cannot read on a device",
        ));
    }
    let method = packing(method).ok_or_else(|| {
        member_error(
            &name,
            "is packed by a method other than stored and deflated",
        )
    })?;
    if packed == u32::MAX || size == u32::MAX {
        return Err(member_error(&name, "uses zip64"));
    }
    let (packed, size) = (u64::from(packed), u64::from(size));
    if method == Method::Stored && packed != size {
        return Err(member_error(&name, "is stored but has two sizes"));
    }
    Ok(Entry {
        name,
        flags,
        method,
        crc,
        packed,
        size,
        offset: u64::from(offset),
    })
}

/// The message for a member with other extra fields.
const EXTRAS: &str = "has an extra field that fwup does not write";

/// Whether a header has only the extra fields that fwup writes: 0x5455 (times) and 0x7875 (owners). Others
/// change what a reader sees: with 0x7075, the Unicode path, libarchive on the device would unpack the member
/// under another name than the one whose hash was checked (APPNOTE 4.6.9).
fn plain_extras(mut fields: &[u8]) -> bool {
    while let Some((head, rest)) = fields.split_first_chunk::<4>() {
        let [id_low, id_high, size_low, size_high] = *head;
        let id = u16::from_le_bytes([id_low, id_high]);
        let size = usize::from(u16::from_le_bytes([size_low, size_high]));
        let Some((_, next)) = rest.split_at_checked(size) else {
            return false;
        };
        if !matches!(id, 0x5455 | 0x7875) {
            return false;
        }
        fields = next;
    }
    fields.is_empty()
}

fn packing(method: u16) -> Option<Method> {
    match method {
        0 => Some(Method::Stored),
        8 => Some(Method::Deflated),
        _ => None,
    }
}

/// A member's path, which must not leave the folder that it is unpacked into.
fn path(raw: &[u8]) -> Result<String, ZipError> {
    let name = std::str::from_utf8(raw)
        .map_err(|_| shape("a member name that is not UTF-8"))?
        .to_owned();
    if name.is_empty() || raw.len() > ZIP_NAME_BYTES {
        return Err(member_error(
            &name,
            format!("has a name of {} bytes", raw.len()),
        ));
    }
    if name.starts_with('/')
        || name.contains(['\\', '\0'])
        || name.chars().any(char::is_control)
        || name.split('/').any(|part| part == ".." || part == ".")
    {
        return Err(member_error(&name, "has a path that leaves its folder"));
    }
    Ok(name)
}

/// Compares the local header with the central directory, and the end of the data with the start of the next
/// member.
fn local<R: Read + Seek>(file: &mut R, e: &Entry, next: u64) -> Result<Member, ZipError> {
    file.seek(SeekFrom::Start(e.offset))?;
    let mut head = [0u8; LOCAL_BYTES as usize];
    file.read_exact(&mut head)
        .map_err(|_| ZipError::Truncated)?;
    let mut f = Fields(&head);
    if f.u32()? != LOCAL {
        return Err(member_error(&e.name, "has no local header"));
    }
    let (_needs, flags, method, _time, _date) = (f.u16()?, f.u16()?, f.u16()?, f.u16()?, f.u16()?);
    let (crc, packed, size, name, extra) = (f.u32()?, f.u32()?, f.u32()?, f.u16()?, f.u16()?);
    let mut raw = vec![0u8; usize::from(name)];
    file.read_exact(&mut raw).map_err(|_| ZipError::Truncated)?;
    let mut extras = vec![0u8; usize::from(extra)];
    file.read_exact(&mut extras)
        .map_err(|_| ZipError::Truncated)?;
    if !plain_extras(&extras) {
        return Err(member_error(&e.name, EXTRAS));
    }
    if raw != e.name.as_bytes() {
        return Err(member_error(
            &e.name,
            "has another name in its local header",
        ));
    }
    let differs = || {
        member_error(
            &e.name,
            "has a local header that differs from the directory",
        )
    };
    if flags != e.flags || packing(method) != Some(e.method) {
        return Err(differs());
    }
    let exact = u64::from(packed) == e.packed && crc == e.crc && u64::from(size) == e.size;
    let later = e.flags & HAS_DESCRIPTOR != 0
        && (packed == 0 || u64::from(packed) == e.packed)
        && (crc == 0 || crc == e.crc)
        && (size == 0 || u64::from(size) == e.size);
    if !exact && !later {
        return Err(differs());
    }
    let data = e.offset + LOCAL_BYTES + u64::from(name) + u64::from(extra);
    let end = data.checked_add(e.packed).ok_or(ZipError::Truncated)?;
    let gap = next
        .checked_sub(end)
        .ok_or_else(|| member_error(&e.name, "overlaps the next one"))?;
    let expected = if e.flags & HAS_DESCRIPTOR == 0 {
        gap == 0
    } else {
        descriptor(file, e, end, gap)?
    };
    if !expected {
        return Err(member_error(
            &e.name,
            "is followed by bytes that belong to nothing",
        ));
    }
    Ok(Member {
        name: e.name.clone(),
        method: e.method,
        data,
        packed: e.packed,
        size: e.size,
        crc: e.crc,
    })
}

/// Whether the gap after a streamed member is exactly its data descriptor, with or without the signature.
fn descriptor<R: Read + Seek>(
    file: &mut R,
    e: &Entry,
    end: u64,
    gap: u64,
) -> Result<bool, ZipError> {
    if gap != 12 && gap != 16 {
        return Ok(false);
    }
    file.seek(SeekFrom::Start(end))?;
    let mut raw = vec![0u8; usize::try_from(gap).unwrap_or(16)];
    file.read_exact(&mut raw)?;
    let mut f = Fields(&raw);
    if gap == 16 && f.u32()? != DESCRIPTOR {
        return Ok(false);
    }
    let (crc, packed, size) = (f.u32()?, f.u32()?, f.u32()?);
    Ok(crc == e.crc && u64::from(packed) == e.packed && u64::from(size) == e.size)
}

/// Unpacks a member into `sink`, never more than its declared size. Checks its size and CRC, and that its
/// compressed bytes are used up.
///
/// # Errors
/// A damaged member, or an error of the sink.
pub fn unpack<R: Read + Seek>(
    file: &mut R,
    m: &Member,
    mut sink: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), ZipError> {
    file.seek(SeekFrom::Start(m.data))?;
    let packed = file.take(m.packed);
    let mut crc = crc32fast::Hasher::new();
    let mut seen = 0u64;
    let mut take = |chunk: &[u8]| -> Result<(), ZipError> {
        seen += chunk.len() as u64;
        if seen > m.size {
            return Err(member_error(&m.name, "unpacks to more than it declares"));
        }
        crc.update(chunk);
        Ok(sink(chunk)?)
    };
    let mut buffer = vec![0u8; 64 * 1024];
    match m.method {
        Method::Stored => pump(packed, &mut buffer, &m.name, &mut take)?,
        Method::Deflated => {
            let mut inflate = DeflateDecoder::new(packed);
            pump(&mut inflate, &mut buffer, &m.name, &mut take)?;
            if inflate.total_in() != m.packed {
                return Err(member_error(&m.name, "has bytes after its packed data"));
            }
        }
    }
    if seen != m.size {
        return Err(member_error(
            &m.name,
            format!("unpacks to {seen} bytes instead of {}", m.size),
        ));
    }
    if crc.finalize() != m.crc {
        return Err(member_error(
            &m.name,
            "does not have the CRC that its header declares",
        ));
    }
    Ok(())
}

fn pump(
    mut from: impl Read,
    buffer: &mut [u8],
    name: &str,
    take: &mut impl FnMut(&[u8]) -> Result<(), ZipError>,
) -> Result<(), ZipError> {
    loop {
        let n = match from.read(buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e)
                if e.kind() == io::ErrorKind::InvalidInput
                    || e.kind() == io::ErrorKind::InvalidData
                    || e.kind() == io::ErrorKind::UnexpectedEof =>
            {
                return Err(member_error(name, "holds damaged packed data"));
            }
            Err(e) => return Err(e.into()),
        };
        take(buffer.get(..n).unwrap_or_default())?;
    }
}

/// Unpacks a member that must be small.
///
/// # Errors
/// The errors of [`unpack`], and a member larger than `limit`.
pub fn unpack_small<R: Read + Seek>(
    file: &mut R,
    m: &Member,
    limit: u64,
) -> Result<Vec<u8>, ZipError> {
    if m.size > limit {
        return Err(member_error(
            &m.name,
            format!("unpacks to {} bytes; at most {limit} are taken", m.size),
        ));
    }
    let mut out = Vec::with_capacity(usize::try_from(m.size).unwrap_or(0));
    unpack(file, m, |chunk| {
        out.extend_from_slice(chunk);
        Ok(())
    })?;
    Ok(out)
}

#[cfg(test)]
mod tests;
