//! The limits of a group beyond NervesHub's (docs/protocol/rules.md, "Limits of a group"): versions that it does not go below,
//! when it updates, how much it sends, and what it does when a release turns out bad. Stored as JSON beside the group.

mod health_limit;
mod window;

use super::bandwidth::Bandwidth;
use super::version_requirement::Requirement;
use crate::clock::Micros;
use crate::store::deployments::deployment_groups::GroupRow;
pub use health_limit::HealthLimit;
use semver::Version;
use serde::{Deserialize, Serialize};
pub use window::{MaintenanceWindow, is_time_zone};

/// The limits of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// No release below this semantic version reaches a device.
    pub minimum_version: Option<String>,
    /// Whether a release stops by itself when its devices are worse off than the others of the group.
    pub stop_when_worse: bool,
    /// Whether a release that stopped by itself is taken back.
    pub automatic_rollback: bool,
    /// When the group begins to update.
    pub starts_at: Option<Micros>,
    /// When it ceases to. Devices that were told finish.
    pub ends_at: Option<Micros>,
    /// What it promises to send, in bytes a second on average.
    pub bytes_per_second: Option<i64>,
    /// When its devices may be told.
    pub maintenance_window: Option<MaintenanceWindow>,
    /// Metrics beyond which its devices count as unhealthy, and so as worse off.
    pub health_limits: Vec<HealthLimit>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            minimum_version: None,
            stop_when_worse: true,
            automatic_rollback: false,
            starts_at: None,
            ends_at: None,
            bytes_per_second: None,
            maintenance_window: None,
            health_limits: Vec::new(),
        }
    }
}

/// A limit that keeps the whole group from being updated now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// A stable name of the rule.
    pub rule: &'static str,
    /// A whole sentence.
    pub sentence: String,
    /// Until when, where that is known.
    pub until: Option<Micros>,
}

impl Policy {
    /// Reads what is stored. `None` when it cannot be read, as after going back to an older server: the group then updates nobody.
    pub fn kept(text: Option<&str>) -> Option<Self> {
        text.map_or_else(
            || Some(Self::default()),
            |text| serde_json::from_str(text).ok(),
        )
    }

    /// As it is stored; `None` for the defaults.
    pub fn text(&self) -> Option<String> {
        if *self == Self::default() {
            return None;
        }
        serde_json::to_string(self).ok()
    }

    /// Whether a firmware of this version is below what the group takes. A version that is not semantic is.
    pub fn is_below(&self, version: &str) -> bool {
        self.minimum_version.as_deref().is_some_and(|least| {
            // By the rules of requirements, where build metadata does not count.
            let requirement = Requirement::parse(&format!(">= {least}"));
            !matches!((requirement, Version::parse(version)), (Ok(r), Ok(v)) if r.matches(&v))
        })
    }

    /// The limits that the group as a whole meets beside its bandwidth, in the order in which they are looked at. `target` is the
    /// version of the release.
    pub fn limits(&self, target: &str, now: Micros) -> Vec<Limit> {
        let mut all = Vec::new();
        let mut add = |rule, sentence, until| {
            all.push(Limit {
                rule,
                sentence,
                until,
            });
        };
        if let Some(least) = self
            .minimum_version
            .as_ref()
            .filter(|_| self.is_below(target))
        {
            let text = format!("The release brings {target}; the group does not go below {least}.");
            add("minimum_version", text, None);
        }
        if let Some(at) = self.starts_at.filter(|at| *at > now) {
            let text = format!("The group begins to update at {}.", at.zulu());
            add("has_begun", text, Some(at));
        }
        if let Some(at) = self.ends_at.filter(|at| *at <= now) {
            add(
                "has_not_ended",
                format!("The group ceased to update at {}.", at.zulu()),
                None,
            );
        }
        all
    }

    /// The bandwidth of a group with these limits.
    pub fn bandwidth(&self, group: &GroupRow) -> Bandwidth {
        Bandwidth {
            bytes_per_second: self.bytes_per_second,
            promised_until: group.bandwidth_until,
        }
    }
}

/// The limits that a group and the server meet now, for a release of this version. That this server cannot read them is one.
pub fn limits_of(group: &GroupRow, server: Bandwidth, target: &str, now: Micros) -> Vec<Limit> {
    match Policy::kept(group.policy.as_deref()) {
        Some(policy) => {
            let bandwidth = policy.bandwidth(group);
            let mut all = policy.limits(target, now);
            all.extend(bandwidth_limits(bandwidth, server, now));
            all
        }
        None => vec![Limit {
            rule: "unknown",
            sentence: "A newer server wrote the limits of the group; this one cannot read them."
                .into(),
            until: None,
        }],
    }
}

/// The bandwidths that are full.
pub(super) fn bandwidth_limits(group: Bandwidth, server: Bandwidth, now: Micros) -> Vec<Limit> {
    let group = group.limit("bandwidth", "The group", now);
    let server = server.limit("server_bandwidth", "The server", now);
    group.into_iter().chain(server).collect()
}

#[cfg(test)]
mod tests;
