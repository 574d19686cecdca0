//! What a device proves itself with. All devices share one TLS configuration; the key and the certificate of a device are there
//! while it shakes hands, and only the certificate is kept.

use super::plan::Auth;
use anyhow::{Context as _, bail};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::encoding::{AsDer as _, EcPrivateKeyRfc5915Der};
use aws_lc_rs::hmac;
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, SerialNumber,
};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::aws_lc_rs::sign::any_ecdsa_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivateSec1KeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use std::path::Path;
use std::sync::Arc;

tokio::task_local! {
    /// The key and certificate of the device that shakes hands.
    static PRESENTED: Arc<CertifiedKey>;
}

/// How the devices of a fleet prove who they are.
pub(super) enum Credentials {
    /// By a product's shared key and its secret.
    Secret { key: String, secret: String },
    /// By certificates.
    Certificates(Box<Factory>),
}

impl Credentials {
    pub(super) fn of(auth: &Auth) -> anyhow::Result<Self> {
        Ok(match auth {
            Auth::Secret { key, secret } => Self::Secret {
                key: key.clone(),
                secret: secret.clone(),
            },
            Auth::Certificate { ca, key } => {
                let key = KeyPair::from_pem(key).context("--client-ca-key is no PEM key")?;
                Self::Certificates(Box::new(Factory {
                    keys: hmac::Key::new(hmac::HMAC_SHA256, &key.serialize_der()),
                    issuer: Issuer::from_ca_cert_pem(ca, key)
                        .context("--client-ca is no PEM certificate")?,
                }))
            }
        })
    }

    /// The TLS configuration of all devices.
    pub(super) fn tls(&self, server_ca: &Path) -> anyhow::Result<Arc<ClientConfig>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots(server_ca)?);
        Ok(Arc::new(match self {
            Self::Secret { .. } => config.with_no_client_auth(),
            Self::Certificates(_) => {
                let mut config = config.with_client_cert_resolver(Arc::new(Presented));
                // A session that one device began must not be resumed by another.
                config.resumption = Resumption::disabled();
                config
            }
        }))
    }
}

fn roots(path: &Path) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let certs = CertificateDer::pem_file_iter(path)
        .with_context(|| format!("could not read {}", path.display()))?;
    for cert in certs {
        roots.add(cert.with_context(|| format!("{} is no PEM certificate", path.display()))?)?;
    }
    if roots.is_empty() {
        bail!("{} holds no certificate", path.display());
    }
    Ok(roots)
}

/// Presents what the task has in hand.
#[derive(Debug)]
struct Presented;

impl ResolvesClientCert for Presented {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        PRESENTED.try_with(Arc::clone).ok()
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Shakes hands as the device of this key and certificate.
pub(super) async fn presenting<F: Future>(key: Arc<CertifiedKey>, handshake: F) -> F::Output {
    PRESENTED.scope(key, handshake).await
}

/// Makes keys and certificates, as a factory does.
pub(super) struct Factory {
    issuer: Issuer<'static, KeyPair>,
    /// Keys of devices are derived by it from their identifiers: nothing has to be kept, and a later run has the same ones, which
    /// a server demands of devices that it knows.
    keys: hmac::Key,
}

impl Factory {
    /// The key of a device with its certificate, which is made when there is none yet.
    pub(super) fn identity(
        &self,
        identifier: &str,
        certificate: &mut Option<CertificateDer<'static>>,
    ) -> anyhow::Result<Arc<CertifiedKey>> {
        let key = self.key(identifier)?;
        let certificate = match certificate {
            Some(made) => made,
            None => certificate.insert(self.certificate(identifier, &key)?),
        };
        let chain = vec![certificate.clone()];
        Ok(Arc::new(CertifiedKey::new(chain, any_ecdsa_type(&key)?)))
    }

    fn key(&self, identifier: &str) -> anyhow::Result<PrivateKeyDer<'static>> {
        // One number in 2^32 is none that the curve has.
        for attempt in 0..4_u8 {
            let mut context = hmac::Context::with_key(&self.keys);
            context.update(&[attempt]);
            context.update(identifier.as_bytes());
            let number = context.sign();
            if let Ok(key) = PrivateKey::from_private_key(&ECDH_P256, number.as_ref()) {
                let der: EcPrivateKeyRfc5915Der<'_> = key.as_der()?;
                return Ok(PrivateSec1KeyDer::from(der.as_ref().to_vec()).into());
            }
        }
        bail!("no key can be derived for {identifier}")
    }

    fn certificate(
        &self,
        identifier: &str,
        key: &PrivateKeyDer<'_>,
    ) -> anyhow::Result<CertificateDer<'static>> {
        let key = KeyPair::from_der_and_sign_algo(key, &PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(Vec::new())?;
        params
            .distinguished_name
            .push(DnType::CommonName, identifier);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        // Another one in each run: servers do not take two certificates with one number.
        let mut serial = [0; 16];
        aws_lc_rs::rand::fill(&mut serial)?;
        serial[0] = serial[0] & 0x7f | 0x40;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        let made = params.signed_by(&key, &self.issuer)?;
        // Without spare capacity: it is kept for each device.
        Ok(CertificateDer::from(made.der().to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factory() -> Factory {
        let key = KeyPair::generate().unwrap();
        let ca = CertificateParams::new(Vec::new()).unwrap();
        let auth = Auth::Certificate {
            ca: ca.self_signed(&key).unwrap().pem(),
            key: key.serialize_pem(),
        };
        match Credentials::of(&auth).unwrap() {
            Credentials::Certificates(factory) => *factory,
            Credentials::Secret { .. } => panic!("not by a secret"),
        }
    }

    #[test]
    fn a_device_keeps_its_key_and_its_certificate() {
        let factory = factory();
        let (mut first, mut again, mut other) = (None, None, None);
        factory.identity("sim-1", &mut first).unwrap();
        let made = first.clone();
        factory.identity("sim-1", &mut first).unwrap();
        assert_eq!(first, made);
        factory.identity("sim-1", &mut again).unwrap();
        factory.identity("sim-2", &mut other).unwrap();
        let read = |der: &Option<CertificateDer<'static>>| {
            let der = der.clone().unwrap();
            let (_, cert) = x509_parser::parse_x509_certificate(&der).unwrap();
            (cert.public_key().raw.to_vec(), cert.raw_serial().to_vec())
        };
        let ((key, serial), (same, fresh), (others, _)) =
            (read(&first), read(&again), read(&other));
        assert_eq!(key, same);
        assert_ne!(serial, fresh);
        assert_ne!(key, others);
    }
}
