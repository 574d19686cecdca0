//! Verifies that one certificate signed another: the only step of path validation that the server does. It
//! accepts what Erlang's `public_key` accepts, because devices in the field carry such certificates: unknown
//! extensions, a leaf that is marked as a CA, and names in different string types are no reason to refuse.
//! Pure.

use super::x509::micros;
use crate::clock::Micros;
use rustls::pki_types::SignatureVerificationAlgorithm;
use x509_parser::asn1_rs::{Any, Tag};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{AttributeTypeAndValue, SubjectPublicKeyInfo, X509Name};

/// Why a CA does not vouch for a certificate now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    /// One of the two certificates cannot be parsed.
    #[error("a certificate that cannot be read")]
    Unreadable,
    /// The certificate names another issuer.
    #[error("its issuer is {issuer:?}, the signer's name is {signer:?}")]
    Name {
        /// The issuer that the certificate names.
        issuer: String,
        /// The subject of the CA.
        signer: String,
    },
    /// An RSA key that is too short to be secure; holds its size in bits.
    #[error("the signer's RSA key has {0} bits, and at least 2048 are needed")]
    Weak(usize),
    /// A signature algorithm that is unknown or not secure any more.
    #[error("it is signed with {0}, which is not taken")]
    Algorithm(String),
    /// The signature was made with another key.
    #[error("it was not signed with the signer's key")]
    Signature,
    /// The certificate is not valid yet.
    #[error("it is not valid before {0}")]
    NotYet(String),
    /// The certificate has expired.
    #[error("it expired at {0}")]
    Expired(String),
}

/// Accepts a leaf certificate that `ca` signed and that is valid now. `ca` is the trust anchor, whether or not
/// it is a root, and its own validity is not checked.
///
/// # Errors
/// The first check that fails.
pub fn signed_by(ca: &[u8], leaf: &[u8], now: Micros) -> Result<(), NotSigned> {
    let read = |der| X509Certificate::from_der(der).map_err(|_| NotSigned::Unreadable);
    let ((_, ca), (_, leaf)) = (read(ca)?, read(leaf)?);
    if !same_name(ca.subject(), leaf.issuer()) {
        return Err(NotSigned::Name {
            issuer: leaf.issuer().to_string(),
            signer: ca.subject().to_string(),
        });
    }
    check(ca.public_key(), &leaf)?;
    let at = |time: x509_parser::time::ASN1Time| micros(time.timestamp());
    let (from, to) = (
        at(leaf.validity().not_before),
        at(leaf.validity().not_after),
    );
    if now < from {
        return Err(NotSigned::NotYet(from.zulu()));
    }
    if now > to {
        return Err(NotSigned::Expired(to.zulu()));
    }
    Ok(())
}

fn check(signer: &SubjectPublicKeyInfo<'_>, leaf: &X509Certificate<'_>) -> Result<(), NotSigned> {
    if let Ok(PublicKey::RSA(rsa)) = signer.parsed()
        && rsa.key_size() < 2048
    {
        return Err(NotSigned::Weak(rsa.key_size()));
    }
    let key = Key::read(signer.raw).ok_or(NotSigned::Unreadable)?;
    // Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }
    let [_, algorithm, _] = parts(leaf.as_ref()).ok_or(NotSigned::Unreadable)?;
    let mut known = webpki::ALL_VERIFICATION_ALGS
        .iter()
        .filter(|a| a.signature_alg_id().as_ref() == algorithm.data)
        .peekable();
    if known.peek().is_none() {
        let oid = leaf.signature_algorithm.algorithm.to_id_string();
        return Err(NotSigned::Algorithm(oid));
    }
    let (message, signature) = (leaf.tbs_certificate.as_ref(), &leaf.signature_value.data);
    if known.any(|a| key.signed(*a, message, signature)) {
        Ok(())
    } else {
        Err(NotSigned::Signature)
    }
}

