//! The topic `extensions` of a session: which extensions are attached, and their messages. A failing extension
//! never closes the connection, and its messages are only answered to detach it.

use super::bucket::{Bucket, Rate};
use super::pace::Pace;
use crate::Timestamp;
use crate::limits::{
    DETAILS_BYTES, HEALTH_EVERY, IDENTITIES, LOG_BURST, LOG_CHARS, LOGS_A_SECOND, REPORT_BYTES,
    REPORT_PAUSE,
};
use crate::terminal;
use crate::wire::raw::Joiner;
use crate::{Extension, Extensions};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Five lines a second, ten in a burst. Further ones are dropped silently.
const LOG_RATE: Rate = Rate {
    burst: LOG_BURST,
    a_second: LOGS_A_SECOND,
};

/// A report of an extension to be stored.
#[derive(Debug, Clone, PartialEq)]
pub enum ExtensionEffect {
    /// A complete health report.
    Health(Value),
    /// The position of the device.
    Location {
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
        /// Accuracy in metres.
        accuracy: Option<i64>,
        /// Source of the position: `geoip`, `gps`, …
        source: String,
    },
    /// The device's identities on other networks.
    Identities(Vec<NetworkIdentity>),
    /// A log line.
    Log {
        /// `info`, `error`, …
        level: String,
        /// The text of the line.
        message: String,
        /// Metadata: a JSON object of strings.
        meta: Value,
        /// When the line was logged, by the device's clock.
        at: Timestamp,
    },
}

/// An identity of the device on another network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkIdentity {
    /// `iroh`, `netbird`, `tailscale`, or `wireguard`.
    pub service: &'static str,
    /// Tells several endpoints of one service apart.
    pub instance: String,
    /// The public key.
    pub identifier: String,
    /// Details as a JSON object.
    pub details: String,
}

