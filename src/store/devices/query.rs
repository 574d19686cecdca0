//! Conditions on devices as a tree, and the SQL that they become. Each test is true or false of every device, never NULL, so
//! that `not` means what it says.

use crate::clock::Micros;
use crate::store::engine::Dialect;
use crate::store::fold::{Pattern, like};
use crate::store::ids::UserId;
use std::time::Duration;

/// Conditions.
#[derive(Debug, Clone, PartialEq)]
pub enum Cond {
    /// Both hold.
    And(Box<Cond>, Box<Cond>),
    /// One of them holds.
    Or(Box<Cond>, Box<Cond>),
    /// It does not hold.
    Not(Box<Cond>),
    /// The test holds.
    Is(Test),
}

/// How a metric is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// More than.
    More,
    /// More or the same.
    AtLeast,
    /// Less than.
    Less,
    /// Less or the same.
    AtMost,
}

/// One test of a device.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Identifier, as a pattern with `%` and `_`, which a backslash makes plain; any case.
    Identifier(Pattern),
    /// The same, of so few devices that they are found by the index of identifiers.
    Named(Pattern),
    /// The same over identifier, version, platform and tags.
    Search(Pattern),
    /// Identifier is one of these, letter by letter.
    AnyIdentifier(Vec<String>),
    /// Platform is one of these.
    AnyPlatform(Vec<String>),
    /// Firmware version is one of these.
    AnyVersion(Vec<String>),
    /// Platform is this; or, when negated, another one.
    Platform(String, bool),
    /// Architecture is this; or, when negated, another one.
    Architecture(String, bool),
    /// Firmware uuid is this; or, when negated, another one.
    Firmware(String, bool),
    /// Firmware version is exactly this.
    Version(String),
    /// No platform was reported.
    NoPlatform,
    /// `connecting`, `connected`, `disconnected`, `not_seen`.
    Connection(String),
    /// Disconnected, and last seen this many days ago or more (`later`: less).
    LastSeen {
        days: u64,
        /// After that time, not before it.
        later: bool,
    },
    /// Has this tag.
    Tag(String),
    /// Some tag has this part.
    TagPart(String),
    /// Has one of these tags.
    AnyTag(Vec<String>),
    /// Has no tag.
    Untagged,
    /// Status of its newest health report; `unknown` without one.
    Health(String),
    /// Interface that it speaks over; `unknown` without one.
    Interface(String),
    /// `enabled`, `disabled`, `penalty-box`.
    Updates(String),
    /// An update is in flight.
    Updating,
    /// Its newest health report has alarms.
    Alarms,
    /// Its newest health report has this text among the alarms.
    Alarm(String),
    /// It is deleted.
    Deleted,
    /// It is in the group of this name.
    Group(String),
    /// It is in the group of this number.
    GroupNumber(i64),
    /// It is in no group.
    Ungrouped,
    /// This person has pinned it.
    Pinned(UserId),
    /// A metric of its newest health report.
    Metric(String, Compare, f64),
}

/// A value to bind.
#[derive(Debug, Clone)]
pub enum Value {
    Text(String),
    Number(i64),
    Time(Micros),
    Real(f64),
}

/// A piece of SQL: fixed text, or a value to bind.
#[derive(Debug, Clone)]
pub enum Piece {
    Sql(&'static str),
    Bind(Value),
}

/// Text and bound values, in order.
#[derive(Debug, Default, Clone)]
pub struct Pieces(pub Vec<Piece>);

const REPORT: &str =
    "(SELECT h.report FROM health_reports h WHERE h.device_id = d.id ORDER BY h.at DESC LIMIT 1)";

const FOLDED_ALARMS: &str = "(SELECT h.folded_alarms FROM health_reports h WHERE h.device_id = d.id ORDER BY h.at DESC LIMIT 1)";

impl Pieces {
    /// Whether any of the text has this word.
    pub fn mention(&self, word: &str) -> bool {
        let has = |p: &Piece| matches!(p, Piece::Sql(text) if text.contains(word));
        self.0.iter().any(has)
    }

    fn sql(&mut self, text: &'static str) -> &mut Self {
        self.0.push(Piece::Sql(text));
        self
    }

    fn bind(&mut self, value: Value) -> &mut Self {
        self.0.push(Piece::Bind(value));
        self
    }

    fn text(&mut self, value: &str) -> &mut Self {
        self.bind(Value::Text(value.to_owned()))
    }

    /// Adds a condition in parentheses.
    pub fn cond(&mut self, cond: &Cond, now: Micros, dialect: Dialect) {
        self.within(cond, false, now, dialect);
    }

