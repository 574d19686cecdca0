//! What is read of all devices of a batch, before it is decided what their words change.

use crate::clock::Micros;
use crate::store::ids::{ClaimId, ConnectionId, NodeId};
use crate::store::ids::{DeviceId, GroupId, OrgId, ProductId, ReleaseId};
use crate::store::words::ConnectionState;
use crate::store::words::{TagOperator, Validation};
use crate::store::{On, Result};
use sqlx::FromRow;

/// What is on record of a device, with its connection, its update, its product and its group.
#[derive(Debug, Clone, FromRow)]
pub struct StateRow {
    pub id: DeviceId,
    /// Organization.
    pub org_id: OrgId,
    pub org_name: String,
    pub product_id: ProductId,
    pub product_name: String,
    /// Deployment group.
    pub group_id: Option<GroupId>,
    /// Unique on the whole server.
    pub identifier: String,
    /// `registered` or `provisioned`.
    pub status: String,
    /// Whether it has a joined socket.
    pub online: bool,
    /// When its socket joined last.
    pub connected_at: Micros,
    /// Penalty box or reschedule.
    pub blocked_until: Option<Micros>,
    /// Whether its firmware is marked as good.
    pub validation: Validation,
    /// Whether the other slot holds firmware that was not validated.
    pub auto_revert: bool,
    /// The target for which the next file is a full one.
    pub full_next_for: Option<String>,
    /// Running firmware, empty when never reported.
    pub fw_uuid: String,
    pub fw_version: Option<String>,
    pub fw_platform: Option<String>,
    pub fw_architecture: Option<String>,
    /// The device's fwup.
    pub fw_fwup_version: Option<String>,
    /// `wifi`, `ethernet`, `cellular`, `unknown`, or empty.
    pub interface: String,
    /// Its newest connection; the other columns of it are absent without one.
    pub connection: Option<ConnectionId>,
    /// The node that holds or held it.
    pub node: Option<NodeId>,
    /// `connecting`, `connected`, `disconnected`.
    pub connection_status: Option<ConnectionState>,
    /// When the device was let in.
    pub established_at: Option<Micros>,
    /// Its last stored sign of life.
    pub last_seen_at: Option<Micros>,
    /// When it ended.
    pub disconnected_at: Option<Micros>,
    /// The client's API version.
    pub api_version: Option<String>,
    /// The address that it came from.
    pub peer: Option<String>,
    /// Why it ended.
    pub reason: Option<String>,
    /// Connection types.
    pub types: Option<String>,
    /// Its claim; the other columns of it are absent without one.
    pub claim: Option<ClaimId>,
    /// The group whose slot it takes.
    pub claim_group: Option<GroupId>,
    /// That group's name.
    pub claim_group_name: Option<String>,
    /// That group's organization.
    pub claim_group_org: Option<OrgId>,
    /// That group's product.
    pub claim_group_product: Option<ProductId>,
    /// How long that group lets a device rest that failed.
    pub penalty_minutes: Option<i64>,
    pub release: Option<ReleaseId>,
    /// The target's uuid.
    pub target_uuid: Option<String>,
    /// The target's version.
    pub target_version: Option<String>,
    /// Bytes of the target's full file.
    pub target_size: Option<i64>,
    /// The delta that was chosen.
    pub delta: Option<i64>,
    /// Its bytes.
    pub delta_size: Option<i64>,
    /// Whether the claim counts as an attempt already.
    pub attempted: Option<bool>,
    /// When the device was told.
    pub sent_at: Option<Micros>,
    /// The name of its group; the other columns of it are absent without one.
    pub group_name: Option<String>,
    pub group_platform: Option<String>,
    pub group_architecture: Option<String>,
    /// Elixir version requirement.
    pub group_requirement: Option<String>,
    /// Nobody enters or leaves by rule.
    pub group_locked: Option<bool>,
}

