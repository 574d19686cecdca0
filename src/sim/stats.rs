//! Counters of a simulated fleet.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Counters over all devices, updated while the fleet runs.
#[derive(Debug, Default)]
pub struct Stats {
    /// Devices that joined at least once.
    pub joined: AtomicU64,
    /// Number of joins.
    pub joins: AtomicU64,
    /// Updates that were offered.
    pub offers: AtomicU64,
    /// When the last one came, in milliseconds since 1970; 0 for never.
    pub last_offer: AtomicI64,
    /// Updates that were installed and booted.
    pub updated: AtomicU64,
    /// Updates that were installed by a delta.
    pub deltas: AtomicU64,
    /// Updates that failed.
    pub failed: AtomicU64,
    /// Updates that the application ignored.
    pub ignored: AtomicU64,
    /// Updates that were reverted after the boot.
    pub reverted: AtomicU64,
    /// Devices that installed one firmware more than once.
    pub repeated: AtomicU64,
    /// Downloads that were cut.
    pub cuts: AtomicU64,
    /// Health reports, positions, log lines, and identities that were sent.
    pub reports: AtomicU64,
    /// Archives that were downloaded completely.
    pub archives: AtomicU64,
    /// Bytes of all downloads.
    pub bytes: AtomicU64,
    /// Connections that failed or were refused.
    pub refused: AtomicU64,
    versions: Mutex<BTreeMap<String, i64>>,
    reasons: Mutex<BTreeMap<String, u64>>,
    refusals: Mutex<BTreeMap<String, u64>>,
}

/// The result of a simulation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SimReport {
    /// Number of devices.
    pub devices: u64,
    /// Devices that joined at least once.
    pub joined: u64,
    /// Updates installed and booted.
    pub updated: u64,
    /// Updates that failed.
    pub failed: u64,
    /// Updates that the application ignored.
    pub ignored: u64,
    /// Updates that were reverted after the boot.
    pub reverted: u64,
    /// Devices that installed one firmware more than once.
    pub repeated: u64,
    /// Updates that were installed by a delta.
    pub delta_updates: u64,
    /// Updates that were offered.
    pub offers: u64,
    /// When the last one came, in milliseconds since 1970; 0 for never.
    pub last_offer: i64,
    /// Number of joins.
    pub joins: u64,
    /// Connections that failed or were refused.
    pub refused: u64,
    /// Health reports, positions, log lines, and identities that were sent.
    pub reports: u64,
    /// Archives that were downloaded completely.
    pub archives: u64,
    /// Downloads that were cut.
    pub cuts: u64,
    /// Bytes downloaded.
    pub received_bytes: u64,
    /// Running versions, and the number of devices with each.
    pub versions: BTreeMap<String, i64>,
    /// Why connections failed or were refused, with their counts.
    pub refusals: BTreeMap<String, u64>,
    /// Reasons of failed updates, with their counts.
    pub reasons: BTreeMap<String, u64>,
    /// Duration in seconds.
    pub seconds: f64,
}

impl SimReport {
    /// What several parts of a fleet counted, as if it had been one.
    pub fn sum<'r>(parts: impl IntoIterator<Item = &'r Self>, devices: u64, seconds: f64) -> Self {
        let mut sum = Self {
            devices,
            seconds,
            ..Self::default()
        };
        for part in parts {
            sum.add(part);
        }
        sum
    }

    fn add(&mut self, part: &Self) {
        // All fields are named, so that a new one cannot be forgotten.
        let Self {
            devices: _,
            joined,
            updated,
            failed,
            ignored,
            reverted,
            repeated,
            delta_updates,
            offers,
            last_offer,
            joins,
            refused,
            reports,
            archives,
            cuts,
            received_bytes,
            versions,
            refusals,
            reasons,
            seconds: _,
        } = part;
        self.joined += joined;
        self.updated += updated;
        self.failed += failed;
        self.ignored += ignored;
        self.reverted += reverted;
        self.repeated += repeated;
        self.delta_updates += delta_updates;
        self.offers += offers;
        self.last_offer = self.last_offer.max(*last_offer);
        self.joins += joins;
        self.refused += refused;
        self.reports += reports;
        self.archives += archives;
        self.cuts += cuts;
        self.received_bytes += received_bytes;
        for (version, n) in versions {
            *self.versions.entry(version.clone()).or_default() += n;
        }
        for (all, some) in [(&mut self.refusals, refusals), (&mut self.reasons, reasons)] {
            for (why, n) in some {
                *all.entry(why.clone()).or_default() += n;
            }
        }
    }
}

