//! The node key's vault: encrypts shared secrets (HMAC needs them in clear), seals the audit chain, and makes and
//! checks a download link's signature.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{constant_time, hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A secret text that is never printed or logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A ciphertext cannot be decrypted, because it was made with another node key or is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a stored secret cannot be decrypted: the node key is not the one that it was encrypted with"
)]
pub struct Sealed;

/// The keys that are derived from the node key, one for each purpose.
pub struct Vault {
    seal: RandomizedNonceKey,
    links: hmac::Key,
    proofs: hmac::Key,
    chain: hmac::Key,
    pages: hmac::Key,
    messages: hmac::Key,
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
            pages: hmac::Key::new(hmac::HMAC_SHA256, &derive(b"pages of sessions")),
            messages: hmac::Key::new(hmac::HMAC_SHA256, &derive(b"messages between nodes")),
        }
    }

    /// Encrypts a secret. The ciphertext is bound to `label` (its key's name), so that ciphertexts cannot be
    /// swapped.
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
    /// [`Sealed`] for another node key, another label, or a damaged ciphertext.
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

    /// A download link's signature: covers its path and its expiry (`expires`, in Unix seconds).
    pub fn sign_link(&self, path: &str, expires: i64) -> String {
        let tag = hmac::sign(&self.links, format!("{path}\n{expires}").as_bytes());
        URL_SAFE_NO_PAD.encode(tag.as_ref())
    }

    /// Whether a download link's signature is ours. Compares in constant time.
    pub fn link_signed(&self, path: &str, expires: i64, signature: &str) -> bool {
        let expected = self.sign_link(path, expires);
        constant_time::verify_slices_are_equal(expected.as_bytes(), signature.as_bytes()).is_ok()
    }

    /// The signature of a message between nodes, with the channel that it goes by.
    pub fn sign_message(&self, channel: &str, text: &str) -> [u8; 32] {
        let mut signing = hmac::Context::with_key(&self.messages);
        for part in [channel, "\n", text] {
            signing.update(part.as_bytes());
        }
        let mut signature = [0; 32];
        signature.copy_from_slice(signing.sign().as_ref());
        signature
    }

    /// Whether a message is of a node that has the same node key. Compares in constant time.
    pub fn message_signed(&self, channel: &str, text: &str, signature: &[u8]) -> bool {
        let expected = self.sign_message(channel, text);
        constant_time::verify_slices_are_equal(&expected, signature).is_ok()
    }

    /// The seal of an audit entry in the audit chain. Without the node key nobody can forge one.
    pub fn chain(&self, text: &[u8]) -> Vec<u8> {
        hmac::sign(&self.chain, text).as_ref().to_vec()
    }

    /// The text that a page of this server shows to prove that it belongs to a session, given the session's number.
    pub fn page_proof(&self, session: i64) -> String {
        let tag = hmac::sign(&self.pages, &session.to_be_bytes());
        URL_SAFE_NO_PAD.encode(tag.as_ref())
    }

    /// Whether a text is that of this session. Compares in constant time.
    pub fn page_proven(&self, session: i64, text: &str) -> bool {
        let expected = self.page_proof(session);
        constant_time::verify_slices_are_equal(expected.as_bytes(), text.as_bytes()).is_ok()
    }

    /// The token that an organization must include in its proof of possession of a CA key, valid until
    /// `expires` (Unix seconds).
    pub fn proof(&self, org: &str, expires: i64) -> String {
        let tag = hmac::sign(&self.proofs, format!("{org}\n{expires}").as_bytes());
        format!("{expires}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }

    /// Whether such a token belongs to this organization and is still valid.
    pub fn proven(&self, org: &str, token: &str, now: i64) -> bool {
        let Some(expires) = token.split('.').next().and_then(|e| e.parse::<i64>().ok()) else {
            return false;
        };
        let expected = self.proof(org, expires);
        now <= expires
            && constant_time::verify_slices_are_equal(expected.as_bytes(), token.as_bytes()).is_ok()
    }
}

/// Generates a shared secret: key and secret of 32 random bytes each in standard Base64, the key with its
/// prefix (docs/protocol/device.md, "Shared secrets").
pub fn new_pair(prefix: &str) -> (String, Secret) {
    let text = || STANDARD_NO_PAD.encode(super::random::<32>());
    (format!("{prefix}{}", text()), Secret::new(text()))
}

#[cfg(test)]
mod tests;
