//! What a list of devices is narrowed and ordered by (docs/protocol/rest.md, "Filters").

use crate::api::http::contract::{Field, FieldType, optional_field};
use crate::api::http::error::Result;
use crate::api::http::params::{Params, flag, number, tags};
use crate::domain;
use crate::domain::devices::{Compare, DeviceFilter, DeviceOrder, Pattern, Test};
use crate::domain::error::field;
use crate::store::words::{HealthState, NetworkInterface};
use serde_json::{Map, Value};

/// What narrows a list, without what orders it.
pub(super) fn narrowing() -> impl Iterator<Item = Field> {
    FILTERS.iter().filter(|f| !f.0.starts_with("sort")).copied()
}

/// What a list can be narrowed and ordered by.
pub(super) const FILTERS: &[Field] = &[
    optional_field(
        "filters[identifier]",
        FieldType::Text,
        "Part of the identifier",
    ),
    optional_field(
        "filters[search]",
        FieldType::Text,
        "Part of identifier, version, platform or a tag",
    ),
    optional_field(
        "filters[tags]",
        FieldType::Text,
        "With commas; each a part of some tag",
    ),
    optional_field("filters[has_no_tags]", FieldType::Flag, "Without tags"),
    optional_field(
        "filters[connection]",
        FieldType::Words(CONNECTIONS),
        "Its connection",
    ),
    optional_field(
        "filters[connection_type]",
        FieldType::Words(INTERFACES),
        "The interface that it speaks over",
    ),
    optional_field(
        "filters[health_status]",
        FieldType::Words(HEALTH),
        "Status of its newest health report",
    ),
    optional_field(
        "filters[alarm_status]",
        FieldType::Words(&["with", "without"]),
        "Whether its newest health report has alarms",
    ),
    optional_field("filters[alarm]", FieldType::Text, "Part of an alarm"),
    optional_field(
        "filters[metrics_key]",
        FieldType::Text,
        "A metric of its newest health report",
    ),
    optional_field(
        "filters[metrics_operator]",
        FieldType::Words(&["gt", "lt"]),
        "More or less than",
    ),
    optional_field("filters[metrics_value]", FieldType::Text, "A number"),
    optional_field(
        "filters[deployment_id]",
        FieldType::Number,
        "Number of its deployment group",
    ),
    optional_field(
        "query",
        FieldType::Text,
        "A query such as `connection = connected and not (tags contains prod)`; beyond NervesHub",
    ),
    optional_field("filters[firmware_version]", FieldType::Text, "The version"),
    optional_field(
        "filters[platform]",
        FieldType::Text,
        "The platform; `Unknown` for none",
    ),
    optional_field(
        "filters[updates]",
        FieldType::Words(&["enabled", "disabled", "penalty-box"]),
        "Its automatic updates",
    ),
    optional_field(
        "filters[only_updating]",
        FieldType::Flag,
        "With an update in flight",
    ),
    optional_field(
        "sort",
        FieldType::Text,
        "A column: `identifier` unless given",
    ),
    optional_field(
        "sort_direction",
        FieldType::Words(&["asc", "desc"]),
        "`asc` unless given",
    ),
];

/// The filters of a list (docs/protocol/rest.md, "Filters"), as a request or a command line has them.
///
/// # Errors
/// [`domain::DomainError::Fields`] with the filter's name: it is not a filter of this list, its value is not one that it
/// can have, or one of the three that make a comparison of a metric is missing.
pub fn filter(map: Option<&Map<String, Value>>) -> domain::Result<DeviceFilter> {
    let mut f = DeviceFilter::default();
    let mut metric = Metric::default();
    for (key, value) in map.into_iter().flatten() {
        let text = match value {
            Value::String(s) => s.clone(),
            other => other.to_string(),
        };
        if text.is_empty() {
            continue;
        }
        match key.as_str() {
            "metrics_key" => metric.key = Some(text),
            "metrics_operator" => {
                metric.compare = Some(match one_of(key, &text, &["gt", "lt"])?.as_str() {
                    "gt" => Compare::More,
                    _ => Compare::Less,
                });
            }
            "metrics_value" => {
                let n = text.parse::<f64>().ok().filter(|n| n.is_finite());
                metric.value = Some(n.ok_or_else(|| field(key, "must be a number"))?);
            }
            _ => add(&mut f, key, value, text)?,
        }
    }
    metric.add(&mut f)?;
    Ok(f)
}

