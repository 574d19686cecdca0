//! The node key: what it encrypts (shared secrets, which HMAC needs in clear) and what it signs (download links).

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{constant_time, hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A secret text that neither prints nor logs itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, where it is really needed.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What the vault cannot open: another node key, or damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a stored secret cannot be decrypted: the node key is not the one that it was encrypted with"
)]
pub struct Sealed;

/// Keys derived from the node key, one a purpose.
pub struct Vault {
    seal: RandomizedNonceKey,
    links: hmac::Key,
    proofs: hmac::Key,
    chain: hmac::Key,
}

struct Bytes32;

impl hkdf::KeyType for Bytes32 {
    fn len(&self) -> usize {
        32
    }
}

impl Vault {
    /// Derives the keys from 32 secret bytes.
    pub fn new(node_key: &[u8; 32]) -> Self {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"nervecenter node key").extract(node_key);
        let derive = |purpose: &[u8]| {
            let mut key = [0u8; 32];
            root.expand(&[purpose], Bytes32)
                .and_then(|okm| okm.fill(&mut key))
                .expect("32 bytes are within what HKDF gives");
            key
        };
        Self {
            seal: RandomizedNonceKey::new(&AES_256_GCM, &derive(b"shared secrets"))
                .expect("32 bytes are an AES-256 key"),
            links: hmac::Key::new(hmac::HMAC_SHA256, &derive(b"download links")),
            proofs: hmac::Key::new(hmac::HMAC_SHA256, &derive(b"ca ownership")),
            chain: hmac::Key::new(hmac::HMAC_SHA256, &derive(b"audit chain")),
        }
    }

    /// Encrypts a secret; `label` (its key's name) is bound to it, so that ciphertexts cannot be swapped.
    pub fn seal(&self, secret: &Secret, label: &str) -> Vec<u8> {
        let mut text = secret.reveal().as_bytes().to_vec();
        let nonce = self
            .seal
            .seal_in_place_append_tag(Aad::from(label.as_bytes()), &mut text)
            .expect("a short text can be sealed");
        let mut out = nonce.as_ref().to_vec();
        out.extend_from_slice(&text);
        out
    }

    /// Decrypts a secret.
    ///
    /// # Errors
    /// Another node key, another label, or damage.
    pub fn open(&self, sealed: &[u8], label: &str) -> Result<Secret, Sealed> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or(Sealed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Sealed)?;
        let mut text = text.to_vec();
        let clear = self
            .seal
            .open_in_place(nonce, Aad::from(label.as_bytes()), &mut text)
            .map_err(|_| Sealed)?;
        String::from_utf8(clear.to_vec())
            .map(Secret::new)
            .map_err(|_| Sealed)
    }

    /// The signature of a download path that is good until `expires` (unix seconds).
    pub fn sign_link(&self, path: &str, expires: i64) -> String {
        let tag = hmac::sign(&self.links, format!("{path}\n{expires}").as_bytes());
        URL_SAFE_NO_PAD.encode(tag.as_ref())
    }

    /// Whether a download path was signed here, in constant time.
    pub fn link_signed(&self, path: &str, expires: i64, signature: &str) -> bool {
        let expected = self.sign_link(path, expires);
        constant_time::verify_slices_are_equal(expected.as_bytes(), signature.as_bytes()).is_ok()
    }

    /// What seals an entry of the audit log: nobody without the node key can make one.
    pub fn chain(&self, text: &[u8]) -> Vec<u8> {
        hmac::sign(&self.chain, text).as_ref().to_vec()
    }

    /// A token that proves the wish of an organization to register a CA, good until `expires` (unix seconds).
    pub fn proof(&self, org: &str, expires: i64) -> String {
        let tag = hmac::sign(&self.proofs, format!("{org}\n{expires}").as_bytes());
        format!("{expires}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }

    /// Whether such a token is this organization's and still good.
    pub fn proven(&self, org: &str, token: &str, now: i64) -> bool {
        let Some(expires) = token.split('.').next().and_then(|e| e.parse::<i64>().ok()) else {
            return false;
        };
        let expected = self.proof(org, expires);
        now <= expires
            && constant_time::verify_slices_are_equal(expected.as_bytes(), token.as_bytes()).is_ok()
    }
}

/// A new shared secret's key and secret: 32 random bytes each in standard base64, the key with its prefix
/// (docs/protocol/device.md, "Shared secrets").
pub fn new_pair(prefix: &str) -> (String, Secret) {
    let text = || STANDARD_NO_PAD.encode(super::random::<32>());
    (format!("{prefix}{}", text()), Secret::new(text()))
}

#[cfg(test)]
mod tests;
