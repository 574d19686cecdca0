//! What becomes of the update of a device that says nothing (docs/protocol/rules.md, "Outcome of an update" and "Penalty box"), in the
//! caller's transaction. What follows from a device's own words is decided in `ingest::decide`.

use crate::clock::Micros;
use crate::ids::{DeviceId, GroupId};
use crate::store::deployments::deployment_groups::GroupRow;
use crate::store::deployments::inflight;
use crate::store::deployments::inflight::InFlight;
use crate::store::events::audit::{self, Actor, Resource};
use crate::store::words::AttemptOutcome;
use crate::store::{self, On, Write, devices};
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

/// What became of the update of a device that joined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Judged {
    /// The group that may have a free slot now.
    pub wake: Option<GroupId>,
    /// Whether the device runs what it was sent.
    pub installed: bool,
}

/// An update without a sign of life: the slot is free, and the device may be picked again.
///
/// # Errors
/// The database's.
pub async fn lapsed(w: &mut Write, device: DeviceId, now: Micros) -> store::Result<()> {
    let text = "The update lapsed: nothing was heard of it for too long";
    inflight::end(w, device, AttemptOutcome::Lapsed, None, now).await?;
    note(w, device, text, now).await
}

/// A claim whose device is gone before it was told.
///
/// # Errors
/// The database's.
pub async fn abandon_untold(
    w: &mut Write,
    device: DeviceId,
    now: Micros,
) -> store::Result<Option<GroupId>> {
    let Some(row) = untold(w, device).await? else {
        return Ok(None);
    };
    inflight::end(w, device, AttemptOutcome::Withdrawn, None, now).await?;
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
