//! Deployment groups and their releases, as people manage them (docs/protocol/rules.md, "Deployment groups" and "Releases").

use crate::access::scope::{Product, Scope};
use crate::bus::{Bus, BusMessage};
use crate::clock::{self, Micros};
use crate::domain::error::{BLANK, Mistakes, TAKEN, field, name_of};
use crate::domain::{DomainError, Result};
use crate::ids::{ArchiveId, GroupId};
use crate::rollout::version_requirement::Requirement;
use crate::store::catalog::firmwares::FirmwareRow;
use crate::store::catalog::{archives, deltas, firmwares};
use crate::store::deployments::deployment_groups as table;
use crate::store::deployments::releases;
use crate::store::events::audit::{self, Actor, Resource};
use crate::store::{self, Db, On, Write, devices};
use semver::Version;
use serde_json::json;

pub use crate::store::deployments::deployment_groups::GroupRow;
pub use crate::store::deployments::releases::ReleaseRow;

/// Firmwares that one new release asks deltas from.
const SOURCES: usize = 64;

/// A group with what is shown beside it.
pub struct Group {
    /// The group.
    pub row: GroupRow,
    /// Condition tags.
    pub tags: Vec<String>,
    /// The current release.
    pub release: Option<ReleaseRow>,
    /// Devices in it.
    pub devices: i64,
    /// Releases so far.
    pub releases: i64,
    /// uuid of the archive of the current release.
    pub archive: Option<String>,
}

/// Conditions as a person sends them.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    /// Elixir version requirement.
    pub version: Option<String>,
    /// Tags.
    pub tags: Option<Vec<String>>,
    /// `and` or `or`.
    pub tag_operator: Option<String>,
}

/// A new group as a person sends it.
#[derive(Debug, Default)]
pub struct NewGroup {
    /// Name.
    pub name: Option<String>,
    /// uuid of the first release's firmware.
    pub firmware: Option<String>,
    /// uuid of the first release's archive.
    pub archive: Option<String>,
    /// Conditions; must be there, may be empty.
    pub conditions: Option<Conditions>,
    /// Wants deltas.
    pub delta_updatable: Option<bool>,
    /// Free text.
    pub notes: Option<String>,
    /// Must be the firmware's, when given.
    pub platform: Option<String>,
    /// Must be the firmware's, when given.
    pub architecture: Option<String>,
}

/// A new release as a person sends it.
#[derive(Debug, Default)]
pub struct NewRelease {
    /// uuid of the firmware.
    pub firmware: Option<String>,
    /// uuid of the archive, if the release brings one.
    pub archive: Option<String>,
    /// Up to 100 characters.
    pub description: Option<String>,
    /// Up to 1,000 characters.
    pub notes: Option<String>,
}

