//! One way to bound what an asker may take, whoever the asker is: [`Slots`] bounds what somebody holds at once, with a
//! share for each and the rest kept for others, and [`Rate`] how often somebody may do something. Keys are what a
//! stranger cannot choose freely: a person's or token's id, an organization's, an address.

mod turns;

pub use turns::{Turn, Turns};

use crate::limits::ASKERS_REMEMBERED;
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

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The asker holds its whole share: it must end something first (429).
    Share,
    /// The server itself is full (503).
    Full,
}

/// Places that askers hold at the same time.
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

/// A place; given back when it is dropped.
#[derive(Debug)]
pub struct Slot<K: Eq + Hash + Clone> {
    taken: Arc<Mutex<Taken<K>>>,
    asker: K,
}

impl<K: Eq + Hash + Clone> Slots<K> {
    /// As many places, of which one asker may hold `share`.
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

    /// Takes a place, or says at once why there is none. The map never holds more askers than there are places.
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

/// Work that costs a core: all askers together have so much in work at once, and one asker a single piece, so that whoever asks
/// for much waits for itself, and others for one piece of each asker at most.
#[derive(Debug)]
pub struct Lane<K: Eq + Hash + Clone> {
    own: Turns<K>,
    all: Arc<Semaphore>,
}

impl<K: Eq + Hash + Clone> Lane<K> {
    /// `all` in work at once.
    pub fn new(all: usize) -> Self {
        Self {
            own: Turns::new(1),
            all: Arc::new(Semaphore::new(all)),
        }
    }

    /// Waits until the work may begin; it ends when what is answered is dropped.
    ///
    /// # Errors
    /// [`Refused::Share`] when the asker's own work lasts too long, [`Refused::Full`] when that of others does.
    pub async fn enter(
        &self,
        asker: &K,
        most: Duration,
    ) -> Result<(Turn, OwnedSemaphorePermit), Refused> {
        let own = self.own.wait(asker, most).await.ok_or(Refused::Share)?;
        let all = tokio::time::timeout(most, self.all.clone().acquire_owned());
        match all.await {
            Ok(Ok(all)) => Ok((own, all)),
            _ => Err(Refused::Full),
        }
    }
}

/// Tries of something that may fail, such as a key: an asker has so many in work at once, and a failure beyond a rate holds
/// its turn for a while. So guesses cost the guesser time, and whoever shares the key and succeeds waits its turn only.
#[derive(Debug)]
pub struct Attempts<K: Eq + Hash + Clone> {
    turns: Turns<K>,
    failures: Rate<K>,
    pause: Duration,
}

impl<K: Eq + Hash + Clone> Attempts<K> {
    /// `each` in work at once; a failure beyond `failures` takes `pause`.
    pub fn new(each: usize, failures: Rate<K>, pause: Duration) -> Self {
        Self {
            turns: Turns::new(each),
            failures,
            pause,
        }
    }

    /// Makes a try when its turn has come, at the latest after `most`; none when it failed.
    pub async fn make<T>(
        &self,
        asker: &K,
        most: Duration,
        work: impl Future<Output = Option<T>>,
    ) -> Option<T> {
        let _turn = self.turns.wait(asker, most).await?;
        let done = work.await;
        if done.is_none() && self.failures.count(asker).is_err() {
            tokio::time::sleep(self.pause).await;
        }
        done
    }
}

/// Who is counted for a request or connection from an address: none for this machine itself, where a proxy stands for all
/// addresses; for IPv6 a /64, which is the least that one customer has.
pub fn counted(from: IpAddr) -> Option<IpAddr> {
    match from.to_canonical() {
        own if own.is_loopback() => None,
        IpAddr::V6(v6) => Some(IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64))),
        v4 @ IpAddr::V4(_) => Some(v4),
    }
}

/// How often an asker may do something: a burst, and from then on one more each `every`.
pub struct Rate<K: Eq + Hash + Clone> {
    limiter: DefaultKeyedRateLimiter<K>,
    clock: DefaultClock,
}

impl<K: Eq + Hash + Clone> Rate<K> {
    /// A rate of `burst` at once and one more each `every`.
    pub fn new(burst: NonZeroU32, every: Duration) -> Self {
        let quota = Quota::with_period(every)
            .unwrap_or(Quota::per_second(NonZeroU32::MIN))
            .allow_burst(burst);
        Self {
            limiter: DefaultKeyedRateLimiter::keyed(quota),
            clock: DefaultClock::default(),
        }
    }

    /// Counts `n` at once, such as the KiB of a report; false when they are beyond the rate, and then they are not counted.
    pub fn takes(&self, asker: &K, n: NonZeroU32) -> bool {
        self.tidy();
        matches!(self.limiter.check_key_n(asker, n), Ok(Ok(())))
    }

    fn tidy(&self) {
        if self.limiter.len() >= ASKERS_REMEMBERED {
            self.limiter.retain_recent();
        }
    }

    /// Counts one try.
    ///
    /// # Errors
    /// The time after which the next one is allowed.
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

/// On whose account a connection is: nobody's, until a valid token or link was shown on it. The listener makes it, and looks at
/// it when places run out.
#[derive(Debug, Clone, Default)]
pub struct Account(Arc<AtomicI64>);

impl Account {
    /// Somebody has shown that the connection is theirs; the number is a person's, or for downloads a product's.
    pub fn set(&self, number: i64) {
        self.0.store(number, Ordering::Relaxed);
    }

    /// Whose it is.
    pub fn number(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|n| *n != 0)
    }
}

/// Lets something through once a minute, so that a fault that repeats does not fill the log.
#[derive(Debug, Default)]
pub struct OnceAMinute(Mutex<Option<Instant>>);

impl OnceAMinute {
    /// Whether a minute has passed since the last time it was due.
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
