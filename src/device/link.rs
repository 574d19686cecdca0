//! One task a socket: frames in, effects out. Its future is what stays in memory for every connected device, so that
//! whatever is needed only for a moment lives in functions of its own, boxed.

use super::identity::KnownDevice;
use super::join_payload;
use super::mailbox::Mailbox;
use super::registry::{LinkCommand, Registry};
use super::tls_socket::TlsSocket;
use crate::access::random_id;
use crate::app::App;
use crate::blob::download_urls::StoredFileLink;
use crate::bus::DeviceSignal;
use crate::domain::catalog::archives::{self, ArchiveRow};
use crate::domain::catalog::keys;
use crate::domain::catalog::stored_files;
use crate::domain::devices::extensions;
use crate::domain::events::device_events::EventKind;
use crate::domain::support::notifications;
use crate::ids::{ConnectionId, DeviceId, ProductId};
use crate::ingest::{ConnectInfo, DeviceWrite, Record, WriteOutcome};
use crate::limits::{
    CLOSE_TIME, FRAME_BYTES, FRAME_READ_BYTES, IDLE_TIME, MESSAGE_BYTES, NOTE_TIME, SEND_TIME,
};
use crate::rollout::offer::{Offer, Taken};
use crate::rollout::outcome;
use crate::store;
use bytes::Bytes;
use device_protocol::session::{Close, Effect, Input, Join, Session, Welcome};
use device_protocol::terminal;
use device_protocol::wire::{Format, Packet};
use futures_util::{SinkExt as _, StreamExt as _};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

type Socket = WebSocketStream<TlsSocket>;

/// A device that was let in, before and after its upgrade is answered.
pub(super) struct Entered {
    at: LinkContext,
    session: Session,
    mailbox: Mailbox,
}

/// A device's socket with its session.
pub(super) struct DeviceSocket {
    at: LinkContext,
    session: Session,
    mailbox: Mailbox,
    socket: Socket,
}

/// Which connection of which device, and what it works with.
struct LinkContext {
    /// Shared: its parts are half a KiB.
    app: Arc<App>,
    registry: Arc<Registry>,
    device: DeviceId,
    /// Its identifier, for the log.
    name: Box<str>,
    /// Its address, for the log.
    peer: Box<str>,
    product: ProductId,
    connection: ConnectionId,
    /// How often keys had been changed when the device was last told of them.
    keys_known: u32,
    /// The stage of its update that the log was told of last.
    stage: &'static str,
    host: Box<str>,
}

/// Whether the link goes on.
type Flow = Result<(), Close>;

impl DeviceSocket {
    /// Records the connection; from here on it is the device's newest, and older ones close.
    pub(super) async fn enter(
        app: &Arc<App>,
        registry: &Arc<Registry>,
        known: KnownDevice,
        (host, peer): (String, String),
        format: Format,
    ) -> Option<Entered> {
        let connection = ConnectionId(random_id());
        let at = LinkContext {
            app: app.clone(),
            registry: registry.clone(),
            device: known.id,
            name: known.identifier.into_boxed_str(),
            peer: peer.as_str().into(),
            product: known.product,
            connection,
            keys_known: 0,
            stage: "",
            host: host.into_boxed_str(),
        };
        let event = DeviceWrite::Connecting(Box::new(ConnectInfo {
            node: app.node,
            fingerprint: known.fingerprint,
            peer,
        }));
        let (before, order) = match at.write(event).await {
            Ok(WriteOutcome::Connecting { before, order }) => (before, order),
            Ok(_) => return None,
            Err(e) => {
                tracing::warn!(device = %at.name, error = %e, "connection not recorded");
                return None;
            }
        };
        if before.is_some() {
            chased(&at).await;
        }
        if let Some((node, older)) = before.filter(|(node, _)| *node != app.node) {
            app.signal_device(node, known.id, DeviceSignal::Replaced(older));
        }
        let mailbox = registry.enter(known.id, (connection, order), known.secret)?;
        let jitter = Duration::from_secs(connection.0.unsigned_abs() % 300);
        Some(Entered {
            at,
            session: Session::new(format, app.now().into(), jitter),
            mailbox,
        })
    }
}

