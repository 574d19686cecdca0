//! Settings of a node among others: what it serves, and how the nodes tell each other what happens.

use super::ConfigError;
use super::print::without_passwords;
use crate::store::words::NodeRole;
use serde::{Serialize, Serializer};

/// How nodes tell each other what happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BusSettings {
    /// Not at all: the server is alone.
    Memory,
    /// By `LISTEN` and `NOTIFY` of the database, or of the same one by another address.
    Postgres(Option<String>),
    /// By a NATS server.
    Nats(String),
}

impl Serialize for BusSettings {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Memory => "memory".serialize(to),
            Self::Postgres(None) => "postgres".serialize(to),
            Self::Postgres(Some(url)) | Self::Nats(url) => without_passwords(url).serialize(to),
        }
    }
}

/// The settings as they are given.
pub(super) struct ClusterOptions {
    pub role: Option<String>,
    pub bus: Option<String>,
    /// Whether the database and the files are where several nodes reach them.
    pub shared: bool,
}

impl ClusterOptions {
    /// Checks them.
    pub fn check(self) -> Result<(NodeRole, BusSettings), ConfigError> {
        let bad = |flag, value: &str, why: &str| ConfigError::Value {
            flag,
            value: without_passwords(value),
            why: why.into(),
        };
        let needs = "is for a server among others, which need --database-url (PostgreSQL) and --bucket beside it";
        let bus = match self.bus.as_deref() {
            None if self.shared => BusSettings::Postgres(None),
            None | Some("memory") => BusSettings::Memory,
            Some("postgres") => BusSettings::Postgres(None),
            Some(url) if has_scheme(url, &["postgres", "postgresql"]) => {
                BusSettings::Postgres(Some(url.to_owned()))
            }
            Some(url) if has_scheme(url, &["nats", "tls"]) => BusSettings::Nats(url.to_owned()),
            Some(other) => {
                let why = "takes memory, postgres, postgres://… (the same database by another address), nats://HOST:PORT or tls://HOST:PORT";
                return Err(bad("bus", other, why));
            }
        };
        if let (Some(given), false) = (&self.bus, self.shared)
            && bus != BusSettings::Memory
        {
            return Err(bad("bus", given, needs));
        }
        let word = self.role.unwrap_or_else(|| NodeRole::All.word().to_owned());
        let role =
            NodeRole::parse(&word).ok_or_else(|| bad("role", &word, "takes all, web or device"))?;
        if role != NodeRole::All && !self.shared {
            return Err(bad("role", &word, needs));
        }
        if role != NodeRole::All && bus == BusSettings::Memory {
            let why = "is for a server among others, and --bus memory is for one that is alone";
            return Err(bad("role", &word, why));
        }
        Ok((role, bus))
    }
}

fn has_scheme(url: &str, schemes: &[&str]) -> bool {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|s| schemes.contains(&s))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(role: &str, bus: &str, shared: bool) -> Result<(NodeRole, BusSettings), String> {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let options = ClusterOptions {
            role: given(role),
            bus: given(bus),
            shared,
        };
        options.check().map_err(|e| e.to_string())
    }

    #[test]
    fn a_server_is_alone_until_its_database_and_its_files_can_be_shared() {
        let alone = Ok((NodeRole::All, BusSettings::Memory));
        assert_eq!(check("", "", false), alone);
        assert_eq!(check("all", "memory", false), alone);
        assert_eq!(check("", "memory", true), alone);
        let among = Ok((NodeRole::All, BusSettings::Postgres(None)));
        assert_eq!(check("", "", true), among);
        assert_eq!(check("", "postgres", true), among);
        let nats = "nats://a:b@h:4222";
        assert_eq!(
            check("web", nats, true),
            Ok((NodeRole::Web, BusSettings::Nats(nats.into())))
        );
        for (role, bus, shared, said) in [
            ("web", "", false, "--database-url"),
            ("", "postgres", false, "--bucket"),
            ("device", "memory", true, "alone"),
            ("Web", "", true, "all, web or device"),
            ("", "redis://h", true, "nats://"),
            ("", "nats", true, "nats://"),
        ] {
            let error = check(role, bus, shared).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
        for secret in [nats, "nats://t0ken@h:4222", "tls://t0ken@h"] {
            let error = check("", secret, false).unwrap_err();
            assert!(
                !error.contains("a:b") && !error.contains("t0ken"),
                "{error}"
            );
            assert!(error.contains("@h"), "{error}");
        }
    }
}
