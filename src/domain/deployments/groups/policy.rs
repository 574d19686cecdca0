//! Changes of a group's limits beyond NervesHub's: validation, field by field.

use super::*;
use crate::limits::HEALTH_LIMITS;
use crate::rollout::policy::{HealthLimit, MaintenanceWindow, Policy};
use serde_json::Value;

/// A limit of a group.
pub struct PolicySetting {
    /// Its field in the API.
    pub field: &'static str,
    /// Checks a value and puts it into the limits; `None` for the default. The error is a short message.
    set: fn(&mut Policy, Option<&Value>) -> Checked<()>,
}

impl std::fmt::Debug for PolicySetting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.field)
    }
}

type Checked<T> = std::result::Result<T, String>;

const fn limit(
    field: &'static str,
    set: fn(&mut Policy, Option<&Value>) -> Checked<()>,
) -> PolicySetting {
    PolicySetting { field, set }
}

/// The limits that can be set.
pub static POLICY: [PolicySetting; 8] = [
    limit("minimum_version", |p, v| {
        p.minimum_version = v.map(version).transpose()?;
        Ok(())
    }),
    limit("stop_when_worse", |p, v| {
        p.stop_when_worse = v.map_or(Ok(Policy::default().stop_when_worse), flag)?;
        Ok(())
    }),
    limit("automatic_rollback", |p, v| {
        p.automatic_rollback = v.map_or(Ok(Policy::default().automatic_rollback), flag)?;
        Ok(())
    }),
    limit("starts_at", |p, v| {
        p.starts_at = v.map(instant).transpose()?;
        Ok(())
    }),
    limit("ends_at", |p, v| {
        p.ends_at = v.map(instant).transpose()?;
        Ok(())
    }),
    limit("bytes_per_second", |p, v| {
        p.bytes_per_second = v.map(rate).transpose()?;
        Ok(())
    }),
    limit("maintenance_window", |p, v| {
        p.maintenance_window = v.map(window).transpose()?;
        Ok(())
    }),
    limit("health_limits", |p, v| {
        p.health_limits = v.map(health_limits).transpose()?.unwrap_or_default();
        Ok(())
    }),
];

/// Validates changes of limits and writes them into a group. `null` resets one to its default.
pub(super) fn apply_policy(g: &mut GroupRow, changes: &[(&PolicySetting, Value)]) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let mut policy = policy_of(g)?;
    for (setting, value) in changes {
        set(&mut policy, setting, value)?;
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

fn set(policy: &mut Policy, setting: &PolicySetting, value: &Value) -> Result<()> {
    let given = Some(value).filter(|v| !v.is_null() && v.as_str() != Some(""));
    (setting.set)(policy, given).map_err(|text| field(setting.field, &text))
}

fn version(value: &Value) -> Checked<String> {
    let version = value.as_str().filter(|v| Version::parse(v).is_ok());
    version
        .map(str::to_owned)
        .ok_or_else(|| "must be a valid semantic version".into())
}

fn flag(value: &Value) -> Checked<bool> {
    value
        .as_bool()
        .ok_or_else(|| "must be true or false".into())
}

fn instant(value: &Value) -> Checked<Micros> {
    let at = value.as_str().and_then(Micros::parse);
    at.ok_or_else(|| "must be a time such as 2026-12-01T22:00:00Z".into())
}

fn rate(value: &Value) -> Checked<i64> {
    let rate = value.as_i64().filter(|n| *n > 0);
    rate.ok_or_else(|| "must be a whole number greater than 0".into())
}

fn window(value: &Value) -> Checked<MaintenanceWindow> {
    let window: MaintenanceWindow =
        serde_json::from_value(value.clone()).map_err(|e| e.to_string())?;
    let mistakes = window.mistakes();
    if mistakes.is_empty() {
        return Ok(window);
    }
    let texts = mistakes.iter().map(|(at, why)| format!("{at} {why}"));
    Err(texts.collect::<Vec<_>>().join("; "))
}

fn health_limits(value: &Value) -> Checked<Vec<HealthLimit>> {
    let all: Vec<HealthLimit> = serde_json::from_value(value.clone()).map_err(|e| e.to_string())?;
    if all.len() > HEALTH_LIMITS {
        return Err(format!("should have at most {HEALTH_LIMITS} item(s)"));
    }
    match (0..)
        .zip(&all)
        .find_map(|(n, limit)| Some((n, limit.mistake()?)))
    {
        Some((n, why)) => Err(format!("[{n}] {why}")),
        None => Ok(all),
    }
}

#[cfg(test)]
mod tests;
