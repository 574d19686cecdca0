//! Which devices of a group a release may be offered to, and in which order.

use crate::clock::Micros;
use crate::store::deployments::deployment_groups::GroupRow;
use crate::store::ids::DeviceId;
use crate::store::ids::{GroupId, NodeId, ReleaseId};
use crate::store::{On, Result};
use sqlx::FromRow;

/// A device that a release may be offered to.
#[derive(Debug, Clone, FromRow)]
pub struct Candidate {
    /// The device.
    pub id: DeviceId,
    /// Sort key: connected (FIFO) or first seen (LIFO).
    pub since: Micros,
    /// Target for which only the full file is tried.
    pub full_next_for: Option<String>,
    /// The device's fwup.
    pub fw_fwup_version: Option<String>,
    /// Where its maintenance windows are; `None` for the time zone of the window itself.
    pub time_zone: Option<String>,
}

/// Whom the present step of a rollout admits, beside the conditions of the group.
#[derive(Debug, Clone, Copy)]
pub struct Admission {
    /// The release, whose step names tags and interfaces.
    pub release: ReleaseId,
    pub step: i64,
    /// The factor of the hash that gives a device its place among ten thousand.
    pub factor: i64,
    /// The offset of that hash.
    pub offset: i64,
    /// Devices with a place below this are admitted.
    pub share: i64,
}

/// The next firmware uuid, in byte order and not before `from`, that a candidate of the group runs, with its version.
/// One index seek a distinct firmware, whatever the fleet's size.
pub async fn next_source(
    on: &mut impl On,
    group: GroupId,
    from: &str,
) -> Result<Option<(String, Option<String>)>> {
    fetch_optional!(
        on,
        sql!(
            "devices.next_source",
            "SELECT fw_uuid, fw_version FROM devices
             WHERE group_id = $1 AND fw_uuid >= $2 AND online AND updates_enabled
               AND blocked_until IS NULL AND NOT in_flight AND NOT held
               AND validation <> 'not_validated' AND deleted_at IS NULL
             ORDER BY fw_uuid, connected_at, id LIMIT 1"
        ),
        group,
        from
    )
}

/// What a device of the group `$1` needs to be updated at all, whatever is released. With `online AND NOT held` it is the
/// condition of the indexes that hold the queues.
macro_rules! may_be_updated {
    () => {
        "d.group_id = $1 AND d.updates_enabled AND d.blocked_until IS NULL AND NOT d.in_flight
               AND d.validation <> 'not_validated' AND d.deleted_at IS NULL"
    };
}

/// The place of the device `d` among ten thousand, as `rollout::steps::place` computes it.
macro_rules! place {
    ($factor:literal, $offset:literal) => {
        concat!(
            "(((d.id % 2147483647) * ",
            $factor,
            " + ",
            $offset,
            ") % 2147483647) * (((d.id % 2147483647) * ",
            $factor,
            " + ",
            $offset,
            ") % 2147483647) % 2147483647 % 10000"
        )
    };
}
pub(super) use place;

