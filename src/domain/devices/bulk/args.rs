//! What actions on many devices are given.

use crate::access::scope::Role;
use crate::domain::Result;
use crate::domain::error::field;
use crate::store::words::BulkAction;
use serde::{Deserialize, Deserializer, Serialize};

/// What an action is given beside its devices. Each action takes its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkArgs {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// The name of a deployment group; an inner `None` for no group.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub group: Option<Option<String>>,
    /// Whether automatic updates are on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// A firmware.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// Where devices go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// A script of the product, by name or number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// Milliseconds to wait for a device's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i64>,
}

/// Null is no group, and not the same as nothing said.
fn given<'de, D: Deserializer<'de>>(
    from: D,
) -> std::result::Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

impl BulkArgs {
    /// Refuses what the action does not take: who gives it has another action in mind.
    pub(super) fn only(&self, action: BulkAction) -> Result<()> {
        let taken: &[&str] = match action {
            BulkAction::TagsAdd | BulkAction::TagsRemove | BulkAction::TagsSet => &["tags"],
            BulkAction::Group => &["group"],
            BulkAction::Updates => &["enabled"],
            BulkAction::Firmware => &["uuid"],
            BulkAction::Move => &["org", "product"],
            BulkAction::Script => &["script", "timeout"],
            _ => &[],
        };
        for (name, given) in [
            ("tags", self.tags.is_some()),
            ("group", self.group.is_some()),
            ("enabled", self.enabled.is_some()),
            ("uuid", self.uuid.is_some()),
            ("org", self.org.is_some()),
            ("product", self.product.is_some()),
            ("script", self.script.is_some()),
            ("timeout", self.timeout.is_some()),
        ] {
            if given && !taken.contains(&name) {
                return Err(field(name, &format!("is nothing that {action} takes")));
            }
        }
        Ok(())
    }
}

/// The role that an action takes: for a script that of a run on one device.
pub fn role_of(action: BulkAction) -> Role {
    match action {
        BulkAction::Script => Role::View,
        _ => Role::Manage,
    }
}

/// Whether what an action changes can be put back.
pub fn can_be_undone(action: BulkAction) -> bool {
    matches!(
        action,
        BulkAction::TagsAdd
            | BulkAction::TagsRemove
            | BulkAction::TagsSet
            | BulkAction::Group
            | BulkAction::Updates
            | BulkAction::ClearPenalty
    )
}
