//! ESP-IDF application images (docs/protocol/firmware.md, "ESP-IDF images"): one `.bin` whose headers are at fixed places, and behind it, when it is signed, the
//! sector of Secure Boot v2. All numbers are little endian.

use crate::firmware::secure_boot::SecureBootKey;
use crate::limits::METADATA_CHARS;
use aws_lc_rs::digest::{Context, Digest, SHA256};
use semver::Version;
use std::io::{self, Read, Seek, SeekFrom};

/// Bytes of the image header, the first segment's header and the application's description.
pub(super) const HEAD: usize = 0x20 + 256;
/// The first byte of every image.
const IMAGE_MAGIC: u8 = 0xE9;
/// `esp_app_desc_t`, magic word.
const DESCRIPTION_MAGIC: u32 = 0xABCD_5432;
/// The signature's sector, the last one of a signed image.
const SECTOR: u64 = 4_096;
/// Bytes of a signature block at the beginning of the sector.
const BLOCK: usize = 1_216;
/// The first byte of a signature block.
const BLOCK_MAGIC: u8 = 0xE7;
/// What the block's CRC-32 covers.
const BLOCK_SUMMED: usize = 1_196;

/// Why an image is refused.
#[derive(Debug, thiserror::Error)]
pub enum EspError {
    /// The disk's.
    #[error("could not read the image: {0}")]
    Io(#[from] io::Error),
    /// No image.
    #[error(
        "this is no ESP-IDF application image: byte 0 must be 0xE9, and at 0x20 the application's description must begin"
    )]
    NoImage,
    /// No name in it.
    #[error(
        "this ESP-IDF image has no project name; set project(NAME) in CMakeLists.txt and build again"
    )]
    NoProject,
    /// `PROJECT_VER` is no version.
    #[error(
        "Firmware version {0:?} is not a valid semantic version. For ESP-IDF, set PROJECT_VER in your CMakeLists.txt to something like \"1.2.3\""
    )]
    Version(String),
    /// No signature.
    #[error(
        "this ESP-IDF image is not signed: sign it with `espsecure sign-data --version 2` and a key whose public half this organization has registered, or allow unsigned images in the product's settings"
    )]
    Unsigned,
    /// Version 3 blocks.
    #[error(
        "this ESP-IDF image is signed with ECDSA; only RSA-3072 signatures of Secure Boot v2 can be checked here"
    )]
    Ecdsa,
    /// Other blocks.
    #[error("this ESP-IDF image carries a signature block of an unknown version ({0})")]
    UnknownBlock(u8),
    /// The CRC does not fit.
    #[error(
        "the signature block of this ESP-IDF image fails its checksum: the file was damaged on its way; upload it again"
    )]
    Corrupt,
    /// The digest in the block is another one.
    #[error(
        "this ESP-IDF image is not what was signed: its SHA-256 differs from the one in its signature block"
    )]
    Digest,
    /// An unsigned image whose own sum does not fit, or that ends too early.
    #[error("this ESP-IDF image is damaged or cut: {0}; build or upload it again")]
    Damaged(&'static str),
    /// Nobody's key could fit.
    #[error(
        "the organization has no signing key of scheme secure_boot_v2_rsa yet; register the public key that this image is signed with"
    )]
    NoKeys,
    /// Signed by somebody else.
    #[error("none of the organization's {0} secure_boot_v2_rsa keys signed this ESP-IDF image")]
    BadSignature(usize),
}

/// What an image says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// uuid: the first half of the ELF's SHA-256.
    pub uuid: String,
    /// Project name.
    pub product: String,
    /// `PROJECT_VER` as it is written.
    pub version: String,
    /// By the chip.
    pub platform: String,
    /// By the chip.
    pub architecture: String,
    /// Of ESP-IDF, such as `v5.4.1`.
    pub idf_version: String,
}

/// An image that passed.
#[derive(Debug, Clone)]
pub struct Checked {
    /// What it says of itself.
    pub description: Description,
    /// `PROJECT_VER` as a semantic version.
    pub version: Version,
    /// Which of the given keys signed it; none when it need not be signed and is not.
    pub key: Option<usize>,
}

