//! A person's socket while it is open: one task serves it until one side ends it.

use super::frame::{self, Version};
use super::{Purpose, SocketSecret};
use crate::access::scope::Person;
use crate::app::App;
use crate::budget;
use crate::domain::DomainError;
use crate::domain::accounts::scopes;
use crate::domain::events::device_events::{DeviceEvent, EventKind};
use crate::domain::support::terminal_access::{self, TerminalSession};
use crate::domain::support::terminals::{Blocked, Shown};
use crate::ids::{DeviceId, UserId};
use crate::limits::{
    SEND_TIME, STANDING_PAUSE, TERMINAL_RETRIES, TERMINAL_RETRY_PAUSE, VIEWER_IDLE, VIEWER_LOOK,
    VIEWER_MESSAGE_BYTES,
};
use device_protocol::terminal::TerminalInput;
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::task::Poll;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// A topic that the person joined.
pub(super) struct Joined {
    pub(super) topic: String,
    pub(super) join_ref: Value,
    pub(super) place: TerminalSession,
}

/// A device whose updates the person watches.
pub(super) struct Watched {
    pub(super) topic: String,
    pub(super) join_ref: Value,
    pub(super) identifier: String,
    pub(super) device: DeviceId,
}

/// A person's socket.
pub(super) struct UserSocket {
    pub(super) app: App,
    pub(super) purpose: Purpose,
    pub(super) progress: broadcast::Receiver<DeviceEvent>,
    pub(super) watched: Vec<Watched>,
    pub(super) person: Person,
    secret: SocketSecret,
    pub(super) version: Version,
    pub(super) joined: Vec<Joined>,
    /// What the device could not take yet: of which topic, and how often it was tried.
    waiting: Option<(usize, TerminalInput, u32)>,
}

pub(super) async fn serve(mut link: UserSocket, raw: Upgraded, _slot: budget::Slot<UserId>) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(VIEWER_MESSAGE_BYTES))
        .max_frame_size(Some(VIEWER_MESSAGE_BYTES));
    let mut socket =
        WebSocketStream::from_raw_socket(TokioIo::new(raw), Role::Server, Some(config)).await;
    let code = run(&mut link, &mut socket).await;
    drop(link);
    let close = CloseFrame {
        code,
        reason: "".into(),
    };
    // The peer may be gone; then there is nobody to tell.
    let _ = timeout(Duration::from_secs(5), socket.close(Some(close))).await;
}

/// Serves until one side ends it; the code to close with.
async fn run(link: &mut UserSocket, socket: &mut Socket) -> CloseCode {
    let stopping = link.app.stopping.clone();
    let mut heard = Instant::now();
    let mut revocations = link.app.db.revocations();
    let mut looked = Instant::now();
    let mut look = looked + VIEWER_LOOK;
    loop {
        let texts = tokio::select! {
            () = stopping.cancelled() => return CloseCode::Restart,
            () = sleep_until(heard + VIEWER_IDLE) => return CloseCode::Protocol,
            frame = socket.next(), if link.waiting.is_none() => {
                heard = Instant::now();
                match frame {
                    Some(Ok(Message::Text(text))) => link.take(text.as_str()).await,
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Vec::new(),
                    Some(Ok(Message::Binary(_))) => return CloseCode::Unsupported,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return CloseCode::Normal,
                }
            }
            (at, shown) = next_shown(&mut link.joined), if !link.joined.is_empty() => {
                link.show(at, shown)
            }
            // Who watches no device is not woken by what happens to all of them.
            progress = link.progress.recv(), if !link.watched.is_empty() => match progress {
                Ok(progress) => link.tell(progress),
                // Behind: it misses some, as documented.
                Err(broadcast::error::RecvError::Lagged(_)) => Vec::new(),
                Err(broadcast::error::RecvError::Closed) => return CloseCode::Restart,
            },
            // A right was taken away, from whomever.
            Ok(()) = revocations.changed() => {
                let soon = Instant::now() + link.app.db.look_delay();
                look = look.min(soon.max(looked + STANDING_PAUSE));
                continue;
            }
            () = sleep_until(look) => {
                looked = Instant::now();
                look = looked + VIEWER_LOOK;
                match link.look_again().await {
                    Some(texts) => texts,
                    None => return CloseCode::Policy,
                }
            }
            () = sleep(TERMINAL_RETRY_PAUSE), if link.waiting.is_some() => link.again(),
        };
        for text in texts {
            let sent = timeout(SEND_TIME, socket.send(Message::text(text))).await;
            if !matches!(sent, Ok(Ok(()))) {
                return CloseCode::Away;
            }
        }
    }
}

