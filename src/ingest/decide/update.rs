//! What becomes of an update (docs/protocol/rules.md, "Outcome of an update" and "Penalty box") by what its device says.

use super::{Changes, Line};
use crate::clock::Micros;
use crate::ids::{GroupId, ReleaseId};
use crate::ingest::state::{Claimant, Known, Update};
use crate::rollout::outcome::{Judged, Report};
use crate::store::ingest::told::{By, Entry};
use crate::store::ingest::updates::Success;
use crate::store::words::AttemptOutcome;
use serde_json::json;
use std::time::Duration;

/// What a device that joins says about the firmware that it runs now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportedState<'a> {
    /// The firmware that it runs now.
    pub uuid: &'a str,
    /// Whether it says that a download goes on.
    pub downloading: bool,
    /// Whether it says that its firmware is not validated yet.
    pub unvalidated: bool,
    /// Whether the other slot holds firmware that was not validated.
    pub reverted: bool,
}

/// Takes a device's word about its update. Returns the group that may have a free slot now.
pub(super) fn report(c: &mut Changes, report: &Report, now: Micros) -> Option<GroupId> {
    match report {
        Report::Stage(stage, progress) => {
            under_way(c, stage, *progress);
            None
        }
        Report::Failed(reason) => {
            let text = format!(
                "Device could not install the update: {}",
                or_unknown(reason)
            );
            refused(c, (AttemptOutcome::Failed, reason), text, now)
        }
        Report::Ignored(reason) => {
            let text = format!("Device ignored the update: {}", or_unknown(reason));
            refused(c, (AttemptOutcome::Ignored, reason), text, now)
        }
        Report::Rescheduled(delay) => put_off(c, *delay, now),
    }
}

fn or_unknown(reason: &str) -> &str {
    if reason.is_empty() {
        "it gave no reason"
    } else {
        reason
    }
}

/// Clients say the same of archives, and of what they fetch by themselves: without an update that the device was told of it is
/// no word about one. Who watches is shown it all the same.
fn under_way(c: &mut Changes, stage: &'static str, progress: Option<i64>) {
    let Some(update) = c.after.update.as_mut().filter(|u| u.told) else {
        return;
    };
    if !update.attempted {
        c.attempt = update.release;
    }
    update.attempted = true;
    c.progress = Some((update.claim, stage, progress));
}

/// What it was not told of it cannot refuse: it speaks of an archive, or of what it fetched by itself.
fn refused(
    c: &mut Changes,
    (outcome, reason): (AttemptOutcome, &str),
    text: String,
    now: Micros,
) -> Option<GroupId> {
    let update = c.free(|u| u.told, outcome, Some(reason))?;
    let target = update.target.map(|t| t.uuid);
    let data = json!({"reason": &text, "firmware_uuid": &target});
    c.message("update.failed", data, now);
    if update.delta.is_some() && target.is_some() {
        c.after.full_next_for = target;
    }
    match update.group {
        Some(group) => {
            penalise(c, &group, text, now);
            Some(group.id)
        }
        None => {
            c.note(text, now);
            None
        }
    }
}

/// Blocks the device for the group's penalty time; its attempts start from zero afterwards.
fn penalise(c: &mut Changes, group: &Claimant, text: String, now: Micros) {
    let minutes = u64::try_from(group.penalty_minutes).unwrap_or(1440);
    c.after.blocked_until = Some(now.after(Duration::from_secs(minutes.saturating_mul(60))));
    c.attempts_cleared = true;
    c.lines.push(Line {
        text: text.clone(),
        rests: Some((group.name.clone(), group.penalty_minutes)),
    });
    c.entries.push(Entry {
        org: group.org,
        product: group.product,
        by: By::Group(group.id),
        device: c.after.id,
        text,
        at: now,
    });
}

fn put_off(c: &mut Changes, delay: Duration, now: Micros) -> Option<GroupId> {
    let update = c.free(|u| u.told, AttemptOutcome::Rescheduled, None)?;
    if update.group.is_some() {
        c.after.blocked_until = Some(now.after(delay));
    }
    let minutes = delay.as_secs() / 60;
    c.note(
        format!("Device put the update off for {minutes} minutes"),
        now,
    );
    update.group.map(|g| g.id)
}

