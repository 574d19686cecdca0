//! Deployment groups as people manage them: list, create, change, delete (docs/protocol/rules.md, "Deployment
//! groups" and "Releases").

mod policy;
mod settings;

mod group_releases;

use crate::access::random_id;
use crate::access::scope::{Product, Scope};
use crate::bus::{Bus, BusMessage};
use crate::clock::Micros;
use crate::domain::deployments::rollouts;
use crate::domain::deployments::status::{self, GroupStatus};
use crate::domain::error::{BLANK, Mistakes, TAKEN, field, name_of};
use crate::domain::{DomainError, Result};
use crate::ids::{ArchiveId, GroupId};
use crate::limits::GROUPS_LISTED;
use crate::rollout::matching;
use crate::rollout::policy::Policy;
use crate::rollout::version_requirement::Requirement;
use crate::store::catalog::firmwares::FirmwareRow;
use crate::store::catalog::{archives, deltas, firmwares};
use crate::store::deployments::deployment_groups as table;
use crate::store::deployments::deployment_groups::ListedGroup;
use crate::store::deployments::releases;
use crate::store::devices::held;
use crate::store::events::audit::{self, Actor, Resource};
use crate::store::words::{QueueOrder, TagOperator};
use crate::store::{self, Db, On, Write, devices};
use semver::Version;
use serde_json::json;

pub use crate::store::deployments::deployment_groups::GroupRow;
pub use crate::store::deployments::releases::ReleaseRow;
pub use group_releases::*;
pub use policy::{POLICY, PolicySetting, policy_of};
pub use settings::*;

/// A deployment group with the figures that are shown with it.
pub struct Group {
    /// The group's row.
    pub row: GroupRow,
    /// Tags of its conditions.
    pub tags: Vec<String>,
    /// Tags and interfaces that a device needs for the release; `None` in lists, which do not show them.
    pub release_words: Option<(Vec<String>, Vec<String>)>,
    /// The current release.
    pub release: Option<ReleaseRow>,
    /// Number of devices in the group.
    pub devices: i64,
    /// Number of releases so far.
    pub releases: i64,
    /// UUID of the current release's archive.
    pub archive: Option<String>,
    /// Whether it waits for deltas.
    pub status: GroupStatus,
}

/// The request to create a deployment group.
#[derive(Debug, Default)]
pub struct NewGroup {
    /// Required; unique in the product.
    pub name: Option<String>,
    /// UUID of the first release's firmware.
    pub firmware: Option<String>,
    /// UUID of the first release's archive.
    pub archive: Option<String>,
    /// Required, but may be empty.
    pub conditions: Option<Conditions>,
    /// Whether devices get deltas where possible.
    pub delta_updatable: Option<bool>,
    /// Free text.
    pub notes: Option<String>,
    /// If given, it must be the firmware's platform.
    pub platform: Option<String>,
    /// If given, it must be the firmware's architecture.
    pub architecture: Option<String>,
}

async fn filled(on: &mut impl On, row: GroupRow, now: Micros) -> store::Result<Group> {
    Ok(Group {
        tags: table::words(on, row.id, "tag").await?,
        release_words: Some((
            table::words(on, row.id, "release_tag").await?,
            table::words(on, row.id, "interface").await?,
        )),
        release: releases::current(on, row.id).await?,
        devices: devices::count_in_group(on, row.id).await?,
        releases: table::release_count(on, row.id).await?,
        archive: archives::of_group(on, row.id).await?,
        status: status::status(on, row.id, now).await?,
        row,
    })
}

/// The product's deployment groups, by name.
pub async fn list(db: &Db, scope: &Scope<Product>) -> Result<Vec<Group>> {
    let mut r = db.read().await?;
    Ok(listed(&mut r, scope, GROUPS_LISTED, 0, db.now()).await?)
}

/// The deployment groups of a page by name, and how many there are. Page 1 is the first.
///
/// # Errors
/// The database fails.
pub async fn page(
    db: &Db,
    scope: &Scope<Product>,
    number: u64,
    size: u64,
) -> Result<(Vec<Group>, u64)> {
    let skipped = number.saturating_sub(1).saturating_mul(size);
    let bound = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let mut r = db.read().await?;
    let total = table::count(&mut r, scope).await?;
    let found = listed(&mut r, scope, bound(size), bound(skipped), db.now()).await?;
    Ok((found, total.unsigned_abs()))
}

