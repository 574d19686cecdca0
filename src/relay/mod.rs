//! What is live goes between nodes here: people of one node type into a device of another one, run a script on it, and see what happens
//! to it. What lasts goes through the database. Conversations (`conversation`) run over the bus, which may lose; hints do not need
//! them.

mod conversation;
mod events;
mod protocol;
mod reliable_end;
mod scripts;
mod terminals;

use crate::app::App;
use crate::bus::{BusMessage, Frame};
use crate::domain::support::remote_requests::RemoteRequest;
use crate::domain::support::terminals::Key as TerminalKey;
use crate::limits::{
    CONVERSATION_END, CONVERSATIONS, OPENING_LIFE, OVER_KEPT, OVERS, PARTS_UNDER_WAY,
};
use conversation::{Conversation, Heard, Key};
use protocol::{Opening, OpeningAt};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// The conversations of this node. Cloning is cheap.
#[derive(Clone, Default)]
struct Relays(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    open: HashMap<Key, mpsc::Sender<Frame>>,
    /// Those that have ended a while ago, so that a late part of one does not begin it once more; and until when each is known.
    over: HashSet<Key>,
    ended: VecDeque<(Instant, Key)>,
    /// Terminals whose devices may be at another node, and how to wake who looks after them.
    terminals: HashMap<TerminalKey, Arc<Notify>>,
}

impl State {
    fn forget_old(&mut self) {
        let now = Instant::now();
        let old = |ended: &VecDeque<(Instant, Key)>| {
            let first = ended.front();
            first.is_some_and(|(until, _)| *until <= now || ended.len() >= OVERS)
        };
        while old(&self.ended) {
            if let Some((_, key)) = self.ended.pop_front() {
                self.over.remove(&key);
            }
        }
    }
}

impl Relays {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a conversation; `None` when it is there, was there, or there are too many.
    fn enter(&self, key: Key) -> Option<mpsc::Receiver<Frame>> {
        let mut state = self.lock();
        state.forget_old();
        let known = state.open.contains_key(&key) || state.over.contains(&key);
        if known || state.open.len() >= CONVERSATIONS {
            return None;
        }
        let (sender, frames) = mpsc::channel(PARTS_UNDER_WAY * 2);
        state.open.insert(key, sender);
        Some(frames)
    }

    fn leave(&self, key: Key) {
        let mut state = self.lock();
        state.open.remove(&key);
        state.forget_old();
        // Those that were begun here are known to nobody else who could begin them once more.
        if !key.2 && state.over.insert(key) {
            state.ended.push_back((Instant::now() + OVER_KEPT, key));
        }
    }

    /// Gives a frame to its conversation, or back when there is none.
    fn give(&self, key: Key, frame: Frame) -> Result<(), Frame> {
        let state = self.lock();
        match state.open.get(&key) {
            Some(to) => {
                // A full channel loses it, and it comes again.
                let _ = to.try_send(frame);
                Ok(())
            }
            None => Err(frame),
        }
    }
}

/// Serves what other nodes want of this one, and what this one wants of others, until `stop` is cancelled.
pub async fn run(app: App, mut requests: mpsc::Receiver<RemoteRequest>, stop: CancellationToken) {
    let relays = Relays::default();
    let mut messages = app.bus.listen();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            request = requests.recv() => match request {
                Some(RemoteRequest::Terminal(device, kind)) => terminals::wake(&app, &relays, (device, kind)),
                Some(RemoteRequest::Script { node, device, run }) => {
                    let task = scripts::ask(app.clone(), relays.clone(), node, device, run);
                    app.background.spawn(stop.clone().run_until_cancelled_owned(task));
                }
                None => return,
            },
            message = messages.next() => match message {
                Some(BusMessage::Frame(frame)) if frame.to == app.node => take(&app, &relays, frame, &stop),
                Some(_) => {}
                None => return,
            },
        }
    }
}

/// Takes a frame: it belongs to a conversation, begins one, or is of one that this node does not know any more.
fn take(app: &App, relays: &Relays, frame: Frame, stop: &CancellationToken) {
    let key = (frame.from, frame.conversation, !frame.begun_here);
    let first = frame.begun_here && frame.part.as_ref().is_some_and(|p| p.number == 0);
    let Err(frame) = relays.give(key, frame) else {
        return;
    };
    if frame.ended {
        return;
    }
    let begun = first
        .then(|| Conversation::enter(relays, &app.bus, app.node, key))
        .flatten();
    match begun {
        Some(conversation) => {
            // It was entered just now, and has room.
            let _ = relays.give(key, frame);
            let task = serve(app.clone(), conversation);
            app.background
                .spawn(stop.clone().run_until_cancelled_owned(task));
        }
        // Whoever began it learns that nobody listens here, such as after a restart.
        None => {
            let answer = Frame {
                from: app.node,
                to: frame.from,
                conversation: frame.conversation,
                begun_here: !frame.begun_here,
                ack: 0,
                part: None,
                ended: true,
            };
            app.bus.send(BusMessage::Frame(answer));
        }
    }
}

/// Serves a conversation that another node began.
async fn serve(app: App, mut conversation: Conversation) {
    let opening = timeout(CONVERSATION_END, conversation.hear::<OpeningAt>()).await;
    let Ok(Some(Heard::Said(opening))) = opening else {
        return;
    };
    let age = app.now().0.abs_diff(opening.at);
    if u128::from(age) > OPENING_LIFE.as_micros() {
        tracing::warn!(
            age_s = age / 1_000_000,
            "what another node wants was said too long ago, or the clocks of the nodes differ"
        );
        return;
    }
    match opening.opening {
        Opening::Terminal { device, kind } => {
            terminals::serve(&app, conversation, (device, kind)).await;
        }
        Opening::Script {
            device,
            script,
            millis,
        } => scripts::serve(&app, conversation, device, script, millis).await,
    }
}

/// Passes on what the other nodes have to know at once, until `stop` is cancelled.
pub async fn hints(app: App, stop: CancellationToken) {
    tokio::join!(
        events::forward(&app, &stop),
        events::receive(&app, &stop),
        events::revocations(&app, &stop)
    );
}
