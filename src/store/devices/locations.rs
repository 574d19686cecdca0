//! Where devices say they are: the last position of each.

use crate::clock::Micros;
use crate::store::ids::DeviceId;
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// A position.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct Location {
    /// When it was reported.
    pub at: Micros,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Metres.
    pub accuracy: Option<i64>,
    /// How the device knows.
    pub source: String,
}

/// Stores a device's position.
pub async fn set(w: &mut Write, device: DeviceId, place: &Location) -> Result<()> {
    execute!(
        w,
        sql!(
            "locations.set",
            "INSERT INTO locations (device_id, at, latitude, longitude, accuracy, source)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (device_id) DO UPDATE SET at = excluded.at, latitude = excluded.latitude,
               longitude = excluded.longitude, accuracy = excluded.accuracy,
               source = excluded.source"
        ),
        device,
        place.at,
        place.latitude,
        place.longitude,
        place.accuracy,
        &place.source
    )?;
    Ok(())
}

/// A device's position.
pub async fn get(on: &mut impl On, device: DeviceId) -> Result<Option<Location>> {
    fetch_optional!(
        on,
        sql!(
            "locations.get",
            "SELECT at, latitude, longitude, accuracy, source FROM locations WHERE device_id = $1"
        ),
        device
    )
}
