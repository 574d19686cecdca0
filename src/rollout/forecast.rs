//! What a release would do: which devices of a group get it in which step, with which file, and when at the earliest. It follows
//! the rules of a claim ([`super::claim`]) for every device, without claiming any.

use super::choice::{takes_delta, unfit};
use super::policy::Policy;
use super::steps::place;
use super::workflow::{DeviceStep, Step, StepKind, Workflow};
use crate::clock::Micros;
use crate::limits::FORECAST_SAMPLE;
use crate::store::catalog::firmwares::FirmwareRow;
use crate::store::devices::Candidate;
use crate::store::devices::summaries::DeviceSummary;
use crate::store::words::Validation;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// Stands for the salt of a release that is not made yet. As large as those are: a small one would put devices of small numbers all
/// at the beginning, and a share of one in a hundred would be everybody.
const ANY_SALT: i64 = 0x2d35_8dcc_aa6c_78a5;

/// A release that is made, or that somebody thinks of.
#[derive(Debug)]
pub struct Intent {
    pub target: FirmwareRow,
    pub workflow: Workflow,
    /// The step that it is in, and how many devices that step has begun to update.
    pub present: (usize, i64),
    /// Decides which devices are in a share; `None` while it is not drawn.
    pub salt: Option<i64>,
    /// Tags that a device needs for the release.
    pub release_tags: Vec<String>,
    /// Interfaces over which devices get it; none for all.
    pub interfaces: Vec<String>,
    /// Whether devices may get deltas.
    pub deltas: bool,
    /// The bytes of the delta to the target, by the uuid of the firmware that it is from; `None` where it is not made yet. What is
    /// not in here has none.
    pub delta_sizes: HashMap<String, Option<i64>>,
    pub policy: Policy,
    /// Updates in flight at once, where a step does not say otherwise.
    pub concurrent_updates: i64,
    /// What all groups together may send, if that is limited.
    pub server_rate: Option<i64>,
}

/// Devices that have something in common.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct DeviceCount {
    pub devices: i64,
    /// Identifiers of a few of them.
    pub sample: Vec<String>,
}

impl DeviceCount {
    /// Counts a device.
    pub fn add(&mut self, identifier: &str) {
        self.devices += 1;
        if self.sample.len() < FORECAST_SAMPLE {
            self.sample.push(identifier.to_owned());
        }
    }
}

/// What a step would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepForecast {
    pub name: String,
    /// People that it waits for; none for a step that updates devices.
    pub approvals: Option<i64>,
    /// The devices that it updates. Which of them are in a share is known once the release is made.
    pub count: DeviceCount,
    /// How many of them could be told at once: connected, with nothing else in the way.
    pub ready: i64,
    /// Updates in flight at once of the ordinary queue; none for a step that waits for people.
    pub concurrent_updates: Option<i64>,
    /// How many get a delta.
    pub deltas: i64,
    /// What it sends.
    pub bytes: i64,
    /// When it begins at the earliest. What it waits for is not in there: people, and devices that mark the release as good.
    pub begins_at: Micros,
    /// When everything is sent at the earliest: after the last maintenance window has opened, as fast as the bandwidth allows.
    pub sent_at: Micros,
    /// What the next step waits for when this one has sent everything.
    pub then: Vec<String>,
}

impl StepForecast {
    /// A step without devices yet.
    fn of(step: &Step, of_group: i64) -> Self {
        Self {
            name: step.name.clone(),
            approvals: match step.kind {
                StepKind::Approval(people) => Some(people),
                StepKind::Devices(_) => None,
            },
            concurrent_updates: match &step.kind {
                StepKind::Devices(own) => Some(own.concurrent_updates.unwrap_or(of_group)),
                StepKind::Approval(_) => None,
            },
            count: DeviceCount::default(),
            ready: 0,
            deltas: 0,
            bytes: 0,
            begins_at: Micros(0),
            sent_at: Micros(0),
            then: Vec::new(),
        }
    }
}

/// What a release would do.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// All devices that were looked at.
    pub devices: i64,
    /// Those that run the target.
    pub already: i64,
    /// Those that do not get it, by the rule (as in [`super::why`]) that keeps them from it.
    pub kept_out: BTreeMap<&'static str, DeviceCount>,
    /// Those that get it, but not now, by what they wait for.
    pub not_now: BTreeMap<&'static str, i64>,
    pub steps: Vec<StepForecast>,
    /// What a person should know before the release is made.
    pub warnings: Vec<String>,
}

