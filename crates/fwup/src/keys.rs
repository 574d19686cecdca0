//! Ed25519 keys in fwup's formats, and the UUID of a `meta.conf`.

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use blake2::Digest as _;
use blake2::digest::consts::U32;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

/// BLAKE2b with a 32-byte digest, unkeyed (RFC 7693).
pub type Blake2b256 = blake2::Blake2b<U32>;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
);

/// A public signing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// A private signing key.
pub struct PrivateKey(SigningKey);

/// Why a text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 32 bytes in Base64 or raw, or not a point of the curve.
    #[error("not an Ed25519 public key: expected 32 bytes as base64, as `fwup -g` writes them")]
    Public,
    /// Not 64 bytes, or its two halves do not match.
    #[error("not an fwup private key: expected 64 bytes as base64, seed and then public key")]
    Private,
}

fn decode(text: &[u8], bytes: usize) -> Option<Vec<u8>> {
    if text.len() == bytes {
        return Some(text.to_vec());
    }
    let text = std::str::from_utf8(text).ok()?.trim();
    LENIENT.decode(text).ok().filter(|raw| raw.len() == bytes)
}

impl PublicKey {
    /// Parses Base64 (with or without padding, and with white space around it) or 32 raw bytes.
    ///
    /// # Errors
    /// [`KeyError::Public`] for anything else.
    pub fn parse(text: &[u8]) -> Result<Self, KeyError> {
        let raw = decode(text, 32).ok_or(KeyError::Public)?;
        let raw: [u8; 32] = raw.try_into().map_err(|_| KeyError::Public)?;
        VerifyingKey::from_bytes(&raw)
            .ok()
            // A signature by a weak (small-order) key proves nothing.
            .filter(|key| !key.is_weak())
            .map(Self)
            .ok_or(KeyError::Public)
    }

    /// Padded standard Base64, the only spelling that is stored and sent to devices.
    pub fn text(&self) -> String {
        STANDARD.encode(self.0.as_bytes())
    }

    /// Whether this key signed `message`. The check is strict: small-order keys and non-canonical signatures
    /// never pass.
    pub fn signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0
            .verify_strict(message, &Signature::from_bytes(signature))
            .is_ok()
    }
}

impl PrivateKey {
    /// Creates a key from 32 random bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Parses the seed and the public key, in Base64 or raw.
    ///
    /// # Errors
    /// [`KeyError::Private`] for anything else, or halves that do not match.
    pub fn parse(text: &[u8]) -> Result<Self, KeyError> {
        let raw = decode(text, 64).ok_or(KeyError::Private)?;
        let raw: [u8; 64] = raw.try_into().map_err(|_| KeyError::Private)?;
        SigningKey::from_keypair_bytes(&raw)
            .map(Self)
            .map_err(|_| KeyError::Private)
    }

    /// Base64 of the seed and the public key.
    pub fn text(&self) -> String {
        STANDARD.encode(self.0.to_keypair_bytes())
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs a message (RFC 8032).
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// The name space of firmware UUIDs.
const SPACE: [u8; 16] = [
    0x20, 0x53, 0xdf, 0xfb, 0xd5, 0x1e, 0x43, 0x10, 0xb9, 0x3b, 0x95, 0x6d, 0xa8, 0x9f, 0x9f, 0x34,
];

/// The UUID of a firmware. Its version nibble is 5, but the variant bits are left as they come, so it is often
/// no RFC 4122 variant.
pub fn uuid(meta_conf: &[u8]) -> String {
    let digest = Blake2b256::new()
        .chain_update(SPACE)
        .chain_update(meta_conf)
        .finalize();
    let mut b = [0u8; 16];
    for (to, from) in b.iter_mut().zip(digest.iter()) {
        *to = *from;
    }
    if let Some(version) = b.get_mut(6) {
        *version = (*version & 0x0f) | 0x50;
    }
    uuid::Uuid::from_bytes(b).to_string()
}
