//! Settings of a deployment group: validation, bounds, and the audit text of a change.

use super::*;
use crate::domain::deployments::rollouts::require_workflow;
use crate::store::words::{NetworkInterface, QueueOrder, TagOperator};

/// Conditions for devices, as sent by a person.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    /// Elixir version requirement.
    pub version: Option<String>,
    /// Tags that a device must have.
    pub tags: Option<Vec<String>>,
    /// `and` or `or`: whether a device needs all the tags or any of them.
    pub tag_operator: Option<String>,
}

/// Changes to the settings of a group. `None` leaves a setting as it is.
#[derive(Debug, Default)]
pub struct Changes {
    /// The group's new name.
    pub name: Option<String>,
    /// Whether the group offers its release.
    pub is_active: Option<bool>,
    /// New conditions.
    pub conditions: Option<Conditions>,
    /// Whether devices get deltas where possible.
    pub delta_updatable: Option<bool>,
    /// Whether the membership is frozen: no device enters or leaves the group by its conditions.
    pub lock_device_membership: Option<bool>,
    /// Elixir code that each device runs when it connects.
    pub connecting_code: Option<Option<String>>,
    /// Free text.
    pub notes: Option<Option<String>>,
    /// The steps that the next release goes by; none for everyone at once.
    pub workflow: Option<Option<serde_json::Value>>,
    /// Limits beyond NervesHub's; `null` resets one to its default.
    pub policy: Vec<(&'static PolicySetting, serde_json::Value)>,
    /// `FIFO` or `LIFO`.
    pub queue_management: Option<String>,
    /// Whether devices with old versions have slots of their own.
    pub priority_queue_enabled: Option<bool>,
    /// Versions up to and including this one count as old; empty for none.
    pub priority_threshold: Option<Option<String>>,
    /// Network interfaces over which devices may get the release.
    pub interfaces: Option<Vec<String>>,
    /// Tags that a device must have to get the release.
    pub release_tags: Option<Vec<String>>,
    /// Numeric settings; `None` resets one to its default.
    pub numbers: Vec<(&'static NumberSetting, Option<i64>)>,
}

/// A numeric setting of a deployment group.
pub struct NumberSetting {
    /// Its field in the API.
    pub field: &'static str,
    /// Its value in a new group.
    pub default: i64,
    /// The smallest value.
    pub least: i64,
    /// Where a group has it.
    pub of: fn(&mut GroupRow) -> &mut i64,
}

impl std::fmt::Debug for NumberSetting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.field)
    }
}

const fn number(
    field: &'static str,
    default: i64,
    least: i64,
    of: fn(&mut GroupRow) -> &mut i64,
) -> NumberSetting {
    NumberSetting {
        field,
        default,
        least,
        of,
    }
}

/// The numeric settings.
pub static NUMBERS: [NumberSetting; 7] = [
    number("concurrent_updates", 10, 1, |g| &mut g.concurrent_updates),
    number("priority_queue_concurrent_updates", 5, 1, |g| {
        &mut g.priority_queue_concurrent_updates
    }),
    number("device_failure_threshold", 3, 1, |g| {
        &mut g.device_failure_threshold
    }),
    number("device_failure_rate_amount", 5, 1, |g| {
        &mut g.device_failure_rate_amount
    }),
    number("device_failure_rate_seconds", 180, 60, |g| {
        &mut g.device_failure_rate_seconds
    }),
    number("failure_threshold", 50, 1, |g| &mut g.failure_threshold),
    number("penalty_timeout_minutes", 1440, 60, |g| {
        &mut g.penalty_timeout_minutes
    }),
];

pub(super) fn check_notes(notes: Option<&str>) -> Result<()> {
    if notes.is_some_and(|n| n.chars().count() > 1000) {
        return Err(field("notes", "should be at most 1000 character(s)"));
    }
    Ok(())
}

