//! What a join changes (docs/protocol/device.md, "Join"), and what a device that polls says in its place.

use super::update::{self, ReportedState};
use super::{Changes, Rest};
use crate::clock::Micros;
use crate::domain::support::notifications;
use crate::ids::{ConnectionId, GroupId, ProductId};
use crate::ingest::poll::{Poll, Polled};
use crate::ingest::said::{Join, Joined, Reported, WriteOutcome};
use crate::ingest::state::{DeviceState, Known, Running};
use crate::rollout::matching::{self, Group, RunningFirmware};
use crate::rollout::outcome::Judged;
use crate::store::devices::FirmwareMetadata;
use crate::store::ingest::read::Kind;
use crate::store::ingest::told::By;
use crate::store::ingest::write::{Connection, Ran};
use crate::store::words::{ConnectionState, Validation};
use serde_json::json;

pub(super) fn joined(
    c: &mut Changes,
    connection: ConnectionId,
    join: &Join,
    known: &Known,
    now: Micros,
) -> WriteOutcome {
    let newest = c.after.connection.as_mut().filter(|n| n.id == connection);
    let Some(newest) = newest else {
        return WriteOutcome::Joined(Box::default());
    };
    let again = newest.status == ConnectionState::Connected;
    newest.status = ConnectionState::Connected;
    newest.api_version = Some(join.api.clone());
    newest.last_seen_at = now;
    let judged = arrive(c, join, join.downloading, known, now);
    // Who joins again on the same connection does not lose its place in the queue.
    if !(again && c.after.online) {
        c.after.online = true;
        c.after.connected_at = now;
    }
    let group = place(c, known, now);
    let mut wake: Vec<GroupId> = judged.wake.into_iter().chain(group).collect();
    wake.dedup();
    let runs = &c.after.runs;
    let version = runs.version.clone();
    let data = json!({"firmware_uuid": runs.uuid, "version": runs.version});
    c.message("device.online", data, now);
    WriteOutcome::Joined(Box::new(Joined {
        device: Some(c.after.id),
        wants_keys: join.wants_keys || join.wants_archive_keys,
        wants_archive: join.takes_archives && group.is_some(),
        wake,
        installed: judged.installed,
        version,
        current: true,
        ..Joined::default()
    }))
}

pub(super) fn polled(
    c: &mut Changes,
    connection: ConnectionId,
    poll: &Poll,
    known: &Known,
    now: Micros,
) -> WriteOutcome {
    c.let_in(poll.fingerprint.as_deref(), now);
    // A device that holds a socket, too, is judged by that.
    let newest = c.after.connection.as_ref();
    let online = newest.is_some_and(|n| n.status != ConnectionState::Disconnected);
    if !online {
        c.after.connection = Some(Connection {
            id: connection,
            node: poll.node,
            status: ConnectionState::Disconnected,
            established_at: now,
            last_seen_at: now,
            disconnected_at: Some(now),
            api_version: Some("1.0.0".into()),
            peer: Some(poll.peer.clone()),
            reason: Some("polls".into()),
            types: None,
        });
    }
    let mut out = Polled {
        identifier: c.after.identifier.clone(),
        ..Polled::default()
    };
    if poll.update && !online {
        // What waits for it is what it asks for; what it was told before and does not run has failed.
        let waits = c.after.update.as_ref().is_some_and(|u| u.waits());
        let judged = arrive(c, &poll.join, waits, known, now);
        out.wake.extend(judged.wake);
        out.installed = judged.installed;
        out.group = place(c, known, now);
        c.rest = Rest::Turn;
    }
    WriteOutcome::Polled(Box::new(out))
}

/// Takes what a device says of its firmware, on whichever way it says so: the outcome of its update, the record of what
/// it runs, the history.
fn arrive(c: &mut Changes, join: &Join, downloading: bool, known: &Known, now: Micros) -> Judged {
    let running = metadata(c.after.product, &join.reported, known);
    if running.is_none() && c.after.runs.uuid.is_empty() {
        let (product, name) = (c.after.product, c.after.identifier.as_str());
        c.notice = Some(notifications::without_metadata(product, name, now));
    }
    // Without usable metadata what is on record stays, and so does what it says about an update.
    let before = c.after.runs.uuid.clone();
    let uuid = running.as_ref().map_or(before.as_str(), |m| &m.uuid);
    let says = ReportedState {
        uuid,
        downloading,
        unvalidated: join.validated == Some(false),
        reverted: join.reverted,
    };
    let judged = update::arrived(c, says, known, now);
    let other = before != uuid;
    if let Some(m) = running
        && (other || c.after.runs.fwup_version != m.fwup_version)
    {
        c.after.full_next_for = None;
        c.after.runs = Running::from(&m);
        c.told = Some(m);
        c.updated_at = Some(now);
    }
    let validation = match join.validated {
        Some(true) => Validation::Validated,
        Some(false) => Validation::NotValidated,
        None => Validation::Unknown,
    };
    let news = (c.after.validation, c.after.auto_revert) != (validation, join.reverted);
    let good = validation == Validation::Validated;
    c.validated = !other && good && c.after.validation != validation;
    c.after.validation = validation;
    c.after.auto_revert = join.reverted;
    if other {
        c.ran = Some(ran(&c.after, now));
    } else {
        c.judged = news;
    }
    judged
}

