//! TLS of the device endpoint: a self-made CA in the data folder, a server certificate that renews itself, and a client
//! verifier that proves possession of a key and nothing else (who it is, `identity` decides afterwards).

use crate::clock::Micros;
use crate::domain::devices::certificate_signature::Key;
use crate::limits::{CA_DAYS, RENEW_DAYS, SERVER_CERTIFICATE_DAYS};
use arc_swap::ArcSwap;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme,
    SupportedCipherSuite,
};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use time::{Duration, OffsetDateTime};

/// When the CA and all certificates begin: long before they are made, since a device without a clock thinks that it is 1970 and
/// can only be told the time by a server that it trusts.
const BEGIN: Micros = Micros(0);

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that holds no key or certificate.
    #[error("{path} does not hold a PEM key and certificate that belong together: {why}")]
    Pem {
        /// Which.
        path: PathBuf,
        why: String,
    },
    /// Making a certificate.
    #[error("could not make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// rustls.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// The crypto provider that the whole program uses.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The CA and the certificate of the device endpoint, in `DATA/tls`.
pub struct ServerIdentity {
    folder: PathBuf,
    names: Vec<String>,
    current: Arc<Current>,
}

/// The certificate in use; swapped at renewal.
#[derive(Debug)]
struct Current {
    key: ArcSwap<CertifiedKey>,
    expires: ArcSwap<OffsetDateTime>,
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.key.load_full())
    }
}

fn read(path: &Path) -> Result<String, TlsError> {
    fs::read_to_string(path).map_err(|source| TlsError::File {
        path: path.to_owned(),
        source,
    })
}

/// Writes a file whole or not at all; keys are for the owner's eyes only.
fn write(path: &Path, text: &str, secret: bool) -> Result<(), TlsError> {
    let file = || -> std::io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut staged = tempfile::NamedTempFile::new_in(folder)?;
        staged.write_all(text.as_bytes())?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = if secret { 0o600 } else { 0o644 };
            staged
                .as_file()
                .set_permissions(fs::Permissions::from_mode(mode))?;
        }
        staged.as_file().sync_all()?;
        staged.persist(path).map_err(|e| e.error)?;
        Ok(())
    };
    file().map_err(|source| TlsError::File {
        path: path.to_owned(),
        source,
    })
}

/// Whether a data folder has the certificate or the key of a CA.
pub fn has_ca(data: &Path) -> bool {
    let folder = data.join("tls");
    folder.join("ca.pem").exists() || folder.join("ca.key").exists()
}

/// The certificate and the key of a data folder's CA, as PEM.
///
/// # Errors
/// One of them is missing or cannot be read.
pub fn read_ca(data: &Path) -> Result<(String, String), TlsError> {
    let folder = data.join("tls");
    Ok((read(&folder.join("ca.pem"))?, read(&folder.join("ca.key"))?))
}

/// Writes the certificate and the key of a CA, as PEM, into a data folder.
///
/// # Errors
/// The disk does not take them.
pub fn write_ca(data: &Path, certificate: &str, key: &str) -> Result<(), TlsError> {
    let folder = make_folder(data)?;
    write(&folder.join("ca.key"), key, true)?;
    write(&folder.join("ca.pem"), certificate, false)
}

fn make_folder(data: &Path) -> Result<PathBuf, TlsError> {
    let folder = data.join("tls");
    fs::create_dir_all(&folder).map_err(|source| TlsError::File {
        path: folder.clone(),
        source,
    })?;
    Ok(folder)
}

impl ServerIdentity {
    /// Loads what is there and makes what is missing: a CA once, a certificate whenever its names change or it runs out.
    ///
    /// # Errors
    /// Unreadable or unfitting files.
    pub fn open(data: &Path, names: &[String], now: Micros) -> Result<Self, TlsError> {
        let folder = make_folder(data)?;
        // Both or none: a key that is there is never overwritten.
        if !has_ca(data) {
            make_ca(&folder, now)?;
        }
        let names = all_names(names);
        let (key, expires) = match load(&folder, &names, now) {
            Some(good) => good,
            None => issue(&folder, &names, now)?,
        };
        let current = Current {
            key: ArcSwap::from_pointee(key),
            expires: ArcSwap::from_pointee(expires),
        };
        Ok(Self {
            folder,
            names,
            current: Arc::new(current),
        })
    }