fn note(map: &Mutex<BTreeMap<String, u64>>, text: &str) {
    if let Ok(mut map) = map.lock()
        && (map.len() < 100 || map.contains_key(text))
    {
        *map.entry(text.to_owned()).or_default() += 1;
    }
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Stats {
    pub(super) fn runs(&self, version: &str, change: i64) {
        if let Ok(mut map) = self.versions.lock() {
            *map.entry(version.to_owned()).or_default() += change;
            map.retain(|_, n| *n != 0);
        }
    }

    pub(super) fn because(&self, reason: &str) {
        note(&self.reasons, reason);
    }

    /// Counts a connection that failed, and why.
    pub(super) fn refused(&self, why: &str) {
        count(&self.refused);
        let short: String = why.trim().chars().take(200).collect();
        note(&self.refusals, &short);
    }

    /// The number of devices that run this version.
    pub fn running(&self, version: &str) -> u64 {
        let map = self
            .versions
            .lock()
            .map(|m| m.get(version).copied().unwrap_or(0));
        u64::try_from(map.unwrap_or(0)).unwrap_or(0)
    }

    /// The counters so far.
    pub fn report(&self, devices: u64, seconds: f64) -> SimReport {
        let get = |c: &AtomicU64| c.load(Ordering::Relaxed);
        SimReport {
            devices,
            joined: get(&self.joined),
            updated: get(&self.updated),
            failed: get(&self.failed),
            ignored: get(&self.ignored),
            reverted: get(&self.reverted),
            repeated: get(&self.repeated),
            delta_updates: get(&self.deltas),
            offers: get(&self.offers),
            last_offer: self.last_offer.load(Ordering::Relaxed),
            joins: get(&self.joins),
            refused: get(&self.refused),
            reports: get(&self.reports),
            archives: get(&self.archives),
            cuts: get(&self.cuts),
            received_bytes: get(&self.bytes),
            versions: self.versions.lock().map(|m| m.clone()).unwrap_or_default(),
            reasons: self.reasons.lock().map(|m| m.clone()).unwrap_or_default(),
            refusals: self.refusals.lock().map(|m| m.clone()).unwrap_or_default(),
            seconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(n: u64) -> SimReport {
        SimReport {
            devices: 10,
            joined: n,
            updated: 2 * n,
            failed: 3 * n,
            ignored: 4 * n,
            reverted: 5 * n,
            repeated: 6 * n,
            delta_updates: 7 * n,
            offers: 8 * n,
            last_offer: 1_000 * n as i64,
            joins: 9 * n,
            refused: 10 * n,
            reports: 11 * n,
            archives: 12 * n,
            cuts: 13 * n,
            received_bytes: 14 * n,
            versions: [("1.0.0".to_owned(), n as i64), (format!("1.{n}.0"), 1)].into(),
            refusals: [("full".to_owned(), n)].into(),
            reasons: [(format!("reason {n}"), n)].into(),
            seconds: n as f64,
        }
    }

    #[test]
    fn counters_of_parts_add_up() {
        let (one, two) = (part(1), part(2));
        let sum = SimReport::sum([&one, &two], 20, 7.5);
        let wanted = SimReport {
            devices: 20,
            last_offer: 2_000,
            versions: [("1.0.0", 3), ("1.1.0", 1), ("1.2.0", 1)]
                .map(|(version, n)| (version.to_owned(), n))
                .into(),
            refusals: [("full".to_owned(), 3)].into(),
            reasons: [("reason 1".to_owned(), 1), ("reason 2".to_owned(), 2)].into(),
            seconds: 7.5,
            ..part(3)
        };
        assert_eq!(sum, wanted);
        // Parts tell their counters as JSON.
        let told = serde_json::to_string(&one).unwrap();
        assert_eq!(serde_json::from_str::<SimReport>(&told).unwrap(), one);
    }
}
