//! The description of a fleet.

use super::addresses::Addresses;
use super::device::Faults;
use super::release::Release;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

/// How the devices authenticate.
#[derive(Debug, Clone)]
pub enum Auth {
    /// By a product's shared secret.
    Secret {
        /// The shared key, `nhp_…`.
        key: String,
        /// The secret of the shared key.
        secret: String,
    },
    /// By certificates that this CA signs for them.
    Certificate {
        /// PEM of the CA certificate.
        ca: String,
        /// PEM of the CA's private key.
        key: String,
    },
}

/// The description of a fleet to simulate.
#[derive(Debug, Clone)]
pub struct Plan {
    /// `wss://host:port`, dealt out to the devices in turn; at least one.
    pub urls: Vec<String>,
    /// Addresses of this machine that the devices connect from, in turn; the system chooses when there are none.
    pub local: Addresses,
    /// PEM file of the CA to verify the server's certificate with.
    pub server_ca: PathBuf,
    /// Number of the first device.
    pub first: usize,
    /// Number of devices.
    pub devices: usize,
    /// Identifiers are this prefix and a number.
    pub prefix: String,
    /// How the devices authenticate.
    pub auth: Auth,
    /// Firmware files that they run at first, in turn.
    pub firmware: Vec<PathBuf>,
    /// How they misbehave.
    pub faults: Faults,
    /// Version on which they report an alarm and hardly any memory left.
    pub sick_on: Option<String>,
    /// Seed of the random numbers.
    pub seed: u64,
    /// New connections a second, until each device has tried once.
    pub rate: f64,
    /// Pause between heartbeats.
    pub heartbeat: Duration,
    /// Whether to use MessagePack (`vsn=3.0.0`) instead of JSON.
    pub msgpack: bool,
    /// Releases of the client, in turn; empty for the newest.
    pub releases: Vec<Release>,
    /// Pause between unsolicited reports.
    pub report_every: Option<Duration>,
    /// Poll over HTTP with this pause instead of holding a connection.
    pub poll: Option<Duration>,
}

impl Plan {
    /// What the device of this number calls itself.
    pub fn identifier(&self, n: usize) -> String {
        format!("{}{n:06}", self.prefix)
    }

    pub(super) fn numbers(&self) -> Range<usize> {
        self.first..self.first + self.devices
    }

    pub(super) fn release(&self, n: usize) -> Release {
        match self.releases.len() {
            0 => Release::V2_12,
            some => self.releases[n % some],
        }
    }
}