/// What the device `d` needs to be offered a release: that it can install it, the release's tags and interfaces, and those and the
/// share of its present step. The arguments are where the statement has the group, the uuid of the release's firmware, the release,
/// its step, and factor, offset and share of the hash.
macro_rules! admitted {
    () => {
        admitted!("$1", "$3", "$4", "$5", "$6", "$7", "$8")
    };
    ($group:literal, $target:literal, $release:literal, $step:literal, $factor:literal, $offset:literal, $share:literal) => {
        concat!(
            "(d.unfit_for IS NULL OR d.unfit_for <> ",
            $target,
            ")
               AND NOT EXISTS (SELECT 1 FROM group_words w WHERE w.group_id = ",
            $group,
            "
                     AND w.kind = 'release_tag' AND NOT EXISTS
                       (SELECT 1 FROM device_tags t WHERE t.device_id = d.id AND t.tag = w.word))
               AND (NOT EXISTS (SELECT 1 FROM group_words w WHERE w.group_id = ",
            $group,
            " AND w.kind = 'interface')
                    OR EXISTS (SELECT 1 FROM group_words w WHERE w.group_id = ",
            $group,
            "
                         AND w.kind = 'interface' AND w.word = d.interface))
               AND NOT EXISTS (SELECT 1 FROM rollout_words w WHERE w.release_id = ",
            $release,
            " AND w.step = ",
            $step,
            "
                     AND w.kind = 'tag' AND NOT EXISTS
                       (SELECT 1 FROM device_tags t WHERE t.device_id = d.id AND t.tag = w.word))
               AND (NOT EXISTS (SELECT 1 FROM rollout_words w WHERE w.release_id = ",
            $release,
            " AND w.step = ",
            $step,
            "
                         AND w.kind = 'interface')
                    OR EXISTS (SELECT 1 FROM rollout_words w WHERE w.release_id = ",
            $release,
            " AND w.step = ",
            $step,
            "
                         AND w.kind = 'interface' AND w.word = d.interface))
               AND ",
            place!($factor, $offset),
            " < ",
            $share
        )
    };
}
pub(super) use admitted;

macro_rules! queue {
    ($since:literal, $order:literal) => {
        concat!(
            "SELECT d.id, ",
            $since,
            " AS since, d.full_next_for, d.fw_fwup_version, d.time_zone, (",
            admitted!(),
            ") AS admitted FROM devices d WHERE d.fw_uuid = $2 AND d.online AND NOT d.held AND ",
            may_be_updated!(),
            " ORDER BY ",
            $order,
            " LIMIT $9"
        )
    };
}

/// A device at the head of a group's queue.
#[derive(Debug, Clone, FromRow)]
pub struct Queued {
    /// The device, as it is claimed.
    #[sqlx(flatten)]
    pub candidate: Candidate,
    /// Whether the release and its present step are for it.
    pub admitted: bool,
}

/// The head of a group's queue: devices that run `source` and are not held, longest connected first. Those that the release (of
/// the firmware `target`, a uuid) is not for are among them.
pub async fn fifo(
    on: &mut impl On,
    group: GroupId,
    source: &str,
    target: &str,
    admits: &Admission,
    limit: i64,
) -> Result<Vec<Queued>> {
    fetch_all!(
        on,
        sql!(
            "devices.fifo",
            queue!("d.connected_at", "d.connected_at, d.id")
        ),
        group,
        source,
        target,
        admits.release,
        admits.step,
        admits.factor,
        admits.offset,
        admits.share,
        limit
    )
}

/// The same, newest devices first.
pub async fn lifo(
    on: &mut impl On,
    group: GroupId,
    source: &str,
    target: &str,
    admits: &Admission,
    limit: i64,
) -> Result<Vec<Queued>> {
    fetch_all!(
        on,
        sql!(
            "devices.lifo",
            queue!("d.first_seen_at", "d.first_seen_at DESC, d.id DESC")
        ),
        group,
        source,
        target,
        admits.release,
        admits.step,
        admits.factor,
        admits.offset,
        admits.share,
        limit
    )
}

/// A device of the group that asks by itself, if the group's release, of this target, may be offered to it.
pub async fn eligible(
    on: &mut impl On,
    group: GroupId,
    device: DeviceId,
    target: &str,
    admits: &Admission,
) -> Result<Option<Candidate>> {
    fetch_optional!(
        on,
        sql!(
            "devices.eligible",
            concat!(
                "SELECT d.id, d.connected_at AS since, d.full_next_for, d.fw_fwup_version, d.time_zone
                 FROM devices d WHERE d.id = $2 AND ",
                may_be_updated!(),
                " AND ",
                admitted!()
            )
        ),
        group,
        device,
        target,
        admits.release,
        admits.step,
        admits.factor,
        admits.offset,
        admits.share
    )
}

/// The least places among ten thousand of devices that the release and its present step could take if the step had no share: of all,
/// and of those that are online. It reads the whole group.
pub async fn least_places(
    on: &mut impl On,
    group: GroupId,
    target: &str,
    admits: &Admission,
) -> Result<(Option<i64>, Option<i64>)> {
    let row: Option<(Option<i64>, Option<i64>)> = fetch_optional!(
        on,
        sql!(
            "devices.least_places",
            concat!(
                "SELECT MIN(",
                place!("$5", "$6"),
                "), MIN(CASE WHEN d.online THEN ",
                place!("$5", "$6"),
                " END) FROM devices d WHERE d.fw_uuid <> $2 AND ",
                may_be_updated!(),
                " AND ",
                admitted!("$1", "$2", "$3", "$4", "$5", "$6", "10000")
            )
        ),
        group,
        target,
        admits.release,
        admits.step,
        admits.factor,
        admits.offset
    )?;
    Ok(row.unwrap_or_default())
}

/// The distinct firmwares that the group's devices run, next after `after`.
pub async fn next_run_by_group(
    on: &mut impl On,
    group: GroupId,
    after: &str,
) -> Result<Option<(String,)>> {
    fetch_optional!(
        on,
        sql!(
            "devices.next_run_by_group",
            "SELECT fw_uuid FROM devices WHERE group_id = $1 AND fw_uuid > $2
             ORDER BY fw_uuid LIMIT 1"
        ),
        group,
        after
    )
}

/// How many devices a group holds.
pub async fn count_in_group(on: &mut impl On, group: GroupId) -> Result<i64> {
    let row: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "devices.count_in_group",
            "SELECT COUNT(*) FROM devices WHERE group_id = $1 AND deleted_at IS NULL"
        ),
        group
    )?;
    Ok(row.map_or(0, |r| r.0))
}

