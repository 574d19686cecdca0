//! Devices that introduce themselves (docs/protocol/device.md, "Client certificates"): what a certificate comes to that is not
//! known and that registered authorities vouch for. Devices with a product's secret register by the hundred, in `ingest`.

use super::certificates::store_certificate;
use super::identifier_ok;
use super::x509::CertificateInfo;
use crate::clock::Micros;
use crate::domain::DomainError;
use crate::ids::{DeviceId, ProductId};
use crate::rollout::outcome;
use crate::store::devices::certificates::{self, CaRow, Holder};
use crate::store::{self, Db, Write, devices};

/// Why a device does not get in.
#[derive(Debug, thiserror::Error)]
pub enum NotProvisioned {
    /// It may not.
    #[error("{0}")]
    Refused(&'static str),
    /// It cannot be decided now.
    #[error(transparent)]
    Unavailable(#[from] store::Error),
}

/// A device that got in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provisioned {
    pub device: DeviceId,
    pub identifier: String,
    pub product: ProductId,
}

/// How a device came to its certificate, for the audit log.
enum Way {
    /// It has a certificate for the same key.
    Renewed,
    /// It was registered, and had none.
    First,
    /// It was not registered; its authority introduces devices of a product.
    Introduced,
}

/// Finds or makes the device of a certificate, and keeps the certificate. `signers` are the registered authorities that vouch for
/// it: more than one when several organizations registered the same.
///
/// # Errors
/// See [`NotProvisioned`].
pub async fn by_certificate(
    db: &Db,
    signers: &[CaRow],
    facts: &CertificateInfo,
    now: Micros,
) -> Result<Provisioned, NotProvisioned> {
    use NotProvisioned::Refused;
    let name = facts.common_name.as_deref();
    let name = name.ok_or(Refused("the certificate has no common name"))?;
    let mut r = db.read().await?;
    let renewal = certificates::holder_of_key(&mut r, &facts.public_key_fingerprint).await?;
    let registered = devices::by_identifier(&mut r, name).await?;
    drop(r);
    // The organization that knows the device decides, then the one that was first to register the authority.
    let home = renewal.as_ref().map(|h| h.org_id);
    let home = home.or(registered.map(|d| d.org_id));
    let own = signers.iter().find(|ca| Some(ca.org_id) == home);
    let ca = own
        .or(signers.iter().find(|ca| ca.jitp_product_id.is_some()))
        .or(signers.first())
        .ok_or(Refused("an unknown signer"))?;
    let mut w = db.write().await?;
    let (device, product, way) = match renewal {
        Some(holder) => renewed(&holder, ca, name)?,
        None => newcomer(&mut w, ca, name, now).await?,
    };
    match store_certificate(&mut w, ca.org_id, device, facts, now).await {
        Ok(()) => {}
        Err(DomainError::Store(e)) => return Err(e.into()),
        Err(_) => return Err(Refused("the certificate cannot be stored for this device")),
    }
    let (serial, authority) = (&facts.serial, &ca.serial);
    let text = match way {
        Way::Renewed => format!("Device {name} renewed its certificate: {serial}"),
        Way::First => {
            format!("Device {name} brought its first certificate, {serial}, of {authority}")
        }
        Way::Introduced => {
            format!("Device {name} was introduced by the authority {authority}, with {serial}")
        }
    };
    outcome::note(&mut w, device, &text, now).await?;
    w.commit().await?;
    Ok(Provisioned {
        device,
        identifier: name.to_owned(),
        product,
    })
}

/// Another certificate for the key of a device.
fn renewed(
    holder: &Holder,
    ca: &CaRow,
    name: &str,
) -> Result<(DeviceId, ProductId, Way), NotProvisioned> {
    let refused = |why| Err(NotProvisioned::Refused(why));
    if holder.deleted_at.is_some() {
        return refused("the device is deleted");
    }
    if holder.identifier != name {
        return refused("the common name is not the identifier of the key's device");
    }
    if holder.org_id != ca.org_id {
        return refused("the signer belongs to another organization");
    }
    Ok((holder.device_id, holder.product_id, Way::Renewed))
}

/// A new key: for a device that is registered and has none, or for one that the authority introduces.
async fn newcomer(
    w: &mut Write,
    ca: &CaRow,
    name: &str,
    now: Micros,
) -> Result<(DeviceId, ProductId, Way), NotProvisioned> {
    use NotProvisioned::Refused;
    if let Some(d) = devices::by_identifier(w, name).await? {
        if d.org_id != ca.org_id {
            return Err(Refused("the identifier exists in another organization"));
        }
        if d.deleted_at.is_some() {
            return Err(Refused("the device is deleted"));
        }
        if certificates::any(w, d.id).await? {
            return Err(Refused("the device has a certificate with another key"));
        }
        return Ok((d.id, d.product_id, Way::First));
    }
    let product = ca
        .jitp_product_id
        .ok_or(Refused("the device is not registered"))?;
    if !identifier_ok(name) {
        return Err(Refused("the common name cannot be an identifier"));
    }
    let tags: Vec<String> = ca
        .jitp_tags
        .as_deref()
        .and_then(|t| serde_json::from_str(t).ok())
        .unwrap_or_default();
    let description = ca.jitp_description.as_deref();
    let device = devices::add(w, ca.org_id, product, name, description, Some(&tags), now)
        .await?
        .ok_or(Refused("the identifier was taken at the same moment"))?;
    Ok((device, product, Way::Introduced))
}
