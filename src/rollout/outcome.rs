//! What becomes of an update (docs/protocol/rules.md, "Outcome of an update" and "Penalty box"): every change of an in-flight row is decided here, in the caller's
//! transaction. Each function returns the group that may have a free slot now.

use crate::clock::Micros;
use crate::ids::{DeviceId, GroupId};
use crate::store::catalog::{deltas, firmwares};
use crate::store::deployments::deployment_groups::GroupRow;
use crate::store::deployments::inflight::{InFlight, Success};
use crate::store::deployments::{deployment_groups, inflight, releases};
use crate::store::devices::DeviceRow;
use crate::store::events::audit::{self, Actor, Resource};
use crate::store::support::messages;
use crate::store::{self, Error, On, Write, devices};
use serde_json::json;
use std::time::Duration;

/// What a device says about its update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// Under way: `received`, `started`, `downloading`, `updating`, `completed`.
    Stage(&'static str, Option<i64>),
    /// It could not be installed.
    Failed(String),
    /// The application refused it.
    Ignored(String),
    /// Later, please; with the delay that was asked for.
    Rescheduled(Duration),
}

/// Blocks a device for the group's penalty time; its attempts start from zero afterwards.
///
/// # Errors
/// The database's.
pub async fn penalise(
    w: &mut Write,
    device: DeviceId,
    group: &GroupRow,
    text: &str,
    now: Micros,
) -> store::Result<()> {
    let minutes = u64::try_from(group.penalty_timeout_minutes).unwrap_or(1440);
    let until = now.after(Duration::from_secs(minutes.saturating_mul(60)));
    devices::block(w, device, Some(until)).await?;
    inflight::clear_attempts(w, device).await?;
    if let Some(d) = devices::row(w, device).await? {
        tracing::info!(device = %d.identifier, group = %group.name, minutes, "{text}; the device rests");
    }
    let (actor, resource) = (Actor::Group(group.id), Resource::Device(device));
    audit::add(
        w,
        group.org_id,
        Some(group.product_id),
        actor,
        resource,
        text,
        now,
    )
    .await
}

/// Takes a device's word about its update.
///
/// # Errors
/// The database's.
pub async fn report(
    w: &mut Write,
    device: DeviceId,
    report: &Report,
    now: Micros,
) -> store::Result<Option<GroupId>> {
    let row = inflight::of_device(w, device).await?;
    match report {
        Report::Stage(stage, progress) => {
            under_way(w, device, row, stage, *progress, now).await?;
            Ok(None)
        }
        Report::Failed(reason) => {
            let text = format!(
                "Device could not install the update: {}",
                or_unknown(reason)
            );
            ended(w, device, row, End::Penalty(text), now).await
        }
        Report::Ignored(reason) => {
            let text = format!("Device ignored the update: {}", or_unknown(reason));
            ended(w, device, row, End::Penalty(text), now).await
        }
        Report::Rescheduled(delay) => {
            let minutes = delay.as_secs() / 60;
            let text = format!("Device put the update off for {minutes} minutes");
            ended(w, device, row, End::Later(*delay, text), now).await
        }
    }
}

fn or_unknown(reason: &str) -> &str {
    if reason.is_empty() {
        "it gave no reason"
    } else {
        reason
    }
}

async fn under_way(
    w: &mut Write,
    device: DeviceId,
    row: Option<InFlight>,
    stage: &str,
    progress: Option<i64>,
    now: Micros,
) -> store::Result<()> {
    // Clients say the same of archives, and of what they fetch by themselves: without an update that the device was told of
    // it is no word about one. Who watches is shown it all the same.
    let Some(row) = row.filter(|r| r.sent_at.is_some()) else {
        return Ok(());
    };
    if let (Some(release), false) = (row.release_id, row.attempted) {
        inflight::attempt(w, device, release, now).await?;
    }
    inflight::progress(w, device, stage, progress, true, now).await
}

/// A device was told of an update and will say nothing more before it runs it: that counts as its attempt.
///
/// # Errors
/// The database's.
pub async fn attempted(w: &mut Write, device: DeviceId, now: Micros) -> store::Result<()> {
    let row = inflight::of_device(w, device).await?;
    if let Some(InFlight {
        release_id: Some(release),
        attempted: false,
        ..
    }) = row
    {
        inflight::attempt(w, device, release, now).await?;
    }
    Ok(())
}

