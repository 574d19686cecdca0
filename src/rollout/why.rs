//! Why a device is not being updated, or that it will be: the rules of a claim ([`super::claim`]) in the order in which they are
//! looked at, each with what it found. The first that does not hold is the answer.

use super::bandwidth::Bandwidth;
use super::choice::{is_waited_for, takes_delta, unfit};
use super::claim::{limits, too_many};
use super::policy::{Policy, limits_of};
use super::rollout_state::Rollout;
use super::steps::{StepDecision, Waiting, place};
use super::workflow::StepKind;
use crate::clock::Micros;
use crate::limits::DELTA_WAIT;
use crate::store::catalog::deltas::DeltaRow;
use crate::store::catalog::firmwares::FirmwareRow;
use crate::store::deployments::deployment_groups::GroupRow;
use crate::store::deployments::releases::ReleaseRow;
use crate::store::devices::update_facts::UpdateFacts;
use crate::store::devices::{Candidate, DeviceRow};
use crate::store::words::{DeltaState, RolloutState, Validation};

/// What is known of a device and of what it could be updated to.
#[derive(Debug)]
pub struct Facts {
    pub device: DeviceRow,
    /// What is known of it beside its row.
    pub known: UpdateFacts,
    pub tags: Vec<String>,
    /// Its group, if it is in one.
    pub group: Option<GroupFacts>,
}

/// What is known of a device's deployment group.
#[derive(Debug)]
pub struct GroupFacts {
    pub group: GroupRow,
    /// Its current release, the firmware of it, and how far it is.
    pub release: Option<(ReleaseRow, FirmwareRow, Rollout)>,
    /// Tags that a device needs for the release.
    pub release_tags: Vec<String>,
    /// Interfaces over which devices get the release; none for all.
    pub interfaces: Vec<String>,
    /// The attempts that count: all of this release, and those within the window of the rate.
    pub attempts: (i64, i64),
    /// The delta from what the device runs to the release, if it was asked for.
    pub delta: Option<DeltaRow>,
    /// What all groups together may send.
    pub server_bandwidth: Bandwidth,
    /// Taken slots: of the ordinary queue, and of that of old versions.
    pub taken: (i64, i64),
}

/// A rule and what it found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// A stable name of the rule.
    pub rule: &'static str,
    /// Whether it lets the update go on.
    pub ok: bool,
    /// What was found.
    pub value: String,
    /// What it means, as a whole sentence.
    pub sentence: String,
    /// Until when it stands in the way, where that is known.
    pub until: Option<Micros>,
}

fn check(rule: &'static str, ok: bool, value: impl Into<String>, no: impl Into<String>) -> Check {
    Check {
        rule,
        ok,
        value: value.into(),
        sentence: no.into(),
        until: None,
    }
}

/// All rules in order. The list ends early where later rules have nothing to look at: without a group, a release or a firmware.
pub fn checks(facts: &Facts, now: Micros) -> Vec<Check> {
    let device = &facts.device;
    let deleted = device.deleted_at.is_some();
    let mut all = vec![check(
        "not_deleted",
        !deleted,
        if deleted { "deleted" } else { "kept" },
        "The device is marked as deleted.",
    )];
    let Some(g) = &facts.group else {
        all.push(check(
            "has_group",
            false,
            "none",
            "The device is in no deployment group: the conditions of none fit it.",
        ));
        return all;
    };
    let name = &g.group.name;
    all.push(check("has_group", true, name, ""));
    let state = if g.group.is_active { "on" } else { "off" };
    let text = format!("Deployment group {name} is off.");
    all.push(check("group_is_on", g.group.is_active, state, text));
    let Some((release, firmware, rollout)) = &g.release else {
        let text = format!("Deployment group {name} has no release.");
        all.push(check("has_release", false, "none", text));
        return all;
    };
    all.push(check("has_release", true, release.number.to_string(), ""));
    all.push(check(
        "runs_other_firmware",
        device.fw_uuid != firmware.uuid,
        device.fw_version.as_deref().unwrap_or("unknown"),
        format!(
            "The device runs release {} ({}) already.",
            release.number, firmware.version
        ),
    ));
    all.push(runs(rollout, release));
    all.extend(of_policy(facts, g, firmware, now));
    let sound = firmware.damaged_at.is_none();
    all.push(check(
        "file_is_sound",
        sound,
        if sound { "sound" } else { "damaged" },
        format!(
            "The stored file of firmware {} is damaged; upload it again.",
            firmware.version
        ),
    ));
    all.extend(of_device(facts, now));
    all.extend(of_release(facts, g, release, firmware));
    all.push(of_step(facts, rollout, now));
    all.extend(of_group(facts, g, firmware, rollout, now));
    all
}

