//! Messages over NATS. Whoever may publish on a NATS server could type into devices, so each text is signed with a key that only the
//! nodes of the installation have, and one that is not is left out.

use crate::access::vault::Vault;
use crate::limits::{BUS_AWAY, BUS_SEND_TIME};
use async_nats::{Client, ConnectOptions, Event, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::SelectAll;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// The bytes of a signature (HMAC-SHA256), which come before the text.
const SIGNATURE: usize = 32;

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
    #[error("the NATS server takes no messages at present")]
    Away,
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
    vault: Arc<Vault>,
}

impl Nats {
    /// Connects. A server that does not answer yet is tried again for as long as it takes.
    ///
    /// # Errors
    /// The address is none.
    pub async fn connect(
        url: &str,
        installation: &str,
        vault: Arc<Vault>,
    ) -> Result<Self, NatsError> {
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
            vault,
        })
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    pub(super) async fn send(&self, texts: Vec<(String, String)>) -> Result<(), NatsError> {
        for (subject, text) in texts {
            let mut payload = self.vault.sign_message(&subject, &text).to_vec();
            payload.extend_from_slice(text.as_bytes());
            let sent = self.client.publish(subject, Bytes::from(payload));
            // While the server is away, the client keeps what is given to it, up to a limit.
            timeout(BUS_SEND_TIME, sent)
                .await
                .map_err(|_| NatsError::Away)??;
        }
        Ok(())
    }

    pub(super) async fn subscribe(&self, subjects: &[String]) -> Result<Listener, NatsError> {
        let mut all = SelectAll::new();
        for subject in subjects {
            all.push(self.client.subscribe(subject.clone()).await?);
        }
        Ok(Listener {
            from: all,
            vault: self.vault.clone(),
        })
    }
}

/// What comes in on some subjects.
pub(super) struct Listener {
    from: SelectAll<Subscriber>,
    vault: Arc<Vault>,
}

impl Listener {
    /// The next text of a node; `None` when the client has ended.
    pub(super) async fn next(&mut self) -> Option<String> {
        loop {
            let message = self.from.next().await?;
            let text = message
                .payload
                .split_at_checked(SIGNATURE)
                .and_then(|(signature, text)| {
                    let text = std::str::from_utf8(text).ok()?;
                    let signed = self.vault.message_signed(&message.subject, text, signature);
                    signed.then(|| text.to_owned())
                });
            match text {
                Some(text) => return Some(text),
                None => {
                    tracing::warn!(subject = %message.subject, "a message on NATS is not of a node of this installation")
                }
            }
        }
    }
}