impl Entered {
    /// Goes over to frames; `rest` is what the device sent after its request.
    pub(super) async fn over(self, tls: TlsSocket, rest: Vec<u8>) -> DeviceSocket {
        let config = WebSocketConfig::default()
            .read_buffer_size(FRAME_READ_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(MESSAGE_BYTES * 4)
            .max_message_size(Some(MESSAGE_BYTES))
            .max_frame_size(Some(MESSAGE_BYTES));
        let socket =
            WebSocketStream::from_partially_read(tls, rest, Role::Server, Some(config)).await;
        DeviceSocket {
            at: self.at,
            session: self.session,
            mailbox: self.mailbox,
            socket,
        }
    }
}

/// Serves a socket until either side closes it.
#[expect(
    clippy::manual_async_fn,
    reason = "an `async fn` keeps room for its argument twice, which is 2 KiB for each device"
)]
pub(super) fn run(mut link: DeviceSocket) -> impl Future<Output = ()> + Send {
    async move {
        let end = serve(&mut link).await;
        Box::pin(finish(link, end)).await;
    }
}

async fn serve(link: &mut DeviceSocket) -> Option<Close> {
    let mut heard = Instant::now();
    loop {
        let look = wake(link, heard);
        tokio::select! {
            frame = link.socket.next() => {
                heard = Instant::now();
                let flow = match frame {
                    Some(Ok(frame)) => Box::pin(take_frame(link, frame)).await,
                    Some(Err(Error::Capacity(_))) => Err(Close::TooLarge),
                    Some(Err(Error::Utf8(_))) => Err(Close::NotText),
                    Some(Err(Error::Protocol(_))) => Err(Close::Protocol),
                    Some(Err(_)) | None => return None,
                };
                if let Err(close) = flow {
                    return Some(close);
                }
            }
            command = link.mailbox.recv() => {
                if let Err(close) = Box::pin(take_command(link, command)).await {
                    return Some(close);
                }
            }
            () = tokio::time::sleep_until(look) => {
                if heard.elapsed() >= IDLE_TIME {
                    return Some(Close::Protocol);
                }
                if let Err(close) = Box::pin(handle(link, Input::Tick)).await {
                    return Some(close);
                }
            }
        }
    }
}

/// When to look at the time: the session may wait for it, and a silent peer is cut.
fn wake(link: &DeviceSocket, heard: Instant) -> Instant {
    let idle = heard + IDLE_TIME;
    match link.session.due() {
        None => idle,
        Some(due) => idle.min(Instant::now() + due.since(link.at.app.now().into())),
    }
}

async fn finish(link: DeviceSocket, end: Option<Close>) {
    let DeviceSocket { at, mut socket, .. } = link;
    if end == Some(Close::Left) {
        // The answer to its own close (RFC 6455, 5.5.1) waits to be sent; to close once more would be an error.
        let _ = timeout(CLOSE_TIME, socket.flush()).await;
    }
    let away = at.registry.leave(at.device, at.connection);
    at.app.terminals.close(at.device, at.connection);
    let reason = end.map_or("lost", Close::word);
    tracing::info!(device = %at.name, address = %at.peer, reason, "device left");
    if away {
        at.app
            .device_events
            .tell(at.device, EventKind::Offline(reason));
    }
    match at.write(DeviceWrite::Disconnected(reason)).await {
        Ok(WriteOutcome::Done(group)) => at.app.wake_group(group),
        Ok(_) => {}
        Err(e) => tracing::debug!(device = %at.name, error = %e, "close not recorded"),
    }
    let Some(close) = end.filter(|close| *close != Close::Left) else {
        return;
    };
    let frame = CloseFrame {
        code: CloseCode::from(close.code()),
        reason: "".into(),
    };
    // The peer may be gone; then there is nobody to tell.
    let _ = timeout(CLOSE_TIME, async {
        socket.close(Some(frame)).await?;
        while let Some(Ok(_)) = socket.next().await {}
        Ok::<_, tokio_tungstenite::tungstenite::Error>(())
    })
    .await;
}

async fn take_frame(link: &mut DeviceSocket, frame: Message) -> Flow {
    match frame {
        Message::Text(text) => {
            let packet = Packet::Text(text.as_str().to_owned());
            handle(link, Input::Frame(packet)).await
        }
        Message::Binary(bytes) => {
            let packet = Packet::Binary(bytes.to_vec());
            handle(link, Input::Frame(packet)).await
        }
        Message::Close(_) => Err(Close::Left),
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(()),
    }
}

