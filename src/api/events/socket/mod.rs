//! People's sockets over Phoenix channels (docs/protocol/rest.md, "User sockets"): consoles and shells of devices, and how their updates go. One task
//! a socket; what a device cannot take yet stays with the sender.

mod frame;

use crate::access::scope::{Act, Person};
use crate::app::App;
use crate::budget::{self, Account, Refused};
use crate::domain::DomainError;
use crate::domain::accounts::scopes;
use crate::domain::events::device_events::{DeviceEvent, EventKind};
use crate::domain::support::terminal_access::{self, TerminalSession};
use crate::domain::support::terminals::{Blocked, Shown};
use crate::ids::{DeviceId, UserId};
use crate::limits::{
    SEND_TIME, STANDING_PAUSE, VIEWER_IDLE, VIEWER_LOOK, VIEWER_MESSAGE_BYTES, VIEWER_TOPICS,
};
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use device_protocol::terminal::{TerminalInput, TerminalKind};
use frame::{Frame, Version};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use std::task::Poll;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

/// Pause before what a device could not take is tried again, and how often.
const AGAIN: Duration = Duration::from_millis(20);
const TRIES: u32 = 500;

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    token: String,
    vsn: Option<String>,
}

/// `GET /socket/websocket` and `/api/socket/websocket` with a token: the upgrade, or 403.
pub async fn terminals(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    request: Request,
) -> Response {
    connect(app, asked, request, Purpose::Terminals).await
}

/// `GET /events-socket/websocket` with a token: the same.
pub async fn events(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    request: Request,
) -> Response {
    connect(app, asked, request, Purpose::Events).await
}

/// What a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Terminals,
    Events,
}

