//! The way to other nodes: what waits is written together, for each target, as often as the carrier takes it. And the way back.

use super::message::{self, BusMessage, Target};
use super::signed::Signer;
use super::{Carrier, Nats};
use crate::limits::{
    BUS_BATCH, BUS_PING, BUS_RETRY_PAUSE, BUS_SEND_TIME, BUS_SILENCE, NATS_BYTES, NOTIFY_BYTES,
};
use crate::store::node::notify::Notify;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, sleep, timeout};

pub(super) struct Outbox {
    carrier: Carrier,
    signer: Signer,
    waiting: mpsc::Receiver<(Target, BusMessage)>,
    /// Whether the last batch did not go out, so that the log has a line for each time that the bus is away.
    away: bool,
}

impl Outbox {
    pub(super) fn new(
        carrier: Carrier,
        signer: Signer,
        waiting: mpsc::Receiver<(Target, BusMessage)>,
    ) -> Self {
        Self {
            carrier,
            signer,
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
        let mut out = Vec::new();
        for (target, messages) in targets {
            let (texts, left_out) = message::write(&messages, most - Signer::BYTES);
            if left_out > 0 {
                tracing::error!(left_out, "messages are too long for the bus");
            }
            let channel = self.carrier.channel(target);
            let sign = |text: &String| (channel.clone(), self.signer.sign(&channel, text));
            out.extend(texts.iter().map(sign));
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

    async fn send(&self, messages: Vec<(String, String)>) -> Result<(), String> {
        let sent = async {
            match self {
                Self::Postgres(notify) => notify.send(&messages).await.map_err(|e| e.to_string()),
                Self::Nats(nats) => nats.send(messages).await.map_err(|e| e.to_string()),
            }
        };
        let late = |_| "it does not answer in time".to_owned();
        timeout(BUS_SEND_TIME, sent).await.map_err(late)?
    }
}

/// Gives what other nodes say to those who listen here, and goes on by itself when the carrier was away.
pub(super) async fn receive(
    carrier: Carrier,
    signer: Signer,
    local: broadcast::Sender<BusMessage>,
) {
    let own = signer.own();
    let channels = [Target::Node(own), Target::All].map(|t| carrier.channel(t));
    let pass_on = |channel: &str, signed: &str| {
        let Some((from, text)) = signer.verify(channel, signed) else {
            tracing::warn!(
                channel,
                "a message on the bus is not of a node of this installation"
            );
            return;
        };
        // What is for all comes back to who said it as well.
        if from == own {
            return;
        }
        for message in message::read(text) {
            // Sending fails when nobody listens. The tick reads the database anyway.
            let _ = local.send(message);
        }
    };
    let mut away = false;
    loop {
        let mut heard = false;
        let ended = match &carrier {
            Carrier::Postgres(notify) => {
                let ping = (channels[0].clone(), signer.sign(&channels[0], "[]"));
                listen(notify, &channels, ping, &pass_on, &mut heard).await
            }
            Carrier::Nats(nats) => subscribe(nats, &channels, &pass_on, &mut heard).await,
        };
        away &= !heard;
        if !std::mem::replace(&mut away, true) {
            tracing::warn!(error = %ended, "the bus does not bring messages of other nodes; ticks repair what is lost");
        }
        // What was said meanwhile is lost, also that a right was taken away or that keys have changed.
        for message in [BusMessage::Revoked, BusMessage::KeysChanged] {
            let _ = local.send(message);
        }
        sleep(BUS_RETRY_PAUSE).await;
    }
}

/// Listens until the database does not answer, or does not bring what this node says to itself; why it ended.
async fn listen(
    notify: &Notify,
    channels: &[String],
    ping: (String, String),
    pass_on: &impl Fn(&str, &str),
    heard: &mut bool,
) -> String {
    let mut listener = match notify.listen(channels).await {
        Ok(listener) => listener,
        Err(e) => return e.to_string(),
    };
    *heard = true;
    let last = Mutex::new(Instant::now());
    let since = || *last.lock().unwrap_or_else(PoisonError::into_inner);
    let listening = async {
        loop {
            match listener.next().await {
                Ok((channel, signed)) => {
                    *last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
                    pass_on(&channel, &signed);
                }
                Err(e) => return e.to_string(),
            }
        }
    };
    // A connection that is cut without a word, or a pooler that gives the listener's to somebody else, brings nothing for ever.
    let asking = async {
        loop {
            sleep(BUS_PING).await;
            if since().elapsed() > BUS_SILENCE {
                return "nothing comes, not even what this server says to itself; behind PgBouncer in transaction mode, --bus has to name the database itself".to_owned();
            }
            // One that is not sent is one that does not come.
            let _ = timeout(BUS_SEND_TIME, notify.send(std::slice::from_ref(&ping))).await;
        }
    };
    tokio::select! {
        ended = listening => ended,
        ended = asking => ended,
    }
}

/// Listens until the NATS client ends; why. It asks its server by itself whether it is there.
async fn subscribe(
    nats: &Nats,
    channels: &[String],
    pass_on: &impl Fn(&str, &str),
    heard: &mut bool,
) -> String {
    let mut listener = match nats.subscribe(channels).await {
        Ok(listener) => listener,
        Err(e) => return e.to_string(),
    };
    *heard = true;
    while let Some((channel, signed)) = listener.next().await {
        pass_on(&channel, &signed);
    }
    "the subscription has ended".into()
}
