//! The checks of an uploaded firmware: everything that would make a device fail is found before any device gets
//! the file.

use crate::keys::{self, Blake2b256, PublicKey};
use crate::limits::{META_CONF_BYTES, UNPACKED_BYTES};
use crate::meta::{Meta, MetaError, Resource};
use crate::zip::{self, Member, ZipError};
use blake2::Digest as _;
use semver::Version;
use std::collections::HashMap;
use std::io::{Read, Seek};

/// Why a firmware is refused. Each message says what is wrong and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The container is not a valid zip.
    #[error(transparent)]
    Zip(#[from] ZipError),
    /// `meta.conf` cannot be parsed.
    #[error(transparent)]
    Meta(#[from] MetaError),
    /// There is no key to verify the signature with.
    #[error(
        "the organization has no signing key yet; register the public key that this firmware is signed with"
    )]
    NoKeys,
    /// The firmware has no signature.
    #[error(
        "the firmware is not signed; sign it with `fwup -S` or `nervecenter firmware sign` and a key of this organization"
    )]
    Unsigned,
    /// The signature was made by another key, or `meta.conf` was changed afterwards.
    #[error(
        "the signature does not match: none of the organization's {0} signing keys signed this meta.conf; either it was signed with an unregistered key or it was changed after signing"
    )]
    BadSignature(usize),
    /// `meta.conf` is not among the first two members.
    #[error(
        "meta.conf is not where it belongs: it must be the first member, or the second after its signature"
    )]
    NoMeta,
    /// `meta.conf` has an impossible size.
    #[error("meta.conf has {0} bytes; fwup takes 10 to 49999")]
    MetaSize(u64),
    /// A required field is missing.
    #[error("{0} is missing from the firmware's metadata; set it in fwup.conf and build again")]
    MissingField(&'static str),
    /// The version is not a semantic version.
    #[error("meta-version {0:?} is not a semantic version such as 1.2.3 or 1.2.3-rc.1")]
    Version(String),
    /// A resource is listed in `meta.conf` but missing in the archive.
    #[error("{0} is missing from the archive though meta.conf lists it; build the firmware again")]
    MissingResource(String),
    /// The archive has a member that `meta.conf` does not list.
    #[error("{0} is in the archive but not in meta.conf; firmware with extra members is refused")]
    ExtraMember(String),
    /// A resource has another length than `meta.conf` says, as in a delta file.
    #[error(
        "{member} has {found} bytes but meta.conf says {expected}; a delta file cannot be uploaded as firmware"
    )]
    ResourceLength {
        /// Name of the member.
        member: String,
        /// Its size in the archive.
        found: u64,
        /// Its size in `meta.conf`.
        expected: u64,
    },
    /// The content of a resource does not match its hash.
    #[error(
        "{0} does not match its blake2b-256 in meta.conf: it was damaged or changed after signing"
    )]
    ResourceHash(String),
    /// The unpacked resources exceed the limit.
    #[error("the resources unpack to more than {UNPACKED_BYTES} bytes")]
    TooLarge,
}

/// The result of a successful check.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The index of the key that signed the firmware.
    pub key: usize,
    /// UUID of the firmware.
    pub uuid: String,
    /// The complete `meta.conf`.
    pub meta: Meta,
    /// `meta-product`.
    pub product: String,
    /// `meta-version`, as written.
    pub version: String,
    /// `meta-platform`.
    pub platform: String,
    /// `meta-architecture`.
    pub architecture: String,
}

impl Checked {
    /// Parses the version, which is the last check of a firmware.
    ///
    /// # Errors
    /// [`CheckError::Version`] when it is not a semantic version.
    pub fn semantic_version(&self) -> Result<Version, CheckError> {
        Version::parse(&self.version).map_err(|_| CheckError::Version(self.version.clone()))
    }
}