/// The effect of a message on the topic.
#[derive(Debug, PartialEq)]
pub(super) enum PollKind {
    Nothing,
    /// Detach this extension, because it is not allowed.
    Detach,
    Push(&'static str),
    Said(ExtensionEffect),
    /// Send this push, if any, and pass shell output to its viewers.
    Shell(terminal::TerminalOutput, Option<&'static str>),
}

/// The joined topic.
#[derive(Debug)]
pub(super) struct Topic {
    reference: Box<str>,
    /// Extensions that the device has in a version that the server supports.
    offered: Extensions,
    attached: Extensions,
    check_at: Option<Timestamp>,
    health_at: Option<Timestamp>,
    geo_at: Option<Timestamp>,
    log: Bucket,
    shell: Option<Box<Shell>>,
}

/// The shell of a device that has one.
#[derive(Debug)]
struct Shell {
    joiner: Joiner,
    pace: Pace,
}

impl Topic {
    /// A joined topic, from the names and versions that the device offers.
    pub(super) fn new(reference: &str, offer: &Map<String, Value>, now: Timestamp) -> Self {
        let known = |e: &Extension| {
            offer
                .get(e.word())
                .and_then(Value::as_str)
                .is_some_and(version_ok)
        };
        Self {
            reference: reference.into(),
            offered: Extension::ALL
                .into_iter()
                .filter(known)
                .fold(Extensions::default(), |all, e| all.set(e, true)),
            attached: Extensions::default(),
            check_at: None,
            health_at: None,
            geo_at: None,
            log: Bucket::full(LOG_RATE, now),
            shell: None,
        }
    }

    /// Whether the shell is attached.
    pub(super) fn has_shell(&self) -> bool {
        self.attached.has(Extension::LocalShell)
    }

    /// When the viewers must be told about dropped output of the shell.
    pub(super) fn shell_due(&self) -> Option<Timestamp> {
        self.shell.as_ref().and_then(|shell| shell.pace.due())
    }

    /// The output limit of the shell, if there is one.
    pub(super) fn shell_pace(&mut self) -> Option<&mut Pace> {
        self.shell.as_mut().map(|shell| &mut shell.pace)
    }

    /// The extensions that the device has and may use.
    pub(super) fn usable(&self, allowed: Extensions) -> Extensions {
        self.offered.and(allowed)
    }

    /// Whether a message belongs to an earlier join.
    pub(super) fn stale(&self, reference: Option<&str>) -> bool {
        reference.is_some_and(|r| r != &*self.reference)
    }

    /// When the next health report must be requested.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.check_at
    }

    /// Handles a tick. Returns whether to request a health report.
    pub(super) fn tick(&mut self, now: Timestamp) -> bool {
        let due = self.check_at.is_some_and(|at| at <= now);
        if due {
            self.check_at = Some(now.after(HEALTH_EVERY));
        }
        due
    }

    /// Returns whether a health report can be requested now, because somebody views the health.
    pub(super) fn check_now(&mut self, now: Timestamp) -> bool {
        let attached = self.attached.has(Extension::Health);
        if attached {
            self.check_at = Some(now.after(HEALTH_EVERY));
        }
        attached
    }

    /// Removes the attached extensions that are not allowed any more, and returns them.
    pub(super) fn forbid(&mut self, allowed: Extensions) -> Extensions {
        let gone = self.attached.without(allowed);
        self.attached = self.attached.and(allowed);
        if gone.has(Extension::Health) {
            self.check_at = None;
        }
        gone
    }

    /// The extensions that may be attached now.
    pub(super) fn permit(&self, allowed: Extensions) -> Extensions {
        self.usable(allowed).without(self.attached)
    }

    /// Handles a message of the device.
    pub(super) fn message(
        &mut self,
        event: &str,
        payload: &mut Map<String, Value>,
        allowed: Extensions,
        now: Timestamp,
    ) -> PollKind {
        let Some((name, what)) = event.split_once(':') else {
            return PollKind::Detach;
        };
        let Some(extension) = Extension::parse(name).filter(|e| self.usable(allowed).has(*e))
        else {
            return match what {
                // The extension has stopped already, so nothing is sent.
                "detached" | "error" => PollKind::Nothing,
                _ => PollKind::Detach,
            };
        };
        match what {
            "attached" => self.attach(extension, now),
            "detached" | "error" => {
                self.attached = self.attached.set(extension, false);
                if extension == Extension::Health {
                    self.check_at = None;
                }
                PollKind::Nothing
            }
            _ if !self.attached.has(extension) => PollKind::Nothing,
            what if extension == Extension::LocalShell => self.shell(what, payload),
            what => self
                .said(extension, what, payload, now)
                .map_or(PollKind::Nothing, PollKind::Said),
        }
    }

    fn attach(&mut self, extension: Extension, now: Timestamp) -> PollKind {
        self.attached = self.attached.set(extension, true);
        match extension {
            Extension::Health => {
                self.check_at = Some(now.after(HEALTH_EVERY));
                PollKind::Push("health:check")
            }
            Extension::Geo => PollKind::Push("geo:location:request"),
            Extension::Logging => PollKind::Nothing,
            Extension::NetworkIdentity => PollKind::Push("network_identity:request"),
            Extension::LocalShell => {
                self.shell = Some(Box::new(Shell {
                    joiner: Joiner::default(),
                    pace: Pace::new(now),
                }));
                PollKind::Shell(
                    terminal::TerminalOutput::Open("".into()),
                    Some("local_shell:request_shell"),
                )
            }
        }
    }

    /// Handles a message of the shell.
    fn shell(&mut self, what: &str, payload: &mut Map<String, Value>) -> PollKind {
        let said = match what {
            "shell_output" => {
                let text = payload.get("data").and_then(Value::as_str);
                let shell = self.shell.as_mut();
                shell.zip(text).map(|(s, text)| {
                    let mut shown = s.pace.told().unwrap_or_default();
                    shown.push_str(&s.joiner.next(text));
                    terminal::TerminalOutput::Output(shown)
                })
            }
            "request_status" => {
                let status =
                    json!({"status": payload.get("status"), "reason": payload.get("reason")});
                Some(terminal::TerminalOutput::Event("status", status))
            }
            "shell_exited" => {
                let exited = json!({"exit_code": payload.get("exit_code")});
                Some(terminal::TerminalOutput::Event("exited", exited))
            }
            _ => None,
        };
        said.map_or(PollKind::Nothing, |said| PollKind::Shell(said, None))
    }

    fn said(
        &mut self,
        extension: Extension,
        what: &str,
        payload: &Map<String, Value>,
        now: Timestamp,
    ) -> Option<ExtensionEffect> {
        match (extension, what) {
            (Extension::Health, "report") => {
                let report = payload.get("value").filter(|v| v.is_object())?;
                let fits = report.to_string().len() <= REPORT_BYTES;
                (fits && paced(&mut self.health_at, now))
                    .then(|| ExtensionEffect::Health(report.clone()))
            }
            (Extension::Geo, "location:update") => {
                let place = location(payload)?;
                paced(&mut self.geo_at, now).then_some(place)
            }
            (Extension::NetworkIdentity, "report") => {
                let found = identities(payload);
                let any = !found.is_empty() && self.log.take(1, LOG_RATE, now);
                any.then_some(ExtensionEffect::Identities(found))
            }
            (Extension::Logging, "send") => {
                let line = line(payload)?;
                self.log.take(1, LOG_RATE, now).then_some(line)
            }
            _ => None,
        }
    }
}

/// Whether enough time has passed since the last stored report.
fn paced(last: &mut Option<Timestamp>, now: Timestamp) -> bool {
    let early = last.is_some_and(|at| now.since(at) < REPORT_PAUSE);
    if !early {
        *last = Some(now);
    }
    !early
}

/// The version requirement `~> 0.0.1`: every release of 0.0 but the first.
fn version_ok(text: &str) -> bool {
    semver::Version::parse(text)
        .is_ok_and(|v| v.major == 0 && v.minor == 0 && v.patch >= 1 && v.pre.is_empty())
}

/// Parses a position. An error report has none; the last known position is kept then.
fn location(payload: &Map<String, Value>) -> Option<ExtensionEffect> {
    let degrees = |key: &str, most: f64| {
        payload
            .get(key)?
            .as_f64()
            .filter(|d| (-most..=most).contains(d))
    };
    Some(ExtensionEffect::Location {
        latitude: degrees("latitude", 90.0)?,
        longitude: degrees("longitude", 180.0)?,
        accuracy: payload
            .get("accuracy")
            .and_then(Value::as_f64)
            .filter(|a| (0.0..1e9).contains(a))
            .map(|a| a as i64),
        source: super::join::clean(
            payload
                .get("source")
                .and_then(Value::as_str)
                .unwrap_or("unknown"),
        ),
    })
}

/// The valid entries of a report. An invalid one does not affect the others.
fn identities(payload: &Map<String, Value>) -> Vec<NetworkIdentity> {
    let all = payload.get("identities").and_then(Value::as_array);
    let entries = all.into_iter().flatten().take(IDENTITIES);
    entries.filter_map(identity).collect()
}

fn identity(entry: &Value) -> Option<NetworkIdentity> {
    let word = |key: &str| {
        let text = entry.get(key)?.as_str()?;
        let fits = (1..=255).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        fits.then(|| text.to_owned())
    };
    let service = entry.get("service")?.as_str()?;
    let details = match entry.get("details") {
        Some(details @ Value::Object(_)) => details.to_string(),
        _ => "{}".to_owned(),
    };
    Some(NetworkIdentity {
        service: SERVICES.into_iter().find(|s| *s == service)?,
        instance: match entry.get("instance") {
            None | Some(Value::Null) => "default".to_owned(),
            Some(_) => word("instance")?,
        },
        identifier: word("identifier")?,
        details: Some(details).filter(|d| d.len() <= DETAILS_BYTES)?,
    })
}

/// Networks whose identities are stored.
const SERVICES: [&str; 4] = ["iroh", "netbird", "tailscale", "wireguard"];

/// Parses a log line. A line without a time is dropped.
fn line(payload: &Map<String, Value>) -> Option<ExtensionEffect> {
    let meta: Map<String, Value> = payload
        .get("meta")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .take(50)
        .map(|(k, v)| (shortened(k), Value::String(shortened(&printed(v)))))
        .collect();
    let at = payload
        .get("timestamp")
        .and_then(instant)
        .or_else(|| meta.get("time").and_then(instant))?;
    let level = payload.get("level").and_then(Value::as_str)?;
    Some(ExtensionEffect::Log {
        level: super::join::clean(level),
        message: shortened(&printed(payload.get("message")?)),
        meta: Value::Object(meta),
        at,
    })
}

fn shortened(text: &str) -> String {
    text.chars()
        .filter(|c| *c != '\0')
        .take(LOG_CHARS)
        .collect()
}

/// Converts a logged value: a string as it is, a list of code points as the string that it spells, anything
/// else as JSON.
fn printed(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        Value::Array(points) => points
            .iter()
            .map(|p| {
                p.as_u64()
                    .and_then(|p| u32::try_from(p).ok())
                    .and_then(char::from_u32)
            })
            .collect::<Option<String>>()
            .unwrap_or_else(|| value.to_string()),
        other => other.to_string(),
    }
}

/// Parses a time: microseconds since 1970 as a number or string, or an ISO 8601 string.
fn instant(value: &Value) -> Option<Timestamp> {
    if let Some(micros) = value.as_i64() {
        return Some(Timestamp(micros));
    }
    let text = value.as_str()?;
    if let Ok(micros) = text.parse() {
        return Some(Timestamp(micros));
    }
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(at.unix_timestamp_nanos() / 1_000)
        .ok()
        .map(Timestamp)
}