/// So many of the groups, after the first `skipped`, with what is shown beside them.
async fn listed(
    r: &mut impl On,
    scope: &Scope<Product>,
    most: i64,
    skipped: i64,
    now: Micros,
) -> store::Result<Vec<Group>> {
    let listed = table::list(r, scope, most, skipped).await?;
    let ids: Vec<GroupId> = listed.iter().map(|g| g.row.id).collect();
    let mut tags = matching::by_group(table::words_of(r, &ids, "tag").await?);
    let mut statuses = status::statuses(r, &ids, now).await?;
    let all = listed.into_iter().map(|g| {
        let tags = tags.remove(&g.row.id).unwrap_or_default();
        let status = statuses.remove(&g.row.id).unwrap_or_default();
        Group::listed(g, tags, status)
    });
    Ok(all.collect())
}

/// The names of the product's deployment groups, in order.
///
/// # Errors
/// The database fails.
pub async fn names(db: &Db, scope: &Scope<Product>) -> Result<Vec<String>> {
    let mut r = db.read().await?;
    Ok(table::names(&mut r, scope).await?)
}

impl Group {
    fn listed(g: ListedGroup, tags: Vec<String>, status: GroupStatus) -> Self {
        let release = || {
            Some(ReleaseRow {
                id: g.release_id?,
                number: g.release_number?,
                firmware_id: g.release_firmware?,
                uuid: g.release_uuid?,
                version: g.release_version?,
                platform: g.release_platform?,
                architecture: g.release_architecture?,
                inserted_at: g.released_at?,
                archive_uuid: g.archive_uuid.clone(),
                takes_back: g.takes_back,
            })
        };
        Self {
            tags,
            release_words: None,
            release: release(),
            devices: g.devices,
            releases: g.releases,
            archive: g.archive_uuid,
            status,
            row: g.row,
        }
    }
}

/// The row of a deployment group.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such group.
pub async fn require_group(
    on: &mut impl On,
    scope: &Scope<Product>,
    name: &str,
) -> Result<GroupRow> {
    table::by_name(on, scope, name)
        .await?
        .ok_or(DomainError::NotFound)
}

/// Finds a deployment group by name.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such group.
pub async fn show(db: &Db, scope: &Scope<Product>, name: &str) -> Result<Group> {
    let mut r = db.read().await?;
    let row = require_group(&mut r, scope, name).await?;
    Ok(filled(&mut r, row, db.now()).await?)
}

/// Creates a deployment group with its first release. It always starts switched off.
///
/// # Errors
/// A validation error that names every missing or wrong field.
pub async fn create(db: &Db, scope: &Scope<Product>, form: NewGroup) -> Result<Group> {
    let now = db.now();
    let mut w = db.write().await?;
    let firmware = match &form.firmware {
        Some(uuid) => firmwares::by_uuid(&mut w, scope.product().id, uuid).await?,
        None => None,
    };
    let mut errors = Mistakes::default();
    let name = errors.take(name_of(form.name.as_deref()));
    errors.take(check_notes(form.notes.as_deref()));
    let conditions = form.conditions.ok_or_else(|| field("conditions", BLANK));
    let conditions = errors.take(conditions);
    let missing = || json!({"firmware": [BLANK], "deployment_releases": [{"firmware": [BLANK]}]});
    let firmware = errors.take(firmware.ok_or_else(|| DomainError::Fields(missing())));
    let (Some(name), Some(conditions), Some(firmware)) = (name, conditions, firmware) else {
        return Err(errors.refusal());
    };
    errors.none()?;
    if form
        .platform
        .as_ref()
        .is_some_and(|p| *p != firmware.platform)
    {
        return Err(field(
            "platform",
            "platform doesn't match firmwares platform",
        ));
    }
    if form
        .architecture
        .as_ref()
        .is_some_and(|a| *a != firmware.architecture)
    {
        return Err(field(
            "architecture",
            "architecture doesn't match firmwares platform",
        ));
    }
    let archive = archive_of(&mut w, scope, form.archive.as_deref()).await?;
    let mut row = blank(scope, &name, &firmware);
    row.delta_updatable = form.delta_updatable.unwrap_or(true);
    row.notes = form.notes;
    let tags = apply_conditions(&mut row, &conditions)?.unwrap_or_default();
    row.id = table::add(&mut w, &row, now)
        .await?
        .ok_or_else(|| field("name", TAKEN))?;
    table::set_words(&mut w, row.id, "tag", &tags).await?;
    let release = releases::NewRelease {
        group: row.id,
        firmware: firmware.id,
        archive,
        description: None,
        notes: None,
        by: Some(scope.person().id),
        takes_back: None,
    };
    releases::add(&mut w, &release, now).await?;
    rollouts::begin(&mut w, &row, random_id(), now).await?;
    let text = format!(
        "User {} created deployment group {name}",
        scope.person().name
    );
    audit::in_product(&mut w, scope, Resource::Group(row.id), &text, now).await?;
    w.commit().await?;
    show(db, scope, &name).await
}

