//! Releases of the real client, as far as a server can tell them apart (docs/protocol/device.md, "What a client
//! knows").

use serde_json::{Map, Value, json};

/// A release of nerves_hub_link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// 1.0 to 1.4: reboot and update only.
    V1,
    /// 2.1: file transfers through the console.
    V2_1,
    /// 2.2: archives, and signing keys on connect.
    V2_2,
    /// 2.5: scripts.
    V2_5,
    /// 2.6: extensions.
    V2_6,
    /// 2.8.1: reports whether its firmware is validated.
    V2_8,
    /// 2.9: reports the status of an update in words.
    V2_9,
    /// 2.12: reports its network interface; has a shell.
    V2_12,
}

impl Release {
    /// All releases, oldest first, with their versions.
    pub const ALL: [(Self, &str); 8] = [
        (Self::V1, "1.4.1"),
        (Self::V2_1, "2.1.1"),
        (Self::V2_2, "2.2.1"),
        (Self::V2_5, "2.5.2"),
        (Self::V2_6, "2.6.0"),
        (Self::V2_8, "2.8.1"),
        (Self::V2_9, "2.9.0"),
        (Self::V2_12, "2.12.0"),
    ];

    /// Parses a version.
    ///
    /// # Errors
    /// The list of known versions.
    pub fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|(_, name)| *name == text);
        let known = Self::ALL.map(|(_, name)| name).join(", ");
        found
            .map(|(release, _)| release)
            .ok_or_else(|| format!("not a release that is simulated; there are {known}"))
    }

    fn api(self) -> &'static str {
        match self {
            Self::V1 | Self::V2_1 => "1.0.0",
            Self::V2_2 => "2.0.0",
            Self::V2_5 => "2.1.0",
            Self::V2_6 => "2.2.0",
            Self::V2_8 | Self::V2_9 | Self::V2_12 => "2.3.0",
        }
    }

    /// The `console_version` of this release.
    pub(super) fn console(self) -> &'static str {
        if self == Self::V1 { "1.0.0" } else { "2.0.0" }
    }

    /// Whether it reports the status of an update in words; older releases only report percentages.
    pub(super) fn tells(self) -> bool {
        self >= Self::V2_9
    }

    /// Whether it reports its network interface.
    pub(super) fn names_interface(self) -> bool {
        self >= Self::V2_12
    }

    /// Its extensions with their versions.
    pub(super) fn extensions(self) -> Value {
        let names: &[&str] = match self {
            Self::V2_12 => &[
                "health",
                "geo",
                "logging",
                "local_shell",
                "network_identity",
            ],
            _ => &["health", "geo"],
        };
        let all = names.iter().map(|n| ((*n).to_owned(), json!("0.0.1")));
        Value::Object(all.collect::<Map<_, _>>())
    }

    /// Adds to a join what this release sends besides its firmware.
    pub(super) fn join(self, params: &mut Value, validated: bool, reverted: bool) {
        params["device_api_version"] = self.api().into();
        params["console_version"] = self.console().into();
        if self >= Self::V2_2 {
            params["fwup_public_keys"] = "on_connect".into();
        }
        if self >= Self::V2_5 {
            params["archive_public_keys"] = "on_connect".into();
        }
        if self >= Self::V2_8 {
            params["meta"] = json!({
                "firmware_validated": validated,
                "firmware_auto_revert_detected": reverted,
            });
        }
    }
}
