//! Counters of a simulated fleet.

use serde::Serialize;
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
#[derive(Debug, Clone, PartialEq, Serialize)]
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
