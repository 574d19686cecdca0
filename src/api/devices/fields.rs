//! Which fields of its devices a list answers: all that a device has, or those that `fields` names. Beyond NervesHub.

use super::view::DeviceView;
use crate::api::http::params::{Params, words};
use crate::domain;
use crate::domain::devices::details::Wanted;
use crate::domain::error::field;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// The fields that each device has.
const OWN: [&str; 16] = [
    "identifier",
    "description",
    "tags",
    "online",
    "connection_status",
    "status",
    "firmware_metadata",
    "version",
    "deployment_group",
    "updates_enabled",
    "updates_blocked_until",
    "org_name",
    "product_name",
    "last_communication",
    "deleted",
    "time_zone",
];

/// Those that are read when they are asked for.
const MORE: [&str; 6] = [
    "health",
    "alarms",
    "update",
    "connected_since",
    "network",
    "pinned",
];

/// The fields that a request names; `None` when it names none.
pub(super) struct Fields(Option<Vec<String>>);

impl Fields {
    /// # Errors
    /// A validation error under `fields` for a name that no field has.
    pub(super) fn of(p: &Params) -> domain::Result<Self> {
        let named = words(p, "fields");
        let known = |name: &&String| OWN.contains(&name.as_str()) || MORE.contains(&name.as_str());
        if let Some(unknown) = named.iter().flatten().find(|n| !known(n)) {
            let all = [&OWN[..], &MORE[..]].concat().join(", ");
            let text =
                format!("{unknown} is not a field of a device; takes, with commas, any of: {all}");
            return Err(field("fields", &text));
        }
        Ok(Self(named))
    }

    /// What has to be read for them.
    pub(super) fn wanted(&self) -> Wanted {
        let asks = |name: &str| self.0.iter().flatten().any(|n| n == name);
        Wanted {
            details: MORE.iter().any(|name| *name != "alarms" && asks(name)),
            alarms: asks("alarms"),
        }
    }

    /// A device with the fields that were named, all of its own unless told.
    pub(super) fn row(&self, device: DeviceView) -> DeviceRow {
        let Some(named) = &self.0 else {
            return DeviceRow::Whole(Box::new(device));
        };
        let all = match serde_json::to_value(&device) {
            Ok(Value::Object(all)) => all,
            _ => Map::new(),
        };
        let named = named.iter().map(|name| {
            let value = all.get(name).cloned().unwrap_or_default();
            (name.clone(), value)
        });
        DeviceRow::Named(named.collect())
    }
}

/// A device in a list.
pub(super) enum DeviceRow {
    Whole(Box<DeviceView>),
    Named(Map<String, Value>),
}

impl Serialize for DeviceRow {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Whole(device) => device.serialize(to),
            Self::Named(fields) => fields.serialize(to),
        }
    }
}

/// In the document it is a device that need not have all of its fields.
impl JsonSchema for DeviceRow {
    fn schema_name() -> Cow<'static, str> {
        "DeviceRow".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = DeviceView::json_schema(generator);
        schema.remove("required");
        let says = "A device with the fields that `fields` names; with all of its own unless told.";
        schema.insert("description".into(), says.into());
        schema
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_of_the_document_can_be_named() {
        let schema = SchemaGenerator::default().into_root_schema_for::<DeviceView>();
        let all = schema.as_value()["properties"].as_object().unwrap().clone();
        let mut documented: Vec<&str> = all.keys().map(String::as_str).collect();
        let mut named = [&OWN[..], &MORE[..]].concat();
        documented.sort_unstable();
        named.sort_unstable();
        assert_eq!(named, documented);
    }
}