/// A group with the default settings, not stored yet.
pub fn blank(scope: &Scope<Product>, name: &str, firmware: &FirmwareRow) -> GroupRow {
    let p = scope.product();
    let mut group = GroupRow {
        id: GroupId::NONE,
        org_id: p.org.id,
        product_id: p.id,
        name: name.to_owned(),
        is_active: false,
        platform: firmware.platform.clone(),
        architecture: firmware.architecture.clone(),
        version_requirement: String::new(),
        tag_operator: TagOperator::And,
        delta_updatable: true,
        lock_device_membership: false,
        concurrent_updates: 0,
        queue_management: QueueOrder::FirstIn,
        priority_queue_enabled: false,
        priority_queue_concurrent_updates: 0,
        priority_queue_firmware_version_threshold: None,
        device_failure_threshold: 0,
        device_failure_rate_amount: 0,
        device_failure_rate_seconds: 0,
        penalty_timeout_minutes: 0,
        failure_threshold: 0,
        connecting_code: None,
        notes: None,
        workflow: None,
        policy: None,
        release_held: false,
        bandwidth_until: Micros(0),
    };
    for setting in &NUMBERS {
        *(setting.of)(&mut group) = setting.default;
    }
    group
}

/// Changes the group's settings.
///
/// # Errors
/// [`DomainError::NotFound`] for an unknown group; a validation error that names every wrong field.
pub async fn update(
    db: &Db,
    bus: &Bus,
    scope: &Scope<Product>,
    name: &str,
    changes: Changes,
) -> Result<Group> {
    let now = db.now();
    let mut w = db.write().await?;
    let before = require_group(&mut w, scope, name).await?;
    let mut g = before.clone();
    apply(&mut g, &changes)?;
    let tags = match &changes.conditions {
        Some(c) => apply_conditions(&mut g, c)?,
        None => None,
    };
    let words = [
        ("tag", tags),
        ("release_tag", changes.release_tags),
        ("interface", changes.interfaces),
    ];
    for (kind, words) in words {
        if let Some(words) = words {
            table::set_words(&mut w, g.id, kind, &words).await?;
        }
    }
    if g.policy != before.policy {
        held::release_all(&mut w, g.id).await?;
    }
    if !table::save(&mut w, &g, now).await? {
        return Err(field("name", TAKEN));
    }
    audit_changes(
        &mut w,
        scope,
        &before,
        &g,
        changes.conditions.is_some(),
        now,
    )
    .await?;
    let filed = ask_for_deltas(&mut w, &g, now).await?;
    w.commit().await?;
    hint(bus, g.id, filed);
    show(db, scope, &g.name).await
}

/// Deletes a group. Its devices are assigned to another group when they join the next time.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such group.
pub async fn delete(db: &Db, scope: &Scope<Product>, name: &str) -> Result<()> {
    let mut w = db.write().await?;
    let group = require_group(&mut w, scope, name).await?;
    let text = format!(
        "User {} deleted deployment group {name}",
        scope.person().name
    );
    audit::in_product(&mut w, scope, Resource::Group(group.id), &text, db.now()).await?;
    table::delete(&mut w, scope, group.id).await?;
    w.commit().await?;
    Ok(())
}
