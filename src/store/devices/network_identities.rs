//! Public keys that devices hold on other networks. A key belongs to one device of the whole server.

use crate::clock::Micros;
use crate::store::ids::DeviceId;
use crate::store::{On, Result, Write};
use sqlx::FromRow;

#[derive(Debug, Clone, FromRow)]
pub struct IdentityRow {
    /// `iroh`, `netbird`, `tailscale`, `wireguard`.
    pub service: String,
    /// Which endpoint of the service, `default` unless the device names one.
    pub instance: String,
    /// The public key.
    pub identifier: String,
    /// JSON object.
    pub details: String,
    /// When it was first reported.
    pub inserted_at: Micros,
    /// When it was last reported.
    pub updated_at: Micros,
}

/// Stores what a device reports. False when another device holds the key: then nothing changes.
pub async fn report(
    w: &mut Write,
    device: DeviceId,
    service: &str,
    instance: &str,
    identifier: &str,
    details: &str,
    now: Micros,
) -> Result<bool> {
    let holder: Option<(DeviceId, String)> = fetch_optional!(
        w,
        sql!(
            "network_identities.holder",
            "SELECT device_id, instance FROM network_identities
             WHERE service = $1 AND identifier = $2"
        ),
        service,
        identifier
    )?;
    match holder {
        Some((other, _)) if other != device => return Ok(false),
        // The device uses the same key under another name: the row moves.
        Some((_, before)) if before != instance => {
            execute!(
                w,
                sql!(
                    "network_identities.drop",
                    "DELETE FROM network_identities WHERE service = $1 AND identifier = $2"
                ),
                service,
                identifier
            )?;
        }
        _ => {}
    }
    execute!(
        w,
        sql!(
            "network_identities.report",
            "INSERT INTO network_identities
               (device_id, service, instance, identifier, details, inserted_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $6)
             ON CONFLICT (device_id, service, instance) DO UPDATE SET
               identifier = excluded.identifier, details = excluded.details,
               updated_at = excluded.updated_at"
        ),
        device,
        service,
        instance,
        identifier,
        details,
        now
    )?;
    Ok(true)
}

/// A device's identities by service and instance; empty filters take all.
pub async fn of_device(
    on: &mut impl On,
    device: DeviceId,
    service: &str,
    instance: &str,
) -> Result<Vec<IdentityRow>> {
    fetch_all!(
        on,
        sql!(
            "network_identities.of_device",
            "SELECT service, instance, identifier, details, inserted_at, updated_at
             FROM network_identities WHERE device_id = $1
               AND ($2 = '' OR service = $2) AND ($3 = '' OR instance = $3)
             ORDER BY service, instance LIMIT 1000"
        ),
        device,
        service,
        instance
    )
}

/// Frees a device's keys.
pub async fn drop_all(w: &mut Write, device: DeviceId) -> Result<()> {
    execute!(
        w,
        sql!(
            "network_identities.drop_all",
            "DELETE FROM network_identities WHERE device_id = $1"
        ),
        device
    )?;
    Ok(())
}
