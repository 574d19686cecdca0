//! Changes of a group's limits beyond NervesHub's: validation, field by field.

use super::*;
use crate::rollout::policy::{MaintenanceWindow, Policy};
use serde_json::{Map, Value};

/// The fields of these limits, as they are sent and shown.
pub const POLICY_FIELDS: [&str; 7] = [
    "minimum_version",
    "stop_when_worse",
    "automatic_rollback",
    "starts_at",
    "ends_at",
    "bytes_per_second",
    "maintenance_window",
];

/// Validates changes of limits and writes them into a group. `null` resets one to its default.
pub(super) fn apply_policy(g: &mut GroupRow, changes: &Map<String, Value>) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let mut policy = policy_of(g)?;
    for (name, value) in changes {
        set(&mut policy, name, value)?;
    }
    if let (Some(start), Some(end)) = (policy.starts_at, policy.ends_at)
        && end <= start
    {
        return Err(field("ends_at", "must be after starts_at"));
    }
    g.policy = policy.text();
    Ok(())
}

/// The limits of a group.
///
/// # Errors
/// A conflict when a newer server wrote them and this one cannot read them.
pub fn policy_of(g: &GroupRow) -> Result<Policy> {
    Policy::kept(g.policy.as_deref()).ok_or_else(|| {
        let text =
            "A newer server wrote the limits of this group; update this server to read them.";
        DomainError::Conflict(text.into())
    })
}

fn set(policy: &mut Policy, name: &str, value: &Value) -> Result<()> {
    let defaults = Policy::default();
    let given = Some(value).filter(|v| !v.is_null() && v.as_str() != Some(""));
    let switch = |default: bool| match given {
        None => Ok(default),
        Some(v) => v
            .as_bool()
            .ok_or_else(|| field(name, "must be true or false")),
    };
    let instant = || {
        given
            .map(|v| v.as_str().and_then(Micros::parse))
            .map(|at| at.ok_or_else(|| field(name, "must be a time such as 2026-12-01T22:00:00Z")))
            .transpose()
    };
    match name {
        "minimum_version" => {
            let version = given.map(|v| v.as_str().unwrap_or_default().to_owned());
            if version.as_ref().is_some_and(|v| Version::parse(v).is_err()) {
                return Err(field(name, "must be a valid semantic version"));
            }
            policy.minimum_version = version;
        }
        "stop_when_worse" => policy.stop_when_worse = switch(defaults.stop_when_worse)?,
        "automatic_rollback" => policy.automatic_rollback = switch(defaults.automatic_rollback)?,
        "starts_at" => policy.starts_at = instant()?,
        "ends_at" => policy.ends_at = instant()?,
        "bytes_per_second" => {
            let rate = given.map(|v| v.as_i64().filter(|n| *n > 0));
            policy.bytes_per_second = rate
                .map(|n| n.ok_or_else(|| field(name, "must be a whole number greater than 0")))
                .transpose()?;
        }
        _ => policy.maintenance_window = given.map(|v| window(name, v)).transpose()?,
    }
    Ok(())
}

fn window(name: &str, value: &Value) -> Result<MaintenanceWindow> {
    let window: MaintenanceWindow =
        serde_json::from_value(value.clone()).map_err(|e| field(name, &e.to_string()))?;
    let mistakes = window.mistakes();
    if mistakes.is_empty() {
        return Ok(window);
    }
    let texts: Vec<String> = mistakes
        .iter()
        .map(|(at, why)| format!("{at} {why}"))
        .collect();
    Err(field(name, &texts.join("; ")))
}

#[cfg(test)]
mod tests;