    /// The same, within a `NOT` or not: only there NULL and false are different.
    fn within(&mut self, cond: &Cond, not: bool, now: Micros, dialect: Dialect) {
        match cond {
            Cond::And(a, b) | Cond::Or(a, b) => {
                self.sql("(");
                self.within(a, not, now, dialect);
                self.sql(if matches!(cond, Cond::And(..)) {
                    " AND "
                } else {
                    " OR "
                });
                self.within(b, not, now, dialect);
                self.sql(")");
            }
            Cond::Not(a) => {
                self.sql("NOT ");
                self.within(a, true, now, dialect);
            }
            Cond::Is(test) => {
                self.sql("(");
                self.test(test, not, now, dialect);
                self.sql(")");
            }
        }
    }

    fn test(&mut self, test: &Test, not: bool, now: Micros, dialect: Dialect) {
        match test {
            Test::Identifier(p) => {
                self.sql("d.folded LIKE ")
                    .text(&p.like())
                    .sql(" ESCAPE '\\'");
            }
            Test::Named(p) => self.named(p, dialect),
            Test::Search(p) => self.search(&p.like()),
            Test::AnyIdentifier(all) => self.one_of("d.identifier IN (", all),
            Test::AnyPlatform(all) => {
                self.one_of("d.fw_platform IS NOT NULL AND d.fw_platform IN (", all)
            }
            Test::AnyVersion(all) => {
                self.one_of("d.fw_version IS NOT NULL AND d.fw_version IN (", all)
            }
            Test::Platform(v, negated) => self.reported("d.fw_platform", v, *negated, not),
            Test::Architecture(v, negated) => self.reported("d.fw_architecture", v, *negated, not),
            Test::Firmware(v, negated) => {
                self.sql(if *negated {
                    "d.fw_uuid <> '' AND d.fw_uuid <> "
                } else {
                    "d.fw_uuid = "
                });
                self.text(v);
            }
            Test::Version(v) => self.reported("d.fw_version", v, false, not),
            Test::NoPlatform => {
                self.sql("d.fw_platform IS NULL");
            }
            Test::Connection(s) => match s.as_str() {
                "not_seen" => {
                    self.sql("d.status = 'registered'");
                }
                "connected" => {
                    // As an equation, so that an index may end with it.
                    self.sql("d.online = TRUE");
                }
                other => {
                    self.sql("COALESCE(c.status, '') = ").text(other);
                }
            },
            Test::LastSeen { days, later } => {
                let then = now.before(Duration::from_secs(days * 86_400));
                self.sql("COALESCE(c.status, '') = 'disconnected' AND c.last_seen_at ");
                self.sql(if *later { "> " } else { "< " })
                    .bind(Value::Time(then));
            }
            Test::Tag(t) => {
                self.sql("d.id IN (SELECT t.device_id FROM device_tags t WHERE t.tag = ")
                    .text(t)
                    .sql(")");
            }
            Test::TagPart(t) => {
                self.sql("EXISTS (SELECT 1 FROM device_tags t WHERE t.device_id = d.id AND t.folded LIKE ")
                    .text(&like(t))
                    .sql(" ESCAPE '\\')");
            }
            Test::AnyTag(all) => self.one_of(
                "d.id IN (SELECT t.device_id FROM device_tags t WHERE t.tag IN (",
                all,
            ),
            Test::Untagged => {
                self.sql("NOT EXISTS (SELECT 1 FROM device_tags t WHERE t.device_id = d.id)");
            }
            Test::Health(s) => {
                self.sql("d.health = ").text(s);
            }
            Test::Interface(i) if i == "unknown" => {
                self.sql("d.interface IN ('', 'unknown')");
            }
            Test::Interface(i) => {
                self.sql("d.interface = ").text(i);
            }
            Test::Updates(u) => match u.as_str() {
                "enabled" => {
                    self.sql("d.updates_enabled = TRUE");
                }
                "disabled" => {
                    self.sql("d.updates_enabled = FALSE");
                }
                _ => {
                    self.sql("COALESCE(d.blocked_until, 0) > ")
                        .bind(Value::Time(now));
                }
            },
            Test::Updating => {
                self.sql("d.in_flight");
            }
            Test::Alarms => {
                self.sql("COALESCE(");
                self.alarms(dialect);
                self.sql(", '{}') NOT IN ('{}', '[]', 'null', '')");
            }
            Test::Alarm(t) => {
                self.sql("COALESCE(").sql(FOLDED_ALARMS).sql(", lower(");
                self.alarms(dialect);
                self.sql("), '') LIKE ").text(&like(t)).sql(" ESCAPE '\\'");
            }
            Test::Deleted => {
                self.sql("d.deleted_at IS NOT NULL");
            }
            Test::Group(name) => {
                self.sql("COALESCE(d.group_id, 0) IN (SELECT x.id FROM deployment_groups x WHERE x.product_id = d.product_id AND x.name = ")
                    .text(name)
                    .sql(")");
            }
            Test::GroupNumber(id) => {
                self.sql("COALESCE(d.group_id, 0) = ")
                    .bind(Value::Number(*id));
            }
            Test::Pinned(user) => {
                self.sql("d.id IN (SELECT n.device_id FROM pins n WHERE n.user_id = ")
                    .bind(Value::Number(user.number()))
                    .sql(")");
            }
            Test::Ungrouped => {
                self.sql("d.group_id IS NULL");
            }
            Test::Metric(key, compare, number) => self.metric(key, *compare, *number, dialect),
        }
    }