/// Validates conditions and writes them into a group. Returns the condition tags if they were given.
pub fn apply_conditions(g: &mut GroupRow, c: &Conditions) -> Result<Option<Vec<String>>> {
    let nested =
        |name: &str, text: &str| DomainError::Fields(json!({"conditions": { name: [text] }}));
    if let Some(version) = &c.version {
        let version = version.trim();
        if !version.is_empty() {
            Requirement::parse(version).map_err(|e| nested("version", &e.to_string()))?;
        }
        g.version_requirement = version.to_owned();
    }
    if let Some(operator) = &c.tag_operator {
        g.tag_operator =
            TagOperator::parse(operator).ok_or_else(|| nested("tag_operator", "is invalid"))?;
    }
    if let Some(tags) = &c.tags {
        crate::domain::devices::check_tags(tags)
            .map_err(|_| nested("tags", "tags cannot contain spaces"))?;
    }
    Ok(c.tags.clone())
}

pub(super) async fn audit_changes(
    w: &mut Write,
    scope: &Scope<Product>,
    before: &GroupRow,
    after: &GroupRow,
    conditions: bool,
    now: Micros,
) -> store::Result<()> {
    let name = &after.name;
    let text = format!(
        "User {} updated deployment group {name}",
        scope.person().name
    );
    audit::in_product(w, scope, Resource::Group(after.id), &text, now).await?;
    let mut texts = Vec::new();
    if conditions {
        texts.push(format!("Deployment group {name} conditions changed"));
    }
    if before.is_active != after.is_active {
        let word = if after.is_active {
            "active"
        } else {
            "inactive"
        };
        texts.push(format!("Deployment group {name} is {word}"));
    }
    if before.delta_updatable != after.delta_updatable {
        let word = if after.delta_updatable {
            "enabled"
        } else {
            "disabled"
        };
        texts.push(format!("Deployment group {name} delta updates {word}"));
    }
    let (actor, resource) = (Actor::Group(after.id), Resource::Group(after.id));
    for text in texts {
        audit::add(
            w,
            after.org_id,
            Some(after.product_id),
            actor,
            resource,
            &text,
            now,
        )
        .await?;
    }
    Ok(())
}

/// Validates changes and writes them into a group.
pub fn apply(g: &mut GroupRow, c: &Changes) -> Result<()> {
    if let Some(name) = &c.name {
        g.name = name_of(Some(name))?;
    }
    g.is_active = c.is_active.unwrap_or(g.is_active);
    g.delta_updatable = c.delta_updatable.unwrap_or(g.delta_updatable);
    g.lock_device_membership = c.lock_device_membership.unwrap_or(g.lock_device_membership);
    g.priority_queue_enabled = c.priority_queue_enabled.unwrap_or(g.priority_queue_enabled);
    if let Some(code) = &c.connecting_code {
        g.connecting_code.clone_from(code);
    }
    if let Some(notes) = &c.notes {
        check_notes(notes.as_deref())?;
        g.notes.clone_from(notes);
    }
    if let Some(workflow) = &c.workflow {
        g.workflow = match workflow {
            None => None,
            Some(value) => {
                require_workflow(value)?;
                Some(value.to_string())
            }
        };
    }
    policy::apply_policy(g, &c.policy)?;
    if let Some(queue) = &c.queue_management {
        g.queue_management =
            QueueOrder::parse(queue).ok_or_else(|| field("queue_management", "is invalid"))?;
    }
    if let Some(threshold) = &c.priority_threshold {
        let threshold = threshold.clone().filter(|t| !t.is_empty());
        if threshold
            .as_ref()
            .is_some_and(|t| Version::parse(t).is_err())
        {
            let name = "priority_queue_firmware_version_threshold";
            return Err(field(name, "must be a valid semantic version"));
        }
        g.priority_queue_firmware_version_threshold = threshold;
    }
    let known = |i: &String| NetworkInterface::parse(i).is_some();
    if c.interfaces
        .as_ref()
        .is_some_and(|all| !all.iter().all(known))
    {
        return Err(field("release_network_interfaces", "has an invalid entry"));
    }
    c.numbers
        .iter()
        .try_for_each(|(setting, value)| set_number(g, setting, *value))
}

pub(super) fn set_number(
    g: &mut GroupRow,
    setting: &NumberSetting,
    value: Option<i64>,
) -> Result<()> {
    let value = value.unwrap_or(setting.default);
    if value < setting.least {
        let text = if setting.least == 1 {
            "must be greater than 0".to_owned()
        } else {
            format!("must be greater than or equal to {}", setting.least)
        };
        return Err(field(setting.field, &text));
    }
    *(setting.of)(g) = value;
    Ok(())
}
