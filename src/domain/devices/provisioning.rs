//! Devices that introduce themselves (docs/protocol/device.md, "Client certificates"): what a certificate comes to that is not
//! known and that registered authorities vouch for. Decided here, without the database; `ingest::bearers` reads and writes for many.

use super::certificate_signature::usable_key;
use super::certificates::to_keep;
use super::identifier_ok;
use super::x509::CertificateInfo;
use crate::clock::Micros;
use crate::ids::{DeviceId, OrgId, ProductId};
use crate::store::devices::certificates::{CaRow, Holder, NewCertificate};
use crate::store::ingest::bearers::Registered;

/// A device that got in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provisioned {
    pub device: DeviceId,
    pub identifier: String,
    pub product: ProductId,
}

/// Why a certificate is not kept that seemed to be in order.
pub const NOT_KEPT: &str = "the certificate cannot be stored for this device";

/// Why a device is not added whose identifier was free a moment ago.
pub const TAKEN: &str = "the identifier was taken at the same moment";

/// A device that brings a certificate which is not known.
#[derive(Debug, Clone)]
pub struct Bearer {
    /// The common name of the certificate, which is the device's identifier.
    pub name: String,
    pub certificate: NewCertificate,
    /// When it came.
    pub at: Micros,
    /// The registered authorities that vouch for it: more than one when several organizations registered the same.
    signers: Vec<CaRow>,
}

/// How a device came to its certificate, for the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It has a certificate for the same key.
    Renewed,
    /// It was registered, and had none.
    First,
    /// It was not registered; its authority introduces devices of a product.
    Introduced,
}

/// A device, or none when it is to be added; its product, and how it came to its certificate.
type Found = (Option<DeviceId>, ProductId, Way);

/// What a certificate comes to.
#[derive(Debug, Clone)]
pub struct Judged<'b> {
    /// The authority that counts.
    pub authority: &'b CaRow,
    /// The device, or none when it is to be added.
    pub device: Option<DeviceId>,
    pub product: ProductId,
    way: Way,
}

impl Bearer {
    /// A device with this certificate and these signers.
    ///
    /// # Errors
    /// Why it cannot be one.
    pub fn new(
        signers: Vec<CaRow>,
        facts: CertificateInfo,
        now: Micros,
    ) -> Result<Self, &'static str> {
        let name = facts.common_name.clone();
        let name = name.ok_or("the certificate has no common name")?;
        let certificate = to_keep(facts).ok_or("the certificate names no signer")?;
        Ok(Self {
            name,
            certificate,
            at: now,
            signers,
        })
    }

    /// Decides what it comes to, from whom its key belongs to and which device has its name.
    ///
    /// # Errors
    /// Why the device does not get in.
    pub fn judge(
        &self,
        renewal: Option<&Holder>,
        registered: Option<&Registered>,
    ) -> Result<Judged<'_>, &'static str> {
        let home = renewal.map(|h| h.org_id).or(registered.map(|d| d.org_id));
        let authority = self.authority(home).ok_or("an unknown signer")?;
        let (device, product, way) = match (renewal, registered) {
            (Some(holder), _) => self.renewed(holder, authority)?,
            (None, Some(device)) => first(device, authority)?,
            (None, None) => self.introduced(authority)?,
        };
        usable_key(&self.certificate.der).map_err(|_| NOT_KEPT)?;
        Ok(Judged {
            authority,
            device,
            product,
            way,
        })
    }

    /// The organization that knows the device decides, then the one that was first to register an authority that introduces.
    fn authority(&self, home: Option<OrgId>) -> Option<&CaRow> {
        let of = |is: &dyn Fn(&CaRow) -> bool| self.signers.iter().find(|ca| is(ca));
        of(&|ca| Some(ca.org_id) == home)
            .or_else(|| of(&|ca| ca.jitp_product_id.is_some()))
            .or(self.signers.first())
    }

    /// Another certificate for the key of a device.
    fn renewed(&self, holder: &Holder, ca: &CaRow) -> Result<Found, &'static str> {
        if holder.deleted_at.is_some() {
            return Err("the device is deleted");
        }
        if holder.identifier != self.name {
            return Err("the common name is not the identifier of the key's device");
        }
        if holder.org_id != ca.org_id {
            return Err("the signer belongs to another organization");
        }
        Ok((Some(holder.device_id), holder.product_id, Way::Renewed))
    }

    /// A new key of a device that is not registered.
    fn introduced(&self, ca: &CaRow) -> Result<Found, &'static str> {
        let product = ca.jitp_product_id.ok_or("the device is not registered")?;
        if !identifier_ok(&self.name) {
            return Err("the common name cannot be an identifier");
        }
        Ok((None, product, Way::Introduced))
    }
}

/// A new key of a device that is registered and has none.
fn first(d: &Registered, ca: &CaRow) -> Result<Found, &'static str> {
    if d.org_id != ca.org_id {
        return Err("the identifier exists in another organization");
    }
    if d.deleted_at.is_some() {
        return Err("the device is deleted");
    }
    if d.certified {
        return Err("the device has a certificate with another key");
    }
    Ok((Some(d.id), d.product_id, Way::First))
}

impl Judged<'_> {
    /// The tags of a device that is to be added.
    pub fn tags(&self) -> Vec<String> {
        let tags = self.authority.jitp_tags.as_deref();
        tags.and_then(|t| serde_json::from_str(t).ok())
            .unwrap_or_default()
    }

    /// What the audit log says.
    pub fn audit_text(&self, bearer: &Bearer) -> String {
        let (name, serial) = (&bearer.name, &bearer.certificate.serial);
        let authority = &self.authority.serial;
        match self.way {
            Way::Renewed => format!("Device {name} renewed its certificate: {serial}"),
            Way::First => {
                format!("Device {name} brought its first certificate, {serial}, of {authority}")
            }
            Way::Introduced => {
                format!("Device {name} was introduced by the authority {authority}, with {serial}")
            }
        }
    }
}
