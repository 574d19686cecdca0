//! Numbered releases of deployment groups. The one with the highest number is current.

use crate::clock::Micros;
use crate::store::ids::{ArchiveId, FirmwareId, GroupId, ReleaseId, UserId};
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// A release with details of its firmware.
#[derive(Debug, Clone, FromRow)]
pub struct ReleaseRow {
    /// The release's id in the database.
    pub id: ReleaseId,
    /// Number in the group, from 1.
    pub number: i64,
    /// The firmware that it installs.
    pub firmware_id: FirmwareId,
    /// UUID of the firmware.
    pub uuid: String,
    /// Version of the firmware.
    pub version: String,
    /// Platform of the firmware.
    pub platform: String,
    /// Architecture of the firmware.
    pub architecture: String,
    /// When it was created.
    pub inserted_at: Micros,
    /// UUID of its archive.
    pub archive_uuid: Option<String>,
}

/// Adds the group's next release.
pub async fn add(
    w: &mut Write,
    group: GroupId,
    firmware: FirmwareId,
    archive: Option<ArchiveId>,
    description: Option<&str>,
    notes: Option<&str>,
    by: UserId,
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "releases.add",
            "INSERT INTO releases (group_id, number, firmware_id, description, notes, created_by, inserted_at,
                                   archive_id)
             VALUES ($1, (SELECT COUNT(*) + 1 FROM releases WHERE group_id = $1), $2, $3, $4, $5, $6, $7)"
        ),
        group,
        firmware,
        description,
        notes,
        by,
        now,
        archive
    )?;
    Ok(())
}

/// The group's releases, newest first.
pub async fn list(on: &mut impl On, group: GroupId) -> Result<Vec<ReleaseRow>> {
    fetch_all!(
        on,
        sql!(
            "releases.list",
            "SELECT r.id, r.number, r.firmware_id, f.uuid, f.version, f.platform, f.architecture,
                    r.inserted_at, a.uuid AS archive_uuid
             FROM releases r JOIN firmwares f ON f.id = r.firmware_id LEFT JOIN archives a ON a.id = r.archive_id
             WHERE r.group_id = $1 ORDER BY r.number DESC LIMIT 1000"
        ),
        group
    )
}

/// The group's current release.
pub async fn current(on: &mut impl On, group: GroupId) -> Result<Option<ReleaseRow>> {
    fetch_optional!(
        on,
        sql!(
            "releases.current",
            "SELECT r.id, r.number, r.firmware_id, f.uuid, f.version, f.platform, f.architecture,
                    r.inserted_at, a.uuid AS archive_uuid
             FROM releases r JOIN firmwares f ON f.id = r.firmware_id LEFT JOIN archives a ON a.id = r.archive_id
             WHERE r.group_id = $1 ORDER BY r.number DESC LIMIT 1"
        ),
        group
    )
}