/// What is on record of these devices; nothing of one that is gone.
pub async fn states(on: &mut impl On, devices: &[DeviceId]) -> Result<Vec<StateRow>> {
    fetch_rows!(
        on,
        "ingest.states",
        devices,
        |d| [device BIGINT = *d],
        "SELECT d.id, d.org_id, o.name AS org_name, d.product_id, p.name AS product_name, d.group_id,
                d.identifier, d.status, d.online, d.connected_at, d.blocked_until, d.validation,
                d.auto_revert, d.full_next_for, d.fw_uuid, d.fw_version, d.fw_platform,
                d.fw_architecture, d.fw_fwup_version, d.interface,
                c.id AS connection, c.node_id AS node, c.status AS connection_status,
                c.established_at, c.last_seen_at, c.disconnected_at, c.api_version, c.peer,
                c.reason, c.types,
                i.claim_id AS claim, i.group_id AS claim_group, h.name AS claim_group_name,
                h.org_id AS claim_group_org, h.product_id AS claim_group_product,
                h.penalty_timeout_minutes AS penalty_minutes, i.release_id AS release,
                f.uuid AS target_uuid, f.version AS target_version,
                f.size AS target_size, i.delta_id AS delta, t.size AS delta_size, i.attempted,
                i.sent_at,
                g.name AS group_name, g.platform AS group_platform,
                g.architecture AS group_architecture, g.version_requirement AS group_requirement,
                g.lock_device_membership AS group_locked
         FROM ",
        " JOIN devices d ON d.id = x.device
         JOIN products p ON p.id = d.product_id
         JOIN orgs o ON o.id = d.org_id
         LEFT JOIN connections c ON c.device_id = d.id
         LEFT JOIN inflight i ON i.device_id = d.id
         LEFT JOIN deployment_groups h ON h.id = i.group_id
         LEFT JOIN firmwares f ON f.id = i.firmware_id
         LEFT JOIN deltas t ON t.id = i.delta_id
         LEFT JOIN deployment_groups g ON g.id = d.group_id",
    )
}

/// A stored firmware, as a device that runs it would describe it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct KnownFirmware {
    pub product_id: ProductId,
    /// That product's name.
    pub product: String,
    pub uuid: String,
    pub version: String,
    pub platform: String,
    pub architecture: String,
    pub author: Option<String>,
    pub description: Option<String>,
    pub misc: Option<String>,
    pub vcs_identifier: Option<String>,
}

/// The firmwares of products with these uuids.
pub async fn firmwares(
    on: &mut impl On,
    named: &[(ProductId, &str)],
) -> Result<Vec<KnownFirmware>> {
    fetch_rows!(
        on,
        "ingest.firmwares",
        named,
        |n| [product BIGINT = n.0, uuid TEXT = n.1],
        "SELECT f.product_id, p.name AS product, f.uuid, f.version, f.platform, f.architecture,
                f.author, f.description, f.misc, f.vcs_identifier
         FROM ",
        " JOIN firmwares f ON f.product_id = x.product AND f.uuid = x.uuid
         JOIN products p ON p.id = f.product_id",
    )
}

/// The limits of the groups of these devices, as JSON, where there are some.
pub async fn group_policies(
    on: &mut impl On,
    devices: &[DeviceId],
) -> Result<Vec<(DeviceId, String)>> {
    fetch_rows!(
        on,
        "ingest.group_policies",
        devices,
        |d| [device BIGINT = *d],
        "SELECT d.id, g.policy FROM ",
        " JOIN devices d ON d.id = x.device
         JOIN deployment_groups g ON g.id = d.group_id AND g.policy IS NOT NULL",
    )
}

/// A kind of devices that look for a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind {
    pub product: ProductId,
    pub platform: String,
    pub architecture: String,
}

