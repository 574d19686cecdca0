//! Terminals of devices whose connection another node holds. The people stay at their node's terminal; a conversation brings it what
//! the device says, as the device's own connection would.

use super::Relays;
use super::conversation::{Conversation, Heard};
use super::protocol::{FromDevice, FromPeople, Opening, OpeningAt, Typed, output_event};
use crate::app::App;
use crate::bus::DeviceSignal;
use crate::domain::support::terminals::{Blocked, Key, RelaySeat, Relayed};
use crate::ids::{ConnectionId, DeviceId, NodeId};
use crate::limits::{TERMINAL_INBOX, TERMINAL_LOOK, TERMINAL_RETRY_PAUSE};
use crate::store;
use crate::store::devices::connections;
use device_protocol::terminal::{TerminalInput, TerminalOutput};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};

/// Wakes who looks after a terminal of this node's people, or lets somebody begin to.
pub(super) fn wake(app: &App, relays: &Relays, key: Key) {
    let mut state = relays.lock();
    if let Some(typed) = state.terminals.get(&key) {
        typed.notify_one();
        return;
    }
    let typed = Arc::new(Notify::new());
    typed.notify_one();
    state.terminals.insert(key, typed.clone());
    drop(state);
    let (task, relays, app_) = (app.clone(), relays.clone(), app.clone());
    app.background.spawn(async move {
        let stopping = task.stopping.clone();
        stopping
            .run_until_cancelled(look_after(&task, &relays, key, &typed))
            .await;
        relays.lock().terminals.remove(&key);
        // Somebody may have come at this moment, and was told that it is looked after.
        if app_.terminals.is_wanted(key) && !stopping.is_cancelled() {
            wake(&app_, &relays, key);
        }
    });
}

/// Follows a device from node to node for as long as somebody here wants its terminal.
async fn look_after(app: &App, relays: &Relays, key: Key, typed: &Notify) {
    let (device, kind) = key;
    let mut last = None;
    loop {
        let node = where_connected(app, device).await.unwrap_or(last);
        match node {
            Some(other) if other != app.node => converse(app, relays, key, other, typed).await,
            Some(_) if node != last => {
                app.signal_device(app.node, device, DeviceSignal::Terminal(kind));
            }
            Some(_) | None => {}
        }
        last = node;
        let woken = timeout(TERMINAL_LOOK, typed.notified()).await.is_ok();
        if !woken && !app.terminals.is_wanted(key) {
            return;
        }
    }
}

/// Talks with the node that holds the device's connection, until the device is elsewhere or nobody wants its terminal.
async fn converse(app: &App, relays: &Relays, key: Key, node: NodeId, typed: &Notify) {
    let (device, kind) = key;
    let Some(mut conversation) = Conversation::begin(relays, &app.bus, app.node, node) else {
        return;
    };
    let Some(mut seat) = app.terminals.relay(key, false) else {
        return;
    };
    conversation.say(&OpeningAt {
        at: app.now().0,
        opening: Opening::Terminal { device, kind },
    });
    let mut open: Option<Open> = None;
    // Who types code has a moment to do it before it is looked whether anybody wants the terminal.
    let mut look = interval_at(Instant::now() + TERMINAL_LOOK, TERMINAL_LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            heard = conversation.hear::<FromDevice>() => match heard {
                Some(Heard::Said(what)) => show(app, key, &seat, &mut open, what),
                Some(Heard::Room) => {}
                None => break,
            },
            () = typed.notified(), if conversation.has_room() => {
                // Who came since is shown what was printed before, as when the device itself is asked.
                if let Some((connection, version)) = &open {
                    let again = TerminalOutput::Open(version.as_str().into());
                    app.terminals.say_from_elsewhere(key, *connection, again);
                    // What is typed for a device that has come to this node by now is not for that one.
                    for input in app.terminals.take_for(key, *connection) {
                        conversation.say(&FromPeople::Typed(Typed::of(input)));
                    }
                }
            }
            told = seat.told.recv(), if conversation.has_room() => match told {
                Some(Relayed::Chat(message)) => conversation.say(&FromPeople::Chat(message)),
                Some(_) => {}
                None => break,
            },
            _ = look.tick() => {
                let there = where_connected(app, device).await.unwrap_or(Some(node));
                if there != Some(node) || !app.terminals.is_wanted(key) {
                    break;
                }
            }
        }
    }
    drop(seat);
    conversation.finish().await;
    if let Some((connection, _)) = open {
        app.terminals.close_one(key, connection);
    }
}

/// The connection by which a terminal is open, and the version of its console.
type Open = (ConnectionId, String);

/// The node that holds the device's connection.
async fn where_connected(app: &App, device: DeviceId) -> store::Result<Option<NodeId>> {
    connections::node_of(&mut app.db.read().await?, device).await
}

/// Shows the people of this node what the other one says.
fn show(app: &App, key: Key, seat: &RelaySeat, open: &mut Option<Open>, what: FromDevice) {
    let said = match what {
        FromDevice::Opened(connection, version) => {
            let before = open.replace((connection, version.clone()));
            if let Some((before, _)) = before.filter(|(c, _)| *c != connection) {
                app.terminals.close_one(key, before);
            }
            TerminalOutput::Open(version.into())
        }
        FromDevice::Output(text) => TerminalOutput::Output(text),
        FromDevice::Event(event, payload) => match output_event(&event, payload) {
            Some(said) => said,
            None => return,
        },
        FromDevice::Left(connection) => {
            *open = None;
            app.terminals.close_one(key, connection);
            return;
        }
        FromDevice::Chat(message) => {
            seat.chat(message);
            return;
        }
        FromDevice::Ran(_) => return,
    };
    if let Some((connection, _)) = open {
        app.terminals.say_from_elsewhere(key, *connection, said);
    }
}

/// Serves people of another node who look at a terminal of a device of this one.
pub(super) async fn serve(app: &App, mut conversation: Conversation, key: Key) {
    let (device, kind) = key;
    let Some(mut seat) = app.terminals.relay(key, true) else {
        return;
    };
    let signal = || app.signal_device(app.node, device, DeviceSignal::Terminal(kind));
    signal();
    let mut waiting: VecDeque<TerminalInput> = VecDeque::new();
    let mut open = None;
    loop {
        tokio::select! {
            heard = conversation.hear::<FromPeople>(), if waiting.len() < TERMINAL_INBOX => match heard {
                Some(Heard::Said(FromPeople::Typed(typed))) => waiting.extend(typed.input()),
                Some(Heard::Said(FromPeople::Chat(message))) => seat.chat(message),
                Some(Heard::Room) => {}
                None => return,
            },
            told = seat.told.recv(), if conversation.has_room() => match told {
                Some(Relayed::Opened(connection, version)) => {
                    open = Some(connection);
                    conversation.say(&FromDevice::Opened(connection, version.into()));
                }
                Some(Relayed::Said(said)) => {
                    if let Some(connection) = open {
                        conversation.say(&FromDevice::of(said, connection));
                    }
                }
                Some(Relayed::Left(connection)) => {
                    open = None;
                    conversation.say(&FromDevice::Left(connection));
                }
                Some(Relayed::Chat(message)) => conversation.say(&FromDevice::Chat(message)),
                None => return,
            },
            () = sleep(TERMINAL_RETRY_PAUSE), if !waiting.is_empty() => {}
        }
        if waiting.is_empty() {
            continue;
        }
        while let Some(input) = waiting.pop_front() {
            // When the device has left, what was typed was for the terminal that is gone.
            if seat.type_in(input.clone()) == Err(Blocked::Full) {
                waiting.push_front(input);
                break;
            }
        }
        signal();
    }
}