/// What stands in the way on the device's side, whatever is released.
fn of_device(facts: &Facts, now: Micros) -> Vec<Check> {
    let device = &facts.device;
    let enabled = device.updates_enabled;
    let mut all = vec![check(
        "updates_enabled",
        enabled,
        if enabled { "on" } else { "off" },
        "Automatic updates of the device are switched off.",
    )];
    let known = &facts.known;
    let under_way = known.in_flight_since.zip(known.stage.as_deref());
    all.push(check(
        "nothing_in_flight",
        under_way.is_none(),
        under_way.map_or("none", |(_, stage)| stage),
        under_way.map_or(String::new(), |(since, stage)| {
            format!("An update is under way since {} ({stage}).", since.zulu())
        }),
    ));
    // A penalty that is over is lifted by the next tick.
    let rests = device.blocked_until.filter(|until| *until > now);
    all.push(Check {
        until: rests,
        ..check(
            "not_blocked",
            rests.is_none(),
            rests.map_or("no".into(), Micros::zulu),
            rests.map_or(String::new(), |until| {
                format!("The device rests until {}.", until.zulu())
            }),
        )
    });
    all.push(check(
        "firmware_validated",
        known.validation != Validation::NotValidated,
        known.validation.word(),
        "The device has not marked its present firmware as good yet.",
    ));
    all.push(check(
        "connected",
        known.online,
        if known.online { "online" } else { "offline" },
        "The device is not connected.",
    ));
    all
}

/// Whether the device may have the release.
fn of_release(
    facts: &Facts,
    g: &GroupFacts,
    release: &ReleaseRow,
    firmware: &FirmwareRow,
) -> Vec<Check> {
    let device = &facts.device;
    let fwup = device.fw_fwup_version.as_deref();
    let old = unfit(fwup, firmware);
    let mut all = vec![check(
        "fwup_is_new_enough",
        old.is_none(),
        fwup.unwrap_or("unknown"),
        old.map_or(String::new(), |why| {
            format!("Release {} cannot be installed: {why}.", release.number)
        }),
    )];
    let missing: Vec<&str> = g
        .release_tags
        .iter()
        .filter(|tag| !facts.tags.contains(tag))
        .map(String::as_str)
        .collect();
    all.push(check(
        "release_tags",
        missing.is_empty(),
        facts.tags.join(", "),
        format!(
            "The device lacks the release's tag {}.",
            missing.join(" and ")
        ),
    ));
    let interface = &facts.known.interface;
    let over = g.interfaces.is_empty() || g.interfaces.contains(interface);
    all.push(check(
        "network_interface",
        over,
        interface.as_str(),
        format!(
            "The release is for devices on {} only.",
            g.interfaces.join(" or ")
        ),
    ));
    all
}

/// What the limits of the group say.
fn of_policy(facts: &Facts, g: &GroupFacts, firmware: &FirmwareRow, now: Micros) -> Vec<Check> {
    let met = limits_of(&g.group, g.server_bandwidth, &firmware.version, now);
    let mut all: Vec<Check> = match met.into_iter().next() {
        None => vec![check("limits", true, "free", "")],
        Some(limit) => vec![Check {
            until: limit.until,
            ..check("limits", false, limit.rule, limit.sentence)
        }],
    };
    let policy = Policy::kept(g.group.policy.as_deref());
    if let Some(window) = policy.and_then(|p| p.maintenance_window) {
        let zone = facts.known.time_zone.as_deref();
        let opens = window.opens_at(zone, now);
        let hours = format!("{} to {}", window.from, window.to);
        let text = opens.map_or(String::new(), |at| {
            format!(
                "The maintenance window of the device opens at {}.",
                at.zulu()
            )
        });
        all.push(Check {
            until: opens,
            ..check("maintenance_window", opens.is_none(), hours, text)
        });
    }
    all
}

