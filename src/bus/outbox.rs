//! The way to other nodes: what waits is written together, for each target, as often as the carrier takes it. And the way back.

use super::message::{self, BusMessage, Target};
use super::{Carrier, Nats};
use crate::ids::NodeId;
use crate::limits::{BUS_BATCH, BUS_RETRY_PAUSE, NATS_BYTES, NOTIFY_BYTES};
use crate::store::node::notify::Notify;
use std::collections::BTreeMap;
use tokio::sync::{broadcast, mpsc};
use tokio::time::sleep;

/// Every text begins with its sender, in so many hex digits: what is for all comes back to who said it as well.
const SENDER: usize = 16;

fn sender(node: NodeId) -> String {
    format!("{:016x}", node.0)
}

pub(super) struct Outbox {
    carrier: Carrier,
    own: NodeId,
    waiting: mpsc::Receiver<(Target, BusMessage)>,
    /// Whether the last batch did not go out, so that the log has a line for each time that the bus is away.
    away: bool,
}

impl Outbox {
    pub(super) fn new(
        carrier: Carrier,
        own: NodeId,
        waiting: mpsc::Receiver<(Target, BusMessage)>,
    ) -> Self {
        Self {
            carrier,
            own,
            waiting,
            away: false,
        }
    }

    /// Sends until nobody can send any more. What a carrier does not take is lost.
    pub(super) async fn run(mut self) {
        let mut batch = Vec::with_capacity(BUS_BATCH);
        while self.waiting.recv_many(&mut batch, BUS_BATCH).await > 0 {
            let texts = self.written(batch.drain(..));
            match self.carrier.send(texts).await {
                Ok(()) if std::mem::take(&mut self.away) => {
                    tracing::info!("the bus takes messages again");
                }
                Ok(()) => {}
                Err(e) => {
                    if !std::mem::replace(&mut self.away, true) {
                        tracing::warn!(error = %e, "the bus takes no messages to other nodes; ticks repair what is lost");
                    }
                    sleep(BUS_RETRY_PAUSE).await;
                }
            }
        }
    }

    fn written(&self, batch: impl Iterator<Item = (Target, BusMessage)>) -> Vec<(String, String)> {
        let mut targets: BTreeMap<Target, Vec<BusMessage>> = BTreeMap::new();
        for (target, message) in batch {
            let all = targets.entry(target).or_default();
            // The same hint in one batch says no more than once. Only the last few are compared: a batch is not searched for each.
            let said = all
                .iter()
                .rev()
                .take(16)
                .any(|m| m.is_hint() && *m == message);
            if !said {
                all.push(message);
            }
        }
        let most = match self.carrier {
            Carrier::Postgres(_) => NOTIFY_BYTES,
            Carrier::Nats(_) => NATS_BYTES,
        };
        let from = sender(self.own);
        let mut out = Vec::new();
        for (target, messages) in targets {
            let (texts, left_out) = message::write(&messages, most - SENDER);
            if left_out > 0 {
                tracing::error!(left_out, "messages are too long for the bus");
            }
            let channel = self.carrier.channel(target);
            out.extend(
                texts
                    .into_iter()
                    .map(|text| (channel.clone(), format!("{from}{text}"))),
            );
        }
        out
    }
}

impl Carrier {
    /// Where messages for a target go.
    fn channel(&self, target: Target) -> String {
        let base = match self {
            Self::Postgres(_) => "nervecenter",
            Self::Nats(nats) => nats.base(),
        };
        let mark = match self {
            Self::Postgres(_) => '_',
            Self::Nats(_) => '.',
        };
        match target {
            Target::Node(node) => format!("{base}{mark}node{mark}{:016x}", node.0),
            Target::All | Target::Leader => format!("{base}{mark}all"),
        }
    }

    async fn send(&self, texts: Vec<(String, String)>) -> Result<(), String> {
        let failed = match self {
            Self::Postgres(notify) => notify.send(&texts).await.err().map(|e| e.to_string()),
            Self::Nats(nats) => nats.send(texts).await.err().map(|e| e.to_string()),
        };
        failed.map_or(Ok(()), Err)
    }
}

/// Gives what other nodes say to those who listen here, and goes on by itself when the carrier was away.
pub(super) async fn receive(carrier: Carrier, own: NodeId, local: broadcast::Sender<BusMessage>) {
    let channels = [Target::Node(own), Target::All].map(|t| carrier.channel(t));
    let from = sender(own);
    let pass_on = |text: &str| pass_on(text, &from, &local);
    let mut away = false;
    loop {
        let mut heard = false;
        let ended = match &carrier {
            Carrier::Postgres(notify) => listen(notify, &channels, pass_on, &mut heard).await,
            Carrier::Nats(nats) => subscribe(nats, &channels, pass_on, &mut heard).await,
        };
        away &= !heard;
        if !std::mem::replace(&mut away, true) {
            tracing::warn!(error = %ended, "the bus does not bring messages of other nodes; ticks repair what is lost");
        }
        sleep(BUS_RETRY_PAUSE).await;
    }
}

/// Listens until the database does not answer; why.
async fn listen(
    notify: &Notify,
    channels: &[String],
    pass_on: impl Fn(&str),
    heard: &mut bool,
) -> String {
    let mut listener = match notify.listen(channels).await {
        Ok(listener) => listener,
        Err(e) => return e.to_string(),
    };
    *heard = true;
    loop {
        match listener.next().await {
            Ok(text) => pass_on(&text),
            Err(e) => return e.to_string(),
        }
    }
}

/// Listens until the NATS client ends; why.
async fn subscribe(
    nats: &Nats,
    channels: &[String],
    pass_on: impl Fn(&str),
    heard: &mut bool,
) -> String {
    let mut listener = match nats.subscribe(channels).await {
        Ok(listener) => listener,
        Err(e) => return e.to_string(),
    };
    *heard = true;
    while let Some(text) = listener.next().await {
        pass_on(&text);
    }
    "the subscription has ended".into()
}

/// Gives the messages of a text to those who listen here, unless this node has said them itself.
fn pass_on(text: &str, own: &str, local: &broadcast::Sender<BusMessage>) {
    let Some((from, text)) = text
        .split_at_checked(SENDER)
        .filter(|(from, _)| *from != own)
    else {
        return;
    };
    tracing::trace!(from, text, "heard on the bus");
    for message in message::read(text) {
        // Sending fails when nobody listens. The tick reads the database anyway.
        let _ = local.send(message);
    }
}
