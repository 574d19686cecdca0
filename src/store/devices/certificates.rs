//! CA certificates of organizations and certificates of devices.

use crate::clock::Micros;
use crate::store::accounts::scope::{InOrg, Org, Product, Scope};
use crate::store::ids::{CaId, DeviceId, OrgId, ProductId};
use crate::store::{On, Result, Write};
use sqlx::{FromRow, QueryBuilder};

/// A registered CA.
#[derive(Debug, Clone, FromRow)]
pub struct CaRow {
    pub id: CaId,
    /// Its organization.
    pub org_id: OrgId,
    /// Serial number, decimal.
    pub serial: String,
    /// Subject key identifier.
    pub ski: Vec<u8>,
    /// The certificate.
    pub der: Vec<u8>,
    /// Start of validity.
    pub not_before: Micros,
    /// End of validity.
    pub not_after: Micros,
    /// Free text.
    pub description: Option<String>,
    /// Whether an expired CA is refused.
    pub check_expiration: bool,
    /// Just-in-time provisioning: the product of devices that this CA introduces.
    pub jitp_product_id: Option<ProductId>,
    /// That product's name.
    pub jitp_product_name: Option<String>,
    /// Their tags, a JSON array.
    pub jitp_tags: Option<String>,
    /// Their description.
    pub jitp_description: Option<String>,
}

#[derive(Debug, Clone)]
pub struct NewCa {
    /// Serial number, decimal.
    pub serial: String,
    /// Subject key identifier.
    pub ski: Vec<u8>,
    /// The certificate.
    pub der: Vec<u8>,
    /// Start of validity.
    pub not_before: Micros,
    /// End of validity.
    pub not_after: Micros,
    /// Free text.
    pub description: Option<String>,
    /// Whether an expired CA is refused.
    pub check_expiration: bool,
    /// Just-in-time provisioning: product, tags (JSON), description.
    pub jitp: Option<(ProductId, String, String)>,
}

macro_rules! ca_columns {
    () => {
        "SELECT c.id, c.org_id, c.serial, c.ski, c.der, c.not_before, c.not_after, c.description,
                c.check_expiration, c.jitp_product_id, p.name AS jitp_product_name, c.jitp_tags,
                c.jitp_description
         FROM ca_certificates c LEFT JOIN products p ON p.id = c.jitp_product_id "
    };
}

/// Registers a CA; `None` when the organization has one with its key identifier and serial.
pub async fn add_ca(
    w: &mut Write,
    scope: &Scope<Org>,
    ca: &NewCa,
    now: Micros,
) -> Result<Option<CaId>> {
    let (product, tags, description) = match &ca.jitp {
        Some((p, t, d)) => (Some(*p), Some(t.as_str()), Some(d.as_str())),
        None => (None, None, None),
    };
    let row: Option<(CaId,)> = fetch_optional!(
        w,
        sql!(
            "certificates.add_ca",
            "INSERT INTO ca_certificates
               (org_id, serial, ski, der, not_before, not_after, description, check_expiration,
                jitp_product_id, jitp_tags, jitp_description, inserted_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             ON CONFLICT DO NOTHING RETURNING id"
        ),
        scope.org().id,
        &ca.serial,
        &ca.ski,
        &ca.der,
        ca.not_before,
        ca.not_after,
        ca.description.as_deref(),
        ca.check_expiration,
        product,
        tags,
        description,
        now
    )?;
    Ok(row.map(|r| r.0))
}

/// The organization's CAs.
pub async fn cas(on: &mut impl On, scope: &Scope<Org>) -> Result<Vec<CaRow>> {
    fetch_all!(
        on,
        sql!(
            "certificates.cas",
            concat!(
                ca_columns!(),
                "WHERE c.org_id = $1 ORDER BY c.id LIMIT 1000"
            )
        ),
        scope.org().id
    )
}

/// CAs by serial number or key identifier, oldest first: two signers may have given out the same number.
pub async fn cas_named(
    on: &mut impl On,
    scope: &Scope<Org>,
    serial: &str,
    ski: &[u8],
) -> Result<Vec<CaRow>> {
    fetch_all!(
        on,
        sql!(
            "certificates.cas_named",
            concat!(
                ca_columns!(),
                "WHERE c.org_id = $1 AND (c.serial = $2 OR c.ski = $3) ORDER BY c.id LIMIT 100"
            )
        ),
        scope.org().id,
        serial,
        ski
    )
}

/// One CA.
pub async fn ca(on: &mut impl On, scope: &Scope<Org>, id: CaId) -> Result<Option<CaRow>> {
    fetch_optional!(
        on,
        sql!(
            "certificates.ca",
            concat!(ca_columns!(), "WHERE c.org_id = $1 AND c.id = $2")
        ),
        scope.org().id,
        id
    )
}

/// The CAs that a certificate's authority key identifier may mean, of all organizations, oldest first; for the device
/// plane. Anybody can register a CA with any key identifier, so only a signature tells which one is meant.
pub async fn cas_by_ski(on: &mut impl On, ski: &[u8]) -> Result<Vec<CaRow>> {
    fetch_all!(
        on,
        sql!(
            "certificates.cas_by_ski",
            concat!(ca_columns!(), "WHERE c.ski = $1 ORDER BY c.id LIMIT 100")
        ),
        ski
    )
}

/// Forgets a CA.
pub async fn delete_ca(w: &mut Write, scope: &Scope<Org>, id: CaId) -> Result<()> {
    execute!(
        w,
        sql!(
            "certificates.delete_ca",
            "DELETE FROM ca_certificates WHERE org_id = $1 AND id = $2"
        ),
        scope.org().id,
        id
    )?;
    Ok(())
}

/// A device's certificate, as the API shows it.
#[derive(Debug, Clone, FromRow)]
pub struct CertificateRow {
    /// Serial number, decimal.
    pub serial: String,
    /// Upper-case hex SHA-1 of the DER.
    pub fingerprint: String,
    /// Start of validity.
    pub not_before: Micros,
    /// End of validity.
    pub not_after: Micros,
}

/// A certificate to store.
#[derive(Debug, Clone)]
pub struct NewCertificate {
    /// Serial number, decimal.
    pub serial: String,
    /// Upper-case hex SHA-1 of the DER.
    pub fingerprint: String,
    /// Upper-case hex SHA-256 of the DER.
    pub fingerprint_sha256: String,
    /// Upper-case hex SHA-1 of the public key's DER.
    pub public_key_fingerprint: String,
    /// Authority key identifier.
    pub aki: Vec<u8>,
    /// Start of validity.
    pub not_before: Micros,
    /// End of validity.
    pub not_after: Micros,
    /// The certificate itself.
    pub der: Vec<u8>,
}

/// Whose certificate or key this is.
#[derive(Debug, Clone, FromRow)]
pub struct Holder {
    pub device_id: DeviceId,
    /// Its organization.
    pub org_id: OrgId,
    pub product_id: ProductId,
    pub identifier: String,
    /// When it was deleted.
    pub deleted_at: Option<Micros>,
}

/// The certificates of these devices that are kept whole, by device.
pub async fn ders_of(on: &mut impl On, ids: &[DeviceId]) -> Result<Vec<(DeviceId, Vec<u8>)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(on_engine!(on, |c| {
        let mut q = QueryBuilder::new(
            "SELECT device_id, der FROM device_certificates WHERE der IS NOT NULL AND device_id IN (",
        );
        let mut s = q.separated(", ");
        for id in ids {
            s.push_bind(*id);
        }
        s.push_unseparated(") ORDER BY device_id, id");
        q.build_query_as().fetch_all(c).await
    })?)
}