/// A comparison with a metric, which three parameters make together.
#[derive(Default)]
struct Metric {
    key: Option<String>,
    compare: Option<Compare>,
    value: Option<f64>,
}

impl Metric {
    fn add(self, f: &mut DeviceFilter) -> domain::Result<()> {
        match (self.key, self.compare, self.value) {
            (Some(key), Some(compare), Some(n)) => f.and(Test::Metric(key, compare, n)),
            (None, None, None) => {}
            _ => {
                let text = "metrics_key, metrics_operator and metrics_value go together";
                return Err(field("metrics_key", text));
            }
        }
        Ok(())
    }
}

fn one_of(key: &str, text: &str, words: &[&str]) -> domain::Result<String> {
    if words.contains(&text) {
        Ok(text.to_owned())
    } else {
        Err(field(key, &format!("must be one of: {}", words.join(", "))))
    }
}

/// Adds a filter that stands for itself; `text` is its value as a text.
fn add(f: &mut DeviceFilter, key: &str, value: &Value, text: String) -> domain::Result<()> {
    let one_of = |words: &[&str]| one_of(key, &text, words);
    match key {
        "identifier" => f.and(Test::Identifier(Pattern::part(&text))),
        "search" => f.and(Test::Search(Pattern::part(&text))),
        "tags" => {
            for tag in tags(value).unwrap_or_default() {
                f.and(Test::TagPart(tag));
            }
        }
        "has_no_tags" if flag(value) == Some(false) => {}
        "has_no_tags" => f.and(Test::Untagged),
        "connection" => match one_of(CONNECTIONS)?.as_str() {
            "not_seen_in_seven_days" => f.and(Test::LastSeen {
                days: 7,
                later: false,
            }),
            "not_seen_in_fourteen_days" => f.and(Test::LastSeen {
                days: 14,
                later: false,
            }),
            other => f.and(Test::Connection(other.to_owned())),
        },
        "connection_type" => f.and(Test::Interface(one_of(INTERFACES)?)),
        "firmware_version" => f.and(Test::Version(text)),
        "platform" if text == "Unknown" => f.and(Test::NoPlatform),
        "platform" => f.and(Test::Platform(text, false)),
        "updates" => f.and(Test::Updates(one_of(UPDATES)?)),
        "health_status" => f.and(Test::Health(one_of(HEALTH)?)),
        "alarm_status" if one_of(&["with", "without"])? == "with" => f.and(Test::Alarms),
        "alarm_status" => f.and_not(Test::Alarms),
        "alarm" => f.and(Test::Alarm(text)),
        "deployment_id" => {
            let id = number(value).ok_or_else(|| field(key, "must be a number"))?;
            f.and(Test::GroupNumber(id));
        }
        "only_updating" if flag(value) == Some(true) => f.and(Test::Updating),
        // It changes nothing in the original's API either: deleted devices are never listed.
        "only_updating" | "display_deleted" => {}
        _ => return Err(field(key, "is not a filter of this list")),
    }
    Ok(())
}

const CONNECTIONS: &[&str] = &[
    "connecting",
    "connected",
    "disconnected",
    "not_seen",
    "not_seen_in_seven_days",
    "not_seen_in_fourteen_days",
];
const INTERFACES: &[&str] = NetworkInterface::WORDS;
const UPDATES: &[&str] = &["enabled", "disabled", "penalty-box"];
const HEALTH: &[&str] = HealthState::WORDS;

pub(super) fn order(p: &Params) -> Result<(DeviceOrder, bool)> {
    let order = DeviceOrder::parse(p.text("sort").unwrap_or("identifier"));
    let order =
        order.ok_or_else(|| field("sort", "is not a column that devices can be sorted by"))?;
    match p.text("sort_direction").unwrap_or("asc") {
        "asc" => Ok((order, false)),
        "desc" => Ok((order, true)),
        _ => Err(field("sort_direction", "must be asc or desc").into()),
    }
}
