//! Messages over NATS.

use crate::limits::BUS_AWAY;
use async_nats::{Client, ConnectOptions, Event, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::SelectAll;
use std::sync::Arc;
use std::time::Duration;

/// Why NATS carries no messages.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    /// The address or what it leads to.
    #[error("--bus: {0}")]
    Connect(#[from] async_nats::ConnectError),
    #[error("the NATS server does not take messages: {0}")]
    Send(#[from] async_nats::PublishError),
    #[error("the NATS server lets nobody listen: {0}")]
    Listen(#[from] async_nats::SubscribeError),
}

/// The pause before a try to connect, of which there were so many with this one: none before the first.
fn pause(tries: usize) -> Duration {
    let more = u32::try_from(tries.saturating_sub(1)).unwrap_or(u32::MAX);
    BUS_AWAY.min(BUS_AWAY.saturating_mul(more) / 8)
}

/// A client of a NATS server, which finds its way back by itself. Cloning is cheap.
#[derive(Clone)]
pub struct Nats {
    client: Client,
    /// The subject that all others begin with: of this installation and no other.
    base: Arc<str>,
}

impl Nats {
    /// Connects. A server that does not answer yet is tried again for as long as it takes.
    ///
    /// # Errors
    /// The address is none.
    pub async fn connect(url: &str, installation: &str) -> Result<Self, NatsError> {
        let client = ConnectOptions::new()
            .name("nervecenter")
            .retry_on_initial_connect()
            .no_echo()
            .reconnect_delay_callback(pause)
            .event_callback(|event| async move {
                match event {
                    Event::Connected => tracing::info!("connected to NATS"),
                    event => tracing::warn!(%event, "NATS"),
                }
            })
            .connect(url)
            .await?;
        Ok(Self {
            client,
            base: format!("nervecenter.{installation}").into(),
        })
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    pub(super) async fn send(&self, messages: Vec<(String, String)>) -> Result<(), NatsError> {
        for (subject, signed) in messages {
            // While the server is away, the client keeps what is given to it, up to a limit.
            self.client.publish(subject, Bytes::from(signed)).await?;
        }
        Ok(())
    }

    pub(super) async fn subscribe(&self, subjects: &[String]) -> Result<Listener, NatsError> {
        let mut all = SelectAll::new();
        for subject in subjects {
            all.push(self.client.subscribe(subject.clone()).await?);
        }
        Ok(Listener(all))
    }
}

/// What comes in on some subjects.
pub(super) struct Listener(SelectAll<Subscriber>);

impl Listener {
    /// The next signed message and the subject that it came by; `None` when the client has ended.
    pub(super) async fn next(&mut self) -> Option<(String, String)> {
        loop {
            let message = self.0.next().await?;
            if let Ok(signed) = String::from_utf8(message.payload.into()) {
                return Some((message.subject.into_string(), signed));
            }
        }
    }
}
