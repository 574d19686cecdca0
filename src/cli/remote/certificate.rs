//! `nervecenter device cert create`: creates a key and a certificate for a device, on this machine.

use super::Group;
use super::device::Cert;
use crate::access::random;
use crate::cli::exit::Code;
use crate::cli::output;
use anyhow::{Context as _, bail};
use clap::Args;
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SerialNumber,
};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use time::{Duration, OffsetDateTime};

/// What a certificate is made of (docs/protocol/rules.md, "Certificates").
#[derive(Args)]
pub(in crate::cli) struct Create {
    /// The device's identifier.
    identifier: String,
    /// Certificate of the authority that signs; devices are let in when it is registered with the organization.
    #[arg(long, value_name = "CA.pem")]
    signer_cert: PathBuf,
    /// Its private key.
    #[arg(long, value_name = "CA-key.pem")]
    signer_key: PathBuf,
    /// Years that it is good for.
    #[arg(long, default_value_t = 31, value_parser = clap::value_parser!(u16).range(1..=100))]
    validity: u16,
    /// Folder for IDENTIFIER-cert.pem and IDENTIFIER-key.pem.
    #[arg(long, default_value = ".", value_name = "DIR")]
    path: PathBuf,
}

impl Group<Cert> {
    /// Runs without a server: a machine in a factory may have no access to one.
    pub(in crate::cli) async fn certificates(self) -> anyhow::Result<Code> {
        match self.command {
            Cert::Create(create) => create.run(self.remote.org.as_deref()),
            _ => self.run().await,
        }
    }
}

impl Create {
    pub(super) fn run(self, org: Option<&str>) -> anyhow::Result<Code> {
        if self.identifier.is_empty() || self.identifier.contains(['/', '\0']) {
            bail!("the identifier cannot be empty or hold a slash: it is part of file names");
        }
        let read = |path: &Path| {
            std::fs::read_to_string(path)
                .with_context(|| format!("could not read {}", path.display()))
        };
        let signer = KeyPair::from_pem(&read(&self.signer_key)?)
            .context("--signer-key is no private key in PKCS #8 PEM")?;
        let issuer = Issuer::from_ca_cert_pem(&read(&self.signer_cert)?, signer)
            .context("--signer-cert is no CA certificate in PEM")?;
        let key = KeyPair::generate()?;
        let cert = self.params(org)?.signed_by(&key, &issuer)?;
        let file = |kind: &str| self.path.join(format!("{}-{kind}.pem", self.identifier));
        let (key_file, cert_file) = (file("key"), file("cert"));
        // Each file is renamed when it is complete, the key is readable only by its owner, and no existing file
        // is replaced.
        let keep = |path: &Path, text: String| {
            let mut staged = tempfile::NamedTempFile::new_in(&self.path)?;
            staged.write_all(text.as_bytes())?;
            staged.persist_noclobber(path).map_err(|e| e.error)?;
            std::io::Result::Ok(())
        };
        for (path, text) in [(&key_file, key.serialize_pem()), (&cert_file, cert.pem())] {
            keep(path, text).with_context(|| format!("could not write {}", path.display()))?;
        }
        output::data(&cert_file.display().to_string());
        output::data(&key_file.display().to_string());
        Ok(Code::Done)
    }

    fn params(&self, org: Option<&str>) -> anyhow::Result<CertificateParams> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(org) = org {
            params
                .distinguished_name
                .push(DnType::OrganizationName, org);
        }
        params
            .distinguished_name
            .push(DnType::CommonName, self.identifier.as_str());
        let mut serial = random::<20>();
        // The serial number must be positive and without leading zeros (RFC 5280, 4.1.2.2).
        serial[0] = serial[0] & 0x7f | 0x40;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        // Devices' clocks are often slow.
        let now = OffsetDateTime::now_utc();
        let hour = now
            - Duration::minutes(i64::from(now.minute()))
            - Duration::seconds(i64::from(now.second()));
        params.not_before = hour - Duration::hours(1);
        params.not_after = hour
            .replace_year(hour.year() + i32::from(self.validity))
            .unwrap_or(hour + Duration::days(365 * i64::from(self.validity)));
        Ok(params)
    }
}