/// Whether a file begins as an image does.
pub fn recognised(head: &[u8]) -> bool {
    head.len() >= HEAD
        && head.first() == Some(&IMAGE_MAGIC)
        && word(head, 0x20) == Some(DESCRIPTION_MAGIC)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let raw = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(raw.try_into().ok()?))
}

/// A text that ends at its first NUL; without control characters, as everything that a device or a file says.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default())
        .trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(METADATA_CHARS)
        .collect()
}

/// Platform and architecture of a chip id; an unknown one keeps its number.
pub fn chip(id: u64) -> (String, String) {
    let (name, architecture) = match id {
        0x00 => ("esp32", "xtensa"),
        0x02 => ("esp32s2", "xtensa"),
        0x09 => ("esp32s3", "xtensa"),
        0x05 => ("esp32c3", "riscv"),
        0x0C => ("esp32c2", "riscv"),
        0x0D => ("esp32c6", "riscv"),
        0x10 => ("esp32h2", "riscv"),
        0x12 => ("esp32p4", "riscv"),
        0x17 => ("esp32c5", "riscv"),
        other => return (format!("esp32-{other}"), "unknown".into()),
    };
    (name.into(), architecture.into())
}

/// The uuid of an image from the SHA-256 of its ELF: the first sixteen bytes, as they are.
pub fn uuid(elf_sha256: &[u8]) -> Option<String> {
    let half = elf_sha256.get(..16)?.try_into().ok()?;
    Some(uuid::Uuid::from_bytes(half).to_string())
}

/// `PROJECT_VER` as a semantic version: `v1` and `1.2` are filled up, `1.2.3.4` has its build behind a plus.
pub fn version(written: &str) -> Option<Version> {
    let bare = written
        .trim()
        .trim_start_matches('v')
        .trim_start_matches('V');
    if let Ok(version) = Version::parse(bare) {
        return Some(version);
    }
    let parts: Vec<&str> = bare.split('.').collect();
    let numeric = |p: &&str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit());
    if !parts.iter().all(numeric) {
        return None;
    }
    let filled = match parts.as_slice() {
        [major] => format!("{major}.0.0"),
        [major, minor] => format!("{major}.{minor}.0"),
        [major, minor, patch, build] => format!("{major}.{minor}.{patch}+{build}"),
        _ => return None,
    };
    Version::parse(&filled).ok()
}

/// Reads what an image says of itself.
///
/// # Errors
/// A file that is no image, or has no name.
pub fn describe<R: Read + Seek>(file: &mut R) -> Result<Description, EspError> {
    file.seek(SeekFrom::Start(0))?;
    let mut head = Vec::with_capacity(HEAD);
    file.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    if !recognised(&head) {
        return Err(EspError::NoImage);
    }
    let part = |at: usize, bytes: usize| head.get(at..at + bytes).ok_or(EspError::NoImage);
    let chip_id = match part(0x0C, 2)? {
        [low, high] => u16::from_le_bytes([*low, *high]),
        _ => return Err(EspError::NoImage),
    };
    let (platform, architecture) = chip(chip_id.into());
    let product = text(part(0x50, 32)?);
    if product.is_empty() {
        return Err(EspError::NoProject);
    }
    Ok(Description {
        uuid: uuid(part(0xB0, 32)?).ok_or(EspError::NoImage)?,
        product,
        version: text(part(0x30, 32)?),
        platform,
        architecture,
        idf_version: text(part(0x90, 32)?),
    })
}

/// Checks an image: its signature against these keys, then what it says of itself. The key inside its signature block is
/// not looked at, since whoever signs puts it there.
///
/// # Errors
/// The first thing that a device, or the organization, would not accept.
pub fn check<R: Read + Seek>(
    file: &mut R,
    keys: &[SecureBootKey],
    allow_unsigned: bool,
) -> Result<Checked, EspError> {
    let key = match signature_block(file)? {
        Some((block, image)) => Some(signer(file, &block, image, keys)?),
        None if allow_unsigned => None,
        None => return Err(EspError::Unsigned),
    };
    let description = describe(file)?;
    if key.is_none() {
        verify_digest(file)?;
    }
    let version =
        version(&description.version).ok_or(EspError::Version(description.version.clone()))?;
    Ok(Checked {
        description,
        version,
        key,
    })
}

