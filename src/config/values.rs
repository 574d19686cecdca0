//! Single values of settings: what is valid, and what to say of what is not.

use super::ConfigError;
use crate::limits::{DATABASE_CONNECTIONS, DEVICE_CONNECTIONS, DEVICE_NODE_CONNECTIONS};
use crate::store::words::NodeRole;
use serde::{Deserialize, Deserializer};

pub(crate) fn node_key(text: String) -> Result<[u8; 32], ConfigError> {
    let raw = hex::decode(text.trim())
        .ok()
        .and_then(|raw| raw.try_into().ok());
    raw.ok_or_else(|| ConfigError::Value {
        flag: "node-key",
        value: "…".into(),
        why: "must be 64 hex digits; `openssl rand -hex 32` makes some".into(),
    })
}

/// How many connections there are for devices and jobs. One is enough for a server to work, and more than PostgreSQL allows by itself
/// for all servers together would make them wait for each other.
pub(super) fn database_connections(given: Option<u32>, role: NodeRole) -> Result<u32, ConfigError> {
    let number = given.unwrap_or(match role {
        NodeRole::Device => DEVICE_NODE_CONNECTIONS,
        NodeRole::All | NodeRole::Web => DEVICE_CONNECTIONS,
    });
    if (1..=DATABASE_CONNECTIONS).contains(&number) {
        return Ok(number);
    }
    Err(ConfigError::Value {
        flag: "database-connections",
        value: number.to_string(),
        why: format!("must be 1 to {DATABASE_CONNECTIONS}"),
    })
}

/// Zero would let no device in.
pub(super) fn connect_rate(rate: u32) -> Result<u32, ConfigError> {
    if rate > 0 {
        return Ok(rate);
    }
    Err(ConfigError::Value {
        flag: "connect-rate",
        value: rate.to_string(),
        why: "must be above 0; leave it out for the default".into(),
    })
}

/// Zero would stop every update for good, which no operator means.
pub(super) fn bytes_per_second(bytes: u64) -> Result<i64, ConfigError> {
    let rate = i64::try_from(bytes).ok().filter(|rate| *rate > 0);
    rate.ok_or_else(|| ConfigError::Value {
        flag: "bytes-per-second",
        value: bytes.to_string(),
        why: "must be above 0; leave it out for no limit".into(),
    })
}

/// Reads a switch of the file: `"on"` and `"off"` as everywhere, and what TOML has for it.
pub(super) fn switch_word<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "must be \"on\" or \"off\"")]
    enum Given {
        Switch(bool),
        Word(String),
    }
    Ok(Some(match Given::deserialize(from)? {
        Given::Switch(true) => "on".into(),
        Given::Switch(false) => "off".into(),
        Given::Word(word) => word,
    }))
}

pub(super) fn switch(
    flag: &'static str,
    text: Option<String>,
    default: bool,
) -> Result<bool, ConfigError> {
    match text.as_deref() {
        None => Ok(default),
        Some("on") => Ok(true),
        Some("off") => Ok(false),
        Some(text) => Err(ConfigError::Value {
            flag,
            value: text.to_owned(),
            why: "must be on or off".into(),
        }),
    }
}

/// Registration goes by mailed links: without mail everybody would wait for one in vain.
pub(super) fn registrations(text: Option<String>, mail: bool) -> Result<bool, ConfigError> {
    let flag = "open-for-registrations";
    let open = switch(flag, text, false)?;
    if open && !mail {
        return Err(ConfigError::Value {
            flag,
            value: "on".into(),
            why: "needs --smtp-url, --mail-from and --web-url beside it, since accounts are made by mailed links".into(),
        });
    }
    Ok(open)
}

/// Checks that a URL has no path, because the device endpoint's path is appended to it.
pub(super) fn origin(text: String) -> Result<String, ConfigError> {
    let bare = text.trim_end_matches('/');
    let host = bare.strip_prefix("https://").unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    if host.is_empty() || !host.chars().all(plain) {
        return Err(ConfigError::Value {
            flag: "redirect-devices",
            value: text,
            why: "must be https:// with a host and perhaps a port, without a path".into(),
        });
    }
    Ok(bare.to_owned())
}

pub(super) fn tls_name(name: String) -> Result<String, ConfigError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '*');
    if name.is_empty() || name.len() > 253 || !name.chars().all(plain) {
        return Err(ConfigError::Value {
            flag: "tls-name",
            value: name,
            why: "not a host name or address (without scheme and port)".into(),
        });
    }
    Ok(name)
}