/// What the next of the joined terminals shows.
async fn next_shown(joined: &mut [Joined]) -> (usize, Option<Shown>) {
    std::future::poll_fn(|cx| {
        for (at, one) in joined.iter_mut().enumerate() {
            if let Poll::Ready(shown) = one.place.seat.shown.poll_next(cx) {
                return Poll::Ready((at, shown));
            }
        }
        Poll::Pending
    })
    .await
}

impl UserSocket {
    /// A socket that has joined nothing yet.
    pub(super) fn new(
        app: App,
        purpose: Purpose,
        person: Person,
        secret: SocketSecret,
        version: Version,
    ) -> Self {
        Self {
            progress: app.device_events.watch(),
            app,
            purpose,
            watched: Vec::new(),
            person,
            secret,
            version,
            joined: Vec::new(),
            waiting: None,
        }
    }

    /// Whether the person may still do what was allowed at the beginning: `None` when the token is gone, else what to say
    /// of terminals that are not theirs any more.
    async fn look_again(&mut self) -> Option<Vec<String>> {
        match scopes::person(&self.app, self.secret.credential()).await {
            Ok(None) => return None,
            Ok(Some(_)) => {}
            Err(e) => {
                tracing::warn!(error = %e, "a socket's token was not looked at again");
                return Some(Vec::new());
            }
        }
        let mut texts = Vec::new();
        for one in std::mem::take(&mut self.watched) {
            let own =
                terminal_access::watched(&self.app, self.person.clone(), &one.identifier).await;
            // A fault of the store lets it be.
            if own.map_or_else(|e| matches!(e, DomainError::Store(_)), |d| d == one.device) {
                self.watched.push(one);
                continue;
            }
            let (join_ref, topic) = (&one.join_ref, &one.topic);
            texts.push(frame::push(
                self.version,
                join_ref,
                topic,
                "phx_error",
                &json!({}),
            ));
        }
        for one in std::mem::take(&mut self.joined) {
            if one
                .place
                .still_allowed(&self.app, self.person.clone())
                .await
            {
                self.joined.push(one);
                continue;
            }
            self.waiting = None;
            let (join_ref, topic) = (&one.join_ref, &one.topic);
            texts.push(frame::push(
                self.version,
                join_ref,
                topic,
                "phx_error",
                &json!({}),
            ));
        }
        Some(texts)
    }

    /// A device's update has gone on: a text for each topic that is about it.
    fn tell(&self, progress: DeviceEvent) -> Vec<String> {
        if !matches!(progress.what, EventKind::Update { .. }) {
            return Vec::new();
        }
        let payload = progress.what.facts();
        let about = self.watched.iter().filter(|w| w.device == progress.device);
        about
            .map(|w| {
                frame::push(
                    self.version,
                    &w.join_ref,
                    &w.topic,
                    "firmware_update",
                    &payload,
                )
            })
            .collect()
    }

    pub(super) fn type_in(&mut self, at: usize, typed: TerminalInput, tries: u32) -> Vec<String> {
        let Some(joined) = self.joined.get(at) else {
            return Vec::new();
        };
        let blocked = match joined.place.type_in(&self.app, &typed) {
            Ok(()) => return Vec::new(),
            Err(Blocked::Full) if tries < TERMINAL_RETRIES => {
                self.waiting = Some((at, typed, tries + 1));
                return Vec::new();
            }
            Err(blocked) => blocked,
        };
        let TerminalInput::Event(event, payload) = typed else {
            return Vec::new();
        };
        let event = if event.starts_with("file-data") {
            "file-data/error"
        } else {
            "error"
        };
        let why = json!({"filename": payload.get("filename"), "reason": blocked.to_string()});
        vec![frame::push(
            self.version,
            &joined.join_ref,
            &joined.topic,
            event,
            &why,
        )]
    }

    fn again(&mut self) -> Vec<String> {
        match self.waiting.take() {
            Some((at, typed, tries)) => self.type_in(at, typed, tries),
            None => Vec::new(),
        }
    }

    fn show(&mut self, at: usize, shown: Option<Shown>) -> Vec<String> {
        let Some(joined) = self.joined.get(at) else {
            return Vec::new();
        };
        let push = |event: &str, payload: &Value| {
            frame::push(
                self.version,
                &joined.join_ref,
                &joined.topic,
                event,
                payload,
            )
        };
        if let Some(shown) = shown {
            return vec![push(&shown.0, &shown.1)];
        }
        // It did not read in time and lost its seat; its client joins again.
        let text = push("phx_error", &json!({}));
        self.joined.remove(at);
        self.waiting = None;
        vec![text]
    }
}
