//! Turns: limit the concurrency of short operations for each caller. Callers wait for their turn rather than
//! being refused.

use crate::limits::{CROWD, CROWD_PAUSES, IDLE_ASKERS};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};

/// Limits the concurrent operations of each caller, who waits for a turn rather than being refused.
#[derive(Debug)]
pub struct Turns<K> {
    each: usize,
    pauses: bool,
    by_asker: Mutex<HashMap<K, Arc<Asker>>>,
}

#[derive(Debug)]
struct Asker {
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// Turns that are held although nothing is done.
    pausing: AtomicUsize,
    /// Duration of the last operation in microseconds.
    took: AtomicU64,
}

/// A turn. It ends when it is dropped.
#[derive(Debug)]
pub struct Turn {
    asker: Arc<Asker>,
    begun: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let took = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.asker.took.store(took, Ordering::Relaxed);
    }
}

impl Turn {
    /// Holds the turn for a while.
    pub async fn pause(&self, time: Duration) {
        let _pausing = Waiting::begin(&self.asker.pausing);
        sleep(time).await;
    }
}

/// Counts a waiting operation.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<K: Eq + Hash + Clone> Turns<K> {
    /// Allows `each` operations at once for a caller.
    pub fn new(each: usize) -> Self {
        Self {
            each,
            pauses: false,
            by_asker: Mutex::default(),
        }
    }

    /// Also slows down a caller with many waiting operations: for each [`CROWD`] of them, a pause as long as its
    /// last operation took comes before the next one. With one such crowd this halves the pace, so that a single
    /// caller never keeps a core busy.
    pub fn with_pauses(each: usize) -> Self {
        Self {
            pauses: true,
            ..Self::new(each)
        }
    }

    fn asker(&self, asker: &K) -> Arc<Asker> {
        let mut all = self.by_asker.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= IDLE_ASKERS {
            // Entries with more than one reference belong to callers that have or wait for a turn.
            all.retain(|_, one| Arc::strong_count(one) > 1);
        }
        let new = || {
            Arc::new(Asker {
                turns: Arc::new(Semaphore::new(self.each)),
                waiting: AtomicUsize::new(0),
                pausing: AtomicUsize::new(0),
                took: AtomicU64::new(0),
            })
        };
        all.entry(asker.clone()).or_insert_with(new).clone()
    }

    /// Whether a caller's turns are held by pauses and `most` operations of it wait already.
    pub fn is_crowded(&self, asker: &K, most: usize) -> bool {
        let asker = self.asker(asker);
        asker.pausing.load(Ordering::Relaxed) > 0 && asker.waiting.load(Ordering::Relaxed) >= most
    }

    /// Waits for a turn; `None` when it does not come within `most`.
    pub async fn wait(&self, asker: &K, most: Duration) -> Option<Turn> {
        let asker = self.asker(asker);
        let waits = Waiting::begin(&asker.waiting);
        let permit = timeout(most, asker.turns.clone().acquire_owned()).await;
        let permit = permit.ok()?.ok()?;
        drop(waits);
        let crowds = asker.waiting.load(Ordering::Relaxed) / CROWD;
        if self.pauses && crowds > 0 {
            let took = Duration::from_micros(asker.took.load(Ordering::Relaxed));
            let pause = took.saturating_mul(u32::try_from(crowds.min(CROWD_PAUSES)).unwrap_or(1));
            sleep(pause.min(most)).await;
        }
        Some(Turn {
            asker,
            begun: Instant::now(),
            _permit: permit,
        })
    }
}

#[cfg(test)]
mod tests;