macro_rules! holder {
    ($which:literal) => {
        concat!(
            "SELECT d.id AS device_id, d.org_id, d.product_id, d.identifier, d.deleted_at
             FROM device_certificates c JOIN devices d ON d.id = c.device_id WHERE ",
            $which
        )
    };
}

/// The device that holds exactly this certificate.
pub async fn holder(on: &mut impl On, fingerprint: &str) -> Result<Option<Holder>> {
    fetch_optional!(
        on,
        sql!("certificates.holder", holder!("c.fingerprint = $1")),
        fingerprint
    )
}

// Of several the first is meant. As long as PostgreSQL has no statistics of the table, which is while a fleet comes for the first time,
// it takes many certificates to have one key, and would look for `ORDER BY c.id LIMIT 1`, or for the minimum of the bare number, along
// all of them in the order of their numbers: milliseconds for each device, as soon as there are thousands.

/// The device that holds exactly this certificate, by the better hash.
pub async fn holder_of_exactly(on: &mut impl On, sha256: &str) -> Result<Option<Holder>> {
    fetch_optional!(
        on,
        sql!(
            "certificates.holder_of_exactly",
            holder!(
                "c.id = (SELECT MIN(o.id + 0) FROM device_certificates o WHERE o.fingerprint_sha256 = $1)"
            )
        ),
        sha256
    )
}

/// The device that holds a certificate with this public key.
pub async fn holder_of_key(on: &mut impl On, key: &str) -> Result<Option<Holder>> {
    fetch_optional!(
        on,
        sql!(
            "certificates.holder_of_key",
            holder!(
                "c.id = (SELECT MIN(o.id + 0) FROM device_certificates o WHERE o.public_key_fingerprint = $1)"
            )
        ),
        key
    )
}

/// Notes that a certificate was used.
pub async fn used(w: &mut Write, fingerprint: &str, now: Micros) -> Result<()> {
    execute!(
        w,
        sql!(
            "certificates.used",
            "UPDATE device_certificates SET last_used_at = $2 WHERE fingerprint = $1"
        ),
        fingerprint,
        now
    )?;
    Ok(())
}

/// A device's certificates. The device's id comes from a scoped lookup.
pub async fn of_device(
    on: &mut impl On,
    scope: &Scope<Product>,
    device: DeviceId,
) -> Result<Vec<CertificateRow>> {
    fetch_all!(
        on,
        sql!(
            "certificates.of_device",
            "SELECT serial, fingerprint, not_before, not_after FROM device_certificates
             WHERE org_id = $1 AND device_id = $2 ORDER BY id LIMIT 1000"
        ),
        scope.org().id,
        device
    )
}

/// Deletes one certificate of a device; false when it has none with this fingerprint.
pub async fn delete(
    w: &mut Write,
    scope: &Scope<Product>,
    device: DeviceId,
    fingerprint: &str,
) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "certificates.delete",
            "DELETE FROM device_certificates WHERE org_id = $1 AND device_id = $2 AND fingerprint = $3"
        ),
        scope.org().id,
        device,
        fingerprint
    )?;
    Ok(n > 0)
}

/// A device's certificates belong to another organization from now on.
pub async fn relocate(w: &mut Write, device: DeviceId, org: OrgId) -> Result<()> {
    execute!(
        w,
        sql!(
            "certificates.relocate",
            "UPDATE device_certificates SET org_id = $2 WHERE device_id = $1"
        ),
        device,
        org
    )?;
    Ok(())
}
