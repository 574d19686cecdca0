//! A bounded set of connections that wait for their peer. When it is full, newcomers wait in line, and whoever has held
//! a place longer than honest peers need gives it up: half-open connections cannot lock honest devices out, and a burst
//! of honest ones is served instead of cut off half-way.
//!
//! The line is served from its end. Under more load than there is capacity, first come first served lets everyone wait
//! until nobody's patience lasts; last come first served keeps serving those who still listen.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

/// The set.
#[derive(Clone)]
pub struct Waiting {
    state: Arc<Mutex<State>>,
    patience: Duration,
}

struct State {
    free: usize,
    next: u64,
    /// In the order in which they came.
    holders: VecDeque<Holder>,
    line: Vec<oneshot::Sender<Permit>>,
}

struct Holder {
    number: u64,
    since: Instant,
    evict: oneshot::Sender<()>,
}

/// The right to a place; goes to the end of the line, or back to the free ones, when dropped.
struct Permit(Option<Arc<Mutex<State>>>);

/// A place in the set, given back when dropped.
pub struct QueueSlot {
    number: u64,
    evicted: oneshot::Receiver<()>,
    state: Arc<Mutex<State>>,
    _permit: Permit,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Waiting {
    /// A set of at most `most`, whose places can be kept for `patience` when others want them.
    pub fn new(most: usize, patience: Duration) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                free: most,
                next: 0,
                holders: VecDeque::new(),
                line: Vec::new(),
            })),
            patience,
        }
    }

    /// Takes a place as soon as there is one; `None` when none was free within `most`.
    pub async fn enter(&self, most: Duration) -> Option<QueueSlot> {
        let permit = timeout(most, self.permit()).await.ok()??;
        let (evict, evicted) = oneshot::channel();
        let mut state = lock(&self.state);
        let number = state.next;
        state.next += 1;
        state.holders.push_back(Holder {
            number,
            since: Instant::now(),
            evict,
        });
        drop(state);
        Some(QueueSlot {
            number,
            evicted,
            state: self.state.clone(),
            _permit: permit,
        })
    }

    async fn permit(&self) -> Option<Permit> {
        let mut turn = {
            let mut state = lock(&self.state);
            if state.free > 0 {
                state.free -= 1;
                return Some(Permit(Some(self.state.clone())));
            }
            let (give, turn) = oneshot::channel();
            state.line.push(give);
            turn
        };
        let tick = (self.patience / 2).max(Duration::from_millis(200));
        loop {
            self.evict();
            tokio::select! {
                permit = &mut turn => return permit.ok(),
                () = sleep(tick) => {}
            }
        }
    }

    /// Takes the place of the one that has held it longest, if it has had its time.
    fn evict(&self) {
        let mut state = lock(&self.state);
        let old = state
            .holders
            .front()
            .is_some_and(|h| h.since.elapsed() >= self.patience);
        if old && let Some(holder) = state.holders.pop_front() {
            // Its receiver may be gone already: then the place is free too.
            let _ = holder.evict.send(());
        }
    }

    /// How many hold a place.
    #[cfg(test)]
    fn len(&self) -> usize {
        lock(&self.state).holders.len()
    }
}

impl QueueSlot {
    /// Does something while the place is held; `None` when it was taken away.
    pub async fn hold<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            _ = &mut self.evicted => None,
        }
    }
}

impl Drop for QueueSlot {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        if let Ok(i) = state
            .holders
            .binary_search_by_key(&self.number, |h| h.number)
        {
            state.holders.remove(i);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(shared) = self.0.take() else { return };
        loop {
            let mut state = lock(&shared);
            let Some(next) = state.line.pop() else {
                state.free += 1;
                return;
            };
            drop(state);
            // Whoever has left the line hands its permit back.
            match next.send(Permit(Some(shared.clone()))) {
                Ok(()) => return,
                Err(mut permit) => permit.0 = None,
            }
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::disallowed_methods,
    reason = "tokio's own clock is paused: its tasks are the subject"
)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn the_longest_waiting_makes_room() {
        let waiting = Arc::new(Waiting::new(2, Duration::ZERO));
        let mut a = waiting.enter(LONG).await.unwrap();
        let mut b = waiting.enter(LONG).await.unwrap();
        let newcomer = tokio::spawn({
            let waiting = waiting.clone();
            async move { waiting.enter(LONG).await }
        });
        assert_eq!(a.hold(std::future::pending::<()>()).await, None);
        drop(a);
        let mut c = newcomer.await.unwrap().unwrap();
        assert_eq!(b.hold(async { 1 }).await, Some(1));
        assert_eq!(c.hold(async { 2 }).await, Some(2));
        assert_eq!(waiting.len(), 2);
        drop((b, c));
        assert_eq!(waiting.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_waits_in_line_and_loses_nobody() {
        let waiting = Arc::new(Waiting::new(4, Duration::from_secs(3)));
        let all: Vec<_> = (0..100)
            .map(|_| {
                let waiting = waiting.clone();
                tokio::spawn(async move {
                    let mut place = waiting.enter(LONG).await.unwrap();
                    place.hold(sleep(Duration::from_millis(500))).await
                })
            })
            .collect();
        for one in all {
            assert_eq!(one.await.unwrap(), Some(()));
        }
        assert_eq!(waiting.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_newest_in_line_is_next_and_who_left_the_line_is_passed_over() {
        let waiting = Waiting::new(1, LONG);
        let held = waiting.enter(LONG).await.unwrap();
        let line = |most: u64| {
            let waiting = waiting.clone();
            tokio::spawn(async move {
                let place = waiting.enter(Duration::from_secs(most)).await;
                place.map(|_| Instant::now())
            })
        };
        let (old, new, left) = (line(50), line(50), line(1));
        sleep(Duration::from_secs(2)).await;
        assert!(left.await.unwrap().is_none());
        drop(held);
        assert!(new.await.unwrap().unwrap() <= old.await.unwrap().unwrap());
        assert_eq!(lock(&waiting.state).free, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_stays_too_long_gives_up_its_place_and_who_waits_too_long_its_turn() {
        let waiting = Arc::new(Waiting::new(1, Duration::from_secs(3)));
        let mut stuck = waiting.enter(LONG).await.unwrap();
        assert!(waiting.enter(Duration::from_secs(2)).await.is_none());
        let next = tokio::spawn({
            let waiting = waiting.clone();
            async move { waiting.enter(LONG).await.is_some() }
        });
        assert_eq!(stuck.hold(std::future::pending::<()>()).await, None);
        drop(stuck);
        assert!(next.await.unwrap());
    }
}
