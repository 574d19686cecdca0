//! What devices do and say, as it is written, and what the writer tells those who carry it.

use super::poll::{Poll, Polled};
use crate::clock::Micros;
use crate::ids::{ConnectionId, DeviceId, Extensions, GroupId, NodeId};
use crate::rollout::offer::Taken;
use crate::rollout::outcome::Report;
use crate::store::catalog::archives::ArchiveRow;
use crate::store::devices::FirmwareMetadata;
use crate::store::devices::device_logs::LogLine;
use crate::store::devices::locations::Location;
use crate::store::words::HealthState;
use serde_json::Value;

/// Something that a device does or says.
#[derive(Debug)]
pub enum DeviceWrite {
    /// It was let in.
    Connecting(Box<ConnectInfo>),
    /// It joined.
    Join(Box<Join>),
    /// It said something about its update.
    Report(Report),
    /// Its firmware is validated.
    Validated,
    /// The interface it speaks over: `wifi`, `ethernet`, `cellular`, `unknown`.
    Interface(&'static str),
    /// The types of its connection, as it names them.
    Types(String),
    /// It lives.
    Seen,
    /// Keys that it holds on other networks.
    Identities(Vec<NetworkIdentity>),
    /// A health report.
    Health(Value),
    /// Where it is.
    Location(Location),
    /// A log line.
    Log(LogLine),
    /// It should be told of its claim.
    TakeClaim,
    /// Its socket closed, for this reason.
    Disconnected(&'static str),
    /// It asks over HTTP for its update.
    Poll(Box<Poll>),
}

impl DeviceWrite {
    /// Bytes that it adds to what is kept of a device's own telling: log lines and health reports.
    pub fn report_bytes(&self) -> usize {
        match self {
            Self::Log(line) => line.message.len() + line.meta.len() + line.level.len(),
            Self::Health(report) => report.to_string().len(),
            _ => 0,
        }
    }

    /// Whether it only adds to what is kept, whatever is on record of the device.
    pub fn adds_only(&self) -> bool {
        matches!(
            self,
            Self::Seen | Self::Identities(_) | Self::Health(_) | Self::Location(_) | Self::Log(_)
        )
    }
}

/// How a device was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectInfo {
    /// The node that holds its socket.
    pub node: NodeId,
    /// The fingerprint of its certificate, if that is how.
    pub fingerprint: Option<String>,
    /// The address that it came from.
    pub peer: String,
}

/// A key that a device holds on another network.
#[derive(Debug, Clone)]
pub struct NetworkIdentity {
    /// `iroh`, `netbird`, `tailscale`, `wireguard`.
    pub service: &'static str,
    /// Which endpoint of the service.
    pub instance: String,
    /// The public key.
    pub identifier: String,
    /// JSON object.
    pub details: String,
}

/// What a device says about its firmware.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Reported {
    /// Everything that is needed.
    Complete(Box<FirmwareMetadata>),
    /// Only the uuid, and maybe the fwup version.
    Uuid(String, Option<String>),
    /// Nothing that could be used.
    #[default]
    Nothing,
}

/// A device joins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Join {
    /// Its firmware.
    pub reported: Reported,
    /// `device_api_version`, `1.0.0` when absent or unreadable.
    pub api: String,
    /// Whether an update goes on in it.
    pub downloading: bool,
    /// `meta.firmware_validated`.
    pub validated: Option<bool>,
    /// `meta.firmware_auto_revert_detected`.
    pub reverted: bool,
    /// Wants the organization's signing keys.
    pub wants_keys: bool,
    /// Wants the keys for archives; they are the same.
    pub wants_archive_keys: bool,
    /// Whether its client knows archives.
    pub takes_archives: bool,
}

/// One word of one connection.
#[derive(Debug)]
pub struct Record {
    pub device: DeviceId,
    pub connection: ConnectionId,
    /// When.
    pub at: Micros,
    /// What.
    pub said: DeviceWrite,
}

/// What came of a write.
#[derive(Debug)]
pub enum WriteOutcome {
    /// Nothing but groups to wake.
    Done(Option<GroupId>),
    /// A health report with this status is kept.
    Health(HealthState),
    /// Let in.
    Connecting {
        /// The older connection of the device, if there was one, and the node that held it.
        before: Option<(NodeId, ConnectionId)>,
        /// The place among all connections that the writer has recorded: of a device's, the last one is the newest.
        order: u64,
    },
    /// What to do after a join.
    Joined(Box<Joined>),
    /// What came of the claim.
    Claim(Taken),
    /// What a polling device gets.
    Polled(Box<Polled>),
}

/// What to do after a join.
#[derive(Debug, Default)]
pub struct Joined {
    pub device: Option<DeviceId>,
    /// Whether it asked for the organization's public keys.
    pub wants_keys: bool,
    pub keys: Vec<String>,
    /// Whether it may be told of an archive: its client knows them, and it is in a group.
    pub wants_archive: bool,
    /// The archive of its group.
    pub archive: Option<ArchiveRow>,
    /// Code to run on the device now.
    pub connecting_code: Option<String>,
    /// The extensions that it may use.
    pub extensions: Extensions,
    /// Whether a claim waits for it.
    pub claim: bool,
    /// Groups that may have a free slot, or a new candidate.
    pub wake: Vec<GroupId>,
    /// Whether it runs what it was sent, which it did not before.
    pub installed: bool,
    /// The version of its firmware, as it says.
    pub version: Option<String>,
    /// False when a newer connection of the device has taken over meanwhile.
    pub current: bool,
}
