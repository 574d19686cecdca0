//! Devices that are in a group although its conditions do not take them, and the other way round: groups keep their devices when
//! conditions change (docs/protocol/rules.md, "Strays"). A person adopts and expels them.

use crate::access::scope::{Product, Scope};
use crate::clock::Micros;
use crate::domain::deployments::groups::{GroupRow, require_group};
use crate::domain::deployments::members::{Pages, conditions, group_names, running};
use crate::domain::error::field;
use crate::domain::{Context, Result};
use crate::ids::GroupId;
use crate::limits::STRAYS;
use crate::rollout::matching::{self, Group, RunningFirmware};
use crate::rollout::outcome;
use crate::store::deployments::{deployment_groups, inflight};
use crate::store::devices::locks;
use crate::store::events::audit::{self, Resource};
use crate::store::words::AttemptOutcome;
use crate::store::{self, Db, Write};

/// A device in a group whose conditions do not take it.
#[derive(Debug)]
pub struct Inside {
    pub identifier: String,
    /// What does not fit.
    pub reason: String,
}

/// A device that the conditions of a group take, and that is not in it.
#[derive(Debug)]
pub struct Outside {
    pub identifier: String,
    /// The group that it is in.
    pub group: Option<String>,
}

/// The strays of a group; a thousand of each kind at most.
#[derive(Debug, Default)]
pub struct Strays {
    pub inside: Vec<Inside>,
    pub outside: Vec<Outside>,
    /// How many there are of each.
    pub counts: (i64, i64),
}

/// The strays of a group.
///
/// # Errors
/// [`crate::domain::DomainError::NotFound`] for an unknown group.
pub async fn list(db: &Db, scope: &Scope<Product>, name: &str) -> Result<Strays> {
    let mut r = db.read().await?;
    let group = require_group(&mut r, scope, name).await?;
    let wanted = deployment_groups::words(&mut r, group.id, "tag").await?;
    drop(r);
    let mut strays = Strays::default();
    let mut elsewhere: Vec<(String, Option<GroupId>)> = Vec::new();
    let taken = conditions(&group, &wanted);
    let mut pages = Pages::of(scope, &group, !wanted.is_empty());
    while let Some(page) = pages.next(db).await? {
        for (device, tags) in page {
            // Until it has told what it runs, a device keeps the group that it has.
            let Some(runs) = running(&device) else {
                continue;
            };
            let is_in = device.group_id == Some(group.id);
            let fits = taken.take(&tags, runs);
            if is_in && !fits {
                strays.counts.0 += 1;
                if strays.inside.len() < STRAYS {
                    strays.inside.push(Inside {
                        reason: misfit(&group, &wanted, &tags, runs),
                        identifier: device.identifier,
                    });
                }
            } else if fits && !is_in {
                strays.counts.1 += 1;
                if elsewhere.len() < STRAYS {
                    elsewhere.push((device.identifier, device.group_id));
                }
            }
        }
    }
    let mut groups: Vec<GroupId> = elsewhere.iter().filter_map(|e| e.1).collect();
    groups.sort_unstable_by_key(|g| g.number());
    groups.dedup();
    let names = group_names(&mut db.read().await?, groups).await?;
    strays.outside = elsewhere
        .into_iter()
        .map(|(identifier, group)| Outside {
            identifier,
            group: group.and_then(|id| names.get(&id).cloned()),
        })
        .collect();
    Ok(strays)
}

/// Why the conditions of a group do not take a device.
fn misfit(
    group: &GroupRow,
    wanted: &[String],
    tags: &[String],
    runs: RunningFirmware<'_>,
) -> String {
    // What is no reason to leave is its tags.
    matching::reason_to_leave(&unlocked(group), runs).unwrap_or_else(|| {
        format!(
            "its tags are {:?}, and the group wants {}",
            tags.join(", "),
            wanted.join(&format!(" {} ", group.tag_operator.word()))
        )
    })
}

/// A group as if it was not locked, which keeps devices that do not fit.
fn unlocked(group: &GroupRow) -> Group {
    Group {
        id: group.id,
        name: group.name.clone(),
        platform: group.platform.clone(),
        architecture: group.architecture.clone(),
        requirement: group.version_requirement.clone(),
        locked: false,
    }
}

/// What is done to strays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Correction {
    /// Devices enter the group.
    Adopt,
    /// Devices leave it. When they connect the next time they look for a group that takes them.
    Expel,
}

/// What a correction came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrected {
    /// Devices that entered or left the group.
    pub moved: i64,
    /// Strays of that kind that are left, when all were meant.
    pub left: i64,
}

