//! Who is it? Decided after the handshake and before the upgrade is answered, for every connection anew: a resumed TLS
//! session proves the key and nothing more.

pub mod certificate;
pub mod secret;

use crate::app::App;
use crate::clock::Micros;
use crate::domain::devices::certificate_signature::NotSigned;
use crate::domain::devices::x509::CertificateInfo;
use crate::domain::support::notifications;
use crate::ids::{DeviceId, OrgId, ProductId, SecretId};
use crate::store::ingest::write::Newcomer;
use crate::store::{self, devices};
use rustls::pki_types::CertificateDer;
use std::net::IpAddr;

/// A device whose key or secret was proven and whose record the store holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownDevice {
    /// The device.
    pub id: DeviceId,
    pub identifier: String,
    pub product: ProductId,
    /// The fingerprint of its certificate, if that is how it came.
    pub fingerprint: Option<String>,
    /// The product's shared secret, if that is how it came.
    pub secret: Option<SecretId>,
}

/// What a connection brought.
#[derive(Debug)]
pub enum Credentials<'a> {
    /// A certificate chain whose key it holds; a certificate always wins.
    Certificate(&'a [CertificateDer<'a>]),
    /// Shared-secret headers.
    Secret(secret::Headers),
    /// Some `x-` header, but no usable credentials.
    Unusable,
    /// Nothing at all.
    Nothing,
}

impl Credentials<'_> {
    /// What they say of themselves, unproven: for the log.
    pub fn said(&self) -> String {
        match self {
            Self::Certificate(chain) => {
                let facts = chain.first().map(|leaf| CertificateInfo::read(leaf));
                match facts {
                    Some(Ok(f)) => format!(
                        "certificate of {:?}, SHA-256 {}",
                        f.common_name.as_deref().unwrap_or("nobody"),
                        f.fingerprint_sha256
                    ),
                    _ => "a certificate that cannot be read".into(),
                }
            }
            Self::Secret(headers) => {
                let shown: String = headers.key.chars().take(64).collect();
                format!("shared secret {shown:?}")
            }
            Self::Unusable | Self::Nothing => "nothing".into(),
        }
    }
}

/// Why it is not let in. The device learns next to nothing of it; the log does.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Not this one.
    #[error("{0}")]
    No(&'static str),
    /// Its certificate is not one that its signer vouches for.
    #[error("the certificate is not vouched for: {0}")]
    Signer(NotSigned),
    /// It brought no credentials.
    #[error("no credentials")]
    Nothing,
    /// It was not looked at, since wrong signatures of the same key from the same address hold the turns.
    #[error("too many wrong signatures of this key from this address")]
    Crowded,
    /// It cannot be decided now.
    #[error(transparent)]
    Unavailable(#[from] store::Error),
}

/// Decides who asks; `from` is where it asks from.
///
/// # Errors
/// See [`Refused`].
pub async fn decide(
    app: &App,
    credentials: &Credentials<'_>,
    from: IpAddr,
    now: Micros,
) -> Result<KnownDevice, Refused> {
    match credentials {
        Credentials::Certificate(chain) => certificate::decide(app, chain, now).await,
        Credentials::Secret(headers) => secret::decide(app, headers, from, now).await,
        Credentials::Unusable => Err(Refused::No("headers without usable credentials")),
        Credentials::Nothing => Err(Refused::Nothing),
    }
}

/// Finds a device by identifier where it is expected, or creates it there. The identifier is unique on the server, so
/// one that exists elsewhere, or is deleted, is refused.
async fn find_or_create(
    app: &App,
    org: OrgId,
    product: ProductId,
    identifier: &str,
    now: Micros,
) -> Result<DeviceId, Refused> {
    if !crate::domain::devices::identifier_ok(identifier) {
        return Err(Refused::No(
            "the identifier is empty, too long or holds control characters",
        ));
    }
    let mut r = app.db.read().await?;
    let found = devices::by_identifier(&mut r, identifier).await?;
    drop(r);
    if let Some(d) = found {
        let why = match d {
            d if d.deleted_at.is_some() => "the device is deleted",
            d if d.product_id != product => "the identifier exists in another product",
            d => return Ok(d.id),
        };
        notifications::identifier_taken(&app.db, product, identifier, why, now).await?;
        return Err(Refused::No(why));
    }
    let newcomer = Newcomer {
        org,
        product,
        identifier: identifier.to_owned(),
        at: now,
    };
    let id = app.newcomers.write(newcomer).await?;
    id.ok_or(Refused::No("the identifier was taken at the same moment"))
}
