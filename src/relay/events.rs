//! What happens to devices, for people who watch at other nodes; and that a right was taken away, or keys have changed.

use crate::app::App;
use crate::bus::{BusMessage, ToldEvent};
use crate::clock::Micros;
use crate::domain::events::device_events::{DeviceEvent, EventKind};
use crate::ids::NodeId;
use crate::limits::{EVENTS_TOGETHER, WATCHING_EVERY, WATCHING_FOR};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use tokio::time::{Instant, interval};
use tokio_util::sync::CancellationToken;

/// Says that people watch here, while they do.
async fn say_watching(app: &App) {
    loop {
        let came = app.device_events.somebody_watches();
        if app.device_events.is_watched() {
            app.bus.send_elsewhere(BusMessage::Watching(app.node));
            tokio::time::sleep(WATCHING_EVERY).await;
        } else {
            came.await;
        }
    }
}

/// Tells nodes where people watch what happens to devices of this one.
pub(super) async fn forward(app: &App, stop: &CancellationToken) {
    let Some(mut events) = app.device_events.for_other_nodes() else {
        return;
    };
    let mut messages = app.bus.listen();
    let mut watching: HashMap<NodeId, Instant> = HashMap::new();
    let mut look = interval(WATCHING_EVERY);
    let mut burst = Vec::with_capacity(EVENTS_TOGETHER);
    let tell = async {
        loop {
            tokio::select! {
                message = messages.next() => match message {
                    Some(BusMessage::Watching(node)) if node != app.node => {
                        watching.insert(node, Instant::now() + WATCHING_FOR);
                        app.device_events.set_watched_elsewhere(true);
                    }
                    Some(_) => {}
                    None => return,
                },
                count = events.recv_many(&mut burst, EVENTS_TOGETHER) => {
                    if count == 0 {
                        return;
                    }
                    let told: Vec<_> = burst.drain(..).map(told).collect();
                    for node in watching.keys() {
                        let events = told.clone();
                        app.bus.send(BusMessage::Events { node: *node, events });
                    }
                }
                _ = look.tick() => {
                    watching.retain(|_, until| *until > Instant::now());
                    app.device_events.set_watched_elsewhere(!watching.is_empty());
                }
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = tell => {}
        () = say_watching(app) => {}
    }
}

fn told(event: DeviceEvent) -> ToldEvent {
    let (word, detail, percent) = event.what.told();
    ToldEvent {
        device: event.device,
        at: event.at.0,
        word: word.to_owned(),
        detail: detail.to_owned(),
        percent,
    }
}

/// Tells people of this node what has happened at others.
pub(super) async fn receive(app: &App, stop: &CancellationToken) {
    let mut messages = app.bus.listen();
    while let Some(Some(message)) = stop.run_until_cancelled(messages.next()).await {
        match message {
            BusMessage::Events { node, events } if node == app.node => {
                for event in events {
                    let what = EventKind::heard(&event.word, &event.detail, event.percent);
                    if let Some(what) = what {
                        app.device_events
                            .tell_here(event.device, what, Micros(event.at));
                    }
                }
            }
            BusMessage::KeysChanged => {
                app.key_changes.fetch_add(1, Ordering::Relaxed);
            }
            BusMessage::Revoked => app.db.revoked_elsewhere(),
            _ => {}
        }
    }
}

/// Tells the other nodes that a right was taken away here.
pub(super) async fn revocations(app: &App, stop: &CancellationToken) {
    let mut own = app.db.own_revocations();
    while let Some(Ok(())) = stop.run_until_cancelled(own.changed()).await {
        app.bus.send_elsewhere(BusMessage::Revoked);
    }
}