fn ran(d: &DeviceState, now: Micros) -> Ran {
    Ran {
        device: d.id,
        uuid: d.runs.uuid.clone(),
        version: d.runs.version.clone(),
        platform: d.runs.platform.clone(),
        architecture: d.runs.architecture.clone(),
        validation: d.validation,
        auto_revert: d.auto_revert,
        at: now,
    }
}

impl From<&FirmwareMetadata> for Running {
    fn from(m: &FirmwareMetadata) -> Self {
        Self {
            uuid: m.uuid.clone(),
            version: Some(m.version.clone()),
            platform: Some(m.platform.clone()),
            architecture: Some(m.architecture.clone()),
            fwup_version: m.fwup_version.clone(),
        }
    }
}

/// What the device runs: as reported, or by its uuid when it is a firmware of the product.
fn metadata(product: ProductId, reported: &Reported, known: &Known) -> Option<FirmwareMetadata> {
    let (uuid, fwup) = match reported {
        Reported::Complete(m) => return Some((**m).clone()),
        Reported::Uuid(uuid, fwup) => (uuid, fwup),
        Reported::Nothing => return None,
    };
    let f = known.firmwares.get(&(product, uuid.clone()))?.clone();
    Some(FirmwareMetadata {
        uuid: f.uuid,
        product: f.product,
        version: f.version,
        platform: f.platform,
        architecture: f.architecture,
        author: f.author,
        description: f.description,
        misc: f.misc,
        vcs_identifier: f.vcs_identifier,
        fwup_version: fwup.clone(),
    })
}

/// The kind of groups that a device will look for, if a join makes it look for one; `None` when it stays where it is.
pub fn looks_for(device: &DeviceState, reported: &Reported, known: &Known) -> Option<Kind> {
    let told = metadata(device.product, reported, known);
    let told = told.as_ref().map(Running::from);
    let runs = told.as_ref().unwrap_or(&device.runs);
    let runs = RunningFirmware::of(&runs.version, &runs.platform, &runs.architecture)?;
    let stays = |g: &Group| matching::reason_to_leave(g, runs).is_none();
    if device.group.as_ref().is_some_and(stays) {
        return None;
    }
    Some(Kind {
        product: device.product,
        platform: runs.platform.to_owned(),
        architecture: runs.architecture.to_owned(),
    })
}

/// Looks at a joining device's membership again: out of a group whose conditions it breaks, into the best that takes
/// it. Returns the group it is in afterwards.
fn place(c: &mut Changes, known: &Known, now: Micros) -> Option<GroupId> {
    let runs = c.after.runs.clone();
    let Some(runs) = RunningFirmware::of(&runs.version, &runs.platform, &runs.architecture) else {
        return c.group();
    };
    if let Some(group) = c.after.group.take() {
        let Some(why) = matching::reason_to_leave(&group, runs) else {
            c.after.group = Some(group);
            return c.group();
        };
        let text = format!("Device left deployment group {}: {why}", group.name);
        c.enter(By::Group(group.id), text, now);
        c.updated_at = Some(now);
    }
    let open = known
        .open
        .iter()
        .filter(|g| g.product_id == c.after.product);
    let tags = known.tags.get(&c.after.id).map_or(&[][..], Vec::as_slice);
    let found = matching::best(open, &known.wanted, tags, runs)?;
    c.after.group = Some(Group {
        id: found.id,
        name: found.name.clone(),
        platform: found.platform.clone(),
        architecture: found.architecture.clone(),
        requirement: found.version_requirement.clone(),
        locked: false,
    });
    c.updated_at = Some(now);
    c.enter(By::Group(found.id), matching::entered(&found.name), now);
    c.group()
}