    /// Its value is one of these: the text begins the list, and with it a query of its own where it has one. It must be false and
    /// not NULL where there is no value, in words that leave an index its use.
    fn one_of(&mut self, begin: &'static str, all: &[String]) {
        if all.is_empty() {
            self.sql("FALSE");
            return;
        }
        self.sql(begin);
        for (i, value) in all.iter().enumerate() {
            self.sql(if i == 0 { "" } else { ", " }).text(value);
        }
        self.sql(if begin.contains("SELECT") { "))" } else { ")" });
    }

    /// Identifiers by the index of three letters.
    fn named(&mut self, pattern: &Pattern, dialect: Dialect) {
        match dialect {
            Dialect::Sqlite => self
                .sql("d.id IN (SELECT n.rowid FROM device_names n WHERE n.folded GLOB ")
                .text(&pattern.glob())
                .sql(")"),
            Dialect::Postgres => self
                .sql("d.id IN (SELECT n.device_id FROM device_names n WHERE n.folded LIKE ")
                .text(&pattern.like())
                .sql(" ESCAPE '\\')"),
        };
    }

    fn search(&mut self, pattern: &str) {
        self.sql("d.folded LIKE ").text(pattern);
        self.sql(" ESCAPE '\\' OR COALESCE(lower(d.fw_version), '') LIKE ")
            .text(pattern);
        self.sql(" ESCAPE '\\' OR COALESCE(lower(d.fw_platform), '') LIKE ")
            .text(pattern);
        self.sql(" ESCAPE '\\' OR EXISTS (SELECT 1 FROM device_tags t WHERE t.device_id = d.id AND t.folded LIKE ")
            .text(pattern)
            .sql(" ESCAPE '\\')");
    }

    /// A device that never reported it matches neither the value nor its opposite. A bare comparison says so too, and lets
    /// engines use an index for all of it, but not within a `NOT`.
    fn reported(&mut self, column: &'static str, value: &str, negated: bool, not: bool) {
        if not {
            self.sql(column).sql(" IS NOT NULL AND ");
        }
        self.sql(column);
        self.sql(if negated { " <> " } else { " = " }).text(value);
    }

    /// The alarms of the newest report, as the text of a JSON object.
    fn alarms(&mut self, dialect: Dialect) {
        match dialect {
            Dialect::Sqlite => {
                self.sql("json_extract(").sql(REPORT).sql(", '$.alarms')");
            }
            Dialect::Postgres => {
                self.sql("(CAST(")
                    .sql(REPORT)
                    .sql(" AS json) ->> 'alarms')");
            }
        }
    }

    fn metric(&mut self, key: &str, compare: Compare, number: f64, dialect: Dialect) {
        let sign = match compare {
            Compare::More => " > ",
            Compare::AtLeast => " >= ",
            Compare::Less => " < ",
            Compare::AtMost => " <= ",
        };
        match dialect {
            Dialect::Sqlite => {
                let path = format!("$.metrics.{}", serde_json::Value::from(key));
                self.sql("COALESCE(CAST(json_extract(")
                    .sql(REPORT)
                    .sql(", ")
                    .text(&path);
                self.sql(") AS REAL)")
                    .sql(sign)
                    .bind(Value::Real(number))
                    .sql(", FALSE)");
            }
            Dialect::Postgres => {
                // What is no number is not compared.
                self.sql("COALESCE((SELECT CASE WHEN jsonb_typeof(m.v) = 'number' THEN CAST(m.v #>> '{}' AS double precision)");
                self.sql(sign).bind(Value::Real(number));
                self.sql(" END FROM (SELECT CAST(")
                    .sql(REPORT)
                    .sql(" AS jsonb) -> 'metrics' -> ");
                self.text(key).sql(" AS v) m), FALSE)");
            }
        }
    }
}
