//! The heartbeat of a fleet: one timer that wakes a slice of the devices at a time, so that an idle device has no timer of its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// How long a slice is, at least.
const SLICE: Duration = Duration::from_millis(100);
/// Slices of a period, at most.
const SLICES: u128 = 1_000;

/// A period in slices. Devices wait for one of them, which comes once a period.
pub(super) struct Pulse {
    slices: Vec<Notify>,
    slice: Duration,
    newest: AtomicUsize,
}

impl Pulse {
    pub(super) fn new(period: Duration) -> Self {
        let slices = (period.as_millis() / SLICE.as_millis()).clamp(1, SLICES);
        let slices = usize::try_from(slices).unwrap_or(1);
        Self {
            slices: (0..slices).map(|_| Notify::new()).collect(),
            slice: period.div_f64(slices as f64),
            newest: AtomicUsize::new(0),
        }
    }

    /// The slice that came last: for who waits for it now, the next one is a whole period away.
    pub(super) fn newest(&self) -> &Notify {
        &self.slices[self.newest.load(Ordering::Relaxed)]
    }

    /// The slice at this share of the period, from 0 to 1.
    pub(super) fn at(&self, share: f64) -> &Notify {
        let slices = self.slices.len();
        &self.slices[((share * slices as f64) as usize).min(slices - 1)]
    }

    /// Wakes slice after slice, for as long as it is polled.
    pub(super) async fn run(&self) {
        let mut tick = tokio::time::interval(self.slice);
        loop {
            for (n, slice) in self.slices.iter().enumerate() {
                tick.tick().await;
                self.newest.store(n, Ordering::Relaxed);
                slice.notify_waiters();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_woken_once_a_period() {
        let pulse = Pulse::new(Duration::from_secs(30));
        let waits = async {
            tokio::time::sleep(Duration::from_millis(7_050)).await;
            let (slice, begun) = (pulse.newest(), Instant::now());
            for period in 1..4 {
                slice.notified().await;
                let late = begun.elapsed().as_secs_f64() - 30.0 * f64::from(period);
                assert!(late.abs() < 0.2, "{late}");
            }
        };
        tokio::select! {
            () = pulse.run() => {}
            () = waits => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn slices_are_spread_over_the_period() {
        let pulse = Pulse::new(Duration::from_secs(10));
        let begun = Instant::now();
        let waits = async {
            for (share, seconds) in [(0.25, 2.5), (0.5, 5.0), (0.999, 9.9)] {
                pulse.at(share).notified().await;
                let late = begun.elapsed().as_secs_f64() - seconds;
                assert!(late.abs() < 0.2, "{share}: {late}");
            }
        };
        tokio::select! {
            () = pulse.run() => {}
            () = waits => {}
        }
    }
}
