//! Parses X.509 certificates into the fields that the server uses. Pure.

use crate::clock::Micros;
use crate::domain::devices::certificate_signature::text_of;
use aws_lc_rs::digest;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The fields of a certificate that the server uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateInfo {
    /// Serial number in decimal.
    pub serial: String,
    /// First common name of the subject; an empty one counts as missing.
    pub common_name: Option<String>,
    /// Authority key identifier.
    pub aki: Option<Vec<u8>>,
    /// Subject key identifier.
    pub ski: Option<Vec<u8>>,
    /// URIs among the subject's alternative names; `None` when it has any other kind of name.
    pub only_uris: Option<Vec<String>>,
    /// Whether subject and issuer are the same.
    pub self_issued: bool,
    /// Start of validity.
    pub not_before: Micros,
    /// End of validity.
    pub not_after: Micros,
    /// SHA-1 of the certificate in upper-case hex (docs/protocol/device.md, "Client certificates").
    pub fingerprint: String,
    /// SHA-256 of the certificate in upper-case hex.
    pub fingerprint_sha256: String,
    /// SHA-1 of the public key's DER in upper-case hex.
    pub public_key_fingerprint: String,
    /// The certificate's DER.
    pub der: Vec<u8>,
}

/// The bytes cannot be parsed as a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an X.509 certificate")]
pub struct NotACertificate;

fn hex_of(algorithm: &'static digest::Algorithm, bytes: &[u8]) -> String {
    hex::encode_upper(digest::digest(algorithm, bytes))
}

/// Converts the seconds of a certificate's validity to our timestamps.
pub fn micros(seconds: i64) -> Micros {
    Micros(seconds.saturating_mul(1_000_000))
}

impl CertificateInfo {
    /// Parses a certificate from DER.
    ///
    /// # Errors
    /// [`NotACertificate`] for bytes that cannot be parsed.
    pub fn read(der: &[u8]) -> Result<Self, NotACertificate> {
        let (rest, cert) = X509Certificate::from_der(der).map_err(|_| NotACertificate)?;
        if !rest.is_empty() {
            return Err(NotACertificate);
        }
        let common_name = cert
            .subject()
            .iter_common_name()
            .next()
            .and_then(|cn| text_of(cn.attr_value()))
            .filter(|cn| !cn.is_empty() && !cn.contains('\0'));
        let (mut aki, mut ski, mut only_uris) = (None, None, None);
        for extension in cert.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::AuthorityKeyIdentifier(a) => {
                    aki = a.key_identifier.as_ref().map(|k| k.0.to_vec());
                }
                ParsedExtension::SubjectKeyIdentifier(s) => ski = Some(s.0.to_vec()),
                ParsedExtension::SubjectAlternativeName(names) => {
                    only_uris = names
                        .general_names
                        .iter()
                        .map(|n| match n {
                            GeneralName::URI(uri) => Some((*uri).to_owned()),
                            _ => None,
                        })
                        .collect();
                }
                _ => {}
            }
        }
        Ok(Self {
            serial: cert.tbs_certificate.serial.to_string(),
            common_name,
            aki,
            ski,
            only_uris,
            self_issued: cert.subject() == cert.issuer(),
            not_before: micros(cert.validity().not_before.timestamp()),
            not_after: micros(cert.validity().not_after.timestamp()),
            fingerprint: hex_of(&digest::SHA1_FOR_LEGACY_USE_ONLY, der),
            fingerprint_sha256: hex_of(&digest::SHA256, der),
            public_key_fingerprint: hex_of(
                &digest::SHA1_FOR_LEGACY_USE_ONLY,
                cert.public_key().raw,
            ),
            der: der.to_vec(),
        })
    }
}

/// All certificates in a PEM text, as DER. Other content, such as keys, curve parameters, text, and a
/// byte-order mark, is ignored. The label of older programs is accepted too (RFC 7468, 5.1 and 5.3).
pub fn all_in_pem(pem: &[u8]) -> Vec<Vec<u8>> {
    let pem = pem.strip_prefix(b"\xef\xbb\xbf").unwrap_or(pem);
    x509_parser::pem::Pem::iter_from_buffer(pem)
        .filter_map(Result::ok)
        .filter(|block| matches!(block.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE"))
        .map(|block| block.contents)
        .collect()
}

/// Encodes a certificate as PEM (RFC 7468).
pub fn pem(der: &[u8]) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new("CERTIFICATE", der), config)
}

/// The first certificate in a PEM text, as DER.
pub fn first_in_pem(pem: &[u8]) -> Option<Vec<u8>> {
    all_in_pem(pem).into_iter().next()
}
