//! Devices that bring a certificate which is not known yet, for many of them at once.

use crate::clock::Micros;
use crate::store::devices::certificates::{Holder, NewCertificate};
use crate::store::engine::fold::fold;
use crate::store::ids::{DeviceId, OrgId, ProductId};
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// A public key that is known, and whose it is.
#[derive(Debug, Clone, FromRow)]
pub struct KnownKey {
    /// Upper-case hex SHA-1 of the public key's DER.
    pub public_key: String,
    #[sqlx(flatten)]
    pub holder: Holder,
}

/// The devices that hold certificates with these public keys; of several with one key the first. `o.id + 0` is there for PostgreSQL,
/// as in `certificates::holder_of_key`, and so are two statements: one for all would be joined over all certificates, with a plan that
/// was made while there were few.
pub async fn holders_of_keys(on: &mut impl On, keys: &[&str]) -> Result<Vec<KnownKey>> {
    let found: Vec<(Option<i64>,)> = fetch_rows!(
        on,
        "bearers.certificates_of_keys",
        keys,
        |k| [public_key TEXT = *k],
        "SELECT (SELECT MIN(o.id + 0) FROM device_certificates o WHERE o.public_key_fingerprint = x.public_key)
         FROM ",
        "",
    )?;
    let found: Vec<i64> = found.into_iter().filter_map(|(id,)| id).collect();
    fetch_rows!(
        on,
        "bearers.holders",
        &found,
        |c| [certificate BIGINT = *c],
        "SELECT c.public_key_fingerprint AS public_key, d.id AS device_id, d.org_id, d.product_id, d.identifier,
                d.deleted_at
         FROM ",
        " JOIN device_certificates c ON c.id = x.certificate JOIN devices d ON d.id = c.device_id",
    )
}

/// A device that is registered.
#[derive(Debug, Clone, FromRow)]
pub struct Registered {
    pub identifier: String,
    pub id: DeviceId,
    pub org_id: OrgId,
    pub product_id: ProductId,
    /// When it was deleted.
    pub deleted_at: Option<Micros>,
    /// Whether it has any certificate.
    pub certified: bool,
}

/// The devices with these identifiers, whatever their organizations. Two statements, and numbers in place of joins and `EXISTS`, for the
/// same reason as above.
pub async fn registered(on: &mut impl On, identifiers: &[&str]) -> Result<Vec<Registered>> {
    let found: Vec<(Option<i64>,)> = fetch_rows!(
        on,
        "bearers.devices_named",
        identifiers,
        |i| [identifier TEXT = *i],
        "SELECT (SELECT MIN(o.id + 0) FROM devices o WHERE o.identifier = x.identifier) FROM ",
        "",
    )?;
    let found: Vec<i64> = found.into_iter().filter_map(|(id,)| id).collect();
    fetch_rows!(
        on,
        "bearers.registered",
        &found,
        |d| [device BIGINT = *d],
        "SELECT d.identifier, d.id, d.org_id, d.product_id, d.deleted_at,
                (SELECT MIN(c.id + 0) FROM device_certificates c WHERE c.device_id = d.id) IS NOT NULL AS certified
         FROM ",
        " JOIN devices d ON d.id = x.device",
    )
}

/// A device that an authority introduces.
#[derive(Debug, Clone, Copy)]
pub struct Introduced<'r> {
    pub org: OrgId,
    pub product: ProductId,
    pub identifier: &'r str,
    pub description: Option<&'r str>,
    /// When it came.
    pub at: Micros,
}

/// Adds devices whose tags are set; those whose identifier exists anywhere on the server are not among the added.
pub async fn add(w: &mut Write, all: &[Introduced<'_>]) -> Result<Vec<(DeviceId, String)>> {
    let folded: Vec<String> = all.iter().map(|i| fold(i.identifier)).collect();
    let rows: Vec<_> = all.iter().zip(&folded).collect();
    fetch_rows!(
        w,
        "bearers.add",
        &rows,
        |r| [
            org BIGINT = r.0.org,
            product BIGINT = r.0.product,
            identifier TEXT = r.0.identifier,
            description TEXT = r.0.description,
            at BIGINT = r.0.at,
            folded TEXT = r.1,
        ],
        "INSERT INTO devices
           (org_id, product_id, identifier, description, tags_set, status, updates_enabled, validation,
            auto_revert, fw_uuid, online, in_flight, interface, connected_at, first_seen_at,
            inserted_at, updated_at, folded)
         SELECT x.org, x.product, x.identifier, x.description, TRUE, 'registered', TRUE, 'unknown', FALSE,
                '', FALSE, FALSE, '', 0, x.at, x.at, x.at, x.folded
         FROM ",
        " WHERE TRUE ON CONFLICT (identifier) DO NOTHING RETURNING id, identifier",
    )
}

/// A certificate that a device keeps.
#[derive(Debug, Clone)]
pub struct Kept {
    pub org: OrgId,
    pub device: DeviceId,
    pub certificate: NewCertificate,
    /// When it came.
    pub at: Micros,
}

/// Keeps certificates of devices; returns the fingerprints of those that are kept. The others are known already.
pub async fn keep(w: &mut Write, all: &[Kept]) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = fetch_rows!(
        w,
        "bearers.keep",
        all,
        |k| [
            org BIGINT = k.org,
            device BIGINT = k.device,
            serial TEXT = &k.certificate.serial,
            fingerprint TEXT = &k.certificate.fingerprint,
            sha256 TEXT = &k.certificate.fingerprint_sha256,
            public_key TEXT = &k.certificate.public_key_fingerprint,
            aki BYTEA = k.certificate.aki.as_slice(),
            not_before BIGINT = k.certificate.not_before,
            not_after BIGINT = k.certificate.not_after,
            at BIGINT = k.at,
            der BYTEA = k.certificate.der.as_slice(),
        ],
        "INSERT INTO device_certificates
           (org_id, device_id, serial, fingerprint, fingerprint_sha256, public_key_fingerprint, aki,
            not_before, not_after, inserted_at, der)
         SELECT x.org, x.device, x.serial, x.fingerprint, x.sha256, x.public_key, x.aki,
                x.not_before, x.not_after, x.at, x.der
         FROM ",
        " WHERE TRUE ON CONFLICT DO NOTHING RETURNING fingerprint",
    )?;
    Ok(rows.into_iter().map(|(fingerprint,)| fingerprint).collect())
}
