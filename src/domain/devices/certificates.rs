//! CA certificates of organizations and client certificates of devices, as people manage them. CAs with
//! just-in-time provisioning (JITP) are in `certificates/authorities.rs`.

mod authorities;

use super::x509::{self, CertificateInfo};
use crate::access::scope::{InOrg as _, Org, Product, Role, Scope};
use crate::access::vault::Vault;
use crate::clock::Micros;
use crate::domain::Context;
use crate::domain::devices::certificate_signature::{NotSigned, signed_by, usable_key};
use crate::domain::devices::{self, Device};
use crate::domain::error::{BLANK, TAKEN, field};
use crate::domain::{DomainError, Result};
use crate::ids::{DeviceId, OrgId, ProductId};
use crate::store::devices::certificates as table;
use crate::store::devices::certificates::{NewCa, NewCertificate};
use crate::store::events::audit::{self, Resource};
use crate::store::ingest::bearers::{self, Kept};
use crate::store::{self, Db, On, Write};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::time::Duration;

pub use crate::store::devices::certificates::{CaRow, CertificateRow};
pub use authorities::*;

/// The URN prefix of ownership proofs (docs/protocol/rules.md, "Certificates").
const PROOF: &str = "urn:nerveshub:verify:";

/// Decodes Base64 of PEM to DER. Plain PEM and Base64 of DER are accepted as well.
fn der(text: &str) -> Result<Vec<u8>> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.starts_with("-----BEGIN") {
        return x509::first_in_pem(text.as_bytes()).ok_or_else(unreadable);
    }
    let packed: String = text.split_ascii_whitespace().collect();
    let bytes = STANDARD
        .decode(packed)
        .map_err(|_| DomainError::Bad("the certificate is not base64 of a PEM text".into()))?;
    match x509::first_in_pem(&bytes) {
        Some(der) => Ok(der),
        None if CertificateInfo::read(&bytes).is_ok() => Ok(bytes),
        None => Err(unreadable()),
    }
}

fn unreadable() -> DomainError {
    DomainError::Detail("Error decoding certificate".into())
}

/// The answer to a registration without the CA certificate or its proof. Clients may compare it, so it is
/// NervesHub's exact text.
pub const CA_INCOMPLETE: &str = "The CA certificate or verification certificate is missing";

/// The certificates of a device.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such device.
pub async fn list(
    db: &Db,
    scope: &Scope<Product>,
    identifier: &str,
) -> Result<Vec<CertificateRow>> {
    let mut r = db.read().await?;
    let device = store::devices::view(&mut r, scope, identifier)
        .await?
        .ok_or(DomainError::NotFound)?;
    Ok(table::of_device(&mut r, scope, device.id).await?)
}

/// Registers a certificate of a device. Its signer need not be a registered CA.
///
/// # Errors
/// A validation error for a certificate that cannot be parsed, lacks an authority key identifier, or is
/// registered already.
pub async fn add(
    db: &Db,
    scope: &Scope<Product>,
    identifier: &str,
    cert: &str,
) -> Result<CertificateRow> {
    let der = der(cert)?;
    let facts = CertificateInfo::read(&der)
        .map_err(|_| DomainError::Detail("Error decoding certificate".into()))?;
    let mut w = db.write().await?;
    let device = store::devices::view(&mut w, scope, identifier)
        .await?
        .ok_or(DomainError::NotFound)?;
    store_certificate(&mut w, device.org_id, device.id, &facts, db.now()).await?;
    let text = format!(
        "{} added certificate {} to device {identifier}",
        scope.person().name,
        facts.serial
    );
    audit::in_product(&mut w, scope, Resource::Device(device.id), &text, db.now()).await?;
    w.commit().await?;
    list(db, scope, identifier)
        .await?
        .into_iter()
        .find(|c| c.fingerprint == facts.fingerprint)
        .ok_or(DomainError::NotFound)
}