/// Has devices enter or leave a group: those that are named, else all strays, a thousand at once.
///
/// # Errors
/// [`crate::domain::DomainError::NotFound`] for an unknown group; a validation error that names a device that is not in the
/// product, is in the group already or not at all, or would leave it again when it connects.
pub async fn correct(
    context: &Context,
    scope: &Scope<Product>,
    name: &str,
    correction: Correction,
    named: Option<Vec<String>>,
) -> Result<Corrected> {
    let all = named.is_none();
    let (wanted, count) = match named {
        Some(named) => (named, 0),
        None => found(&context.db, scope, name, correction).await?,
    };
    if wanted.len() > STRAYS {
        let text = format!("should have at most {STRAYS} item(s)");
        return Err(field("devices", &text));
    }
    let mut w = context.db.write().await?;
    let group = require_group(&mut w, scope, name).await?;
    let ids = store::devices::ids_of(&mut w, scope, &wanted).await?;
    locks::lock(&mut w, &ids).await?;
    let (mut moved, mut wake) = (0, vec![group.id]);
    for identifier in &wanted {
        let done = one(&mut w, scope, &group, correction, identifier, context.now()).await?;
        match done {
            Ok(before) => {
                moved += 1;
                wake.extend(before);
            }
            // What has changed since it was found is nobody's mistake.
            Err(_) if all => {}
            Err(why) => return Err(field("devices", &format!("{identifier} {why}"))),
        }
    }
    w.commit().await?;
    wake.sort_unstable_by_key(|g| g.number());
    wake.dedup();
    for group in wake {
        context.wake_group(Some(group));
    }
    let left = if all { (count - moved).max(0) } else { 0 };
    Ok(Corrected { moved, left })
}

/// The strays that a correction is for, and how many there are.
async fn found(
    db: &Db,
    scope: &Scope<Product>,
    name: &str,
    correction: Correction,
) -> Result<(Vec<String>, i64)> {
    let strays = list(db, scope, name).await?;
    Ok(match correction {
        Correction::Adopt => {
            let all = strays.outside.into_iter().map(|d| d.identifier);
            (all.collect(), strays.counts.1)
        }
        Correction::Expel => {
            let all = strays.inside.into_iter().map(|d| d.identifier);
            (all.collect(), strays.counts.0)
        }
    })
}

/// Moves a device: the group that it was in, or why it cannot be.
async fn one(
    w: &mut Write,
    scope: &Scope<Product>,
    group: &GroupRow,
    correction: Correction,
    identifier: &str,
    now: Micros,
) -> Result<std::result::Result<Option<GroupId>, String>> {
    let Some(id) = store::devices::id_of(w, scope, identifier).await? else {
        return Ok(Err("is not a device of this product".into()));
    };
    let Some(device) = store::devices::row(w, id).await? else {
        return Ok(Err("is not a device of this product".into()));
    };
    let is_in = device.group_id == Some(group.id);
    let (to, verb) = match correction {
        Correction::Adopt if is_in => return Ok(Err("is in the group already".into())),
        Correction::Expel if !is_in => return Ok(Err("is not in the group".into())),
        Correction::Adopt => (Some(group.id), "put into"),
        Correction::Expel => (None, "taken out of"),
    };
    if to.is_some()
        && let Some(why) = does_not_stay(group, RunningFirmware::of_device(&device))
    {
        return Ok(Err(format!("would not stay in the group: {why}")));
    }
    let untold = outcome::untold(w, id).await?;
    if untold.is_some_and(|claim| claim.group_id.is_some()) {
        let why = Some("the device was moved to another deployment group");
        inflight::end(w, id, AttemptOutcome::Withdrawn, why, now).await?;
    }
    store::devices::set_group(w, id, to, now).await?;
    let text = format!(
        "User {} has the device {verb} deployment group {}",
        scope.person().name,
        group.name
    );
    audit::in_product(w, scope, Resource::Device(id), &text, now).await?;
    Ok(Ok(device.group_id))
}

/// Why a device would leave a group when it connects, or be sent what is not for it.
pub(in crate::domain) fn does_not_stay(
    group: &GroupRow,
    runs: Option<RunningFirmware<'_>>,
) -> Option<String> {
    let runs = runs?;
    let strict = matching::reason_to_leave(&unlocked(group), runs)?;
    let own_kind = runs.platform == group.platform && runs.architecture == group.architecture;
    // A locked group keeps devices of any version.
    (!own_kind || !group.lock_device_membership).then_some(strict)
}