/// Whether anybody is told of the release.
fn runs(rollout: &Rollout, release: &ReleaseRow) -> Check {
    let state = rollout.state();
    let because = match rollout.row.as_ref().and_then(|r| r.reason.as_deref()) {
        Some(why) => format!(": {}", why.trim_end_matches('.')),
        None => String::new(),
    };
    check(
        "rollout_runs",
        state == RolloutState::Running,
        state.word(),
        format!("Release {} is {state}{because}.", release.number),
    )
}

/// Whether the present step of the rollout updates the device.
fn of_step(facts: &Facts, rollout: &Rollout, now: Micros) -> Check {
    let step = rollout.step();
    let name = &step.name;
    let no = |text: String| check("rollout_step", false, name, text);
    if let StepKind::Devices(own) = &step.kind {
        if let Some(tag) = own.tags.iter().find(|tag| !facts.tags.contains(tag)) {
            return no(format!("Step {name} is for devices with the tag {tag}."));
        }
        if !own.interfaces.is_empty() && !own.interfaces.contains(&facts.known.interface) {
            let all = own.interfaces.join(" or ");
            return no(format!("Step {name} is for devices on {all}."));
        }
        let salt = rollout.row.as_ref().map_or(0, |r| r.salt);
        let is_of_others = |share| place(facts.device.id.number(), salt) >= share;
        if rollout.share().is_some_and(is_of_others) {
            return no(format!("Step {name} is for another part of the group."));
        }
    }
    let due = |waiting: &Waiting| match waiting {
        Waiting::Soak(until) => Some(*until),
        _ => None,
    };
    match rollout.decide(true, now) {
        StepDecision::Update(_) | StepDecision::Next => check("rollout_step", true, name, ""),
        StepDecision::Stop(why) => no(format!("The release is about to stop: {why}.")),
        StepDecision::Wait(waiting) => Check {
            until: due(&waiting),
            ..no(waiting.sentence(name))
        },
    }
}

/// What the group's limits say.
fn of_group(
    facts: &Facts,
    g: &GroupFacts,
    firmware: &FirmwareRow,
    rollout: &Rollout,
    now: Micros,
) -> Vec<Check> {
    let (group, device) = (&g.group, &facts.device);
    let mut all = vec![check(
        "attempts_left",
        !too_many(group, g.attempts),
        format!("{} of {}", g.attempts.0, group.device_failure_threshold),
        format!(
            "The device has tried this release too often and is about to rest for {} minutes.",
            group.penalty_timeout_minutes
        ),
    )];
    let waits = g.delta.as_ref().filter(|delta| is_waited_for(delta, now));
    all.push(Check {
        until: waits.map(|d| d.inserted_at.after(DELTA_WAIT)),
        ..check(
            "delta_is_ready",
            waits.is_none(),
            file(facts, g, firmware),
            "The delta for the device is being made; when it takes too long, the full file is sent.",
        )
    });
    let most = rollout.concurrent(group);
    let taken = |priority: bool| if priority { g.taken.1 } else { g.taken.0 };
    let free = limits(group, rollout, device.fw_version.as_deref())
        .into_iter()
        .any(|(priority, limit)| taken(priority) < limit);
    all.push(check(
        "slot_is_free",
        free,
        format!("{} of {most}", g.taken.0),
        format!(
            "All {most} updates that may be in flight at once are; the device waits for its turn."
        ),
    ));
    all
}

/// Which file the device would be sent.
fn file(facts: &Facts, g: &GroupFacts, firmware: &FirmwareRow) -> String {
    let candidate = Candidate {
        id: facts.device.id,
        since: Micros(0),
        full_next_for: facts.known.full_next_for.clone(),
        fw_fwup_version: facts.device.fw_fwup_version.clone(),
        time_zone: facts.known.time_zone.clone(),
    };
    let done = g
        .delta
        .as_ref()
        .is_some_and(|d| d.status == DeltaState::Completed);
    if done && takes_delta(&candidate, firmware) {
        "delta".into()
    } else {
        "full".into()
    }
}

/// One sentence for all checks: the first that fails, or what happens next. `None` of the first: nothing stands in the way.
pub fn answer(checks: &[Check]) -> (Option<&Check>, String) {
    match checks.iter().find(|c| !c.ok) {
        Some(first) => (Some(first), first.sentence.clone()),
        None => (
            None,
            "Nothing stands in the way: the device is offered the release by the next tick.".into(),
        ),
    }
}