/// Changes of a group's settings; `None` leaves one alone.
#[derive(Debug, Default)]
pub struct Changes {
    /// Name.
    pub name: Option<String>,
    /// On or off.
    pub is_active: Option<bool>,
    /// Conditions.
    pub conditions: Option<Conditions>,
    /// Wants deltas.
    pub delta_updatable: Option<bool>,
    /// Nobody enters or leaves by rule.
    pub lock_device_membership: Option<bool>,
    /// Code for each device on connect.
    pub connecting_code: Option<Option<String>>,
    /// Free text.
    pub notes: Option<Option<String>>,
    /// `FIFO` or `LIFO`.
    pub queue_management: Option<String>,
    /// Slots of their own for old versions.
    pub priority_queue_enabled: Option<bool>,
    /// Version or empty.
    pub priority_threshold: Option<Option<String>>,
    /// Interfaces that take the release.
    pub interfaces: Option<Vec<String>>,
    /// Tags that a device must have for the release.
    pub release_tags: Option<Vec<String>>,
    /// Numbers by their field names; `None` is the default.
    pub numbers: Vec<(&'static str, Option<i64>)>,
}

/// A number of a group: field name, default, smallest value.
pub const NUMBERS: [(&str, i64, i64); 7] = [
    ("concurrent_updates", 10, 1),
    ("priority_queue_concurrent_updates", 5, 1),
    ("device_failure_threshold", 3, 1),
    ("device_failure_rate_amount", 5, 1),
    ("device_failure_rate_seconds", 180, 60),
    ("failure_threshold", 50, 1),
    ("penalty_timeout_minutes", 1440, 60),
];

async fn filled(on: &mut impl On, row: GroupRow) -> store::Result<Group> {
    Ok(Group {
        tags: table::words(on, row.id, "tag").await?,
        release: releases::current(on, row.id).await?,
        devices: devices::count_in_group(on, row.id).await?,
        releases: table::release_count(on, row.id).await?,
        archive: archives::of_group(on, row.id).await?,
        row,
    })
}

/// The product's groups.
///
/// # Errors
/// The database's.
pub async fn list(db: &Db, scope: &Scope<Product>) -> Result<Vec<Group>> {
    let mut r = db.read().await?;
    let mut all = Vec::new();
    for row in table::list(&mut r, scope).await? {
        all.push(filled(&mut r, row).await?);
    }
    Ok(all)
}

/// One group.
///
/// # Errors
/// [`DomainError::NotFound`].
pub async fn show(db: &Db, scope: &Scope<Product>, name: &str) -> Result<Group> {
    let mut r = db.read().await?;
    let row = table::by_name(&mut r, scope, name)
        .await?
        .ok_or(DomainError::NotFound)?;
    Ok(filled(&mut r, row).await?)
}

/// A group's releases, newest first.
///
/// # Errors
/// [`DomainError::NotFound`].
pub async fn releases(db: &Db, scope: &Scope<Product>, name: &str) -> Result<Vec<ReleaseRow>> {
    let mut r = db.read().await?;
    let row = table::by_name(&mut r, scope, name)
        .await?
        .ok_or(DomainError::NotFound)?;
    Ok(releases::list(&mut r, row.id).await?)
}

fn check_notes(notes: Option<&str>) -> Result<()> {
    if notes.is_some_and(|n| n.chars().count() > 1000) {
        return Err(field("notes", "should be at most 1000 character(s)"));
    }
    Ok(())
}

/// Checks conditions and writes them into a group; its condition tags, when they are given.
pub fn apply_conditions(g: &mut GroupRow, c: &Conditions) -> Result<Option<Vec<String>>> {
    let nested =
        |name: &str, text: &str| DomainError::Fields(json!({"conditions": { name: [text] }}));
    if let Some(version) = &c.version {
        let version = version.trim();
        if !version.is_empty() {
            Requirement::parse(version).map_err(|e| nested("version", &e.to_string()))?;
        }
        g.version_requirement = version.to_owned();
    }
    if let Some(operator) = &c.tag_operator {
        if !matches!(operator.as_str(), "and" | "or") {
            return Err(nested("tag_operator", "is invalid"));
        }
        g.tag_operator.clone_from(operator);
    }
    if let Some(tags) = &c.tags {
        crate::domain::devices::check_tags(tags)
            .map_err(|_| nested("tags", "tags cannot contain spaces"))?;
    }
    Ok(c.tags.clone())
}

/// Makes a group, always off, with its first release.
///
/// # Errors
/// The fields that are missing or wrong.
pub async fn create(db: &Db, scope: &Scope<Product>, form: NewGroup) -> Result<Group> {
    let now = clock::now();
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
    releases::add(
        &mut w,
        row.id,
        firmware.id,
        archive,
        None,
        None,
        scope.person().id,
        now,
    )
    .await?;
    let text = format!(
        "User {} created deployment group {name}",
        scope.person().name
    );
    audit::in_product(&mut w, scope, Resource::Group(row.id), &text, now).await?;
    w.commit().await?;
    show(db, scope, &name).await
}

/// The archive with this uuid in the product; none when none is named.
async fn archive_of(
    w: &mut Write,
    scope: &Scope<Product>,
    uuid: Option<&str>,
) -> Result<Option<ArchiveId>> {
    let Some(uuid) = uuid.filter(|u| !u.is_empty()) else {
        return Ok(None);
    };
    let found = archives::by_uuid(w, scope.product().id, uuid).await?;
    let found = found.ok_or_else(|| {
        let text = "is not the uuid of an archive of this product; upload the archive first";
        field("archive", text)
    })?;
    Ok(Some(found.id))
}

pub fn blank(scope: &Scope<Product>, name: &str, firmware: &FirmwareRow) -> GroupRow {
    let p = scope.product();
    let number = |field: &str| {
        NUMBERS
            .iter()
            .find(|(name, ..)| *name == field)
            .map_or(0, |(_, default, _)| *default)
    };
    GroupRow {
        id: GroupId::NONE,
        org_id: p.org.id,
        product_id: p.id,
        name: name.to_owned(),
        is_active: false,
        platform: firmware.platform.clone(),
        architecture: firmware.architecture.clone(),
        version_requirement: String::new(),
        tag_operator: "and".into(),
        delta_updatable: true,
        lock_device_membership: false,
        concurrent_updates: number("concurrent_updates"),
        queue_management: "FIFO".into(),
        priority_queue_enabled: false,
        priority_queue_concurrent_updates: number("priority_queue_concurrent_updates"),
        priority_queue_firmware_version_threshold: None,
        device_failure_threshold: number("device_failure_threshold"),
        device_failure_rate_amount: number("device_failure_rate_amount"),
        device_failure_rate_seconds: number("device_failure_rate_seconds"),
        penalty_timeout_minutes: number("penalty_timeout_minutes"),
        failure_threshold: number("failure_threshold"),
        connecting_code: None,
        notes: None,
    }
}

/// Makes the group's next release.
///
/// # Errors
/// An unknown firmware, or one for another platform or architecture than the group's.
pub async fn release(
    db: &Db,
    bus: &Bus,
    scope: &Scope<Product>,
    name: &str,
    form: NewRelease,
) -> Result<Group> {
    if form
        .description
        .as_ref()
        .is_some_and(|d| d.chars().count() > 100)
    {
        return Err(field("description", "should be at most 100 character(s)"));
    }
    check_notes(form.notes.as_deref())?;
    let now = clock::now();
    let mut w = db.write().await?;
    let group = table::by_name(&mut w, scope, name)
        .await?
        .ok_or(DomainError::NotFound)?;
    let firmware = match &form.firmware {
        Some(uuid) => firmwares::by_uuid(&mut w, scope.product().id, uuid).await?,
        None => None,
    };
    let firmware = firmware.ok_or_else(|| field("firmware", BLANK))?;
    if firmware.platform != group.platform || firmware.architecture != group.architecture {
        let text = format!(
            "is for {} {}, but the deployment group is for {} {}; make another group for it",
            firmware.platform, firmware.architecture, group.platform, group.architecture
        );
        return Err(field("firmware", &text));
    }
    let archive = archive_of(&mut w, scope, form.archive.as_deref()).await?;
    let (description, notes) = (form.description.as_deref(), form.notes.as_deref());
    releases::add(
        &mut w,
        group.id,
        firmware.id,
        archive,
        description,
        notes,
        scope.person().id,
        now,
    )
    .await?;
    let text = format!(
        "User {} created a new release for deployment group {name}",
        scope.person().name
    );
    audit::in_product(&mut w, scope, Resource::Group(group.id), &text, now).await?;
    let filed = ask_for_deltas(&mut w, &group, now).await?;
    let p = scope.product();
    let data = json!({
        "org": p.org.name, "product": p.name, "deployment_group": name, "by": scope.person().name,
    });
    crate::store::support::messages::file(&mut w, p.id, "release.created", &data, now).await?;
    w.commit().await?;
    hint(bus, group.id, filed);
    show(db, scope, name).await
}

fn hint(bus: &Bus, group: GroupId, filed: bool) {
    if filed {
        bus.send(BusMessage::Delta);
    }
    bus.send(BusMessage::Group(group));
}

/// Asks for the deltas from everything that the group's devices run to its current release.
async fn ask_for_deltas(w: &mut Write, group: &GroupRow, now: Micros) -> store::Result<bool> {
    if !group.is_active || !group.delta_updatable {
        return Ok(false);
    }
    let Some(release) = releases::current(w, group.id).await? else {
        return Ok(false);
    };
    let Some(target) = firmwares::row(w, release.firmware_id).await? else {
        return Ok(false);
    };
    if !target.delta_updatable {
        return Ok(false);
    }
    let mut filed = false;
    let mut after = String::new();
    for _ in 0..SOURCES {
        let Some((uuid,)) = devices::next_run_by_group(w, group.id, &after).await? else {
            break;
        };
        let source = firmwares::by_uuid(w, group.product_id, &uuid).await?;
        if let Some(source) = source.filter(|s| s.id != target.id && s.platform == target.platform)
        {
            filed |= deltas::ask(w, source.id, target.id, now).await?;
        }
        after = uuid;
    }
    Ok(filed)
}

/// Changes a group's settings.
///
/// # Errors
/// The fields that are wrong.
pub async fn update(
    db: &Db,
    bus: &Bus,
    scope: &Scope<Product>,
    name: &str,
    changes: Changes,
) -> Result<Group> {
    let now = clock::now();
    let mut w = db.write().await?;
    let before = table::by_name(&mut w, scope, name)
        .await?
        .ok_or(DomainError::NotFound)?;
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

async fn audit_changes(
    w: &mut Write,
    scope: &Scope<Product>,
    before: &GroupRow,
    after: &GroupRow,
    conditions: bool,
    now: Micros,
) -> store::Result<()> {
    let name = &after.name;
    let text = format!(
        "User {} updated deployment group {name}",
        scope.person().name
    );
    audit::in_product(w, scope, Resource::Group(after.id), &text, now).await?;
    let mut texts = Vec::new();
    if conditions {
        texts.push(format!("Deployment group {name} conditions changed"));
    }
    if before.is_active != after.is_active {
        let word = if after.is_active {
            "active"
        } else {
            "inactive"
        };
        texts.push(format!("Deployment group {name} is {word}"));
    }
    if before.delta_updatable != after.delta_updatable {
        let word = if after.delta_updatable {
            "enabled"
        } else {
            "disabled"
        };
        texts.push(format!("Deployment group {name} delta updates {word}"));
    }
    let (actor, resource) = (Actor::Group(after.id), Resource::Group(after.id));
    for text in texts {
        audit::add(
            w,
            after.org_id,
            Some(after.product_id),
            actor,
            resource,
            &text,
            now,
        )
        .await?;
    }
    Ok(())
}

/// Writes checked changes into a group.
pub fn apply(g: &mut GroupRow, c: &Changes) -> Result<()> {
    if let Some(name) = &c.name {
        g.name = name_of(Some(name))?;
    }
    g.is_active = c.is_active.unwrap_or(g.is_active);
    g.delta_updatable = c.delta_updatable.unwrap_or(g.delta_updatable);
    g.lock_device_membership = c.lock_device_membership.unwrap_or(g.lock_device_membership);
    g.priority_queue_enabled = c.priority_queue_enabled.unwrap_or(g.priority_queue_enabled);
    if let Some(code) = &c.connecting_code {
        g.connecting_code.clone_from(code);
    }
    if let Some(notes) = &c.notes {
        check_notes(notes.as_deref())?;
        g.notes.clone_from(notes);
    }
    if let Some(queue) = &c.queue_management {
        if !matches!(queue.as_str(), "FIFO" | "LIFO") {
            return Err(field("queue_management", "is invalid"));
        }
        g.queue_management.clone_from(queue);
    }
    if let Some(threshold) = &c.priority_threshold {
        let threshold = threshold.clone().filter(|t| !t.is_empty());
        if threshold
            .as_ref()
            .is_some_and(|t| Version::parse(t).is_err())
        {
            let name = "priority_queue_firmware_version_threshold";
            return Err(field(name, "must be a valid semantic version"));
        }
        g.priority_queue_firmware_version_threshold = threshold;
    }
    let known = |i: &String| matches!(i.as_str(), "wifi" | "ethernet" | "cellular" | "unknown");
    if c.interfaces
        .as_ref()
        .is_some_and(|all| !all.iter().all(known))
    {
        return Err(field("release_network_interfaces", "has an invalid entry"));
    }
    c.numbers
        .iter()
        .try_for_each(|(name, value)| set_number(g, name, *value))
}

fn set_number(g: &mut GroupRow, name: &'static str, value: Option<i64>) -> Result<()> {
    let Some((_, default, least)) = NUMBERS.iter().find(|(n, ..)| *n == name) else {
        return Ok(());
    };
    let value = value.unwrap_or(*default);
    if value < *least {
        let text = if *least == 1 {
            "must be greater than 0".to_owned()
        } else {
            format!("must be greater than or equal to {least}")
        };
        return Err(field(name, &text));
    }
    let slot = match name {
        "concurrent_updates" => &mut g.concurrent_updates,
        "priority_queue_concurrent_updates" => &mut g.priority_queue_concurrent_updates,
        "device_failure_threshold" => &mut g.device_failure_threshold,
        "device_failure_rate_amount" => &mut g.device_failure_rate_amount,
        "device_failure_rate_seconds" => &mut g.device_failure_rate_seconds,
        "failure_threshold" => &mut g.failure_threshold,
        _ => &mut g.penalty_timeout_minutes,
    };
    *slot = value;
    Ok(())
}

/// Deletes a group; its devices run on and are placed anew when they next join.
///
/// # Errors
/// [`DomainError::NotFound`].
pub async fn delete(db: &Db, scope: &Scope<Product>, name: &str) -> Result<()> {
    let mut w = db.write().await?;
    let group = table::by_name(&mut w, scope, name)
        .await?
        .ok_or(DomainError::NotFound)?;
    let text = format!(
        "User {} deleted deployment group {name}",
        scope.person().name
    );
    audit::in_product(
        &mut w,
        scope,
        Resource::Group(group.id),
        &text,
        clock::now(),
    )
    .await?;
    table::delete(&mut w, scope, group.id).await?;
    w.commit().await?;
    Ok(())
}
