//! The steps of a release, as JSON (docs/protocol/rules.md, "Workflows"): what NervesHub takes, and more. Reading one names
//! every mistake by its path.

use crate::limits::WORKFLOW_STEPS;
use crate::store::words::NetworkInterface;
use serde_json::{Map, Value};

/// The order in which a release reaches a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    /// At least one; the last takes every device that is left.
    pub steps: Vec<Step>,
}

/// A step of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it does.
    pub kind: StepKind,
}

impl Step {
    /// Whether no number of failed devices stops the release in it.
    pub fn tolerates_all(&self) -> bool {
        match &self.kind {
            StepKind::Approval(_) => true,
            StepKind::Devices(d) => d.tolerated_failures.is_none(),
        }
    }

    /// Whether it takes every device that is left.
    pub fn takes_all(&self) -> bool {
        match &self.kind {
            StepKind::Approval(_) => false,
            StepKind::Devices(d) => {
                d.tags.is_empty()
                    && d.interfaces.is_empty()
                    && d.match_limit.is_none()
                    && d.share.is_none()
            }
        }
    }
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepKind {
    /// It waits for so many people to approve.
    Approval(i64),
    /// It updates devices.
    Devices(DeviceStep),
}

/// Which devices a step updates, how, and what has to hold before the next one begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceStep {
    /// Tags that a device needs, all of them.
    pub tags: Vec<String>,
    /// Interfaces, one of which it speaks over; none for all.
    pub interfaces: Vec<String>,
    /// At most so many devices.
    pub match_limit: Option<i64>,
    /// The share of the group in hundredths of a per cent; the same device is in it for the whole release.
    pub share: Option<i64>,
    /// Updates in flight at once; the group's limit when absent.
    pub concurrent_updates: Option<i64>,
    /// With more failed devices than this the release stops.
    pub tolerated_failures: Option<i64>,
    /// The share of its devices, in per cent, that must have marked the release as good.
    pub validated_percent: Option<i64>,
    /// How long the step must have been over, in minutes, before the next one begins.
    pub soak_minutes: i64,
}

/// A mistake in a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where, such as `steps[0].matching_conditions.match_limit`.
    pub path: String,
    /// What is wrong and what is expected.
    pub message: String,
}

/// All of a group's devices at once, which is what a release without a workflow does.
pub fn everyone() -> Workflow {
    Workflow {
        steps: vec![catch_all()],
    }
}

fn catch_all() -> Step {
    Step {
        name: "Everyone else".into(),
        description: None,
        kind: StepKind::Devices(DeviceStep::default()),
    }
}

/// Reads a workflow that is stored; `None` when there is none, or it cannot be read.
pub fn kept(text: Option<&str>) -> Option<Workflow> {
    read(&serde_json::from_str(text?).ok()?).ok()
}

/// Reads a workflow.
///
/// # Errors
/// Every mistake, in the order of the text.
pub fn read(value: &Value) -> Result<Workflow, Vec<Mistake>> {
    let mut reader = Reader::default();
    let workflow = reader.workflow(value);
    if reader.mistakes.is_empty() {
        Ok(workflow)
    } else {
        Err(reader.mistakes)
    }
}

#[derive(Default)]
struct Reader {
    mistakes: Vec<Mistake>,
}

impl Reader {
    fn wrong(&mut self, path: &str, message: impl Into<String>) {
        self.mistakes.push(Mistake {
            path: path.to_owned(),
            message: message.into(),
        });
    }

