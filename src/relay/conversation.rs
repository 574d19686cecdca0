//! A conversation between two nodes: texts that arrive whole, once and in order, for as long as both are there.

use super::Relays;
use super::reliable_end::ReliableEnd;
use crate::access::random_id;
use crate::bus::{Bus, BusMessage, Frame, Part};
use crate::ids::NodeId;
use crate::limits::{CONVERSATION_BEAT, CONVERSATION_END, CONVERSATION_SILENCE};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

/// Which conversation: the other node, its number, and whether it was begun here.
pub(super) type Key = (NodeId, i64, bool);

/// What there is to hear.
#[derive(Debug)]
pub(super) enum Heard<T> {
    /// The other end has said this.
    Said(T),
    /// There is room for more to say, where there was none.
    Room,
}

/// One end of a conversation. Dropping it tells the other end that it is over.
pub(super) struct Conversation {
    end: ReliableEnd,
    own: NodeId,
    key: Key,
    bus: Bus,
    relays: Relays,
    frames: mpsc::Receiver<Frame>,
    /// When the other end was heard last.
    heard: Instant,
    /// When this end has to say something, if only that it is there.
    beat: Instant,
    ended: bool,
}

impl Conversation {
    /// Begins one with another node; `None` when there are too many. The first text says what it is about.
    pub(super) fn begin(relays: &Relays, bus: &Bus, own: NodeId, with: NodeId) -> Option<Self> {
        Self::enter(relays, bus, own, (with, random_id(), true))
    }

    /// Enters one, as either end; `None` when there are too many, or this one is there.
    pub(super) fn enter(relays: &Relays, bus: &Bus, own: NodeId, key: Key) -> Option<Self> {
        let frames = relays.enter(key)?;
        Some(Self {
            end: ReliableEnd::default(),
            own,
            key,
            bus: bus.clone(),
            relays: relays.clone(),
            frames,
            heard: Instant::now(),
            beat: Instant::now() + CONVERSATION_BEAT,
            ended: false,
        })
    }

    /// Whether there is room for more to say. What is said without is kept all the same, so whoever can wait should.
    pub(super) fn has_room(&self) -> bool {
        self.end.has_room()
    }

    /// Says something.
    pub(super) fn say(&mut self, what: &impl Serialize) {
        self.end
            .say(&serde_json::to_string(what).unwrap_or_default());
        self.send();
    }

    fn send(&mut self) {
        let now = Instant::now();
        for part in self.end.send(now) {
            self.bus.send(BusMessage::Frame(self.frame(part, false)));
            self.beat = now + CONVERSATION_BEAT;
        }
    }

    fn frame(&self, part: Option<Part>, ended: bool) -> Frame {
        let (to, conversation, begun_here) = self.key;
        Frame {
            from: self.own,
            to,
            conversation,
            begun_here,
            ack: self.end.ack(),
            part,
            ended,
        }
    }

    /// The next thing that the other end says, or that there is room again; `None` when it has ended, or is silent for too long. What
    /// this version does not understand is skipped. May be dropped at any time and called again.
    pub(super) async fn hear<T: DeserializeOwned>(&mut self) -> Option<Heard<T>> {
        while !self.ended {
            let silent = self.heard + CONVERSATION_SILENCE;
            let due = self.end.due().unwrap_or(self.beat);
            let look = due.min(self.beat).min(silent);
            tokio::select! {
                frame = self.frames.recv() => {
                    let Some(frame) = frame else { break };
                    self.heard = Instant::now();
                    self.ended |= frame.ended;
                    let was_full = !self.end.has_room();
                    let text = self.end.take(frame.ack, frame.part, self.heard);
                    self.send();
                    if let Some(what) = text.and_then(|t| serde_json::from_str(&t).ok()) {
                        return Some(Heard::Said(what));
                    }
                    if was_full && self.end.has_room() {
                        return Some(Heard::Room);
                    }
                }
                () = sleep_until(look) => {
                    let now = Instant::now();
                    self.ended |= silent <= now;
                    self.send();
                    if self.beat <= now {
                        self.bus.send(BusMessage::Frame(self.frame(None, false)));
                        self.beat = now + CONVERSATION_BEAT;
                    }
                }
            }
        }
        None
    }

    /// Waits until the other end has all that was said, for a while, and ends.
    pub(super) async fn finish(mut self) {
        let all = async {
            while !self.end.is_answered() && self.hear::<serde_json::Value>().await.is_some() {}
        };
        // One that does not answer is left.
        let _ = timeout(CONVERSATION_END, all).await;
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.relays.leave(self.key);
        // An end that does not hear it hears nothing any more, and ends as well.
        if !self.ended {
            self.bus.send(BusMessage::Frame(self.frame(None, true)));
        }
    }
}