/// Accepts a certificate whose key can sign a TLS handshake.
///
/// # Errors
/// What is wrong with the key.
pub fn usable_key(der: &[u8]) -> Result<(), String> {
    let (_, certificate) =
        X509Certificate::from_der(der).map_err(|_| NotSigned::Unreadable.to_string())?;
    let spki = certificate.public_key();
    let known = "RSA of 2048 to 8192 bits, ECDSA on P-256, P-384 or P-521, and Ed25519";
    if let Ok(PublicKey::RSA(rsa)) = spki.parsed() {
        let bits = rsa.key_size();
        return if (2048..=8192).contains(&bits) {
            Ok(())
        } else {
            Err(format!(
                "its RSA key has {bits} bits; keys that can connect are {known}"
            ))
        };
    }
    let fits = |key: Key<'_>| {
        let mut all = webpki::ALL_VERIFICATION_ALGS.iter();
        all.any(|a| a.public_key_alg_id().as_ref() == key.algorithm)
    };
    if Key::read(spki.raw).is_some_and(fits) {
        Ok(())
    } else {
        let oid = spki.algorithm.algorithm.to_id_string();
        Err(format!(
            "its key is of the kind {oid}; keys that can connect are {known}"
        ))
    }
}

/// A public key in the form that the signature algorithms need.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// The contents of its AlgorithmIdentifier.
    algorithm: &'a [u8],
    bits: &'a [u8],
}

impl<'a> Key<'a> {
    /// Parses a SubjectPublicKeyInfo (RFC 5280, 4.1).
    fn read(der: &'a [u8]) -> Option<Self> {
        let [algorithm, bits] = parts(der)?;
        Some(Self {
            algorithm: algorithm.data,
            // The first byte of a bit string counts the unused bits of its last byte. A key has none.
            bits: bits.data.strip_prefix(&[0])?,
        })
    }

    /// The public key of a certificate. Other parts of the certificate are not checked.
    pub fn of_certificate(der: &'a [u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        Self::read(certificate.tbs_certificate.subject_pki.raw)
    }

    /// Whether this key made the signature, with the given algorithm.
    pub fn signed(
        &self,
        by: &dyn SignatureVerificationAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        by.public_key_alg_id().as_ref() == self.algorithm
            && by.verify_signature(self.bits, message, signature).is_ok()
    }
}

/// The elements of a DER sequence that must have exactly `N` of them.
fn parts<const N: usize>(der: &[u8]) -> Option<[Any<'_>; N]> {
    let (_, whole) = Any::from_der(der).ok()?;
    let mut rest = whole.data;
    let mut found = Vec::with_capacity(N);
    while !rest.is_empty() {
        let (after, part) = Any::from_der(rest).ok()?;
        found.push(part);
        rest = after;
    }
    found.try_into().ok()
}

/// Whether two names are equal by RFC 5280, 7.1: the same text in any string type, in any case, with runs of
/// blanks as one.
fn same_name(a: &X509Name<'_>, b: &X509Name<'_>) -> bool {
    let said = |name: &X509Name<'_>| -> Vec<Vec<(String, DeclaredHash)>> {
        let set = |rdn: &x509_parser::x509::RelativeDistinguishedName<'_>| {
            let mut set: Vec<_> = rdn
                .iter()
                .map(|a| (a.attr_type().to_id_string(), DeclaredHash::of(a)))
                .collect();
            set.sort();
            set
        };
        name.iter_rdn().map(set).collect()
    };
    said(a) == said(b)
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum DeclaredHash {
    Text(String),
    Other(u32, Vec<u8>),
}

impl DeclaredHash {
    fn of(attribute: &AttributeTypeAndValue<'_>) -> Self {
        let value = attribute.attr_value();
        match text_of(value) {
            Some(text) => {
                let words: Vec<&str> = text.split_whitespace().collect();
                Self::Text(words.join(" ").to_lowercase())
            }
            None => Self::Other(value.tag().0, value.data.to_vec()),
        }
    }
}

/// The text of a string value, whatever its string type; `None` for values that are not strings.
pub fn text_of(value: &Any<'_>) -> Option<String> {
    match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::VisibleString => {
            std::str::from_utf8(value.data).ok().map(str::to_owned)
        }
        // T61 strings are Latin-1 in practice.
        Tag::T61String => Some(value.data.iter().map(|b| char::from(*b)).collect()),
        Tag::BmpString => utf16(value.data),
        Tag::UniversalString => utf32(value.data),
        _ => None,
    }
}

fn utf16(data: &[u8]) -> Option<String> {
    let (pairs, rest) = data.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|p| u16::from_be_bytes(*p)).collect();
    rest.is_empty().then(|| String::from_utf16(&units).ok())?
}

fn utf32(data: &[u8]) -> Option<String> {
    let (fours, rest) = data.as_chunks::<4>();
    let text = fours.iter().map(|f| char::from_u32(u32::from_be_bytes(*f)));
    rest.is_empty().then(|| text.collect())?
}