async fn take_command(link: &mut DeviceSocket, command: Option<LinkCommand>) -> Flow {
    match command {
        None => Err(Close::Replaced),
        Some(LinkCommand::Close(close)) => Err(close),
        Some(LinkCommand::Nudge(DeviceSignal::Claim)) => offer(link).await,
        Some(LinkCommand::Nudge(DeviceSignal::Reboot)) => handle(link, Input::Reboot).await,
        Some(LinkCommand::Nudge(DeviceSignal::Identify)) => handle(link, Input::Identify).await,
        Some(LinkCommand::Nudge(DeviceSignal::Health)) => handle(link, Input::Health).await,
        Some(LinkCommand::Nudge(DeviceSignal::Archive)) => archive(link).await,
        Some(LinkCommand::Nudge(DeviceSignal::Keys)) => keys(link).await,
        Some(LinkCommand::Nudge(DeviceSignal::Terminal(kind))) => terminal(link, kind).await,
        Some(LinkCommand::Nudge(DeviceSignal::Script(run))) => {
            match link.at.app.script_runs.script(link.at.device, run) {
                Some((text, millis)) => handle(link, Input::Script { run, text, millis }).await,
                // Whoever wanted it has left.
                None => Ok(()),
            }
        }
        Some(LinkCommand::Nudge(DeviceSignal::Extensions)) => extensions(link).await,
        Some(LinkCommand::Nudge(DeviceSignal::Replaced(_))) => Err(Close::Replaced),
        Some(LinkCommand::Nudge(DeviceSignal::Reconnect)) => Err(Close::Asked),
    }
}

/// Gives an input to the session and carries its effects out, in order.
async fn handle(link: &mut DeviceSocket, input: Input) -> Flow {
    for effect in link.session.handle(input, link.at.app.now().into()) {
        carry_out(link, effect).await?;
    }
    Ok(())
}

async fn carry_out(link: &mut DeviceSocket, effect: Effect) -> Flow {
    match effect {
        Effect::Send(packet) => send(link, packet).await,
        Effect::Join(join) => Box::pin(store_join(link, *join)).await,
        Effect::Close(close) => Err(close),
        Effect::Report(report) => {
            let report = join_payload::outcome(report);
            link.at.log_stage(&report);
            link.at.app.device_events.report(link.at.device, &report);
            link.at.note(DeviceWrite::Report(report)).await
        }
        Effect::Progress(report) => {
            let report = join_payload::outcome(report);
            link.at.app.device_events.report(link.at.device, &report);
            Ok(())
        }
        Effect::Validated => link.at.note(DeviceWrite::Validated).await,
        Effect::Interface(kind) => link.at.note(DeviceWrite::Interface(kind)).await,
        Effect::Types(types) => link.at.note(DeviceWrite::Types(types)).await,
        Effect::Terminal(kind, said) => {
            let at = &link.at;
            let terminals = &at.app.terminals;
            terminals.say(at.device, kind, at.connection, said);
            Ok(())
        }
        Effect::Ran(run, output) => {
            link.at.app.script_runs.finish(link.at.device, run, output);
            Ok(())
        }
        Effect::Said(said) => {
            let event = join_payload::said(*said, link.at.app.now());
            link.at.note(event).await
        }
        Effect::Seen => link.at.note(DeviceWrite::Seen).await,
    }
}

async fn send(link: &mut DeviceSocket, packet: Packet) -> Flow {
    let (kind, bytes) = match packet {
        Packet::Text(text) => (Data::Text, Bytes::from(text)),
        Packet::Binary(bytes) => (Data::Binary, Bytes::from(bytes)),
    };
    for frame in fragments(kind, bytes) {
        let sent = timeout(SEND_TIME, link.socket.send(Message::Frame(frame))).await;
        if !matches!(sent, Ok(Ok(()))) {
            return Err(Close::Protocol);
        }
    }
    Ok(())
}

