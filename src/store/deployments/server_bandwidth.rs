//! What all deployment groups together may promise to devices.

use crate::clock::Micros;
use crate::store::{Error, On, Result, Write};
use sqlx::FromRow;

/// The bandwidth of all groups together, and how far it is promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct ServerBandwidth {
    /// In bytes; `None` for no limit.
    pub bytes_per_second: Option<i64>,
    /// Until when the bytes that claims have promised fill it.
    pub promised_until: Micros,
}

/// The bandwidth as it is now.
pub async fn read(on: &mut impl On) -> Result<ServerBandwidth> {
    let row = fetch_optional!(
        on,
        sql!(
            "server_bandwidth.read",
            "SELECT bytes_per_second, promised_until FROM server_bandwidth"
        )
    )?;
    row.ok_or(Error::Missing("server_bandwidth"))
}

/// The same, locked until the transaction ends, so that two groups do not promise the same bytes.
pub async fn lock(w: &mut Write) -> Result<ServerBandwidth> {
    let row = fetch_optional!(
        w,
        sql!(
            "server_bandwidth.lock",
            "UPDATE server_bandwidth SET promised_until = promised_until
             RETURNING bytes_per_second, promised_until"
        )
    )?;
    row.ok_or(Error::Missing("server_bandwidth"))
}

/// Stores until when it is promised. Called while it is locked.
pub async fn promise(w: &mut Write, until: Micros) -> Result<()> {
    execute!(
        w,
        sql!(
            "server_bandwidth.promise",
            "UPDATE server_bandwidth SET promised_until = $1"
        ),
        until
    )?;
    Ok(())
}

/// Sets the limit. What was promised under another one is forgotten.
pub async fn set(w: &mut Write, bytes_per_second: Option<i64>) -> Result<()> {
    execute!(
        w,
        sql!(
            "server_bandwidth.set",
            "UPDATE server_bandwidth SET bytes_per_second = $1, promised_until = 0
             WHERE bytes_per_second IS DISTINCT FROM $1"
        ),
        bytes_per_second
    )?;
    Ok(())
}