    /// The file that devices must trust.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Renews the certificate when its time has come; new handshakes use it at once. True when it did.
    ///
    /// # Errors
    /// As [`ServerIdentity::open`].
    pub fn renew(&self, now: Micros) -> Result<bool, TlsError> {
        if date(now) + Duration::days(RENEW_DAYS) < **self.current.expires.load() {
            return Ok(false);
        }
        let (key, expires) = issue(&self.folder, &self.names, now)?;
        self.current.key.store(Arc::new(key));
        self.current.expires.store(Arc::new(expires));
        Ok(true)
    }

    /// The configuration of the endpoint: TLS 1.2 and 1.3, an optional client certificate without a list of CA names,
    /// stateless tickets, one a handshake (without any, a client's next small write waits for a delayed ACK).
    ///
    /// # Errors
    /// rustls's.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let provider = Arc::new(lighter_ciphers_first());
        let verifier = Possession {
            provider: provider.clone(),
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_cert_resolver(self.current.clone());
        config.ignore_client_order = true;
        config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
        config.send_tls13_tickets = 1;
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// The crypto provider of the device endpoint. Clients list AES with 256 bits first by habit. With 128 bits, which nobody breaks
/// either, devices without AES in hardware spend less on every byte, and a handshake hashes with SHA-256, for which most
/// processors have instructions, unlike SHA-384.
fn lighter_ciphers_first() -> CryptoProvider {
    let mut provider = CryptoProvider::clone(&provider());
    let heavier = |suite: &SupportedCipherSuite| {
        let name = suite.suite().as_str();
        !name.is_some_and(|n| n.contains("AES_128"))
    };
    provider.cipher_suites.sort_by_key(heavier);
    provider
}

fn date(now: Micros) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(now.secs()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn make_ca(folder: &Path, now: Micros) -> Result<(), TlsError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(Vec::new())?;
    params
        .distinguished_name
        .push(DnType::CommonName, "Nervecenter device CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    params.not_before = date(BEGIN);
    params.not_after = date(now) + Duration::days(CA_DAYS);
    let cert = params.self_signed(&key)?;
    write(&folder.join("ca.key"), &key.serialize_pem(), true)?;
    write(&folder.join("ca.pem"), &cert.pem(), false)
}

/// The machine's names and addresses, localhost, and what was asked for.
fn all_names(asked: &[String]) -> Vec<String> {
    let mut names: BTreeSet<String> = asked.iter().map(|n| n.trim().to_lowercase()).collect();
    for local in ["localhost", "127.0.0.1", "::1"] {
        names.insert(local.to_owned());
    }
    if let Ok(host) = fs::read_to_string("/proc/sys/kernel/hostname") {
        names.insert(host.trim().to_lowercase());
    }
    names.extend(addresses().into_iter().map(|a| a.to_string()));
    names.retain(|n| !n.is_empty() && n.is_ascii());
    names.into_iter().collect()
}

/// The addresses that this machine would use to reach others. No packet is sent: connecting a UDP socket only asks the
/// routing table.
fn addresses() -> Vec<IpAddr> {
    let ask = |bind: &str, to: &str| {
        let socket = std::net::UdpSocket::bind(bind).ok()?;
        socket.connect(to).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    [
        ask("0.0.0.0:0", "192.0.2.1:9"),
        ask("[::]:0", "[2001:db8::1]:9"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The stored certificate, if it has all names and time left.
fn load(folder: &Path, names: &[String], now: Micros) -> Option<(CertifiedKey, OffsetDateTime)> {
    let pem = fs::read(folder.join("server.pem")).ok()?;
    let (_, block) = x509_parser::pem::parse_x509_pem(&pem).ok()?;
    let cert = block.parse_x509().ok()?;
    let expires = cert.validity().not_after.to_datetime();
    let held = cert
        .subject_alternative_name()
        .ok()??
        .value
        .general_names
        .len();
    let stored = fs::read_to_string(folder.join("server.names")).ok()?;
    let fits = stored == names.join("\n")
        && cert.validity().not_before.timestamp() <= BEGIN.secs()
        && held == names.len()
        && date(now) + Duration::days(RENEW_DAYS) < expires;
    if !fits {
        return None;
    }
    Some((certified(folder).ok()?, expires))
}

fn issue(
    folder: &Path,
    names: &[String],
    now: Micros,
) -> Result<(CertifiedKey, OffsetDateTime), TlsError> {
    let ca = folder.join("ca.pem");
    let bad = |e: rcgen::Error| TlsError::Pem {
        path: ca.clone(),
        why: e.to_string(),
    };
    let ca_key = KeyPair::from_pem(&read(&folder.join("ca.key"))?).map_err(bad)?;
    let issuer = Issuer::from_ca_cert_pem(&read(&ca)?, ca_key).map_err(bad)?;
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(Vec::new())?;
    for name in names {
        params.subject_alt_names.push(match name.parse::<IpAddr>() {
            Ok(ip) => SanType::IpAddress(ip),
            Err(_) => SanType::DnsName(name.as_str().try_into()?),
        });
    }
    params
        .distinguished_name
        .push(DnType::CommonName, "Nervecenter device endpoint");
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = date(BEGIN);
    params.not_after = date(now) + Duration::days(SERVER_CERTIFICATE_DAYS);
    let cert = params.signed_by(&key, &issuer)?;
    write(&folder.join("server.key"), &key.serialize_pem(), true)?;
    write(&folder.join("server.pem"), &cert.pem(), false)?;
    write(&folder.join("server.names"), &names.join("\n"), false)?;
    Ok((certified(folder)?, params.not_after))
}

fn certified(folder: &Path) -> Result<CertifiedKey, TlsError> {
    let path = folder.join("server.pem");
    let bad = |why: String| TlsError::Pem {
        path: path.clone(),
        why,
    };
    let cert =
        CertificateDer::from_pem_slice(read(&path)?.as_bytes()).map_err(|e| bad(e.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(read(&folder.join("server.key"))?.as_bytes())
        .map_err(|e| bad(e.to_string()))?;
    Ok(CertifiedKey::from_der(vec![cert], key, &provider())?)
}

/// Proves that the client holds its certificate's key; judges nothing else.
#[derive(Debug)]
struct Possession {
    provider: Arc<CryptoProvider>,
}

/// Whether TLS 1.3 still has a scheme (RFC 8446, 4.2.3).
fn in_tls13(scheme: SignatureScheme) -> bool {
    !matches!(
        scheme,
        SignatureScheme::RSA_PKCS1_SHA1
            | SignatureScheme::ECDSA_SHA1_Legacy
            | SignatureScheme::RSA_PKCS1_SHA256
            | SignatureScheme::RSA_PKCS1_SHA384
            | SignatureScheme::RSA_PKCS1_SHA512
    )
}

impl Possession {
    /// Checks the signature with the key of the certificate and looks at nothing else of it: what `webpki` cannot read, such as a
    /// critical extension that it does not know, is no reason to refuse a device whose certificate is known to the byte.
    fn possessed(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let key = Key::of_certificate(cert).ok_or(rustls::Error::InvalidCertificate(
            CertificateError::BadEncoding,
        ))?;
        let schemes = self.provider.signature_verification_algorithms.mapping;
        schemes
            .iter()
            .filter(|(scheme, _)| *scheme == dss.scheme)
            .flat_map(|(_, algorithms)| *algorithms)
            .any(|by| key.signed(*by, message, dss.signature()))
            .then(HandshakeSignatureValid::assertion)
            .ok_or(rustls::Error::InvalidCertificate(
                CertificateError::BadSignature,
            ))
    }
}

impl ClientCertVerifier for Possession {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.possessed(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if !in_tls13(dss.scheme) {
            return Err(rustls::PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        self.possessed(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests;