/// A message in frames that the smallest client can read (RFC 6455, 5.4).
fn fragments(kind: Data, mut bytes: Bytes) -> Vec<Frame> {
    let mut all = Vec::with_capacity(1);
    let mut code = OpCode::Data(kind);
    loop {
        let part = bytes.split_to(bytes.len().min(FRAME_BYTES));
        all.push(Frame::message(part, code, bytes.is_empty()));
        if bytes.is_empty() {
            return all;
        }
        code = OpCode::Data(Data::Continue);
    }
}

/// A connection has taken the place of one that was open. A device whose line was lost does that now and then; two devices with
/// one identity do it all the time.
async fn chased(at: &LinkContext) {
    if at.app.replacement_limiter.count(&at.device).is_ok()
        || at.app.replacement_notice_limiter.count(&at.device).is_err()
    {
        return;
    }
    tracing::warn!(device = %at.name, address = %at.peer, "connections of this device take each other's place all the time: two devices may have the same identity");
    if let Err(e) =
        notifications::chased(&at.app.db, at.product, &at.name, &at.peer, at.app.now()).await
    {
        tracing::warn!(device = %at.name, error = %e, "notification not written");
    }
}

/// Stores a join and gives the session its outcome; then a claim that waited for the device is taken.
async fn store_join(link: &mut DeviceSocket, join: Join) -> Flow {
    link.at.keys_known = link.at.app.key_changes.load(Ordering::Relaxed);
    let stored = link
        .at
        .write(DeviceWrite::Join(Box::new(join_payload::join(join))))
        .await;
    let joined = match stored {
        Ok(WriteOutcome::Joined(joined)) => *joined,
        Ok(_) => return Ok(()),
        Err(e) => {
            tracing::warn!(device = %link.at.name, error = %e, "join not stored");
            return Box::pin(handle(link, Input::JoinFailed)).await;
        }
    };
    if !joined.current {
        return Err(Close::Replaced);
    }
    let version = joined.version.unwrap_or_default();
    tracing::info!(device = %link.at.name, address = %link.at.peer, version, "device joined");
    let welcome = Welcome {
        archive: joined.archive.map(|a| link.at.archive(&a)),
        keys: joined.keys,
        connecting_code: joined.connecting_code,
        extensions: joined.extensions,
    };
    Box::pin(handle(link, Input::Joined(welcome))).await?;
    link.at
        .app
        .device_events
        .tell(link.at.device, EventKind::Online);
    if joined.installed {
        link.at.app.device_events.installed(link.at.device);
    }
    for group in joined.wake {
        link.at.app.wake_group(Some(group));
    }
    if joined.claim {
        Box::pin(offer(link)).await
    } else {
        Ok(())
    }
}

/// Looks which archive the device may have, and tells it.
async fn archive(link: &mut DeviceSocket) -> Flow {
    let (db, device) = (&link.at.app.db, link.at.device);
    match archives::of_device(db, device, db.now()).await {
        Ok(Some(archive)) => {
            let payload = link.at.archive(&archive);
            handle(link, Input::Archive(payload)).await
        }
        Ok(None) => Ok(()),
        Err(e) => {
            tracing::warn!(device = %link.at.name, error = %e, "archive not read");
            Ok(())
        }
    }
}

/// Looks which signing keys the organization has, and tells the device.
async fn keys(link: &mut DeviceSocket) -> Flow {
    let (app, device) = (&link.at.app, link.at.device);
    let changes = app.key_changes.load(Ordering::Relaxed);
    match keys::of_device(&app.db, device).await {
        Ok(keys) => {
            link.at.keys_known = changes;
            handle(link, Input::Keys(keys)).await
        }
        Err(e) => {
            tracing::warn!(device = %link.at.name, error = %e, "signing keys not read, the device learns them with its next update");
            Ok(())
        }
    }
}

/// Looks which extensions the device may use, and tells it.
async fn extensions(link: &mut DeviceSocket) -> Flow {
    match extensions::usable(&link.at.app.db, link.at.device).await {
        Ok(usable) => handle(link, Input::Extensions(usable)).await,
        Err(e) => {
            tracing::warn!(device = %link.at.name, error = %e, "extensions not read");
            Ok(())
        }
    }
}