/// A group that a device of its kind may enter: active, not locked, with a release for the same kind.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct OpenGroup {
    pub id: GroupId,
    pub product_id: ProductId,
    pub name: String,
    pub platform: String,
    pub architecture: String,
    /// Elixir version requirement on what the device runs; empty is none.
    pub version_requirement: String,
    /// `and` or `or`.
    pub tag_operator: TagOperator,
    /// The version of its current release.
    pub release_version: String,
}

/// The groups that are open to these kinds, oldest first.
pub async fn open_groups(on: &mut impl On, kinds: &[Kind]) -> Result<Vec<OpenGroup>> {
    fetch_rows!(
        on,
        "ingest.open_groups",
        kinds,
        |k| [product BIGINT = k.product, platform TEXT = &k.platform, architecture TEXT = &k.architecture],
        "SELECT g.id, g.product_id, g.name, g.platform, g.architecture, g.version_requirement,
                g.tag_operator, f.version AS release_version
         FROM ",
        " JOIN deployment_groups g ON g.product_id = x.product AND g.platform = x.platform
               AND g.architecture = x.architecture AND g.is_active AND NOT g.lock_device_membership
         JOIN releases r ON r.group_id = g.id
               AND r.number = (SELECT MAX(n.number) FROM releases n WHERE n.group_id = g.id)
         JOIN firmwares f ON f.id = r.firmware_id AND f.platform = g.platform
               AND f.architecture = g.architecture
         ORDER BY g.id LIMIT 10000",
    )
}

/// The tags that these groups want, and those that these devices have, in no order.
pub async fn tags(
    on: &mut impl On,
    groups: &[GroupId],
    devices: &[DeviceId],
) -> Result<(Vec<(GroupId, String)>, Vec<(DeviceId, String)>)> {
    let of_groups = groups.iter().map(|g| (false, g.0));
    let of_devices = devices.iter().map(|d| (true, d.0));
    let both: Vec<(bool, i64)> = of_groups.chain(of_devices).collect();
    let found: Vec<(i64, i64, String)> = fetch_rows!(
        on,
        "ingest.tags",
        &both,
        |b| [of_device BOOLEAN = b.0, number BIGINT = b.1],
        "WITH y AS (SELECT * FROM ",
        ") SELECT CAST(1 AS BIGINT), t.device_id, t.tag
           FROM y JOIN device_tags t ON t.device_id = y.number WHERE y.of_device
         UNION ALL SELECT CAST(0 AS BIGINT), w.group_id, w.word
           FROM y JOIN group_words w ON w.group_id = y.number AND w.kind = 'tag' WHERE NOT y.of_device",
    )?;
    let (devices, groups): (Vec<_>, Vec<_>) = found.into_iter().partition(|f| f.0 == 1);
    let groups = groups.into_iter().map(|(_, id, tag)| (GroupId(id), tag));
    let devices = devices.into_iter().map(|(_, id, tag)| (DeviceId(id), tag));
    Ok((groups.collect(), devices.collect()))
}

/// The current release of a device's group, and the attempts of it that count.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Current {
    pub device: DeviceId,
    /// The release.
    pub id: ReleaseId,
    /// Its number in the group.
    pub number: i64,
    /// Its firmware.
    pub uuid: String,
    /// Attempts that count.
    pub attempts: i64,
}

/// The current releases of these devices' groups.
pub async fn current_releases(
    on: &mut impl On,
    devices: &[(DeviceId, GroupId)],
) -> Result<Vec<Current>> {
    fetch_rows!(
        on,
        "ingest.current_releases",
        devices,
        |d| [device BIGINT = d.0, of_group BIGINT = d.1],
        "SELECT x.device, r.id, r.number, f.uuid,
                (SELECT COUNT(*) FROM update_attempts a WHERE a.device_id = x.device
                   AND a.release_id = r.id AND NOT a.cleared) AS attempts
         FROM ",
        " JOIN releases r ON r.group_id = x.of_group
               AND r.number = (SELECT MAX(n.number) FROM releases n WHERE n.group_id = x.of_group)
         JOIN firmwares f ON f.id = r.firmware_id",
    )
}