/// Looks at the devices one after the other.
#[derive(Debug)]
pub struct Forecaster {
    intent: Intent,
    forecast: Forecast,
    /// The time zones of each step's devices.
    zones: Vec<BTreeSet<Option<String>>>,
    /// Devices by the version from which there is no delta yet.
    without_delta: BTreeMap<String, i64>,
}

impl Forecaster {
    /// A forecast of a release, without devices yet.
    pub fn new(intent: Intent) -> Self {
        let steps = intent.workflow.steps.iter();
        let forecast = Forecast {
            steps: steps
                .map(|s| StepForecast::of(s, intent.concurrent_updates))
                .collect(),
            ..Forecast::default()
        };
        Self {
            zones: vec![BTreeSet::new(); forecast.steps.len()],
            forecast,
            intent,
            without_delta: BTreeMap::new(),
        }
    }

    /// Whether tags of devices have to be known.
    pub fn needs_tags(&self) -> bool {
        let of_step = |kind: &StepKind| match kind {
            StepKind::Devices(own) => !own.tags.is_empty(),
            StepKind::Approval(_) => false,
        };
        let steps = &self.intent.workflow.steps;
        !self.intent.release_tags.is_empty() || steps.iter().any(|s| of_step(&s.kind))
    }

    /// Takes note of a stored firmware that devices run. A delta from it would be made if it fits the target.
    pub fn add_source(&mut self, source: &FirmwareRow) {
        let target = &self.intent.target;
        if source.platform == target.platform
            && source.architecture == target.architecture
            && source.tool == target.tool
        {
            let sizes = &mut self.intent.delta_sizes;
            sizes.entry(source.uuid.clone()).or_insert(None);
        }
    }

    /// Looks at a device with these tags.
    pub fn add(&mut self, device: &DeviceSummary, tags: &[String]) {
        self.forecast.devices += 1;
        if device.fw_uuid == self.intent.target.uuid {
            self.forecast.already += 1;
            return;
        }
        if let Some(rule) = self.keeps_out(device, tags) {
            let out = self.forecast.kept_out.entry(rule).or_default();
            out.add(&device.identifier);
            return;
        }
        let waits = waits_for(device);
        if let Some(rule) = waits {
            *self.forecast.not_now.entry(rule).or_default() += 1;
        }
        // The last step takes everybody that is left, so there always is one.
        let Some(n) = self.step_of(device, tags) else {
            return;
        };
        let delta = self.delta(device);
        self.zones[n].insert(device.time_zone.clone());
        let step = &mut self.forecast.steps[n];
        step.count.add(&device.identifier);
        step.ready += i64::from(waits.is_none());
        step.deltas += i64::from(delta.is_some());
        step.bytes += delta.unwrap_or(self.intent.target.size);
    }

