//! Devices: what is known of each, and which of them a release may be offered to.

mod changes;

use super::{On, Result, Write};
use crate::clock::Micros;
use crate::store::accounts::scope::{InOrg, Product, Scope};
use crate::store::fold::fold;
use crate::store::ids::{DeviceId, GroupId, OrgId, ProductId, UserId};
use crate::store::words::Validation;
use sqlx::{FromRow, QueryBuilder};

pub use bulk::NewDevice;
pub use candidates::{
    Admission, Candidate, Queued, count_in_group, count_running, eligible, fifo, fleets_of, last,
    least_places, lifo, next_run_by_group, next_source, ungrouped,
};
pub use changes::*;
pub use list::{
    Filter, Order, explain, has_architecture, has_platform, has_tag, has_version, list, tags_of,
};

/// A device as the device plane and the rollout see it.
#[derive(Debug, Clone, FromRow)]
pub struct DeviceRow {
    pub id: DeviceId,
    /// Organization.
    pub org_id: OrgId,
    pub product_id: ProductId,
    /// Deployment group, at most one.
    pub group_id: Option<GroupId>,
    /// Unique on the whole server.
    pub identifier: String,
    /// Automatic updates.
    pub updates_enabled: bool,
    /// Penalty box or reschedule.
    pub blocked_until: Option<Micros>,
    /// Running firmware, empty when never reported.
    pub fw_uuid: String,
    pub fw_version: Option<String>,
    pub fw_platform: Option<String>,
    pub fw_architecture: Option<String>,
    /// The device's fwup.
    pub fw_fwup_version: Option<String>,
    /// Soft deletion.
    pub deleted_at: Option<Micros>,
}

macro_rules! device_columns {
    () => {
        "id, org_id, product_id, group_id, identifier, updates_enabled, blocked_until, fw_uuid,
         fw_version, fw_platform, fw_architecture, fw_fwup_version, deleted_at"
    };
}

/// A device as the API shows it, with what belongs to it.
#[derive(Debug, Clone, FromRow)]
pub struct DeviceView {
    pub id: DeviceId,
    /// Organization.
    pub org_id: OrgId,
    /// Organization's name.
    pub org_name: String,
    /// Product's name.
    pub product_name: String,
    /// Group's name.
    pub group_name: Option<String>,
    /// Whether the group is active.
    pub group_active: Option<bool>,
    /// uuid of the group's current release.
    pub release_uuid: Option<String>,
    /// Version of the group's current release.
    pub release_version: Option<String>,
    /// Unique on the whole server.
    pub identifier: String,
    /// Free text.
    pub description: Option<String>,
    /// Whether tags were ever set.
    pub tags_set: bool,
    /// Automatic updates.
    pub updates_enabled: bool,
    /// Penalty box or reschedule.
    pub blocked_until: Option<Micros>,
    /// Running firmware, empty when never reported.
    pub fw_uuid: String,
    /// Reported product.
    pub fw_product: Option<String>,
    /// Reported version.
    pub fw_version: Option<String>,
    /// Reported platform.
    pub fw_platform: Option<String>,
    /// Reported architecture.
    pub fw_architecture: Option<String>,
    /// Reported author.
    pub fw_author: Option<String>,
    /// Reported description.
    pub fw_description: Option<String>,
    /// Reported misc.
    pub fw_misc: Option<String>,
    /// Reported vcs identifier.
    pub fw_vcs_identifier: Option<String>,
    /// Reported fwup version.
    pub fw_fwup_version: Option<String>,
    /// `connecting`, `connected`, `disconnected`; absent when never seen.
    pub connection_status: Option<String>,
    /// Last sign of life.
    pub last_seen_at: Option<Micros>,
    /// Soft deletion.
    pub deleted_at: Option<Micros>,
    /// Where its maintenance windows are; `None` for the window's own time zone.
    pub time_zone: Option<String>,
}

macro_rules! view_columns {
    () => {
        "SELECT d.id, d.org_id, o.name AS org_name, p.name AS product_name,
                g.name AS group_name, g.is_active AS group_active, f.uuid AS release_uuid,
                f.version AS release_version, d.identifier, d.description, d.tags_set,
                d.updates_enabled, d.blocked_until, d.fw_uuid, d.fw_product, d.fw_version,
                d.fw_platform, d.fw_architecture, d.fw_author, d.fw_description, d.fw_misc,
                d.fw_vcs_identifier, d.fw_fwup_version, c.status AS connection_status,
                c.last_seen_at, d.deleted_at, d.time_zone
         FROM devices d
         JOIN orgs o ON o.id = d.org_id
         JOIN products p ON p.id = d.product_id
         LEFT JOIN deployment_groups g ON g.id = d.group_id
         LEFT JOIN releases r ON r.group_id = g.id
              AND r.number = (SELECT MAX(x.number) FROM releases x WHERE x.group_id = g.id)
         LEFT JOIN firmwares f ON f.id = r.firmware_id
         LEFT JOIN connections c ON c.device_id = d.id "
    };
}