/// Stores a device's certificate after the checks that apply to every path (docs/protocol/rules.md,
/// "Certificates").
///
/// # Errors
/// A validation error that names the checks that failed.
pub async fn store_certificate(
    w: &mut Write,
    org: OrgId,
    device: DeviceId,
    facts: &CertificateInfo,
    now: Micros,
) -> Result<()> {
    let certificate = to_keep(facts.clone()).ok_or_else(|| {
        field(
            "aki",
            "the certificate has no authority key identifier, so its signer cannot be told",
        )
    })?;
    // All faults of the certificate are reported together. Of the collisions, that of the serial number comes
    // first.
    let mut errors = serde_json::Map::new();
    let other = table::holder_of_key(w, &facts.public_key_fingerprint).await?;
    if other.is_some_and(|h| h.device_id != device) {
        let text = "public key already associated with another device";
        errors.insert("public_key_fingerprint".into(), json!([text]));
    }
    if let Err(why) = usable_key(&facts.der) {
        errors.insert("cert".into(), json!([why]));
    }
    let mut signers = table::cas_by_ski(w, &certificate.aki).await?;
    signers.retain(|ca| signed_by(&ca.der, &facts.der, now).is_ok());
    if !signers.is_empty() && signers.iter().all(|ca| ca.org_id != org) {
        let text = "Signer CA registered with another org";
        errors.insert("org".into(), json!([text]));
    }
    if !errors.is_empty() {
        return Err(DomainError::Fields(errors.into()));
    }
    if let Some(holder) = table::holder(w, &facts.fingerprint).await? {
        let same = holder.device_id == device;
        return Err(field(if same { "serial" } else { "fingerprint" }, TAKEN));
    }
    let kept = Kept {
        org,
        device,
        certificate,
        at: now,
    };
    if bearers::keep(w, &[kept]).await?.is_empty() {
        return Err(field("serial", TAKEN));
    }
    Ok(())
}

/// What is kept of a certificate; `None` when it names no signer.
pub(super) fn to_keep(facts: CertificateInfo) -> Option<NewCertificate> {
    Some(NewCertificate {
        serial: facts.serial,
        fingerprint: facts.fingerprint,
        fingerprint_sha256: facts.fingerprint_sha256,
        public_key_fingerprint: facts.public_key_fingerprint,
        aki: facts.aki?,
        not_before: facts.not_before,
        not_after: facts.not_after,
        der: facts.der,
    })
}

/// Finds the organization's device that holds exactly this certificate. CAs are not considered, and no device
/// is provisioned.
///
/// # Errors
/// [`DomainError::Denied`] when no device holds the certificate.
pub async fn find_by_certificate(db: &Db, scope: &Scope<Product>, cert: &str) -> Result<Device> {
    let unknown = || DomainError::Denied(Role::View);
    // A text that is not a certificate belongs to no device.
    let facts = der(cert).ok().and_then(|c| CertificateInfo::read(&c).ok());
    let facts = facts.ok_or_else(unknown)?;
    let mut r = db.read().await?;
    let holder = table::holder_of_exactly(&mut r, &facts.fingerprint_sha256).await?;
    let holder = holder.filter(|h| h.org_id == scope.org().id);
    let identifier = holder.ok_or_else(unknown)?.identifier;
    drop(r);
    devices::show(db, scope, &identifier).await
}

/// Deletes a device's certificate and closes the connection that was authenticated with it.
///
/// # Errors
/// [`DomainError::NotFound`] for an unknown device or certificate.
pub async fn delete(
    context: &Context,
    scope: &Scope<Product>,
    identifier: &str,
    serial: &str,
) -> Result<()> {
    let mut w = context.db.write().await?;
    let device = store::devices::view(&mut w, scope, identifier)
        .await?
        .ok_or(DomainError::NotFound)?;
    let all = table::of_device(&mut w, scope, device.id).await?;
    let name = serial.replace(':', "").to_uppercase();
    let meant: Vec<&str> = all
        .iter()
        .filter(|c| c.serial == serial || c.fingerprint == name)
        .map(|c| c.fingerprint.as_str())
        .collect();
    match meant.as_slice() {
        [] => return Err(DomainError::NotFound),
        [one] => table::delete(&mut w, scope, device.id, one).await?,
        several => {
            return Err(DomainError::Conflict(format!(
                "{} certificates of the device have the serial number {serial}, from different signers. Name one by its SHA-1: {}.",
                several.len(),
                several.join(" or ")
            )));
        }
    };
    let text = format!(
        "{} removed certificate {serial} from device {identifier}",
        scope.person().name
    );
    audit::in_product(
        &mut w,
        scope,
        Resource::Device(device.id),
        &text,
        context.now(),
    )
    .await?;
    let node = crate::store::devices::connections::node_of(&mut w, device.id).await?;
    w.commit().await?;
    crate::domain::devices::cut(context, device.id, node);
    Ok(())
}