/// The head of a firmware file (members, signature, and `meta.conf`), not verified yet.
pub struct Head {
    /// All members of the archive.
    pub members: Vec<Member>,
    /// The number of members before the first resource.
    pub before_resources: usize,
    /// The signature, if there is one.
    pub signature: Option<[u8; 64]>,
    /// The bytes of `meta.conf`.
    pub conf: Vec<u8>,
}

/// Reads the list of members, and the first two of them.
///
/// # Errors
/// A broken container, or a `meta.conf` in the wrong place or of an impossible size.
pub fn head<R: Read + Seek>(file: &mut R) -> Result<Head, CheckError> {
    let members = zip::members(file)?;
    let first = members.first().ok_or(CheckError::NoMeta)?;
    let (signature, at) = if first.name == "meta.conf.ed25519" {
        let raw = zip::unpack_small(file, first, 64)?;
        (
            Some(<[u8; 64]>::try_from(raw).map_err(|_| CheckError::BadSignature(0))?),
            1,
        )
    } else {
        (None, 0)
    };
    let conf = members
        .get(at)
        .filter(|m| m.name == "meta.conf")
        .ok_or(CheckError::NoMeta)?;
    if !(10..=META_CONF_BYTES).contains(&conf.size) {
        return Err(CheckError::MetaSize(conf.size));
    }
    let conf = zip::unpack_small(file, conf, META_CONF_BYTES)?;
    Ok(Head {
        members,
        before_resources: at + 1,
        signature,
        conf,
    })
}

/// Checks a complete firmware against an organization's keys. It reads the file once and holds at most
/// `meta.conf` in memory.
///
/// # Errors
/// The first check that fails.
pub fn check<R: Read + Seek>(file: &mut R, keys: &[PublicKey]) -> Result<Checked, CheckError> {
    let head = head(file)?;
    if keys.is_empty() {
        return Err(CheckError::NoKeys);
    }
    let signature = head.signature.ok_or(CheckError::Unsigned)?;
    let key = keys
        .iter()
        .position(|k| k.signed(&head.conf, &signature))
        .ok_or(CheckError::BadSignature(keys.len()))?;
    let meta = Meta::parse(&head.conf)?;
    let field = |name: &'static str, key: &str| {
        meta.get(key)
            .map(str::to_owned)
            .ok_or(CheckError::MissingField(name))
    };
    let product = field("meta-product", "product")?;
    let version = field("meta-version", "version")?;
    let platform = field("meta-platform", "platform")?;
    let architecture = field("meta-architecture", "architecture")?;
    let resources = head
        .members
        .get(head.before_resources..)
        .unwrap_or_default();
    check_resources(file, &meta, resources)?;
    let uuid = keys::uuid(&head.conf);
    Ok(Checked {
        key,
        uuid,
        meta,
        product,
        version,
        platform,
        architecture,
    })
}

fn check_resources<R: Read + Seek>(
    file: &mut R,
    meta: &Meta,
    members: &[Member],
) -> Result<(), CheckError> {
    let expected: HashMap<String, &Resource> =
        meta.resources.iter().map(|r| (r.member(), r)).collect();
    for r in &meta.resources {
        if !members.iter().any(|m| m.name == r.member()) {
            return Err(CheckError::MissingResource(r.member()));
        }
    }
    let mut total = 0u64;
    for m in members {
        if m.name == "data/" && m.size == 0 {
            continue;
        }
        let r = expected
            .get(&m.name)
            .ok_or_else(|| CheckError::ExtraMember(m.name.clone()))?;
        if m.size != r.length.stored() {
            return Err(CheckError::ResourceLength {
                member: m.name.clone(),
                found: m.size,
                expected: r.length.stored(),
            });
        }
        total = total.saturating_add(m.size);
        if total > UNPACKED_BYTES {
            return Err(CheckError::TooLarge);
        }
        let mut hash = Blake2b256::new();
        zip::unpack(file, m, |chunk| {
            hash.update(chunk);
            Ok(())
        })?;
        if hex::encode(hash.finalize()) != r.blake2b {
            return Err(CheckError::ResourceHash(m.name.clone()));
        }
    }
    Ok(())
}
