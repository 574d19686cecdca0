//! The parameters of a join. Everything else that a device sends in a join is dropped unread, because owners
//! put secrets into the key-value store.

use crate::limits::METADATA_CHARS;
use semver::Version;
use serde_json::{Map, Value};

/// The firmware that a device reports. Absent and empty values are `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Firmware {
    /// `nerves_fw_uuid`.
    pub uuid: Option<String>,
    /// `nerves_fw_product`.
    pub product: Option<String>,
    /// `nerves_fw_version`.
    pub version: Option<String>,
    /// `nerves_fw_platform`.
    pub platform: Option<String>,
    /// `nerves_fw_architecture`.
    pub architecture: Option<String>,
    /// `nerves_fw_author`.
    pub author: Option<String>,
    /// `nerves_fw_description`.
    pub description: Option<String>,
    /// `nerves_fw_misc`.
    pub misc: Option<String>,
    /// `nerves_fw_vcs_identifier`.
    pub vcs_identifier: Option<String>,
    /// `fwup_version`.
    pub fwup_version: Option<String>,
}

/// The image that an ESP-IDF device reports, from its application description.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EspIdf {
    /// `esp_idf_project_name`.
    pub project: Option<String>,
    /// `esp_idf_version`.
    pub version: Option<String>,
    /// `esp_idf_app_elf_sha256`, in hex digits.
    pub elf_sha256: Option<String>,
    /// `esp_idf_ver`.
    pub idf_version: Option<String>,
    /// `esp_idf_chip_id`.
    pub chip_id: Option<u64>,
}

/// A join request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// The firmware that the device reports.
    pub firmware: Firmware,
    /// The image of an ESP-IDF device, which replaces `firmware`.
    pub esp_idf: Option<EspIdf>,
    /// `console_version` of clients that have a console.
    pub console: Option<Version>,
    /// `device_api_version`; a missing or malformed one counts as 1.0.0.
    pub api: Version,
    /// Whether the device reports that an update is in progress.
    pub downloading: bool,
    /// `meta.firmware_validated`.
    pub validated: Option<bool>,
    /// `meta.firmware_auto_revert_detected`.
    pub reverted: bool,
    /// Whether the client requests the signing keys.
    pub wants_keys: bool,
    /// Whether the client requests the keys for archives.
    pub wants_archive_keys: bool,
}

/// Removes control characters (PostgreSQL refuses a zero byte) and cuts the text to its limit.
pub fn clean(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(METADATA_CHARS)
        .collect()
}

fn text(params: &Map<String, Value>, key: &str) -> Option<String> {
    let text = clean(params.get(key)?.as_str()?);
    (!text.is_empty()).then_some(text)
}

impl Firmware {
    fn read(params: &Map<String, Value>) -> Self {
        Self {
            uuid: text(params, "nerves_fw_uuid"),
            product: text(params, "nerves_fw_product"),
            version: text(params, "nerves_fw_version"),
            platform: text(params, "nerves_fw_platform"),
            architecture: text(params, "nerves_fw_architecture"),
            author: text(params, "nerves_fw_author"),
            description: text(params, "nerves_fw_description"),
            misc: text(params, "nerves_fw_misc"),
            vcs_identifier: text(params, "nerves_fw_vcs_identifier"),
            fwup_version: text(params, "fwup_version"),
        }
    }
}

impl EspIdf {
    /// Reads the fields of the tool in `update_tool`; without a known tool, the fields that are present.
    fn read(params: &Map<String, Value>) -> Option<Self> {
        let named = ["esp_idf_project_name", "esp_idf_app_elf_sha256"];
        let there = match text(params, "update_tool").as_deref() {
            Some("fwup") => false,
            Some("esp-idf") => true,
            _ => named.iter().any(|key| params.contains_key(*key)),
        };
        let chip_id = params.get("esp_idf_chip_id").and_then(|id| {
            let written = || id.as_str()?.parse().ok();
            id.as_u64().or_else(written)
        });
        there.then(|| Self {
            project: text(params, "esp_idf_project_name"),
            version: text(params, "esp_idf_version"),
            elf_sha256: text(params, "esp_idf_app_elf_sha256"),
            idf_version: text(params, "esp_idf_ver"),
            chip_id,
        })
    }
}

impl Join {
    /// Reads the parameters. Missing and mistyped values count as absent, and nothing makes a join fail.
    pub(super) fn read(params: &Map<String, Value>) -> Self {
        let meta = params.get("meta").and_then(Value::as_object);
        let flag = |key: &str| meta.and_then(|m| m.get(key)).and_then(Value::as_bool);
        let on_connect = |key: &str| params.get(key).and_then(Value::as_str) == Some("on_connect");
        Self {
            firmware: Firmware::read(params),
            esp_idf: EspIdf::read(params),
            console: text(params, "console_version").and_then(|v| Version::parse(&v).ok()),
            api: text(params, "device_api_version")
                .and_then(|v| Version::parse(&v).ok())
                .unwrap_or(Version::new(1, 0, 0)),
            downloading: text(params, "currently_downloading_uuid").is_some(),
            validated: flag("firmware_validated"),
            reverted: flag("firmware_auto_revert_detected").unwrap_or(false),
            wants_keys: on_connect("fwup_public_keys"),
            wants_archive_keys: on_connect("archive_public_keys"),
        }
    }

    /// Whether the client supports archives.
    pub fn takes_archives(&self) -> bool {
        self.abilities().archives
    }

    /// What the client supports. Old clients crash on events that they do not know.
    pub(super) fn abilities(&self) -> Abilities {
        let from = |major, minor| self.api >= Version::new(major, minor, 0);
        let newer_console = self
            .console
            .as_ref()
            .is_some_and(|c| *c >= Version::new(2, 0, 0));
        Abilities {
            // 2.0.0 supports it, but reports the same API version as 1.x.
            identify: self.api > Version::new(1, 0, 0) || newer_console,
            keys: self.wants_keys,
            archive_keys: self.wants_archive_keys,
            archives: from(2, 0),
            scripts: from(2, 1),
            extensions: from(2, 2),
        }
    }
}

/// Events that a client supports or requested, beyond `update` and `reboot`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Abilities {
    pub identify: bool,
    pub keys: bool,
    pub archive_keys: bool,
    pub archives: bool,
    pub scripts: bool,
    pub extensions: bool,
}