enum End {
    Penalty(String),
    Later(Duration, String),
}

async fn ended(
    w: &mut Write,
    device: DeviceId,
    row: Option<InFlight>,
    end: End,
    now: Micros,
) -> store::Result<Option<GroupId>> {
    // What it was not told of it cannot refuse: it speaks of an archive, or of what it fetched by itself.
    let Some(row) = row.filter(|r| r.sent_at.is_some()) else {
        return Ok(None);
    };
    inflight::remove(w, device).await?;
    if let End::Penalty(text) = &end {
        let data = || json!({"reason": text, "firmware_uuid": row.target_uuid});
        messages::file_of_device(w, device, "update.failed", data, now).await?;
    }
    if let (true, Some(target), End::Penalty(_)) = (row.delta_id.is_some(), &row.target_uuid, &end)
    {
        devices::full_next(w, device, target).await?;
    }
    let group = match row.group_id {
        Some(id) => deployment_groups::row(w, id).await?,
        None => None,
    };
    match (&group, end) {
        (Some(group), End::Penalty(text)) => penalise(w, device, group, &text, now).await?,
        (Some(_), End::Later(delay, text)) => {
            devices::block(w, device, Some(now.after(delay))).await?;
            note(w, device, &text, now).await?;
        }
        (None, End::Penalty(text) | End::Later(_, text)) => note(w, device, &text, now).await?,
    }
    Ok(row.group_id)
}

/// Notes what happened to a device by itself, in its audit log and in the server's.
///
/// # Errors
/// The database's.
pub async fn note(w: &mut Write, device: DeviceId, text: &str, now: Micros) -> store::Result<()> {
    let Some(d) = devices::row(w, device).await? else {
        return Ok(());
    };
    tracing::info!(device = %d.identifier, "{text}");
    let (actor, resource) = (Actor::Device(device), Resource::Device(device));
    audit::add(w, d.org_id, Some(d.product_id), actor, resource, text, now).await
}

/// What a join means for the device's update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival<'a> {
    /// The firmware that it runs now.
    pub uuid: &'a str,
    /// Whether it says that a download goes on.
    pub downloading: bool,
    /// Whether it says that its firmware is not validated yet.
    pub unvalidated: bool,
    /// Whether the other slot holds firmware that was not validated.
    pub reverted: bool,
}

/// Judges the update of a joining device, whose record still holds what it ran before.
///
/// # Errors
/// The database's.
pub async fn arrived(
    w: &mut Write,
    before: &DeviceRow,
    a: Arrival<'_>,
    now: Micros,
) -> store::Result<Judged> {
    let row = inflight::of_device(w, before.id).await?;
    if before.fw_uuid == a.uuid {
        let wake = came_back(w, before, row, a, now).await?;
        return Ok(Judged::of(wake));
    }
    let Some(row) = row else {
        if !before.fw_uuid.is_empty() {
            changed(w, before, a, now).await?;
        }
        return Ok(Judged::of(before.group_id));
    };
    inflight::remove(w, before.id).await?;
    let installed = row.target_uuid.as_deref() == Some(a.uuid);
    if installed {
        succeeded(w, before, &row, a, now).await?;
    } else {
        changed(w, before, a, now).await?;
    }
    Ok(Judged {
        wake: row.group_id.or(before.group_id),
        installed,
    })
}

/// What became of the update of a device that joined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Judged {
    /// The group that may have a free slot now.
    pub wake: Option<GroupId>,
    /// Whether the device runs what it was sent.
    pub installed: bool,
}

impl Judged {
    fn of(wake: Option<GroupId>) -> Self {
        Self {
            wake,
            installed: false,
        }
    }
}

