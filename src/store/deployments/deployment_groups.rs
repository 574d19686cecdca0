//! Deployment groups in the database: their settings, conditions, and the scheduler's lock on each.

use crate::clock::Micros;
use crate::store::accounts::scope::{Product, Scope};
use crate::store::devices::held;
use crate::store::ids::{FirmwareId, GroupId, OrgId, ProductId, ReleaseId};
use crate::store::words::{QueueOrder, TagOperator};
use crate::store::{On, Result, Write};
use sqlx::FromRow;

/// A deployment group (docs/protocol/rules.md, "Deployment groups").
#[derive(Debug, Clone, FromRow)]
pub struct GroupRow {
    /// The group's id in the database.
    pub id: GroupId,
    /// The organization that owns it.
    pub org_id: OrgId,
    /// The product that it belongs to.
    pub product_id: ProductId,
    /// Unique in the product.
    pub name: String,
    /// An inactive group offers nothing.
    pub is_active: bool,
    /// The platform of its first release; it never changes.
    pub platform: String,
    /// The architecture of its first release; it never changes.
    pub architecture: String,
    /// Elixir version requirement on the running firmware; empty for none.
    pub version_requirement: String,
    /// How many of its tags a device needs.
    pub tag_operator: TagOperator,
    /// Whether devices get deltas where possible.
    pub delta_updatable: bool,
    /// Whether the membership is frozen: no device enters or leaves by the conditions.
    pub lock_device_membership: bool,
    /// Hard limit of in-flight updates.
    pub concurrent_updates: i64,
    /// Which of the waiting devices is updated first.
    pub queue_management: QueueOrder,
    /// Whether devices with old versions have slots of their own.
    pub priority_queue_enabled: bool,
    /// Number of those slots.
    pub priority_queue_concurrent_updates: i64,
    /// Versions up to and including this one count as old.
    pub priority_queue_firmware_version_threshold: Option<String>,
    /// Attempts of one release before the penalty box.
    pub device_failure_threshold: i64,
    /// Attempts within `device_failure_rate_seconds` before the penalty box.
    pub device_failure_rate_amount: i64,
    /// The window of the failure rate, in seconds.
    pub device_failure_rate_seconds: i64,
    /// How long a device stays in the penalty box, in minutes.
    pub penalty_timeout_minutes: i64,
    /// Kept for the API; it has no effect.
    pub failure_threshold: i64,
    /// Elixir code that is sent to each device when it connects.
    pub connecting_code: Option<String>,
    /// Free text.
    pub notes: Option<String>,
    /// The steps that the next release goes by, as JSON; `None` for everyone at once.
    pub workflow: Option<String>,
    /// Its limits beyond NervesHub's, as JSON; `None` for their defaults.
    pub policy: Option<String>,
    /// Whether its held devices have to be looked at again.
    pub release_held: bool,
    /// Until when what its claims promised to send fills its bandwidth.
    pub bandwidth_until: Micros,
}

macro_rules! group_columns {
    () => {
        "SELECT id, org_id, product_id, name, is_active, platform, architecture,
                version_requirement, tag_operator, delta_updatable, lock_device_membership,
                concurrent_updates, queue_management, priority_queue_enabled,
                priority_queue_concurrent_updates, priority_queue_firmware_version_threshold,
                device_failure_threshold, device_failure_rate_amount, device_failure_rate_seconds,
                penalty_timeout_minutes, failure_threshold, connecting_code, notes, workflow, policy,
                release_held, bandwidth_until
         FROM deployment_groups "
    };
}

/// Adds a group, inactive; `None` when the name is taken in the product.
pub async fn add(w: &mut Write, g: &GroupRow, now: Micros) -> Result<Option<GroupId>> {
    let row: Option<(GroupId,)> = fetch_optional!(
        w,
        sql!(
            "deployment_groups.add",
            "INSERT INTO deployment_groups
               (org_id, product_id, name, is_active, platform, architecture, version_requirement,
                tag_operator, delta_updatable, lock_device_membership, concurrent_updates,
                queue_management, priority_queue_enabled, priority_queue_concurrent_updates,
                priority_queue_firmware_version_threshold, device_failure_threshold,
                device_failure_rate_amount, device_failure_rate_seconds, penalty_timeout_minutes,
                failure_threshold, connecting_code, notes, current_updated_devices, inserted_at,
                updated_at, workflow, policy)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
                     $18, $19, $20, $21, $22, 0, $23, $23, $24, $25)
             ON CONFLICT (product_id, name) DO NOTHING RETURNING id"
        ),
        g.org_id,
        g.product_id,
        &g.name,
        g.is_active,
        &g.platform,
        &g.architecture,
        &g.version_requirement,
        &g.tag_operator,
        g.delta_updatable,
        g.lock_device_membership,
        g.concurrent_updates,
        &g.queue_management,
        g.priority_queue_enabled,
        g.priority_queue_concurrent_updates,
        g.priority_queue_firmware_version_threshold.as_deref(),
        g.device_failure_threshold,
        g.device_failure_rate_amount,
        g.device_failure_rate_seconds,
        g.penalty_timeout_minutes,
        g.failure_threshold,
        g.connecting_code.as_deref(),
        g.notes.as_deref(),
        now,
        g.workflow.as_deref(),
        g.policy.as_deref()
    )?;
    if let Some((id,)) = row {
        execute!(
            w,
            sql!(
                "deployment_groups.add_lease",
                "INSERT INTO group_leases (group_id, until) VALUES ($1, 0)"
            ),
            id
        )?;
    }
    Ok(row.map(|r| r.0))
}

