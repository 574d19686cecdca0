//! The columns of device queries: how each is compared, and with what. The parser and whoever completes a query go by this list.

use crate::store::words::HealthState;

/// A column of device queries.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub name: &'static str,
    /// How it is compared, the usual way first.
    pub operators: &'static [&'static str],
    pub values: Values,
}

/// What a column is compared with.
#[derive(Debug, Clone, Copy)]
pub enum Values {
    /// One of these words.
    Words(&'static [&'static str]),
    /// A value that devices of the product have.
    OfDevices,
    /// A text, described for people.
    Text(&'static str),
}

const EQUAL: &[&str] = &["=", "!="];
const LIKE: &[&str] = &["like", "not like"];
const CONTAINS: &[&str] = &["contains", "not_contains"];

const fn column(name: &'static str, operators: &'static [&'static str], values: Values) -> Column {
    Column {
        name,
        operators,
        values,
    }
}

/// All columns, by name. Beside them stands `metric:NAME`, compared by [`METRIC_OPERATORS`] with a number.
pub const COLUMNS: [Column; 18] = [
    column("alarm", CONTAINS, Values::Text("a part of an alarm")),
    column("alarm_status", EQUAL, Values::Words(&["with", "without"])),
    column("architecture", EQUAL, Values::OfDevices),
    column(
        "connection",
        EQUAL,
        Values::Words(&["connected", "disconnected", "not_seen"]),
    ),
    column(
        "connection_type",
        EQUAL,
        Values::Words(&["cellular", "ethernet", "wifi", "unknown"]),
    ),
    column("deleted", EQUAL, Values::Words(&["true", "false"])),
    column("deployment_group", EQUAL, Values::OfDevices),
    column("firmware", EQUAL, Values::Text("the uuid of a firmware")),
    column("health_status", EQUAL, Values::Words(HealthState::WORDS)),
    column(
        "identifier",
        LIKE,
        Values::Text("a pattern: % for any text, _ for one letter"),
    ),
    column(
        "last_seen",
        &[">", "<"],
        Values::Words(&["3 days ago", "7 days ago", "14 days ago", "4 weeks ago"]),
    ),
    column("pinned", EQUAL, Values::Words(&["true", "false"])),
    column("platform", EQUAL, Values::OfDevices),
    column(
        "search",
        LIKE,
        Values::Text("a pattern over identifier, version, platform and tags"),
    ),
    column("tags", CONTAINS, Values::OfDevices),
    column(
        "update_status",
        &["is", "is not"],
        Values::Words(&["updating", "not updating"]),
    ),
    column(
        "updates",
        EQUAL,
        Values::Words(&["enabled", "disabled", "penalty-box"]),
    ),
    column("version", EQUAL, Values::OfDevices),
];

/// How metrics are compared.
pub const METRIC_OPERATORS: &[&str] = &[">", ">=", "<", "<="];

/// The column of this name, in any case.
pub(super) fn named(name: &str) -> Option<&'static Column> {
    COLUMNS.iter().find(|c| c.name.eq_ignore_ascii_case(name))
}

/// The names of all columns, for messages.
pub(super) fn names() -> String {
    COLUMNS.map(|c| c.name).join(", ")
}
