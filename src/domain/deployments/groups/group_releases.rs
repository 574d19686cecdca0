//! Releases of a deployment group, and the deltas that a new release needs.

use super::*;
use crate::domain::deployments::rollouts;
use crate::limits::DELTA_SOURCES;
use crate::store::words::RolloutState;

/// The request to create a release.
#[derive(Debug, Default)]
pub struct NewRelease {
    /// UUID of the firmware.
    pub firmware: Option<String>,
    /// UUID of the archive, if the release includes one.
    pub archive: Option<String>,
    /// At most 100 characters.
    pub description: Option<String>,
    /// At most 1,000 characters.
    pub notes: Option<String>,
}

/// A release with what people wrote of it and what became of it.
#[derive(Debug)]
pub struct ReleaseWithNotes {
    pub release: ReleaseRow,
    pub description: Option<String>,
    pub notes: Option<String>,
    /// The name of who made it; `None` for the server itself, or for somebody who is no more.
    pub created_by: Option<String>,
    /// `None` for one that went to the whole group at once.
    pub state: Option<RolloutState>,
    /// Why it is in that state, where somebody or something gave a reason.
    pub reason: Option<String>,
}

/// The releases of a group, newest first.
///
/// # Errors
/// [`DomainError::NotFound`] when the product has no such group.
pub async fn releases(
    db: &Db,
    scope: &Scope<Product>,
    name: &str,
) -> Result<Vec<ReleaseWithNotes>> {
    let mut r = db.read().await?;
    let row = require_group(&mut r, scope, name).await?;
    let all = releases::list(&mut r, row.id).await?;
    let with_notes = all.into_iter().map(|r| ReleaseWithNotes {
        release: r.release,
        description: r.description,
        notes: r.notes,
        created_by: r.created_by,
        state: r.state,
        reason: r.reason,
    });
    Ok(with_notes.collect())
}

/// Finds the product's archive with this UUID; `None` when no UUID is given.
pub(super) async fn archive_of(
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

/// Creates the group's next release.
///
/// # Errors
/// A validation error for an unknown firmware, or for one that was built for another platform or architecture
/// than the group's.
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
    let now = db.now();
    let mut w = db.write().await?;
    let group = require_group(&mut w, scope, name).await?;
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
    if let Some(policy) = Policy::kept(group.policy.as_deref())
        && policy.is_below(&firmware.version)
    {
        let least = policy.minimum_version.unwrap_or_default();
        let text = format!(
            "brings {}, and the deployment group does not go below {least} (minimum_version)",
            firmware.version
        );
        return Err(field("firmware", &text));
    }
    let archive = archive_of(&mut w, scope, form.archive.as_deref()).await?;
    let (description, notes) = (form.description.as_deref(), form.notes.as_deref());
    let release = releases::NewRelease {
        group: group.id,
        firmware: firmware.id,
        archive,
        description,
        notes,
        by: Some(scope.person().id),
        takes_back: None,
    };
    releases::add(&mut w, &release, now).await?;
    rollouts::begin(&mut w, &group, random_id(), now).await?;
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

pub(super) fn hint(bus: &Bus, group: GroupId, filed: bool) {
    if filed {
        bus.send(BusMessage::Delta);
    }
    bus.send(BusMessage::Group(group));
}

/// Requests the deltas to the current release from every firmware that the group's devices run.
pub(super) async fn ask_for_deltas(
    w: &mut Write,
    group: &GroupRow,
    now: Micros,
) -> store::Result<bool> {
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
    for _ in 0..DELTA_SOURCES {
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
