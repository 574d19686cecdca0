//! Where devices are: what a person has set of each, else the last position that it reported.

use crate::clock::Micros;
use crate::store::ids::DeviceId;
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// A position.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct Location {
    /// When it was reported or set.
    pub at: Micros,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Metres.
    pub accuracy: Option<i64>,
    /// How the device knows, or `manual`.
    pub source: String,
}

/// The position that is shown of a device.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct ShownLocation {
    #[sqlx(flatten)]
    pub location: Location,
    /// Whether a person has set it. A device may call its own source `manual` as well.
    pub manual: bool,
}

/// Stores where a person says that a device is.
pub async fn set_manual(
    w: &mut Write,
    device: DeviceId,
    (latitude, longitude): (f64, f64),
    at: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "locations.set_manual",
            "INSERT INTO manual_locations (device_id, at, latitude, longitude) VALUES ($1, $2, $3, $4)
             ON CONFLICT (device_id) DO UPDATE SET at = excluded.at, latitude = excluded.latitude,
               longitude = excluded.longitude"
        ),
        device,
        at,
        latitude,
        longitude
    )?;
    Ok(())
}

/// Takes away what a person has set; false when nobody had.
pub async fn clear_manual(w: &mut Write, device: DeviceId) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "locations.clear_manual",
            "DELETE FROM manual_locations WHERE device_id = $1"
        ),
        device
    )?;
    Ok(n > 0)
}

/// The position of a device: the one that a person has set, else the one that it reported.
pub async fn get(on: &mut impl On, device: DeviceId) -> Result<Option<ShownLocation>> {
    fetch_optional!(
        on,
        sql!(
            "locations.get",
            "SELECT m.at, m.latitude, m.longitude, CAST(NULL AS BIGINT) AS accuracy, 'manual' AS source, TRUE AS manual
             FROM manual_locations m WHERE m.device_id = $1
             UNION ALL
             SELECT l.at, l.latitude, l.longitude, l.accuracy, l.source, FALSE AS manual FROM locations l
             WHERE l.device_id = $1
               AND NOT EXISTS (SELECT 1 FROM manual_locations o WHERE o.device_id = $1)"
        ),
        device
    )
}