/// The check of a boot loader, for images that no signature vouches for: all segments are there and, if the image has its
/// own SHA-256 appended, it fits.
fn verify_digest<R: Read + Seek>(file: &mut R) -> Result<(), EspError> {
    let size = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(0))?;
    let mut head = [0; 24];
    file.read_exact(&mut head)?;
    let [_, segments, .., hash_appended] = head;
    let mut at = head.len() as u64;
    for _ in 0..segments {
        let mut segment = [0; 8];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut segment)
            .map_err(|_| EspError::Damaged("a segment is missing"))?;
        let [.., a, b, c, d] = segment;
        at += 8 + u64::from(u32::from_le_bytes([a, b, c, d]));
        if at > size {
            return Err(EspError::Damaged("it ends within a segment"));
        }
    }
    // A byte of checksum ends the next block of sixteen.
    at = (at / 16 + 1) * 16;
    if hash_appended != 1 {
        return Ok(());
    }
    let mut sum = [0; 32];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut sum)
        .map_err(|_| EspError::Damaged("its SHA-256 is missing"))?;
    if sha256(file, at)?.as_ref() != sum {
        return Err(EspError::Damaged("its SHA-256 does not fit"));
    }
    Ok(())
}

/// SHA-256 of the first bytes.
fn sha256<R: Read + Seek>(file: &mut R, bytes: u64) -> Result<Digest, EspError> {
    let mut sum = Context::new(&SHA256);
    file.seek(SeekFrom::Start(0))?;
    let mut buffer = vec![0; 64 << 10];
    let mut left = file.by_ref().take(bytes);
    loop {
        let n = left.read(&mut buffer)?;
        if n == 0 {
            return Ok(sum.finish());
        }
        sum.update(buffer.get(..n).unwrap_or_default());
    }
}

/// The signature block, if there is one, and how many bytes come before its sector. Signed images end with a sector of
/// flash, so where another file has the block's first byte there by chance, there is none.
fn signature_block<R: Read + Seek>(file: &mut R) -> Result<Option<(Vec<u8>, u64)>, EspError> {
    let size = file.seek(SeekFrom::End(0))?;
    let Some(image) = size.checked_sub(SECTOR).filter(|image| *image > 0) else {
        return Ok(None);
    };
    file.seek(SeekFrom::Start(image))?;
    let mut block = vec![0; BLOCK];
    file.read_exact(&mut block)?;
    let there = block.first() == Some(&BLOCK_MAGIC) && (image % SECTOR == 0 || sound(&block));
    Ok(there.then_some((block, image)))
}

/// Whether a block's CRC-32 fits.
fn sound(block: &[u8]) -> bool {
    let summed = block.get(..BLOCK_SUMMED).unwrap_or_default();
    word(block, BLOCK_SUMMED) == Some(crc32fast::hash(summed))
}

/// Which key signed the `image` bytes before the block.
fn signer<R: Read + Seek>(
    file: &mut R,
    block: &[u8],
    image: u64,
    keys: &[SecureBootKey],
) -> Result<usize, EspError> {
    let part = |at: usize, bytes: usize| block.get(at..at + bytes).ok_or(EspError::Corrupt);
    if !sound(block) {
        return Err(EspError::Corrupt);
    }
    let digest = sha256(file, image)?;
    if digest.as_ref() != part(4, 32)? {
        return Err(EspError::Digest);
    }
    match part(1, 1)? {
        [2] => {}
        [3] => return Err(EspError::Ecdsa),
        other => return Err(EspError::UnknownBlock(other.first().copied().unwrap_or(0))),
    }
    if keys.is_empty() {
        return Err(EspError::NoKeys);
    }
    let mut signature = part(812, 384)?.to_vec();
    signature.reverse();
    keys.iter()
        .position(|k| k.signed(&digest, &signature))
        .ok_or(EspError::BadSignature(keys.len()))
}

#[cfg(test)]
mod tests;