    fn object<'v>(&mut self, path: &str, value: &'v Value) -> Option<&'v Map<String, Value>> {
        let map = value.as_object();
        if map.is_none() {
            self.wrong(path, "must be an object");
        }
        map
    }

    /// Names what an object has and nobody reads: a misspelt limit must not pass for none.
    fn only(&mut self, path: &str, map: &Map<String, Value>, known: &[&str]) {
        for key in map.keys().filter(|k| !known.contains(&k.as_str())) {
            let all = known.join(", ");
            self.wrong(&join(path, key), format!("is unknown; known are {all}"));
        }
    }

    /// A whole number between two bounds.
    fn number(
        &mut self,
        path: &str,
        map: &Map<String, Value>,
        key: &str,
        bounds: std::ops::RangeInclusive<i64>,
    ) -> Option<i64> {
        let value = map.get(key).filter(|v| !v.is_null())?;
        let number = value.as_i64().filter(|n| bounds.contains(n));
        if number.is_none() {
            let (least, most) = (bounds.start(), bounds.end());
            let text = if *most == i64::MAX {
                format!("must be a whole number, {least} or more")
            } else {
                format!("must be a whole number from {least} to {most}")
            };
            self.wrong(&join(path, key), text);
        }
        number
    }

    fn words(&mut self, path: &str, map: &Map<String, Value>, key: &str) -> Vec<String> {
        let Some(value) = map.get(key).filter(|v| !v.is_null()) else {
            return Vec::new();
        };
        let words: Option<Vec<String>> = value
            .as_array()
            .and_then(|all| all.iter().map(|w| w.as_str().map(str::to_owned)).collect());
        words.unwrap_or_else(|| {
            self.wrong(&join(path, key), "must be a list of texts");
            Vec::new()
        })
    }

    fn workflow(&mut self, value: &Value) -> Workflow {
        let mut steps = Vec::new();
        let Some(map) = self.object("", value) else {
            return Workflow { steps };
        };
        self.only("", map, &["version", "steps"]);
        if map.get("version").and_then(Value::as_i64) != Some(1) {
            self.wrong("version", "must be 1");
        }
        match map.get("steps").and_then(Value::as_array) {
            Some(all) if WORKFLOW_STEPS.contains(&all.len()) => {
                for (n, step) in all.iter().enumerate() {
                    let last = n + 1 == all.len();
                    steps.extend(self.step(&format!("steps[{n}]"), step, last));
                }
            }
            _ => self.wrong(
                "steps",
                format!("must be a list of 1 to {} steps", WORKFLOW_STEPS.end()),
            ),
        }
        // What no step takes is taken in the end.
        if !steps.last().is_some_and(Step::takes_all) {
            steps.push(catch_all());
        }
        Workflow { steps }
    }

    fn step(&mut self, path: &str, value: &Value, last: bool) -> Option<Step> {
        const COMMON: [&str; 3] = ["name", "description", "type"];
        let map = self.object(path, value)?;
        let text = |key: &str| map.get(key).and_then(Value::as_str);
        let name = text("name").unwrap_or_default().trim().to_owned();
        if name.is_empty() {
            self.wrong(&join(path, "name"), "can't be blank");
        }
        let kind = match map.get("type").map(|v| v.as_str().unwrap_or_default()) {
            Some("approval_required") => {
                self.only(path, map, &[&COMMON[..], &["approvals"]].concat());
                let people = self.number(path, map, "approvals", 1..=10);
                StepKind::Approval(people.unwrap_or(1))
            }
            Some("catch_all") if last => {
                self.only(
                    path,
                    map,
                    &[&COMMON[..], &["concurrent_updates", "failure_tolerance"]].concat(),
                );
                StepKind::Devices(DeviceStep {
                    concurrent_updates: self.number(path, map, "concurrent_updates", 1..=i64::MAX),
                    tolerated_failures: self.tolerated(path, map),
                    ..DeviceStep::default()
                })
            }
            Some("catch_all") => {
                self.wrong(&join(path, "type"), "may only be the last step's");
                return None;
            }
            None => StepKind::Devices(self.devices(path, map, &COMMON)),
            Some(_) => {
                let text = "must be approval_required or catch_all, or be left out";
                self.wrong(&join(path, "type"), text);
                return None;
            }
        };
        Some(Step {
            name,
            description: text("description").map(str::to_owned),
            kind,
        })
    }

    fn tolerated(&mut self, path: &str, map: &Map<String, Value>) -> Option<i64> {
        let tolerance = map.get("failure_tolerance").filter(|v| !v.is_null())?;
        let path = join(path, "failure_tolerance");
        let tolerance = self.object(&path, tolerance)?;
        self.only(&path, tolerance, &["devices"]);
        self.number(&path, tolerance, "devices", 0..=i64::MAX)
    }

    fn devices(&mut self, path: &str, map: &Map<String, Value>, common: &[&str]) -> DeviceStep {
        let own = [
            "matching_conditions",
            "concurrent_updates",
            "failure_tolerance",
            "gate",
        ];
        self.only(path, map, &[common, &own].concat());
        let mut step = DeviceStep {
            concurrent_updates: self.number(path, map, "concurrent_updates", 1..=i64::MAX),
            tolerated_failures: self.tolerated(path, map),
            ..DeviceStep::default()
        };
        if let Some(matching) = map.get("matching_conditions").filter(|v| !v.is_null()) {
            let path = join(path, "matching_conditions");
            if let Some(matching) = self.object(&path, matching) {
                self.matching(&path, matching, &mut step);
            }
        }
        if let Some(gate) = map.get("gate").filter(|v| !v.is_null()) {
            let path = join(path, "gate");
            if let Some(gate) = self.object(&path, gate) {
                self.only(&path, gate, &["validated_percent", "soak_minutes"]);
                step.validated_percent = self.number(&path, gate, "validated_percent", 1..=100);
                let most = 60 * 24 * 365;
                let soak = self.number(&path, gate, "soak_minutes", 0..=most);
                step.soak_minutes = soak.unwrap_or(0);
            }
        }
        step
    }

    fn matching(&mut self, path: &str, matching: &Map<String, Value>, step: &mut DeviceStep) {
        let known = ["tags", "network_interfaces", "match_limit", "match_percent"];
        self.only(path, matching, &known);
        step.tags = self.words(path, matching, "tags");
        step.interfaces = self.words(path, matching, "network_interfaces");
        for (n, word) in step.interfaces.iter().enumerate() {
            if NetworkInterface::parse(word).is_none() {
                let path = format!("{path}.network_interfaces[{n}]");
                let text = format!("must be one of: {}", NetworkInterface::WORDS.join(", "));
                self.wrong(&path, text);
            }
        }
        step.match_limit = self.number(path, matching, "match_limit", 1..=i64::MAX);
        if let Some(percent) = matching.get("match_percent").filter(|v| !v.is_null()) {
            let share = percent.as_f64().map(|p| (p * 100.0).round());
            match share {
                #[expect(clippy::cast_possible_truncation, reason = "it is from 1 to 10,000")]
                Some(share) if (1.0..=10_000.0).contains(&share) => {
                    step.share = Some(share as i64);
                }
                _ => {
                    let text = "must be a number above 0, at most 100";
                    self.wrong(&join(path, "match_percent"), text);
                }
            }
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

#[cfg(test)]
mod tests;