/// Writes all settings of a group; false when the new name is taken.
pub async fn save(w: &mut Write, g: &GroupRow, now: Micros) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "deployment_groups.save",
            "UPDATE deployment_groups SET name = $2, is_active = $3, version_requirement = $4,
               tag_operator = $5, delta_updatable = $6, lock_device_membership = $7,
               concurrent_updates = $8, queue_management = $9, priority_queue_enabled = $10,
               priority_queue_concurrent_updates = $11,
               priority_queue_firmware_version_threshold = $12, device_failure_threshold = $13,
               device_failure_rate_amount = $14, device_failure_rate_seconds = $15,
               penalty_timeout_minutes = $16, failure_threshold = $17, connecting_code = $18,
               notes = $19, updated_at = $20, workflow = $21, policy = $22
             WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM deployment_groups o
               WHERE o.product_id = deployment_groups.product_id AND o.name = $2 AND o.id <> $1)"
        ),
        g.id,
        &g.name,
        g.is_active,
        &g.version_requirement,
        &g.tag_operator,
        g.delta_updatable,
        g.lock_device_membership,
        g.concurrent_updates,
        &g.queue_management,
        g.priority_queue_enabled,
        g.priority_queue_concurrent_updates,
        g.priority_queue_firmware_version_threshold.as_deref(),
        g.device_failure_threshold,
        g.device_failure_rate_amount,
        g.device_failure_rate_seconds,
        g.penalty_timeout_minutes,
        g.failure_threshold,
        g.connecting_code.as_deref(),
        g.notes.as_deref(),
        now,
        g.workflow.as_deref(),
        g.policy.as_deref()
    )?;
    Ok(n == 1)
}

/// Replaces one of a group's word lists: `tag`, `release_tag`, or `interface`.
pub async fn set_words(w: &mut Write, id: GroupId, kind: &str, words: &[String]) -> Result<()> {
    if kind != "tag" {
        held::release_all(w, id).await?;
    }
    execute!(
        w,
        sql!(
            "deployment_groups.drop_words",
            "DELETE FROM group_words WHERE group_id = $1 AND kind = $2"
        ),
        id,
        kind
    )?;
    for (position, word) in (0_i64..).zip(words) {
        execute!(
            w,
            sql!(
                "deployment_groups.add_word",
                "INSERT INTO group_words (group_id, kind, word, position) VALUES ($1, $2, $3, $4)
                 ON CONFLICT DO NOTHING"
            ),
            id,
            kind,
            word,
            position
        )?;
    }
    Ok(())
}

/// One of a group's word lists, in the order in which the words were given.
pub async fn words(on: &mut impl On, id: GroupId, kind: &str) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = fetch_all!(
        on,
        sql!(
            "deployment_groups.words",
            "SELECT word FROM group_words WHERE group_id = $1 AND kind = $2 ORDER BY position, word"
        ),
        id,
        kind
    )?;
    Ok(rows.into_iter().map(|r| r.0).collect())
}

/// A group of a list, with what is shown beside it.
#[derive(Debug, Clone, FromRow)]
pub struct ListedGroup {
    /// The group.
    #[sqlx(flatten)]
    pub row: GroupRow,
    /// Devices in it.
    pub devices: i64,
    /// Releases so far.
    pub releases: i64,
    /// The current release; the other columns of it are absent without one.
    pub release_id: Option<ReleaseId>,
    /// Its number in the group.
    pub release_number: Option<i64>,
    pub release_firmware: Option<FirmwareId>,
    /// That firmware's uuid.
    pub release_uuid: Option<String>,
    /// That firmware's version.
    pub release_version: Option<String>,
    /// That firmware's platform.
    pub release_platform: Option<String>,
    /// That firmware's architecture.
    pub release_architecture: Option<String>,
    /// When it was made.
    pub released_at: Option<Micros>,
    /// uuid of its archive.
    pub archive_uuid: Option<String>,
    /// The number of the release that it takes back.
    pub takes_back: Option<i64>,
}

