//! Checks of an uploaded firmware file before it is stored (format, signature, metadata), and its checksums.

use super::keys::{ED25519, KeyRow, SECURE_BOOT};
use crate::domain::error::field;
use crate::domain::{DomainError, Result};
use crate::firmware::esp_idf::{self, EspError};
use crate::firmware::kind::FirmwareKind;
use crate::firmware::secure_boot::SecureBootKey;
use crate::ids::KeyId;
use crate::limits::CHECKSUM_PART_BYTES;
use crate::store;
use crate::store::catalog::firmwares::NewFirmware;
use aws_lc_rs::digest::{Context, SHA256, digest};
use fwup::check::{self, CheckError, Checked};
use fwup::keys::PublicKey;
use fwup::meta;
use fwup::zip::ZipError;
use semver::Version;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

/// Checksums of a file, as a whole and by part, in upper-case hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of the whole file.
    pub whole: String,
    /// SHA-256 of each part, joined by commas.
    pub parts: String,
}

impl Digests {
    /// Computes the checksums of a file, from its first byte.
    pub fn of(file: &mut File) -> std::io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        let mut sums = DigestWriter::default();
        let mut piece = Vec::with_capacity(CHECKSUM_PART_BYTES);
        loop {
            piece.clear();
            let read = file
                .take(CHECKSUM_PART_BYTES as u64)
                .read_to_end(&mut piece)?;
            if read == 0 {
                return Ok(sums.finish());
            }
            sums.part(&piece);
        }
    }
}

/// Computes the checksums of a file that arrives in pieces of [`CHECKSUM_PART_BYTES`] bytes, of which the last may be shorter.
pub struct DigestWriter {
    whole: Context,
    parts: Vec<String>,
    size: u64,
}

impl Default for DigestWriter {
    fn default() -> Self {
        Self {
            whole: Context::new(&SHA256),
            parts: Vec::new(),
            size: 0,
        }
    }
}

impl DigestWriter {
    /// Adds the next piece.
    pub fn part(&mut self, piece: &[u8]) {
        self.whole.update(piece);
        self.parts.push(hex::encode_upper(digest(&SHA256, piece)));
        self.size += piece.len() as u64;
    }

    /// Returns the checksums.
    pub fn finish(self) -> Digests {
        Digests {
            size: self.size,
            whole: hex::encode_upper(self.whole.finish()),
            parts: self.parts.join(","),
        }
    }
}

/// A file that passed the checks: the record to store, and the product that its metadata names.
pub struct CheckedUpload {
    /// The record to store.
    pub new: NewFirmware,
    /// The name of the product that the file was built for.
    pub product: String,
}

impl CheckedUpload {
    /// Returns the record if its version is a semantic version. This is checked after the product
    /// (docs/protocol/firmware.md, "Checks at upload").
    pub fn versioned(self) -> Result<NewFirmware> {
        semantic(&self.new.version)?;
        Ok(self.new)
    }
}

/// Refuses a version that is not a semantic version.
pub fn semantic(version: &str) -> Result<()> {
    let parsed = Version::parse(version).map(drop);
    parsed.map_err(|_| field("version", "must be a valid semantic version"))
}

/// Checks a file against these keys. It reads the whole file, so it must not run on the async threads.
pub fn check_upload(
    kind: FirmwareKind,
    file: &mut File,
    keys: &[KeyRow],
    unsigned: bool,
    sums: &Digests,
) -> Result<CheckedUpload> {
    match kind {
        FirmwareKind::Fwup => {
            let (checked, key) = check_fwup(file, keys)?;
            let new = record(&checked, key, sums);
            let product = checked.product.clone();
            Ok(CheckedUpload { new, product })
        }
        FirmwareKind::EspIdf => check_esp_idf(file, keys, unsigned, sums),
    }
}