/// The same firmware as before: an update that was told and is not going on any more has failed.
async fn came_back(
    w: &mut Write,
    before: &DeviceRow,
    row: Option<InFlight>,
    a: Arrival<'_>,
    now: Micros,
) -> store::Result<Option<GroupId>> {
    let Some(row) = row.filter(|r| r.sent_at.is_some()) else {
        return Ok(None);
    };
    if a.downloading {
        return Ok(None);
    }
    inflight::remove(w, before.id).await?;
    if let (Some(release), false, true) = (row.release_id, row.attempted, a.reverted) {
        inflight::attempt(w, before.id, release, now).await?;
    }
    if let (true, Some(target)) = (row.delta_id.is_some(), &row.target_uuid)
        && row.attempted
    {
        devices::full_next(w, before.id, target).await?;
    }
    let text = "Device came back with the firmware it had before the update";
    note(w, before.id, text, now).await?;
    let data = || json!({"reason": text, "firmware_uuid": row.target_uuid});
    messages::file_of_device(w, before.id, "update.failed", data, now).await?;
    Ok(row.group_id)
}

async fn succeeded(
    w: &mut Write,
    before: &DeviceRow,
    row: &InFlight,
    a: Arrival<'_>,
    now: Micros,
) -> store::Result<()> {
    let target = match row.firmware_id {
        Some(id) => firmwares::row(w, id).await?,
        None => None,
    };
    let target = target.ok_or(Error::Missing("firmwares"))?;
    let delta = match row.delta_id {
        Some(id) => deltas::row(w, id).await?,
        None => None,
    };
    let stat = Success {
        product: before.product_id,
        device: before.id,
        group: row.group_id,
        release: row.release_id,
        delta: delta.is_some(),
        source: &before.fw_uuid,
        target: a.uuid,
        sent: delta.and_then(|d| d.size).unwrap_or(target.size),
        full: target.size,
    };
    inflight::succeeded(w, &stat, now).await?;
    let data = || {
        json!({
            "from_uuid": stat.source, "firmware_uuid": stat.target, "version": target.version,
            "bytes": stat.sent, "delta": stat.delta,
        })
    };
    messages::file_of_device(w, before.id, "update.completed", data, now).await?;
    if let Some(group) = row.group_id {
        deployment_groups::updated_one(w, group).await?;
    }
    // Firmware that is not validated yet may still be reverted: its attempts count until it is.
    if !a.unvalidated {
        inflight::clear_attempts(w, before.id).await?;
    }
    devices::block(w, before.id, None).await?;
    note(
        w,
        before.id,
        &format!("Device was updated to {}", target.version),
        now,
    )
    .await
}

/// Other firmware than any update would have brought: burnt by hand, from a USB stick, or reverted.
async fn changed(
    w: &mut Write,
    before: &DeviceRow,
    a: Arrival<'_>,
    now: Micros,
) -> store::Result<()> {
    let lost_release = match before.group_id {
        Some(group) => releases::current(w, group)
            .await?
            .filter(|r| a.reverted && r.uuid == before.fw_uuid),
        None => None,
    };
    let Some(release) = lost_release else {
        return note(
            w,
            before.id,
            "Device runs other firmware, not from an update of this server",
            now,
        )
        .await;
    };
    // The attempt was counted when the update began; a release that another way brought is counted now.
    if inflight::attempts(w, before.id, release.id, Micros(0))
        .await?
        .0
        == 0
    {
        inflight::attempt(w, before.id, release.id, now).await?;
    }
    let text = format!(
        "Device reverted release {} and runs its earlier firmware",
        release.number
    );
    note(w, before.id, &text, now).await
}

/// An update without a sign of life: the slot is free, and the device may be picked again.
///
/// # Errors
/// The database's.
pub async fn lapsed(w: &mut Write, device: DeviceId, now: Micros) -> store::Result<()> {
    inflight::remove(w, device).await?;
    note(
        w,
        device,
        "The update lapsed: nothing was heard of it for too long",
        now,
    )
    .await
}

/// A claim whose device is gone before it was told.
///
/// # Errors
/// The database's.
pub async fn abandon_untold(w: &mut Write, device: DeviceId) -> store::Result<Option<GroupId>> {
    let Some(row) = untold(w, device).await? else {
        return Ok(None);
    };
    inflight::remove(w, device).await?;
    Ok(row.group_id)
}

/// A device's claim that it was not told of yet.
///
/// # Errors
/// The database's.
pub async fn untold(on: &mut impl On, device: DeviceId) -> store::Result<Option<InFlight>> {
    Ok(inflight::of_device(on, device)
        .await?
        .filter(|r| r.sent_at.is_none() && r.firmware_id.is_some()))
}
