//! Numbered releases of deployment groups. The one with the highest number is current.

use crate::clock::Micros;
use crate::store::devices::held;
use crate::store::ids::{ArchiveId, FirmwareId, GroupId, ReleaseId, UserId};
use crate::store::words::RolloutState;
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
    /// The number of the release that it takes back.
    pub takes_back: Option<i64>,
}

/// A release with what people wrote of it and what became of it.
#[derive(Debug, Clone, FromRow)]
pub struct ListedRelease {
    #[sqlx(flatten)]
    pub release: ReleaseRow,
    pub description: Option<String>,
    pub notes: Option<String>,
    /// The name of who made it; `None` for the server itself, or for somebody who is no more.
    pub created_by: Option<String>,
    /// `None` for one that went to the whole group at once, before releases had states.
    pub state: Option<RolloutState>,
    /// Why it is in that state, where somebody or something gave a reason.
    pub reason: Option<String>,
}

/// A release to make.
#[derive(Debug, Clone, Copy)]
pub struct NewRelease<'a> {
    pub group: GroupId,
    pub firmware: FirmwareId,
    pub archive: Option<ArchiveId>,
    pub description: Option<&'a str>,
    pub notes: Option<&'a str>,
    /// Who makes it; `None` for the server itself.
    pub by: Option<UserId>,
    /// The number of the release that it takes back.
    pub takes_back: Option<i64>,
}

/// Adds the group's next release.
pub async fn add(w: &mut Write, release: &NewRelease<'_>, now: Micros) -> Result<()> {
    held::release_all(w, release.group).await?;
    execute!(
        w,
        sql!(
            "releases.add",
            "INSERT INTO releases (group_id, number, firmware_id, description, notes, created_by, inserted_at,
                                   archive_id, takes_back)
             VALUES ($1, (SELECT COUNT(*) + 1 FROM releases WHERE group_id = $1), $2, $3, $4, $5, $6, $7, $8)"
        ),
        release.group,
        release.firmware,
        release.description,
        release.notes,
        release.by,
        now,
        release.archive,
        release.takes_back
    )?;
    Ok(())
}

/// The group's releases, newest first.
pub async fn list(on: &mut impl On, group: GroupId) -> Result<Vec<ListedRelease>> {
    fetch_all!(
        on,
        sql!(
            "releases.list",
            "SELECT r.id, r.number, r.firmware_id, f.uuid, f.version, f.platform, f.architecture,
                    r.inserted_at, a.uuid AS archive_uuid, r.takes_back, r.description, r.notes,
                    u.name AS created_by, o.state, o.reason
             FROM releases r JOIN firmwares f ON f.id = r.firmware_id LEFT JOIN archives a ON a.id = r.archive_id
             LEFT JOIN users u ON u.id = r.created_by LEFT JOIN rollouts o ON o.release_id = r.id
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
                    r.inserted_at, a.uuid AS archive_uuid, r.takes_back
             FROM releases r JOIN firmwares f ON f.id = r.firmware_id LEFT JOIN archives a ON a.id = r.archive_id
             WHERE r.group_id = $1 ORDER BY r.number DESC LIMIT 1"
        ),
        group
    )
}

/// The release of a group with this number.
pub async fn of_number(on: &mut impl On, group: GroupId, number: i64) -> Result<Option<ReleaseId>> {
    let row: Option<(ReleaseId,)> = fetch_optional!(
        on,
        sql!(
            "releases.of_number",
            "SELECT id FROM releases WHERE group_id = $1 AND number = $2"
        ),
        group,
        number
    )?;
    Ok(row.map(|r| r.0))
}

/// The newest release before a number with another firmware, whose file is sound and which nobody and nothing ended.
pub async fn last_good(
    on: &mut impl On,
    group: GroupId,
    before: i64,
    other_than: FirmwareId,
) -> Result<Option<(FirmwareId, Option<ArchiveId>, i64, String)>> {
    fetch_optional!(
        on,
        sql!(
            "releases.last_good",
            "SELECT r.firmware_id, r.archive_id, r.number, f.version
             FROM releases r JOIN firmwares f ON f.id = r.firmware_id LEFT JOIN rollouts o ON o.release_id = r.id
             WHERE r.group_id = $1 AND r.number < $2 AND r.firmware_id <> $3 AND f.damaged_at IS NULL
               AND COALESCE(o.state, 'running') NOT IN ('stopped', 'aborted')
             ORDER BY r.number DESC LIMIT 1"
        ),
        group,
        before,
        other_than
    )
}