pub mod bulk;
mod candidates;
// Below the macro, whose text it uses.
pub mod certificates;
pub mod connections;
pub mod details;
pub mod device_logs;
pub mod exported;
pub mod extensions;
pub mod facets;
pub mod health_reports;
pub mod held;
pub mod history;
pub mod imports;
pub mod iroh_endpoints;
pub mod jobs;
mod list;
pub mod locations;
pub mod locks;
pub mod many;
pub mod map;
pub mod network_identities;
pub mod query;
mod search;
pub mod secrets;
pub mod summaries;
pub mod targets;
pub mod trouble;
pub mod update_facts;

/// What a device says it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FirmwareMetadata {
    /// Firmware uuid.
    pub uuid: String,
    /// Product name.
    pub product: String,
    pub version: String,
    pub platform: String,
    pub architecture: String,
    pub author: Option<String>,
    pub description: Option<String>,
    pub misc: Option<String>,
    pub vcs_identifier: Option<String>,
    /// The device's fwup version.
    pub fwup_version: Option<String>,
}

/// Adds a device; `None` when the identifier exists anywhere on the server.
pub async fn add(
    w: &mut Write,
    org: OrgId,
    product: ProductId,
    identifier: &str,
    description: Option<&str>,
    tags: Option<&[String]>,
    now: Micros,
) -> Result<Option<DeviceId>> {
    let row: Option<(DeviceId,)> = fetch_optional!(
        w,
        sql!(
            "devices.add",
            "INSERT INTO devices
               (org_id, product_id, identifier, description, tags_set, status, updates_enabled,
                validation, auto_revert, fw_uuid, online, in_flight, interface, connected_at,
                first_seen_at, inserted_at, updated_at, folded)
             VALUES ($1, $2, $3, $4, FALSE, 'registered', TRUE, 'unknown', FALSE, '', FALSE, FALSE,
                     '', 0, 0, $5, $5, $6)
             ON CONFLICT (identifier) DO NOTHING RETURNING id"
        ),
        org,
        product,
        identifier,
        description,
        now,
        fold(identifier)
    )?;
    if let (Some((id,)), Some(tags)) = (row, tags) {
        set_tags(w, id, Some(tags)).await?;
    }
    Ok(row.map(|r| r.0))
}

/// A device's tags, in the order in which they were given.
pub async fn tags(on: &mut impl On, device: DeviceId) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = fetch_all!(
        on,
        sql!(
            "devices.tags",
            "SELECT tag FROM device_tags WHERE device_id = $1 ORDER BY position, tag"
        ),
        device
    )?;
    Ok(rows.into_iter().map(|r| r.0).collect())
}

/// The device with this identifier, whatever its organization: authentication decides with it.
pub async fn by_identifier(on: &mut impl On, identifier: &str) -> Result<Option<DeviceRow>> {
    fetch_optional!(
        on,
        sql!(
            "devices.by_identifier",
            concat!(
                "SELECT ",
                device_columns!(),
                " FROM devices WHERE identifier = $1"
            )
        ),
        identifier
    )
}

/// The device of an authenticated connection or of a claim.
pub async fn row(on: &mut impl On, id: DeviceId) -> Result<Option<DeviceRow>> {
    fetch_optional!(
        on,
        sql!(
            "devices.row",
            concat!("SELECT ", device_columns!(), " FROM devices WHERE id = $1")
        ),
        id
    )
}

/// A device in the scope, as the device plane sees it.
pub async fn named(
    on: &mut impl On,
    scope: &impl InOrg,
    identifier: &str,
) -> Result<Option<DeviceRow>> {
    fetch_optional!(
        on,
        sql!(
            "devices.named",
            concat!(
                "SELECT ",
                device_columns!(),
                " FROM devices WHERE org_id = $1 AND identifier = $2
                   AND (CAST($3 AS BIGINT) IS NULL OR product_id = $3)"
            )
        ),
        scope.org().id,
        identifier,
        scope.only()
    )
}

/// Records what the device runs now.
pub async fn report_firmware(
    w: &mut Write,
    id: DeviceId,
    m: &FirmwareMetadata,
    now: Micros,
) -> Result<()> {
    execute!(
        w,
        sql!(
            "devices.report_firmware",
            "UPDATE devices SET fw_uuid = $2, fw_product = $3, fw_version = $4, fw_platform = $5,
               fw_architecture = $6, fw_author = $7, fw_description = $8, fw_misc = $9,
               fw_vcs_identifier = $10, fw_fwup_version = $11, full_next_for = NULL, unfit_for = NULL,
               held = FALSE, held_until = NULL, updated_at = $12
             WHERE id = $1"
        ),
        id,
        &m.uuid,
        &m.product,
        &m.version,
        &m.platform,
        &m.architecture,
        m.author.as_deref(),
        m.description.as_deref(),
        m.misc.as_deref(),
        m.vcs_identifier.as_deref(),
        m.fwup_version.as_deref(),
        now
    )?;
    Ok(())
}

