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
    /// `wss://host:port`, dealt out to the devices in turn; at least one. A device that is not let in turns to the next.
    pub urls: Vec<String>,
    /// Where a device turns to as well when it is not let in.
    pub fallback_urls: Vec<String>,
    /// Addresses of this machine that the devices connect from, in turn; the system chooses when there are none.
    pub local: Addresses,
    /// PEM file of the CA to verify the server's certificate with.
    pub server_ca: PathBuf,
    /// Number of the first device. Other than 0 when several processes share a fleet.
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

    /// The part of the plan that one of several processes carries out: its share of the devices, with the numbers that they have
    /// in the whole fleet, and the same share of the rate.
    #[must_use]
    pub fn part(self, part: Part) -> Self {
        let numbers = part.of(self.devices);
        let share = numbers.len() as f64 / self.devices.max(1) as f64;
        Self {
            first: self.first + numbers.start,
            devices: numbers.len(),
            rate: self.rate * share,
            ..self
        }
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

/// One of several processes that share a fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Which one, from 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

impl Part {
    /// Parses `2/27`.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/');
        let parts = parts.and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((number, of)) if (1..=of).contains(&number) => Ok(Self { number, of }),
            _ => Err("not of the form 2/27".to_owned()),
        }
    }

    /// The numbers of this process's devices: shares of all processes differ by one device at most.
    pub fn of(self, devices: usize) -> Range<usize> {
        let (each, more) = (devices / self.of, devices % self.of);
        let before = self.number - 1;
        let start = before * each + before.min(more);
        start..start + each + usize::from(before < more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_disjoint_and_make_the_whole() {
        for (devices, of) in [(500_000, 27), (5, 2), (2, 3), (0, 1), (7, 7)] {
            let parts: Vec<_> = (1..=of)
                .map(|number| Part { number, of }.of(devices))
                .collect();
            let mut next = 0;
            for part in &parts {
                assert_eq!(part.start, next);
                next = part.end;
            }
            assert_eq!(next, devices);
            let lengths = parts.iter().map(ExactSizeIterator::len);
            assert!(lengths.clone().max() <= lengths.min().map(|n| n + 1));
        }
    }

    #[test]
    fn a_part_is_written_as_a_fraction() {
        assert_eq!(Part::parse("2/27"), Ok(Part { number: 2, of: 27 }));
        for wrong in ["", "2", "0/2", "3/2", "a/b", "1/0", "-1/2"] {
            assert!(Part::parse(wrong).is_err(), "{wrong}");
        }
    }
}