/// The product's groups, by name, each with what is shown beside it but for its tags: at most `most`, after the first `skipped`.
pub async fn list(
    on: &mut impl On,
    scope: &Scope<Product>,
    most: i64,
    skipped: i64,
) -> Result<Vec<ListedGroup>> {
    fetch_all!(
        on,
        sql!(
            "deployment_groups.list",
            concat!(
                "SELECT y.*, r.id AS release_id, r.number AS release_number,
                        r.firmware_id AS release_firmware, f.uuid AS release_uuid,
                        f.version AS release_version, f.platform AS release_platform,
                        f.architecture AS release_architecture, r.inserted_at AS released_at,
                        a.uuid AS archive_uuid, r.takes_back,
                        (SELECT COUNT(*) FROM devices d
                         WHERE d.group_id = y.id AND d.deleted_at IS NULL) AS devices,
                        (SELECT COUNT(*) FROM releases n WHERE n.group_id = y.id) AS releases
                 FROM (",
                group_columns!(),
                "WHERE product_id = $1 ORDER BY name LIMIT $2 OFFSET $3) y
                 LEFT JOIN releases r ON r.group_id = y.id
                      AND r.number = (SELECT MAX(n.number) FROM releases n WHERE n.group_id = y.id)
                 LEFT JOIN firmwares f ON f.id = r.firmware_id
                 LEFT JOIN archives a ON a.id = r.archive_id
                 ORDER BY y.name"
            )
        ),
        scope.product().id,
        most,
        skipped
    )
}

/// How many groups the product has.
pub async fn count(on: &mut impl On, scope: &Scope<Product>) -> Result<i64> {
    let row: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "deployment_groups.count",
            "SELECT COUNT(*) FROM deployment_groups WHERE product_id = $1"
        ),
        scope.product().id
    )?;
    Ok(row.map_or(0, |r| r.0))
}

/// One kind of words of these groups, of each in the order in which they were given.
pub async fn words_of(
    on: &mut impl On,
    groups: &[GroupId],
    kind: &'static str,
) -> Result<Vec<(GroupId, String)>> {
    fetch_rows!(
        on,
        "deployment_groups.words_of",
        groups,
        |g| [of_group BIGINT = *g, kind TEXT = kind],
        "SELECT w.group_id, w.word FROM ",
        " JOIN group_words w ON w.group_id = x.of_group AND w.kind = x.kind
         ORDER BY w.group_id, w.position, w.word",
    )
}

/// The names of a product's groups, in order.
pub async fn names(on: &mut impl On, scope: &Scope<Product>) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = fetch_all!(
        on,
        sql!(
            "deployment_groups.names",
            "SELECT name FROM deployment_groups WHERE product_id = $1 ORDER BY name LIMIT 10000"
        ),
        scope.product().id
    )?;
    Ok(rows.into_iter().map(|r| r.0).collect())
}

/// Finds a group by name.
pub async fn by_name(
    on: &mut impl On,
    scope: &Scope<Product>,
    name: &str,
) -> Result<Option<GroupRow>> {
    fetch_optional!(
        on,
        sql!(
            "deployment_groups.by_name",
            concat!(group_columns!(), "WHERE product_id = $1 AND name = $2")
        ),
        scope.product().id,
        name
    )
}

/// Finds a group by id; for the scheduler and for a device's own group.
pub async fn row(on: &mut impl On, id: GroupId) -> Result<Option<GroupRow>> {
    fetch_optional!(
        on,
        sql!(
            "deployment_groups.row",
            concat!(group_columns!(), "WHERE id = $1")
        ),
        id
    )
}

/// Every active group, for the reconcile tick.
pub async fn active(on: &mut impl On) -> Result<Vec<(GroupId,)>> {
    fetch_all!(
        on,
        sql!(
            "deployment_groups.active",
            "SELECT id FROM deployment_groups WHERE is_active ORDER BY id LIMIT 100000"
        )
    )
}

/// Locks a group until the transaction ends, so that no two schedulers count the same free slots, whichever nodes they run on.
/// False when there is no such group.
pub async fn lock(w: &mut Write, id: GroupId) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "deployment_groups.lock",
            "UPDATE group_leases SET until = until WHERE group_id = $1"
        ),
        id
    )?;
    Ok(n == 1)
}

/// Stores until when the bytes that claims of a group promised fill its bandwidth. Called under its lease.
pub async fn set_bandwidth(w: &mut Write, id: GroupId, until: Micros) -> Result<()> {
    execute!(
        w,
        sql!(
            "deployment_groups.set_bandwidth",
            "UPDATE deployment_groups SET bandwidth_until = $2 WHERE id = $1"
        ),
        id,
        until
    )?;
    Ok(())
}

/// The number of releases of a group.
pub async fn release_count(on: &mut impl On, id: GroupId) -> Result<i64> {
    let row: Option<(i64,)> = fetch_optional!(
        on,
        sql!(
            "deployment_groups.release_count",
            "SELECT COUNT(*) FROM releases WHERE group_id = $1"
        ),
        id
    )?;
    Ok(row.map_or(0, |r| r.0))
}

/// Deletes a group with its releases. Its devices belong to no group afterwards.
pub async fn delete(w: &mut Write, scope: &Scope<Product>, id: GroupId) -> Result<()> {
    execute!(
        w,
        sql!(
            "deployment_groups.delete",
            "DELETE FROM deployment_groups WHERE product_id = $1 AND id = $2"
        ),
        scope.product().id,
        id
    )?;
    Ok(())
}
