//! Devices that people have pinned, in the database.

use crate::store::accounts::scope::{InOrg as _, Org, Scope};
use crate::store::ids::{DeviceId, ProductId, UserId};
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// A pinned device.
#[derive(Debug, Clone, FromRow)]
pub struct PinRow {
    pub org: String,
    pub product: String,
    pub identifier: String,
}

/// The devices that a person has pinned and may still see, by identifier; those of one product where the token is for one.
pub async fn list(on: &mut impl On, user: UserId, only: Option<ProductId>) -> Result<Vec<PinRow>> {
    fetch_all!(
        on,
        sql!(
            "pins.list",
            "SELECT o.name AS org, p.name AS product, d.identifier
             FROM pins n JOIN devices d ON d.id = n.device_id JOIN products p ON p.id = d.product_id
             JOIN orgs o ON o.id = d.org_id JOIN memberships m ON m.org_id = o.id AND m.user_id = n.user_id
             WHERE n.user_id = $1 AND d.deleted_at IS NULL
               AND (CAST($2 AS BIGINT) IS NULL OR d.product_id = $2)
             ORDER BY d.identifier LIMIT 1000"
        ),
        user,
        only
    )
}

/// Pins a device for a person, who has at most `most`; `false` when there are as many already.
pub async fn pin(w: &mut Write, user: UserId, device: DeviceId, most: i64) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "pins.add",
            "INSERT INTO pins (user_id, device_id)
             SELECT $1, $2 WHERE (SELECT COUNT(*) FROM pins WHERE user_id = $1 AND device_id <> $2) < $3
             ON CONFLICT (user_id, device_id) DO UPDATE SET device_id = excluded.device_id"
        ),
        user,
        device,
        most
    )?;
    Ok(n > 0)
}

/// Takes the pin off a device.
pub async fn unpin(w: &mut Write, user: UserId, device: DeviceId) -> Result<()> {
    execute!(
        w,
        sql!(
            "pins.remove",
            "DELETE FROM pins WHERE user_id = $1 AND device_id = $2"
        ),
        user,
        device
    )?;
    Ok(())
}

/// Removes the pins of a person who leaves an organization.
pub async fn forget(w: &mut Write, scope: &Scope<Org>, user: UserId) -> Result<()> {
    execute!(
        w,
        sql!(
            "pins.forget",
            "DELETE FROM pins WHERE user_id = $2 AND device_id IN (SELECT id FROM devices WHERE org_id = $1)"
        ),
        scope.org().id,
        user
    )?;
    Ok(())
}
