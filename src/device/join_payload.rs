//! What a device says, in the terms of the fleet and of the rollout.

use crate::clock::Micros;
use crate::domain::devices::extensions::{Location, LogLine};
use crate::firmware::esp_idf;
use crate::ingest::{self, DeviceWrite, NetworkIdentity, Reported};
use crate::rollout::outcome;
use crate::store::devices::FirmwareMetadata;
use device_protocol::session::{self, EspIdf, ExtensionEffect, Firmware, Join, UpdateMessage};

/// A join as the fleet takes it.
pub fn join(join: Join) -> ingest::Join {
    let takes_archives = join.takes_archives();
    ingest::Join {
        reported: reported(join.esp_idf.map_or(join.firmware, of_image)),
        takes_archives,
        api: join.api.to_string(),
        downloading: join.downloading,
        validated: join.validated,
        reverted: join.reverted,
        wants_keys: join.wants_keys,
        wants_archive_keys: join.wants_archive_keys,
    }
}

/// Whether it is complete, or at least names itself.
pub fn reported(f: Firmware) -> Reported {
    let all = (
        f.uuid.clone(),
        f.product,
        f.version,
        f.platform,
        f.architecture,
    );
    match all {
        (Some(uuid), Some(product), Some(version), Some(platform), Some(architecture)) => {
            Reported::Complete(Box::new(FirmwareMetadata {
                uuid,
                product,
                version,
                platform,
                architecture,
                author: f.author,
                description: f.description,
                misc: f.misc,
                vcs_identifier: f.vcs_identifier,
                fwup_version: f.fwup_version,
            }))
        }
        (Some(uuid), ..) => Reported::Uuid(uuid, f.fwup_version),
        _ => Reported::Nothing,
    }
}

/// By the rules that read an image at its upload, so that a device is known by what it runs.
fn of_image(says: EspIdf) -> Firmware {
    let elf = says.elf_sha256.and_then(|h| hex::decode(h).ok());
    let (platform, architecture) = says.chip_id.map(esp_idf::chip).unzip();
    let version = says.version.and_then(|v| esp_idf::version(&v));
    Firmware {
        uuid: elf.and_then(|elf| esp_idf::uuid(&elf)),
        product: says.project,
        version: version.map(|v| v.to_string()),
        platform,
        architecture,
        description: says.idf_version.map(|v| format!("ESP-IDF {v}")),
        ..Firmware::default()
    }
}

/// How an update goes, as the rollout takes it.
pub fn outcome(report: UpdateMessage) -> outcome::Report {
    match report {
        UpdateMessage::Stage(stage, value) => outcome::Report::Stage(stage, value),
        UpdateMessage::Failed(why) => outcome::Report::Failed(why),
        UpdateMessage::Ignored(why) => outcome::Report::Ignored(why),
        UpdateMessage::Rescheduled(delay) => outcome::Report::Rescheduled(delay),
    }
}

/// What it said of its health, networks, place or log, as it is recorded.
pub fn said(said: ExtensionEffect, now: Micros) -> DeviceWrite {
    match said {
        ExtensionEffect::Health(report) => DeviceWrite::Health(report),
        ExtensionEffect::Identities(all) => {
            DeviceWrite::Identities(all.into_iter().map(identity).collect())
        }
        ExtensionEffect::Location {
            latitude,
            longitude,
            accuracy,
            source,
        } => DeviceWrite::Location(Location {
            at: now,
            latitude,
            longitude,
            accuracy,
            source,
        }),
        ExtensionEffect::Log {
            level,
            message,
            meta,
            at,
        } => DeviceWrite::Log(LogLine {
            at: at.into(),
            level,
            message,
            meta: meta.to_string(),
        }),
    }
}

fn identity(i: session::NetworkIdentity) -> NetworkIdentity {
    NetworkIdentity {
        service: i.service,
        instance: i.instance,
        identifier: i.identifier,
        details: i.details,
    }
}

#[cfg(test)]
mod tests;
