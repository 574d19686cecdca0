//! Ends updates of devices that have not reported an outcome (docs/protocol/rules.md, "Outcome of an update" and "Penalty box"), in
//! the caller's transaction. Reported outcomes are decided in `ingest::decide`.

use crate::clock::Micros;
use crate::ids::{DeviceId, GroupId};
use crate::store::deployments::deployment_groups::GroupRow;
use crate::store::deployments::inflight;
use crate::store::deployments::inflight::InFlight;
use crate::store::events::audit::{self, Actor, Resource};
use crate::store::words::AttemptOutcome;
use crate::store::{self, On, Write, devices};
use std::time::Duration;

/// A device's report about its update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// A stage it has reached (`received`, `started`, `downloading`, `updating`, `completed`), with the progress in per cent.
    Stage(&'static str, Option<i64>),
    /// The installation failed, for this reason.
    Failed(String),
    /// The application on the device refused it, for this reason.
    Ignored(String),
    /// The device wants to be asked again after this delay.
    Rescheduled(Duration),
}

/// Blocks a device for the group's penalty time; its attempts start from zero afterwards.
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

/// Writes to the device's audit log and to the server's log what happened to a device without a person.
pub async fn note(w: &mut Write, device: DeviceId, text: &str, now: Micros) -> store::Result<()> {
    let Some(d) = devices::row(w, device).await? else {
        return Ok(());
    };
    tracing::info!(device = %d.identifier, "{text}");
    let (actor, resource) = (Actor::Device(device), Resource::Device(device));
    audit::add(w, d.org_id, Some(d.product_id), actor, resource, text, now).await
}

/// What a join says about the device's update.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Judged {
    /// The group whose slot the join has freed.
    pub wake: Option<GroupId>,
    /// Whether the device runs the firmware that it was offered.
    pub installed: bool,
}

/// Ends an update that has reported nothing for too long. Its slot is free, and the device may be claimed again.
pub async fn lapsed(w: &mut Write, device: DeviceId, now: Micros) -> store::Result<()> {
    let text = "The update lapsed: nothing was heard of it for too long";
    inflight::end(w, device, AttemptOutcome::Lapsed, None, now).await?;
    note(w, device, text, now).await
}

/// Ends the claim of a device that disconnected before it was told.
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

/// The claim of a device that has not been told of it yet.
pub async fn untold(on: &mut impl On, device: DeviceId) -> store::Result<Option<InFlight>> {
    Ok(inflight::of_device(on, device)
        .await?
        .filter(|r| r.sent_at.is_none() && r.firmware_id.is_some()))
}
