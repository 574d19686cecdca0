//! RSA keys of Secure Boot v2, which sign ESP-IDF images.

use aws_lc_rs::digest::Digest;
use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::RSAPublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// A public key of Secure Boot v2 (docs/protocol/firmware.md, "ESP-IDF images").
#[derive(Debug, Clone)]
pub struct SecureBootKey(UnparsedPublicKey<Vec<u8>>);

/// A text that is no key of Secure Boot v2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RsaError {
    /// No RSA key in PEM.
    #[error("invalid key, expected a PEM-encoded RSA public key")]
    Pem,
    /// Of another length.
    #[error("expected an RSA-3072 public key, got {0} bits")]
    Bits(usize),
}

impl SecureBootKey {
    /// Reads RSA-3072 in PEM: `PUBLIC KEY` (RFC 5280) or `RSA PUBLIC KEY` (RFC 8017).
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(pem: &str) -> Result<Self, RsaError> {
        let (_, pem) = parse_x509_pem(pem.as_bytes()).map_err(|_| RsaError::Pem)?;
        let size = |info: SubjectPublicKeyInfo<'_>| match info.parsed() {
            Ok(x509_parser::public_key::PublicKey::RSA(rsa)) => Some(rsa.key_size()),
            _ => None,
        };
        let bits = match pem.label.as_str() {
            "PUBLIC KEY" => {
                let info = SubjectPublicKeyInfo::from_der(&pem.contents).ok();
                info.and_then(|(_, info)| size(info))
            }
            "RSA PUBLIC KEY" => {
                let rsa = RSAPublicKey::from_der(&pem.contents).ok();
                rsa.map(|(_, rsa)| rsa.key_size())
            }
            _ => None,
        };
        match bits.ok_or(RsaError::Pem)? {
            3_072 => Ok(Self(UnparsedPublicKey::new(
                &RSA_PSS_2048_8192_SHA256,
                pem.contents,
            ))),
            other => Err(RsaError::Bits(other)),
        }
    }

    /// Whether this key signed what has this SHA-256: RSASSA-PSS with MGF1 of SHA-256 and a salt of 32 bytes. The signature
    /// is big endian.
    pub fn signed(&self, digest: &Digest, signature: &[u8]) -> bool {
        self.0.verify_digest(digest, signature).is_ok()
    }
}
