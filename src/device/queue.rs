//! A bounded set of connections that wait for their peer. When it is full the one that has waited longest is dropped,
//! not the newcomer: half-open connections cannot lock honest devices out, however many there are.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

type Slots = Arc<Mutex<VecDeque<(u64, oneshot::Sender<()>)>>>;

/// The set.
#[derive(Clone)]
pub struct Waiting {
    slots: Slots,
    most: usize,
    next: Arc<std::sync::atomic::AtomicU64>,
}

/// A place in the set, given back when dropped.
pub struct Place {
    slots: Slots,
    number: u64,
    evicted: oneshot::Receiver<()>,
}

impl Waiting {
    /// A set of at most this many.
    pub fn new(most: usize) -> Self {
        Self {
            slots: Slots::default(),
            most,
            next: Arc::default(),
        }
    }

    /// Takes a place, from the longest waiting one if none is free.
    pub fn enter(&self) -> Place {
        let number = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (evict, evicted) = oneshot::channel();
        if let Ok(mut slots) = self.slots.lock() {
            if slots.len() >= self.most {
                slots.pop_front();
            }
            slots.push_back((number, evict));
        }
        Place {
            slots: self.slots.clone(),
            number,
            evicted,
        }
    }

    /// How many wait.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.slots.lock().map_or(0, |s| s.len())
    }
}

impl Place {
    /// Does something while the place is held; `None` when it was taken away.
    pub async fn hold<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            _ = &mut self.evicted => None,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Ok(mut slots) = self.slots.lock()
            && let Ok(i) = slots.binary_search_by_key(&self.number, |s| s.0)
        {
            slots.remove(i);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_longest_waiting_makes_room() {
        let waiting = Waiting::new(2);
        let (mut a, mut b) = (waiting.enter(), waiting.enter());
        let mut c = waiting.enter();
        assert_eq!(a.hold(std::future::pending::<()>()).await, None);
        assert_eq!(b.hold(async { 1 }).await, Some(1));
        assert_eq!(c.hold(async { 2 }).await, Some(2));
        drop((a, b));
        assert_eq!(waiting.len(), 1);
        drop(c);
        assert_eq!(waiting.len(), 0);
    }
}