/// How many devices of a group run a firmware. One index holds both.
pub async fn count_running(on: &mut impl On, group: GroupId, uuid: &str) -> Result<i64> {
    let row: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "devices.count_running",
            "SELECT COUNT(*) FROM devices
             WHERE group_id = $1 AND fw_uuid = $2 AND deleted_at IS NULL"
        ),
        group,
        uuid
    )?;
    Ok(row.map_or(0, |r| r.0))
}

/// Devices of one of many groups.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct GroupFleet {
    pub group_id: GroupId,
    /// Those that run a firmware.
    pub updated: i64,
    /// Those that do not, and that take no updates by themselves.
    pub off: i64,
}

/// How many devices of each of these groups run a firmware, given by its uuid, and how many never will by themselves.
pub async fn fleets_of(on: &mut impl On, groups: &[(GroupId, &str)]) -> Result<Vec<GroupFleet>> {
    fetch_rows!(
        on,
        "devices.fleets_of",
        groups,
        |g| [of_group BIGINT = g.0, uuid TEXT = g.1],
        "SELECT x.of_group AS group_id,
           (SELECT COUNT(*) FROM devices d
            WHERE d.group_id = x.of_group AND d.fw_uuid = x.uuid AND d.deleted_at IS NULL) AS updated,
           (SELECT COUNT(*) FROM devices d
            WHERE d.group_id = x.of_group AND NOT d.updates_enabled AND d.fw_uuid <> x.uuid
              AND d.deleted_at IS NULL) AS off
         FROM ",
        "",
    )
}

/// The connected devices that are in no group and run what a group is for, among the `most` numbers after a device; and the
/// last of those numbers. A walk over numbers costs the same wherever it is.
pub async fn ungrouped(
    on: &mut impl On,
    group: &GroupRow,
    after: DeviceId,
    most: i64,
) -> Result<(Vec<(DeviceId, NodeId)>, DeviceId)> {
    let next = DeviceId(after.0.saturating_add(most));
    let found = fetch_all!(
        on,
        sql!(
            "candidates.ungrouped",
            "SELECT d.id, c.node_id FROM devices d JOIN connections c ON c.device_id = d.id
             WHERE d.id > $1 AND d.id <= $2 AND d.product_id = $3 AND d.fw_platform = $4
               AND d.fw_architecture = $5 AND d.group_id IS NULL AND d.deleted_at IS NULL
               AND c.status = 'connected'
             ORDER BY d.id"
        ),
        after,
        next,
        group.product_id,
        &group.platform,
        &group.architecture
    )?;
    Ok((found, next))
}

/// The highest number of a device; [`DeviceId::NONE`] when there is none.
pub async fn last(on: &mut impl On) -> Result<DeviceId> {
    let row: Option<(Option<DeviceId>,)> =
        fetch_optional!(on, sql!("candidates.last", "SELECT MAX(id) FROM devices"))?;
    Ok(row.and_then(|r| r.0).unwrap_or(DeviceId::NONE))
}
