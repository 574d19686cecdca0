//! Rate and concurrency limits by caller: [`Slots`] limits what callers hold at once, with a share for each,
//! and [`Rate`] how often a caller may do something. Callers are keyed by what a stranger cannot choose freely:
//! the id of a person, token, or organization, or an IP address.

mod turns;

pub use turns::{Turn, Turns};

use crate::limits::{ASKERS_REMEMBERED, ATTEMPTS_WAITING};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Why no slot is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The caller holds its whole share and must release something first (429).
    Share,
    /// The server is at its limit (503).
    Full,
}

/// A limited number of slots that callers hold at the same time.
#[derive(Debug)]
pub struct Slots<K: Eq + Hash + Clone> {
    taken: Arc<Mutex<Taken<K>>>,
    places: usize,
    share: usize,
}

#[derive(Debug)]
struct Taken<K> {
    all: usize,
    by_asker: HashMap<K, usize>,
}

/// A held slot. It is released when it is dropped.
#[derive(Debug)]
pub struct Slot<K: Eq + Hash + Clone> {
    taken: Arc<Mutex<Taken<K>>>,
    asker: K,
}

impl<K: Eq + Hash + Clone> Slots<K> {
    /// Creates `places` slots, of which one caller may hold `share`.
    pub fn new(places: usize, share: usize) -> Self {
        let taken = Taken {
            all: 0,
            by_asker: HashMap::new(),
        };
        Self {
            taken: Arc::new(Mutex::new(taken)),
            places,
            share,
        }
    }

    /// Takes a slot, or refuses at once. The map never holds more callers than there are slots.
    pub fn take(&self, asker: K) -> Result<Slot<K>, Refused> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let held = taken.by_asker.get(&asker).copied().unwrap_or(0);
        if held >= self.share {
            return Err(Refused::Share);
        }
        if taken.all >= self.places {
            return Err(Refused::Full);
        }
        taken.all += 1;
        taken.by_asker.insert(asker.clone(), held + 1);
        Ok(Slot {
            taken: self.taken.clone(),
            asker,
        })
    }
}

impl<K: Eq + Hash + Clone> Drop for Slot<K> {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        let held = taken.by_asker.get(&self.asker).copied().unwrap_or(0);
        if held <= 1 {
            taken.by_asker.remove(&self.asker);
        } else {
            taken.by_asker.insert(self.asker.clone(), held - 1);
        }
    }
}

/// A turn in a [`Lane`], given back when it is dropped.
pub type LaneTurn = (Turn, OwnedSemaphorePermit);

/// Limits work that keeps a core busy: a total for all callers, and one piece of work at once for each caller.
/// A caller with many requests thus waits for itself, and delays others by at most one piece.
#[derive(Debug)]
pub struct Lane<K: Eq + Hash + Clone> {
    own: Turns<K>,
    all: Arc<Semaphore>,
}

impl<K: Eq + Hash + Clone> Lane<K> {
    /// Allows `all` pieces of work at once.
    pub fn new(all: usize) -> Self {
        Self {
            own: Turns::new(1),
            all: Arc::new(Semaphore::new(all)),
        }
    }

    /// Waits until the work may begin. Dropping the returned guard ends it.
    ///
    /// # Errors
    /// [`Refused::Share`] when the caller's own work takes too long, [`Refused::Full`] when that of others
    /// does.
    pub async fn enter(&self, asker: &K, most: Duration) -> Result<LaneTurn, Refused> {
        let own = self.own.wait(asker, most).await.ok_or(Refused::Share)?;
        let all = tokio::time::timeout(most, self.all.clone().acquire_owned());
        match all.await {
            Ok(Ok(all)) => Ok((own, all)),
            _ => Err(Refused::Full),
        }
    }
}

/// Why an attempt has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptError {
    /// It was made and failed.
    Failed,
    /// It was not made, since others of its caller wait behind failures. Whether it would have failed is not known.
    NotMade,
}

/// Limits attempts that may fail, such as a secret. A caller has a limited number of attempts at once, and
/// failures above a rate hold their turn for a while. So guessing becomes slow, and a legitimate caller with
/// the same key only waits for its turn.
#[derive(Debug)]
pub struct Attempts<K: Eq + Hash + Clone> {
    turns: Turns<K>,
    failures: Rate<K>,
    pause: Duration,
}