    /// The rule that keeps a device from the release until somebody changes something.
    fn keeps_out(&self, device: &DeviceSummary, tags: &[String]) -> Option<&'static str> {
        let intent = &self.intent;
        if !device.updates_enabled {
            return Some("updates_enabled");
        }
        if unfit(device.fw_fwup_version.as_deref(), &intent.target).is_some() {
            return Some("fwup_is_new_enough");
        }
        if !intent.release_tags.iter().all(|tag| tags.contains(tag)) {
            return Some("release_tags");
        }
        if !intent.interfaces.is_empty() && !intent.interfaces.contains(&device.interface) {
            return Some("network_interface");
        }
        None
    }

    /// The first step, from the present one on, that takes the device and has room for it.
    fn step_of(&self, device: &DeviceSummary, tags: &[String]) -> Option<usize> {
        let (present, begun) = self.intent.present;
        let steps = self.intent.workflow.steps.iter().enumerate();
        let takes = |n: usize, own: &DeviceStep| {
            let before = if n == present { begun } else { 0 };
            let taken = self.forecast.steps[n].count.devices + before;
            own.tags.iter().all(|tag| tags.contains(tag))
                && (own.interfaces.is_empty() || own.interfaces.contains(&device.interface))
                && own.match_limit.is_none_or(|limit| taken < limit)
                && own.share.is_none_or(|share| {
                    place(device.id.number(), self.intent.salt.unwrap_or(ANY_SALT)) < share
                })
        };
        steps.skip(present).find_map(|(n, step)| match &step.kind {
            StepKind::Devices(own) if takes(n, own) => Some(n),
            _ => None,
        })
    }

    /// The bytes of the delta that the device gets, if it gets one.
    fn delta(&mut self, device: &DeviceSummary) -> Option<i64> {
        let candidate = Candidate {
            id: device.id,
            since: Micros(0),
            full_next_for: device.full_next_for.clone(),
            fw_fwup_version: device.fw_fwup_version.clone(),
            time_zone: None,
        };
        if !self.intent.deltas || !takes_delta(&candidate, &self.intent.target) {
            return None;
        }
        let size = *self.intent.delta_sizes.get(&device.fw_uuid)?;
        if size.is_none() {
            let version = device.fw_version.clone().unwrap_or_default();
            *self.without_delta.entry(version).or_default() += 1;
        }
        size
    }

    /// The forecast, for a release that goes on now.
    pub fn finish(mut self, now: Micros) -> Forecast {
        self.times(now);
        self.warn(now);
        self.forecast
    }

    /// When each step begins and ends at the earliest.
    fn times(&mut self, now: Micros) {
        let policy = &self.intent.policy;
        let rates = policy.bytes_per_second.into_iter();
        let rate = rates.chain(self.intent.server_rate).min();
        let mut at = policy.starts_at.map_or(now, |starts| starts.max(now));
        let present = self.intent.present.0;
        let all = self
            .intent
            .workflow
            .steps
            .iter()
            .zip(&mut self.forecast.steps);
        for (n, (step, forecast)) in all.enumerate().skip(present) {
            let zones = self.zones[n].iter();
            let opens = zones.filter_map(|zone| {
                let window = policy.maintenance_window.as_ref()?;
                Some(window.opens_at(zone.as_deref(), at).unwrap_or(at))
            });
            let (first, last) = opens.fold((None, at), |(first, last): (Option<Micros>, _), t| {
                (Some(first.map_or(t, |f| f.min(t))), last.max(t))
            });
            forecast.begins_at = first.unwrap_or(at);
            let sending = rate.map_or(Duration::ZERO, |rate| lasts(forecast.bytes, rate));
            forecast.sent_at = forecast.begins_at.after(sending).max(last);
            at = forecast.sent_at;
            match &step.kind {
                StepKind::Approval(1) => forecast.then.push("a person to approve".into()),
                StepKind::Approval(n) => forecast.then.push(format!("{n} people to approve")),
                StepKind::Devices(own) => {
                    if let Some(percent) = own.validated_percent {
                        let text = format!("{percent} % of its devices to mark it as good");
                        forecast.then.push(text);
                    }
                    if own.soak_minutes > 0 {
                        forecast.then.push(format!("{} minutes", own.soak_minutes));
                        let soak = own.soak_minutes.unsigned_abs().saturating_mul(60);
                        at = at.after(Duration::from_secs(soak));
                    }
                }
            }
        }
        self.forecast.steps.drain(..present);
    }

    fn warn(&mut self, now: Micros) {
        let (forecast, policy) = (&mut self.forecast, &self.intent.policy);
        let mut warnings: Vec<String> = policy
            .limits(&self.intent.target.version, now)
            .into_iter()
            .map(|limit| limit.sentence)
            .collect();
        if self.intent.target.damaged_at.is_some() {
            warnings.push("The stored file of the firmware is damaged; upload it again.".into());
        }
        if forecast.devices == forecast.already {
            warnings.push("No device would be updated.".into());
        }
        for (n, step) in forecast.steps.iter().enumerate() {
            let last = n + 1 == forecast.steps.len();
            if step.approvals.is_none() && step.count.devices == 0 && !last {
                warnings.push(format!(
                    "No device is for step {}; the release waits in it until one is.",
                    step.name
                ));
            }
            if policy.ends_at.is_some_and(|ends| step.sent_at >= ends) {
                warnings.push(format!(
                    "Step {} cannot be done before the group ceases to update.",
                    step.name
                ));
            }
        }
        for (version, devices) in &self.without_delta {
            warnings.push(format!(
                "The delta from {version} is not made; the whole file is counted for {devices} devices."
            ));
        }
        forecast.warnings = warnings;
    }
}

/// How long these bytes take at a rate in bytes a second.
fn lasts(bytes: i64, rate: i64) -> Duration {
    let micros =
        u128::from(bytes.unsigned_abs()) * 1_000_000 / u128::from(rate.max(1).unsigned_abs());
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

/// What a device that is for the release waits for, by the rules of [`super::why`].
fn waits_for(device: &DeviceSummary) -> Option<&'static str> {
    if device.in_flight {
        Some("nothing_in_flight")
    } else if device.blocked_until.is_some() {
        Some("not_blocked")
    } else if device.validation == Validation::NotValidated {
        Some("firmware_validated")
    } else if !device.online {
        Some("connected")
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
