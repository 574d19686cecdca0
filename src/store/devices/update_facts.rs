//! What is on record of a device that decides whether it is updated, beside its row.

use crate::clock::Micros;
use crate::store::ids::DeviceId;
use crate::store::words::Validation;
use crate::store::{On, Result};
use sqlx::FromRow;

/// What decides whether a device is updated.
#[derive(Debug, Clone, FromRow)]
pub struct UpdateFacts {
    /// Whether it has a joined socket.
    pub online: bool,
    /// Whether its firmware is marked as good.
    pub validation: Validation,
    /// The interface that it speaks over.
    pub interface: String,
    /// The target for which the next file is a full one.
    pub full_next_for: Option<String>,
    /// Since when it has an update in flight.
    pub in_flight_since: Option<Micros>,
    /// How far that is.
    pub stage: Option<String>,
    /// Where its maintenance windows are.
    pub time_zone: Option<String>,
}

/// Reads them.
pub async fn of(on: &mut impl On, device: DeviceId) -> Result<Option<UpdateFacts>> {
    fetch_optional!(
        on,
        sql!(
            "update_facts.of",
            "SELECT d.online, d.validation, d.interface, d.full_next_for,
                    i.inserted_at AS in_flight_since, i.status AS stage,
                    d.time_zone
             FROM devices d LEFT JOIN inflight i ON i.device_id = d.id WHERE d.id = $1"
        ),
        device
    )
}