/// Records validation and auto-revert. True when anything changed.
pub async fn set_validation(
    w: &mut Write,
    id: DeviceId,
    validation: Validation,
    auto_revert: bool,
) -> Result<bool> {
    let n = execute!(
        w,
        sql!(
            "devices.set_validation",
            "UPDATE devices SET validation = $2, auto_revert = $3
             WHERE id = $1 AND (validation <> $2 OR auto_revert <> $3)"
        ),
        id,
        validation,
        auto_revert
    )?;
    Ok(n > 0)
}

/// First authenticated connect: the device is provisioned from now on.
pub async fn seen_first(w: &mut Write, id: DeviceId, now: Micros) -> Result<()> {
    execute!(
        w,
        sql!(
            "devices.seen_first",
            "UPDATE devices SET status = 'provisioned', first_seen_at = $2, updated_at = $2
             WHERE id = $1 AND status = 'registered'"
        ),
        id,
        now
    )?;
    Ok(())
}

/// The device has no joined socket any more.
pub async fn offline(w: &mut Write, id: DeviceId) -> Result<()> {
    execute!(
        w,
        sql!(
            "devices.offline",
            "UPDATE devices SET online = FALSE WHERE id = $1 AND online"
        ),
        id
    )?;
    Ok(())
}

/// The network interface that the device speaks over.
pub async fn set_interface(w: &mut Write, id: DeviceId, interface: &str) -> Result<()> {
    execute!(
        w,
        sql!(
            "devices.set_interface",
            "UPDATE devices SET interface = $2, held = FALSE, held_until = NULL WHERE id = $1"
        ),
        id,
        interface
    )?;
    Ok(())
}

/// One device by identifier in the scope's organization; the long URL checks the organization only (docs/protocol/rest.md, "Order of checks").
pub async fn view(
    on: &mut impl On,
    scope: &impl InOrg,
    identifier: &str,
) -> Result<Option<DeviceView>> {
    fetch_optional!(
        on,
        sql!(
            "devices.view",
            concat!(
                view_columns!(),
                "WHERE d.org_id = $1 AND d.identifier = $2
                   AND (CAST($3 AS BIGINT) IS NULL OR d.product_id = $3)"
            )
        ),
        scope.org().id,
        identifier,
        scope.only()
    )
}

/// The number of a device in the scope's organization.
pub async fn id_of(
    on: &mut impl On,
    scope: &impl InOrg,
    identifier: &str,
) -> Result<Option<DeviceId>> {
    let row: Option<(DeviceId,)> = fetch_optional!(
        on,
        sql!(
            "devices.id_of",
            "SELECT id FROM devices WHERE org_id = $1 AND identifier = $2
               AND (CAST($3 AS BIGINT) IS NULL OR product_id = $3)"
        ),
        scope.org().id,
        identifier,
        scope.only()
    )?;
    Ok(row.map(|r| r.0))
}

/// The devices of a product with these identifiers; those that it has.
pub async fn ids_of(
    on: &mut impl On,
    scope: &Scope<Product>,
    identifiers: &[String],
) -> Result<Vec<DeviceId>> {
    let found: Vec<(DeviceId,)> = fetch_rows!(
        on,
        "devices.ids_of",
        identifiers,
        |i| [name TEXT = i, product BIGINT = scope.product().id],
        "SELECT d.id FROM ",
        " JOIN devices d ON d.identifier = x.name AND d.product_id = x.product ORDER BY d.id",
    )?;
    Ok(found.into_iter().map(|d| d.0).collect())
}

/// The identifiers of those of these devices that are in the product, and in the group if one is given.
pub async fn names_within(
    on: &mut impl On,
    scope: &Scope<Product>,
    group: Option<GroupId>,
    ids: &[DeviceId],
) -> Result<Vec<(DeviceId, String)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(on_engine!(on, |c| {
        let mut q = QueryBuilder::new("SELECT id, identifier FROM devices WHERE product_id = ");
        q.push_bind(scope.product().id);
        if let Some(group) = group {
            q.push(" AND group_id = ").push_bind(group);
        }
        q.push(" AND id IN (");
        let mut s = q.separated(", ");
        for id in ids {
            s.push_bind(*id);
        }
        s.push_unseparated(")");
        q.build_query_as().fetch_all(c).await
    })?)
}

/// The organization and product of a device in any organization of the person (the short URL).
pub async fn locate(
    on: &mut impl On,
    user: UserId,
    identifier: &str,
) -> Result<Option<(String, String)>> {
    fetch_optional!(
        on,
        sql!(
            "devices.place",
            "SELECT o.name, p.name FROM devices d JOIN orgs o ON o.id = d.org_id
             JOIN products p ON p.id = d.product_id JOIN memberships m ON m.org_id = d.org_id
             WHERE m.user_id = $1 AND d.identifier = $2"
        ),
        user,
        identifier
    )
}
