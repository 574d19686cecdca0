//! A link's mailbox: a few commands, in a tenth of the memory of a general channel, since there is one a device.

use super::registry::LinkCommand;
use crate::limits::MAILBOX;
use futures_util::task::AtomicWaker;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    waker: AtomicWaker,
}

#[derive(Default)]
struct State {
    /// Oldest first, without gaps.
    queue: [Option<LinkCommand>; MAILBOX],
    closed: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The side that the registry keeps; dropping it closes the mailbox.
pub(super) struct Sender(Arc<Shared>);

/// The link's side.
pub(super) struct Mailbox(Arc<Shared>);

/// Both sides of an empty mailbox.
pub(super) fn mailbox() -> (Sender, Mailbox) {
    let shared = Arc::new(Shared::default());
    (Sender(shared.clone()), Mailbox(shared))
}

impl Sender {
    /// Puts a command in; false when it is full.
    pub(super) fn send(&self, command: LinkCommand) -> bool {
        let mut state = self.0.lock();
        let Some(free) = state.queue.iter_mut().find(|place| place.is_none()) else {
            return false;
        };
        *free = Some(command);
        drop(state);
        self.0.waker.wake();
        true
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.waker.wake();
    }
}

impl Mailbox {
    /// The next command; `None` when the sender is gone and the rest was taken. It may be dropped while it waits.
    pub(super) async fn recv(&mut self) -> Option<LinkCommand> {
        poll_fn(|cx| {
            // Registered first: what comes after the look wakes.
            self.0.waker.register(cx.waker());
            let mut state = self.0.lock();
            if let Some(command) = state.queue[0].take() {
                state.queue.rotate_left(1);
                return Poll::Ready(Some(command));
            }
            if state.closed {
                Poll::Ready(None)
            } else {
                Poll::Pending
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::DeviceSignal;
    use device_protocol::session::Close;

    #[tokio::test]
    async fn commands_come_in_order_a_full_box_drops_and_the_rest_is_read_after_the_sender_left() {
        let (to, mut from) = mailbox();
        let all = [
            LinkCommand::Nudge(DeviceSignal::Claim),
            LinkCommand::Nudge(DeviceSignal::Reboot),
            LinkCommand::Close(Close::Restart),
        ];
        for command in all {
            assert!(to.send(command));
        }
        assert_eq!(from.recv().await, Some(all[0]));
        for _ in 0..MAILBOX - 2 {
            assert!(to.send(all[0]));
        }
        assert!(!to.send(all[0]), "full");
        assert_eq!(from.recv().await, Some(all[1]));
        assert_eq!(from.recv().await, Some(all[2]));
        drop(to);
        for _ in 0..MAILBOX - 2 {
            assert_eq!(from.recv().await, Some(all[0]));
        }
        assert_eq!(from.recv().await, None);
    }

    #[tokio::test]
    #[expect(
        clippy::disallowed_methods,
        reason = "a test has no node to spawn through"
    )]
    async fn who_waits_is_woken_by_a_command_and_by_the_end() {
        let (to, mut from) = mailbox();
        let waiting = tokio::spawn(async move { (from.recv().await, from.recv().await) });
        tokio::task::yield_now().await;
        assert!(to.send(LinkCommand::Nudge(DeviceSignal::Claim)));
        tokio::task::yield_now().await;
        drop(to);
        let got = waiting.await.unwrap();
        assert_eq!(got, (Some(LinkCommand::Nudge(DeviceSignal::Claim)), None));
    }
}
