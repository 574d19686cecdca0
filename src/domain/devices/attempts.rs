//! The attempts to update a device, as people read them.

use crate::access::scope::{Product, Scope};
use crate::clock::Micros;
use crate::domain::{Result, devices};
use crate::store::Db;
use crate::store::deployments::attempts::{self, AttemptRow};
use crate::store::words::{AttemptOutcome, FileSent};

/// An attempt to update a device.
#[derive(Debug)]
pub struct Attempt {
    /// The group that offered it and the number of its release; `None` for a push by hand.
    pub offered_by: Option<(String, Option<i64>)>,
    /// The firmware that the device ran: uuid and version.
    pub from: (String, Option<String>),
    /// The firmware that it was to run: uuid and version.
    pub to: (String, String),
    /// Which file was sent.
    pub kind: FileSent,
    /// Bytes of that file.
    pub bytes: i64,
    /// When the device was told.
    pub begun_at: Micros,
    /// The stage that was reached.
    pub stage: String,
    /// When and how it ended; `None` while it goes on.
    pub ended: Option<(Micros, AttemptOutcome)>,
    /// Why, in the device's words where it gave some.
    pub reason: Option<String>,
    /// When the device marked the firmware as good.
    pub validated_at: Option<Micros>,
}

impl From<AttemptRow> for Attempt {
    fn from(row: AttemptRow) -> Self {
        Self {
            offered_by: row.group_name.map(|name| (name, row.release_number)),
            from: (row.source_uuid, row.source_version),
            to: (row.target_uuid, row.target_version),
            kind: row.kind,
            bytes: row.bytes,
            begun_at: row.at,
            stage: row.stage,
            ended: row.ended_at.zip(row.outcome),
            reason: row.reason,
            validated_at: row.validated_at,
        }
    }
}

/// The attempts of a device, newest first, begun before an instant.
///
/// # Errors
/// [`crate::domain::DomainError::NotFound`] when the product has no such device.
pub async fn list(
    db: &Db,
    scope: &Scope<Product>,
    identifier: &str,
    before: Micros,
    most: i64,
) -> Result<Vec<Attempt>> {
    let mut r = db.read().await?;
    let device = devices::id_of(&mut r, scope, identifier).await?;
    let key = (device, scope.product().id);
    let all = attempts::of_device(&mut r, key, before, most).await?;
    Ok(all.into_iter().map(Attempt::from).collect())
}