async fn connect(app: App, asked: Asked, mut request: Request, purpose: Purpose) -> Response {
    let Some(key) = upgrade_key(request.headers()) else {
        return (
            StatusCode::BAD_REQUEST,
            "this address is for WebSockets only",
        )
            .into_response();
    };
    let person = match scopes::person(&app, &asked.token).await {
        Ok(person) => person,
        Err(e) => {
            tracing::warn!(error = %e, "a socket could not be authenticated");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    let act = match purpose {
        Purpose::Terminals => Act::Change,
        Purpose::Events => Act::Read,
    };
    let person = person.filter(|p| p.grant.covers(act));
    let (Some(person), Some(version)) = (person, Version::parse(asked.vsn.as_deref())) else {
        return StatusCode::FORBIDDEN.into_response();
    };
    if let Some(account) = request.extensions().get::<Account>() {
        account.set(person.id.number());
    }
    let place = match app.viewer_slots.take(person.id) {
        Ok(place) => place,
        Err(Refused::Share) => {
            let text = "you have too many sockets open on this server";
            return (StatusCode::TOO_MANY_REQUESTS, text).into_response();
        }
        Err(Refused::Full) => {
            let text = "too many people's sockets are open on this server";
            return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
        }
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let task = app.clone();
    app.background.spawn(async move {
        match timeout(Duration::from_secs(10), upgrade).await {
            Ok(Ok(raw)) => {
                let link = UserSocket {
                    progress: task.device_events.watch(),
                    app: task,
                    purpose,
                    watched: Vec::new(),
                    person,
                    token: asked.token,
                    version,
                    joined: Vec::new(),
                    waiting: None,
                };
                serve(link, raw, place).await;
            }
            _ => tracing::debug!("a socket was not upgraded"),
        }
    });
    let answer = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::UPGRADE, "websocket")
        .header(header::CONNECTION, "Upgrade")
        .header(
            header::SEC_WEBSOCKET_ACCEPT,
            derive_accept_key(key.as_bytes()),
        )
        .body(Body::empty());
    answer.unwrap_or_else(|_| StatusCode::BAD_REQUEST.into_response())
}

/// The key of a request that asks for a WebSocket.
fn upgrade_key(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok());
    let asks = text(header::UPGRADE)?.eq_ignore_ascii_case("websocket");
    let key = text(header::SEC_WEBSOCKET_KEY)?;
    asks.then(|| key.to_owned())
}

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// A topic that the person joined.
struct Joined {
    topic: String,
    join_ref: Value,
    place: TerminalSession,
}

/// A device whose updates the person watches.
struct Watched {
    topic: String,
    join_ref: Value,
    identifier: String,
    device: DeviceId,
}

/// A person's socket.
struct UserSocket {
    app: App,
    purpose: Purpose,
    progress: broadcast::Receiver<DeviceEvent>,
    watched: Vec<Watched>,
    person: Person,
    token: String,
    version: Version,
    joined: Vec<Joined>,
    /// What the device could not take yet: of which topic, and how often it was tried.
    waiting: Option<(usize, TerminalInput, u32)>,
}

async fn serve(mut link: UserSocket, raw: Upgraded, _place: budget::Slot<UserId>) {
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
            () = sleep(AGAIN), if link.waiting.is_some() => link.again(),
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
    /// Whether the person may still do what was allowed at the beginning: `None` when the token is gone, else what to say
    /// of terminals that are not theirs any more.
    async fn look_again(&mut self) -> Option<Vec<String>> {
        match scopes::person(&self.app, &self.token).await {
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

    async fn take(&mut self, text: &str) -> Vec<String> {
        let Some(frame) = Frame::read(self.version, text) else {
            return Vec::new();
        };
        let ok = || vec![frame.reply(self.version, "ok", &json!({}))];
        match frame.event.as_str() {
            "heartbeat" if frame.topic == "phoenix" => return ok(),
            "phx_join" => {
                self.joined.retain(|j| j.topic != frame.topic);
                self.watched.retain(|w| w.topic != frame.topic);
                return self.join(&frame).await;
            }
            "phx_leave" => {
                self.joined.retain(|j| j.topic != frame.topic);
                self.watched.retain(|w| w.topic != frame.topic);
                return ok();
            }
            _ => {}
        }
        let at = self.joined.iter().position(|j| j.topic == frame.topic);
        let Some((at, joined)) = at.and_then(|at| Some((at, self.joined.get(at)?))) else {
            return Vec::new();
        };
        if frame.event == "message" {
            let seat = &joined.place.seat;
            seat.chat(Value::Object(frame.payload.clone()));
            return Vec::new();
        }
        match joined.place.read(&frame.event, &frame.payload) {
            Some(typed) => self.type_in(at, typed, 0),
            None => Vec::new(),
        }
    }

    async fn join(&mut self, frame: &Frame) -> Vec<String> {
        let error = |reason: &str| {
            let reason = json!({ "reason": reason });
            vec![frame.reply(self.version, "error", &reason)]
        };
        if self.joined.len() + self.watched.len() >= VIEWER_TOPICS {
            return error("too many topics on one socket");
        }
        let own = [&frame.join_ref, &frame.reference];
        let join_ref = own.into_iter().find(|r| !r.is_null());
        let join_ref = join_ref.cloned().unwrap_or_default();
        let reply = frame.reply(self.version, "ok", &json!({}));
        if self.purpose == Purpose::Events {
            let Some(identifier) = frame.topic.strip_prefix("device:") else {
                return error("unmatched topic");
            };
            let person = self.person.clone();
            let Ok(device) = terminal_access::watched(&self.app, person, identifier).await else {
                return error("unauthorized");
            };
            if self.watched.is_empty() {
                // What happened before is nobody's.
                self.progress = self.progress.resubscribe();
            }
            self.watched.push(Watched {
                topic: frame.topic.clone(),
                join_ref,
                identifier: identifier.to_owned(),
                device,
            });
            return vec![reply];
        }
        let console = frame.topic.strip_prefix("user:console:identifier-");
        let shell = frame.topic.strip_prefix("user:local_shell:identifier-");
        let (identifier, kind) = match (console, shell) {
            (Some(identifier), _) => (identifier, TerminalKind::Console),
            (_, Some(identifier)) => (identifier, TerminalKind::Shell),
            _ => return error("unmatched topic"),
        };
        match terminal_access::open(&self.app, self.person.clone(), identifier, kind).await {
            Ok(place) => {
                self.joined.push(Joined {
                    topic: frame.topic.clone(),
                    join_ref,
                    place,
                });
                vec![reply]
            }
            Err(DomainError::Detail(text)) => error(&text),
            Err(e) => {
                tracing::debug!(error = %e, "terminal not opened");
                error("unauthorized")
            }
        }
    }

    fn type_in(&mut self, at: usize, typed: TerminalInput, tries: u32) -> Vec<String> {
        let Some(joined) = self.joined.get(at) else {
            return Vec::new();
        };
        let blocked = match joined.place.type_in(&self.app, &typed) {
            Ok(()) => return Vec::new(),
            Err(Blocked::Full) if tries < TRIES => {
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