/// Judges the update of a joining device, whose record still holds what it ran before.
pub(super) fn arrived(
    c: &mut Changes,
    says: ReportedState<'_>,
    known: &Known,
    now: Micros,
) -> Judged {
    let own = c.group();
    if c.after.runs.uuid == says.uuid {
        return Judged {
            wake: came_back(c, says, now),
            installed: false,
        };
    }
    let Some(update) = c.free(|_| true, AttemptOutcome::OtherFirmware, None) else {
        if !c.after.runs.uuid.is_empty() {
            changed(c, None, says, known, now);
        }
        return Judged {
            wake: own,
            installed: false,
        };
    };
    let wake = update.group.as_ref().map(|g| g.id).or(own);
    let installed = update.target.as_ref().is_some_and(|t| t.uuid == says.uuid);
    if installed {
        if let Some(freed) = &mut c.freed {
            freed.outcome = AttemptOutcome::Installed;
            freed.validated = !says.unvalidated;
        }
        succeeded(c, update, says, now);
    } else {
        let counted = update.release.filter(|_| update.attempted);
        changed(c, counted, says, known, now);
    }
    Judged { wake, installed }
}

/// The same firmware as before: an update that was told and is not going on any more has failed.
fn came_back(c: &mut Changes, says: ReportedState<'_>, now: Micros) -> Option<GroupId> {
    let outcome = if says.reverted {
        AttemptOutcome::Reverted
    } else {
        AttemptOutcome::Returned
    };
    let update = c.free(|u| u.told && !says.downloading, outcome, None)?;
    if !update.attempted && says.reverted {
        c.attempt = update.release;
    }
    let target = update.target.map(|t| t.uuid);
    if update.delta.is_some() && update.attempted && target.is_some() {
        c.after.full_next_for.clone_from(&target);
    }
    let text = "Device came back with the firmware it had before the update";
    c.note(text.into(), now);
    let data = json!({"reason": text, "firmware_uuid": target});
    c.message("update.failed", data, now);
    update.group.map(|g| g.id)
}

fn succeeded(c: &mut Changes, update: Update, says: ReportedState<'_>, now: Micros) {
    let Some(target) = update.target else {
        return;
    };
    let success = Success {
        product: c.after.product,
        device: c.after.id,
        group: update.group.map(|g| g.id),
        release: update.release,
        delta: update.delta.is_some(),
        source: c.after.runs.uuid.clone(),
        target: says.uuid.to_owned(),
        sent: update.delta.flatten().unwrap_or(target.size),
        full: target.size,
        at: now,
    };
    let data = json!({
        "from_uuid": success.source, "firmware_uuid": success.target, "version": target.version,
        "bytes": success.sent, "delta": success.delta,
    });
    c.message("update.completed", data, now);
    c.success = Some(success);
    // Firmware that is not validated yet may still be reverted: its attempts count until it is.
    c.attempts_cleared = !says.unvalidated;
    c.after.blocked_until = None;
    c.note(format!("Device was updated to {}", target.version), now);
}

/// Other firmware than any update would have brought: burnt by hand, from a USB stick, or reverted. `counted` is the release
/// of which an attempt was counted when its update began.
fn changed(
    c: &mut Changes,
    counted: Option<ReleaseId>,
    says: ReportedState<'_>,
    known: &Known,
    now: Micros,
) {
    let current = known.current.get(&c.after.id);
    let lost = current.filter(|r| says.reverted && r.uuid == c.after.runs.uuid);
    let Some(release) = lost else {
        let text = "Device runs other firmware, not from an update of this server";
        c.note(text.into(), now);
        return;
    };
    c.reverted = Some(release.id);
    // A release that another way brought is counted now.
    if release.attempts == 0 && counted != Some(release.id) {
        c.attempt = Some(release.id);
    }
    let text = format!(
        "Device reverted release {} and runs its earlier firmware",
        release.number
    );
    c.note(text, now);
}