impl<K: Eq + Hash + Clone> Attempts<K> {
    /// Allows `each` attempts at once; a failure above the rate `failures` holds its turn for `pause`.
    pub fn new(each: usize, failures: Rate<K>, pause: Duration) -> Self {
        Self {
            turns: Turns::new(each),
            failures,
            pause,
        }
    }

    /// Makes an attempt when its turn comes.
    ///
    /// # Errors
    /// [`AttemptError::NotMade`] when its turn does not come within `most`, or at once when [`ATTEMPTS_WAITING`] others of the
    /// caller wait behind its failures, since whatever waits may hold what other callers need.
    pub async fn make<T>(
        &self,
        asker: &K,
        most: Duration,
        work: impl Future<Output = Option<T>>,
    ) -> Result<T, AttemptError> {
        if self.turns.is_crowded(asker, ATTEMPTS_WAITING) {
            return Err(AttemptError::NotMade);
        }
        let turn = self.turns.wait(asker, most).await;
        let turn = turn.ok_or(AttemptError::NotMade)?;
        let done = work.await;
        if done.is_none() && self.failures.count(asker).is_err() {
            turn.pause(self.pause).await;
        }
        done.ok_or(AttemptError::Failed)
    }
}

/// The key that an IP address is counted under. `None` for loopback, where a proxy stands for all addresses. An
/// IPv6 address counts as its /64, the smallest block that one customer has.
pub fn counted(from: IpAddr) -> Option<IpAddr> {
    match from.to_canonical() {
        own if own.is_loopback() => None,
        IpAddr::V6(v6) => Some(IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64))),
        v4 @ IpAddr::V4(_) => Some(v4),
    }
}

/// Limits how often a caller may do something: a burst, then one more for each `every`.
pub struct Rate<K: Eq + Hash + Clone> {
    limiter: DefaultKeyedRateLimiter<K>,
    clock: DefaultClock,
}

impl<K: Eq + Hash + Clone> Rate<K> {
    /// Allows `burst` at once and one more for each `every`.
    pub fn new(burst: NonZeroU32, every: Duration) -> Self {
        let quota = Quota::with_period(every)
            .unwrap_or(Quota::per_second(NonZeroU32::MIN))
            .allow_burst(burst);
        Self {
            limiter: DefaultKeyedRateLimiter::keyed(quota),
            clock: DefaultClock::default(),
        }
    }

    /// Counts `n` units at once, such as the KiB of a report. Returns false when they exceed the rate; then
    /// they are not counted.
    pub fn takes(&self, asker: &K, n: NonZeroU32) -> bool {
        self.tidy();
        matches!(self.limiter.check_key_n(asker, n), Ok(Ok(())))
    }

    fn tidy(&self) {
        if self.limiter.len() >= ASKERS_REMEMBERED {
            self.limiter.retain_recent();
        }
    }

    /// Counts one use.
    ///
    /// # Errors
    /// The time after which the next use is allowed.
    pub fn count(&self, asker: &K) -> Result<(), Duration> {
        self.tidy();
        self.limiter
            .check_key(asker)
            .map_err(|until| until.wait_time_from(self.clock.now()))
    }
}

impl<K: Eq + Hash + Clone> std::fmt::Debug for Rate<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rate")
            .field("askers", &self.limiter.len())
            .finish_non_exhaustive()
    }
}

/// Who a connection is accounted to: nobody until a valid token or link is shown on it. The listener creates
/// it, and reads it when connections run out.
#[derive(Debug, Clone, Default)]
pub struct Account(Arc<AtomicI64>);

impl Account {
    /// Accounts the connection to the id of a person or, for downloads, of a product.
    pub fn set(&self, number: i64) {
        self.0.store(number, Ordering::Relaxed);
    }

    /// The id that the connection is accounted to, if any.
    pub fn number(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|n| *n != 0)
    }
}

/// Lets something through once a minute, so that a repeated fault does not fill the log.
#[derive(Debug, Default)]
pub struct OnceAMinute(Mutex<Option<Instant>>);

impl OnceAMinute {
    /// Whether a minute has passed since this last returned true.
    pub fn due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|at| at.elapsed() >= Duration::from_secs(60));
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}

#[cfg(test)]
mod tests;