/// Checks a fwup file and finds the key that signed it.
pub fn check_fwup(file: &mut File, keys: &[KeyRow]) -> Result<(Checked, KeyId)> {
    let (ids, keys): (Vec<KeyId>, Vec<PublicKey>) = keys
        .iter()
        .filter(|k| k.scheme == ED25519)
        .filter_map(|k| Some((k.id, PublicKey::parse(k.key.as_bytes()).ok()?)))
        .unzip();
    let checked = check::check(file, &keys).map_err(refused)?;
    let key = ids.get(checked.key);
    let key = *key.ok_or(store::Error::Missing("org_keys"))?;
    Ok((checked, key))
}

fn check_esp_idf(
    file: &mut File,
    keys: &[KeyRow],
    unsigned: bool,
    sums: &Digests,
) -> Result<CheckedUpload> {
    let (ids, keys): (Vec<KeyId>, Vec<SecureBootKey>) = keys
        .iter()
        .filter(|k| k.scheme == SECURE_BOOT)
        .filter_map(|k| Some((k.id, SecureBootKey::parse(&k.key).ok()?)))
        .unzip();
    let checked = esp_idf::check(file, &keys, unsigned).map_err(|e| match e {
        EspError::Io(e) => DomainError::Blob(e.into()),
        other => DomainError::Detail(sentence(&other.to_string())),
    })?;
    let (says, version) = (checked.description, checked.version.to_string());
    let new = NewFirmware {
        tool: FirmwareKind::EspIdf.name(),
        signer: checked.key.and_then(|n| ids.get(n).copied()),
        uuid: says.uuid,
        version,
        platform: says.platform,
        architecture: says.architecture,
        author: None,
        description: Some(format!("ESP-IDF {}", says.idf_version)),
        misc: None,
        vcs_identifier: None,
        size: i64::try_from(sums.size).unwrap_or(i64::MAX),
        checksum: sums.whole.clone(),
        partials: sums.parts.clone(),
        // A delta can be made between any two images, whatever they contain.
        delta_updatable: true,
        full_fwup_version: "0.0.0".into(),
        delta_fwup_version: "0.0.0".into(),
    };
    let product = says.product;
    Ok(CheckedUpload { new, product })
}

/// The message for a file of an unknown format.
pub const UNRECOGNISED: &str = "Unrecognised firmware format: expected an fwup archive (.fw), as `mix firmware` makes it, or an ESP-IDF application image (.bin) where the server takes them.";

/// Words of ours that begin a message. Any other first word is a name from the file and keeps its spelling.
const BEGINNINGS: [&str; 9] = [
    "could", "expected", "invalid", "line", "none", "not", "the", "this", "zip",
];

/// Capitalizes the first letter of a message, unless it begins with a name from the file.
fn sentence(text: &str) -> String {
    let first = text.split(' ').next().unwrap_or_default();
    let mut letters = text.chars();
    match letters.next() {
        Some(c) if BEGINNINGS.contains(&first) => {
            format!("{}{}.", c.to_uppercase(), letters.as_str())
        }
        _ => format!("{text}."),
    }
}

/// Converts a failed check into the API's error.
fn refused(e: CheckError) -> DomainError {
    match e {
        CheckError::Zip(ZipError::Io(e)) => DomainError::Blob(e.into()),
        CheckError::Zip(ZipError::NotZip) => DomainError::Detail(UNRECOGNISED.into()),
        other => DomainError::Detail(sentence(&other.to_string())),
    }
}

fn record(c: &Checked, key: KeyId, sums: &Digests) -> NewFirmware {
    let features = meta::features(&c.meta);
    let text = |key: &str| c.meta.get(key).map(str::to_owned);
    NewFirmware {
        tool: FirmwareKind::Fwup.name(),
        signer: Some(key),
        uuid: c.uuid.clone(),
        version: c.version.clone(),
        platform: c.platform.clone(),
        architecture: c.architecture.clone(),
        author: text("author"),
        description: text("description"),
        misc: text("misc"),
        vcs_identifier: text("vcs-identifier"),
        size: i64::try_from(sums.size).unwrap_or(i64::MAX),
        checksum: sums.whole.clone(),
        partials: sums.parts.clone(),
        delta_updatable: features.delta_updatable,
        full_fwup_version: features.full.to_string(),
        delta_fwup_version: features.delta.to_string(),
    }
}

#[cfg(test)]
mod tests;
