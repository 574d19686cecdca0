//! The order in which transactions lock devices. On PostgreSQL several write at once, and two that lock the same rows in different
//! orders end each other. Hence: whoever changes several devices, or a device and its in-flight update, locks the devices first, in
//! the order of their numbers.

use crate::store::engine::{Dialect, dialect};
use crate::store::ids::DeviceId;
use crate::store::{Result, Write};

/// Locks the devices until the transaction ends, so that nobody changes what is read of them. SQLite has one writer, and needs no
/// lock.
pub async fn lock(w: &mut Write, devices: &[DeviceId]) -> Result<()> {
    if devices.is_empty() || dialect(w) == Dialect::Sqlite {
        return Ok(());
    }
    let _: Vec<(DeviceId,)> = fetch_rows!(
        w,
        "locks.lock",
        devices,
        |d| [device BIGINT = *d],
        "SELECT d.id FROM devices d JOIN ",
        " ON x.device = d.id ORDER BY d.id",
        lock " FOR NO KEY UPDATE OF d",
    )?;
    Ok(())
}
