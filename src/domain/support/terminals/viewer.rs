//! A viewer of a terminal. Nothing waits for a viewer: messages that it does not take in time are dropped, and
//! it is told how much.

use super::Shown;
use crate::limits::TERMINAL_QUEUE;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// The terminal's end of the channel.
pub(super) struct Viewer {
    pub(super) id: u64,
    pub(super) name: String,
    /// Whether the viewer has not yet received the output from before it came.
    pub(super) fresh: bool,
    to: mpsc::Sender<Shown>,
    left_out: Arc<AtomicU64>,
}

/// The viewer's end of the channel.
pub struct ViewerInbox {
    from: mpsc::Receiver<Shown>,
    left_out: Arc<AtomicU64>,
    word: &'static str,
}

/// Creates both ends. `word` is the event name for the terminal's output.
pub(super) fn pair(id: u64, name: &str, word: &'static str) -> (Viewer, ViewerInbox) {
    let (to, from) = mpsc::channel(TERMINAL_QUEUE);
    let left_out: Arc<AtomicU64> = Arc::default();
    let viewer = Viewer {
        id,
        name: name.to_owned(),
        fresh: true,
        to,
        left_out: left_out.clone(),
    };
    let inbox = ViewerInbox {
        from,
        left_out,
        word,
    };
    (viewer, inbox)
}

impl Viewer {
    /// Queues a message. Returns false when the viewer must be removed, because it disconnected or a part of a
    /// file would be missing.
    #[must_use]
    pub(super) fn show(&self, shown: &Shown) -> bool {
        let file = shown.0.starts_with("file-data");
        // After the first dropped message all further ones are dropped until the viewer has read its queue, so
        // that there is only one gap.
        if self.left_out.load(Ordering::Acquire) > 0 {
            self.leave_out(shown);
            return !file;
        }
        match self.to.try_send(shown.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.leave_out(shown);
                !file
            }
            Err(TrySendError::Closed(_)) => false,
        }
    }

    fn leave_out(&self, shown: &Shown) {
        let bytes = shown.1["data"].as_str().map_or(0, str::len) as u64;
        self.left_out.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Queues a message that a slow viewer may miss.
    pub(super) fn notify(&self, shown: &Shown) {
        let _ = self.to.try_send(shown.clone());
    }
}

impl ViewerInbox {
    /// The next message; `None` when the viewer was removed.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Shown>> {
        if self.from.is_empty() {
            let bytes = self.left_out.swap(0, Ordering::AcqRel);
            if bytes > 0 {
                let text = format!(
                    "\r\n[{bytes} bytes are left out: they came faster than you could read them]\r\n"
                );
                let told = (self.word.to_owned(), json!({ "data": text }));
                return Poll::Ready(Some(Arc::new(told)));
            }
        }
        self.from.poll_recv(cx)
    }
}

/// A message of an event and its payload.
pub(super) fn shown(event: &str, payload: Value) -> Shown {
    Arc::new((event.to_owned(), payload))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    #[tokio::test]
    async fn who_reads_slowly_is_told_how_much_is_missing_and_nobody_waits() {
        let (viewer, mut inbox) = pair(1, "slow", "up");
        let line = shown("up", json!({"data": "0123456789"}));
        for _ in 0..TERMINAL_QUEUE + 7 {
            assert!(viewer.show(&line));
        }
        for _ in 0..TERMINAL_QUEUE {
            let got = poll_fn(|cx| inbox.poll_next(cx)).await.unwrap();
            assert_eq!(got, line);
        }
        let told = poll_fn(|cx| inbox.poll_next(cx)).await.unwrap();
        assert!(told.1["data"].as_str().unwrap().contains("[70 bytes"));
        assert!(viewer.show(&line));
        assert_eq!(poll_fn(|cx| inbox.poll_next(cx)).await, Some(line));
    }

    #[tokio::test]
    async fn a_part_of_a_file_is_never_left_out_in_silence() {
        let (viewer, inbox) = pair(1, "slow", "up");
        let line = shown("up", json!({"data": "x"}));
        while viewer.to.capacity() > 0 {
            assert!(viewer.show(&line));
        }
        assert!(!viewer.show(&shown("file-data/chunk", json!({}))));
        drop(inbox);
        assert!(!viewer.show(&shown("up", json!({"data": ""}))));
    }
}
