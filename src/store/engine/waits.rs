//! What waits for the database on behalf of devices, and for how long. A server that cannot keep up lets nobody in for as long as
//! somebody waits too long: whoever is refused before TLS costs next to nothing, while one who is let in and gives up has cost a
//! handshake and a few statements, which those who wait would have needed.

use crate::limits::ADMISSION_WAIT;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// All that waits. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub struct StoreWaits(Arc<Mutex<Waits>>);

#[derive(Debug, Default)]
struct Waits {
    /// When each began, with a number that tells those of one instant apart.
    begun: BTreeSet<(Instant, u64)>,
    next: u64,
}

/// One that waits, until it is dropped.
#[derive(Debug)]
pub struct StoreWait {
    key: (Instant, u64),
    all: StoreWaits,
}

impl StoreWaits {
    /// Begins to wait.
    pub fn begin(&self) -> StoreWait {
        let mut waits = self.lock();
        let key = (Instant::now(), waits.next);
        waits.next += 1;
        waits.begun.insert(key);
        StoreWait {
            key,
            all: self.clone(),
        }
    }

    /// How long the one has waited that began first; zero when nobody waits.
    pub fn longest(&self) -> Duration {
        let first = self.lock().begun.first().map(|(begun, _)| *begun);
        first.map_or(Duration::ZERO, |begun| begun.elapsed())
    }

    /// Whether the database keeps up, so that one more device would be let in within its patience.
    pub fn keeps_up(&self) -> bool {
        self.longest() < ADMISSION_WAIT
    }

    fn lock(&self) -> MutexGuard<'_, Waits> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for StoreWait {
    fn drop(&mut self) {
        self.all.lock().begun.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_keeps_up_until_somebody_has_waited_too_long() {
        let all = StoreWaits::default();
        assert_eq!(all.longest(), Duration::ZERO);
        let first = all.begin();
        tokio::time::advance(ADMISSION_WAIT / 2).await;
        let second = all.begin();
        tokio::time::advance(ADMISSION_WAIT / 2).await;
        assert!(!all.keeps_up());
        // The one that is left has waited for half as long.
        drop(first);
        assert_eq!(all.longest(), ADMISSION_WAIT / 2);
        assert!(all.keeps_up());
        drop(second);
        assert_eq!(all.longest(), Duration::ZERO);
    }
}