/// Takes what was typed into a terminal of the device.
async fn terminal(link: &mut DeviceSocket, kind: terminal::TerminalKind) -> Flow {
    match link.at.app.terminals.take(link.at.device, kind) {
        Some(typed) => handle(link, Input::Terminal(kind, typed.into())).await,
        // Whoever looked has left.
        None => Ok(()),
    }
}

/// Takes the device's claim, if it still holds, and tells the device.
async fn offer(link: &mut DeviceSocket) -> Flow {
    // While the bucket does not answer claims stay untold; the next tick asks again.
    if !link.session.joined() || !link.at.app.blobs.may_ask() {
        return Ok(());
    }
    match link.at.write(DeviceWrite::TakeClaim).await {
        Ok(WriteOutcome::Claim(Taken::Tell(offer))) => {
            let app = &link.at.app;
            if !stored_files::offerable(app, link.at.device, &offer).await {
                return Ok(());
            }
            // The update may be signed with a key that the device was not told of yet.
            if link.at.keys_known != app.key_changes.load(Ordering::Relaxed) {
                Box::pin(keys(link)).await?;
            }
            let app = &link.at.app;
            let url = offer.url(&app.download_urls, &link.at.host, app.now());
            link.at.log_offer(&offer);
            handle(link, Input::Offer(offer.payload(&url))).await
        }
        Ok(WriteOutcome::Claim(Taken::Withdrawn(group))) => {
            link.at.app.wake_group(group);
            Ok(())
        }
        Ok(_) => Ok(()),
        Err(e) => {
            tracing::warn!(device = %link.at.name, error = %e, "claim not taken, the next tick repeats it");
            Ok(())
        }
    }
}

impl LinkContext {
    /// Logs what the device is told to install, and for whom.
    fn log_offer(&self, offer: &Offer) {
        let f = &offer.firmware;
        let delta = offer.delta.is_some();
        let group = offer.group_name.as_deref().unwrap_or("none, by hand");
        tracing::info!(device = %self.name, group, version = %f.version, uuid = %f.uuid, delta, "update offered");
    }

    /// Logs each stage of an update once. How it ends is logged where that is judged.
    fn log_stage(&mut self, report: &outcome::Report) {
        if let outcome::Report::Stage(stage, _) = report
            && *stage != self.stage
        {
            self.stage = stage;
            tracing::info!(device = %self.name, stage, "update under way");
        }
    }

    /// The payload of an archive, with a link that this device can use.
    fn archive(&self, a: &ArchiveRow) -> serde_json::Value {
        let links = &self.app.download_urls;
        let url = links.url(&self.host, &StoredFileLink::archive(a), self.app.now());
        archives::payload(a, &url)
    }

    async fn write(&self, said: DeviceWrite) -> store::Result<WriteOutcome> {
        let record = Record {
            device: self.device,
            connection: self.connection,
            at: self.app.now(),
            said,
        };
        self.app.device_writes.write(record).await
    }

    /// Stores what a device said. It is not told when that fails: it would not understand.
    async fn note(&self, said: DeviceWrite) -> Flow {
        if matches!(said, DeviceWrite::Log(_)) && !self.app.health.has_room() {
            // Log lines make room for what updates need.
            return Ok(());
        }
        let kib = said.report_bytes().div_ceil(1024);
        if let Some(kib) = u32::try_from(kib).ok().and_then(NonZeroU32::new)
            && !(self.app.device_report_limiter.takes(&self.device, kib)
                && self.app.product_report_limiter.takes(&self.product, kib))
        {
            tracing::debug!(device = %self.name, product = %self.product, "a report is beyond what a device or its product may have stored in a day");
            return Ok(());
        }
        // While the database is away the record stays in its batch; the socket must go on answering heartbeats.
        match tokio::time::timeout(NOTE_TIME, self.write(said)).await {
            Err(_) => {
                tracing::warn!(device = %self.name, "a report waits for the database")
            }
            Ok(Ok(WriteOutcome::Done(group))) => self.app.wake_group(group),
            Ok(Ok(WriteOutcome::Health(status))) => {
                let event = EventKind::Health(status);
                self.app.device_events.tell(self.device, event);
            }
            Ok(Ok(_)) => {}
            Ok(Err(e)) => tracing::warn!(device = %self.name, error = %e, "report not stored"),
        }
        Ok(())
    }
}
