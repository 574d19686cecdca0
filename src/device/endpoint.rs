//! The listener: accept, handshake, upgrade. What a stranger can make it hold is bounded: until its first byte a
//! connection costs a descriptor and a small task, and whoever waits longest makes room for newcomers.

use super::identity::{Credentials, KnownDevice, Refused, decide};
use super::link::{self, DeviceSocket};
use super::polling;
use super::queue::Waiting;
use super::registry::Registry;
use super::request::{self, Head, HttpReply, read_head};
use super::tls_socket::TlsSocket;
use crate::app::App;
use crate::budget::{self, OnceAMinute};
use crate::clock::Micros;
use crate::limits::{
    DECISIONS, HANDSHAKE_PATIENCE, HANDSHAKE_TIME, HANDSHAKES, HEAD_TIME, PENDING_CONNECTIONS,
    STORE_TIME,
};
use device_protocol::wire::Format;
use rustls::ServerConfig;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What an accepted connection needs.
pub struct Endpoint {
    app: Arc<App>,
    registry: Arc<Registry>,
    tls: Arc<ServerConfig>,
    silent: Waiting,
    shaking: Waiting,
    deciding: Semaphore,
    rate: Rate,
    of_address: budget::Rate<IpAddr>,
    sockets: usize,
    tasks: TaskTracker,
    redirect: String,
    elsewhere: Option<String>,
    secrets: bool,
}

/// A request that gets its upgrade.
struct Admitted {
    device: KnownDevice,
    key: String,
    format: Format,
}

/// Connects in this second of the wall clock.
struct Rate {
    second: AtomicI64,
    count: AtomicU32,
    most: u32,
}

impl Rate {
    fn allow(&self, now: Micros) -> bool {
        let second = now.secs();
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.count.store(0, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed) < self.most
    }
}

/// Half of the server's rate for one address: a factory or a carrier may have a whole fleet behind one, and a stranger at
/// one address must not keep all others out.
fn address_share(connect_rate: u32) -> budget::Rate<IpAddr> {
    let share = NonZeroU32::new(connect_rate / 2).unwrap_or(NonZeroU32::MIN);
    budget::Rate::new(share, Duration::from_secs(1) / share.get())
}

/// Settings of the endpoint.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Connects a second; more are closed without a byte.
    pub connect_rate: u32,
    /// Sockets at once; more are closed without a byte, and said once a minute.
    pub sockets: usize,
    /// Where other paths are sent.
    pub redirect: String,
    /// Where devices are sent instead of being let in.
    pub elsewhere: Option<String>,
    /// Whether shared secrets are taken.
    pub secrets: bool,
}

impl Endpoint {
    /// An endpoint over these parts.
    pub fn new(
        app: App,
        registry: Arc<Registry>,
        tls: Arc<ServerConfig>,
        tasks: TaskTracker,
        settings: Settings,
    ) -> Arc<Self> {
        Arc::new(Self {
            app: Arc::new(app),
            registry,
            tls,
            silent: Waiting::new(PENDING_CONNECTIONS, Duration::ZERO),
            shaking: Waiting::new(HANDSHAKES, HANDSHAKE_PATIENCE),
            deciding: Semaphore::new(DECISIONS),
            rate: Rate {
                second: AtomicI64::new(0),
                count: AtomicU32::new(0),
                most: settings.connect_rate,
            },
            of_address: address_share(settings.connect_rate),
            sockets: settings.sockets,
            tasks,
            redirect: settings.redirect,
            elsewhere: settings.elsewhere,
            secrets: settings.secrets,
        })
    }

    /// Accepts until it is told to stop.
    pub async fn run(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        let (told, told_of_wait) = (OnceAMinute::default(), OnceAMinute::default());
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((socket, peer)) => {
                    if self.tasks.len() >= self.sockets {
                        if told.due() {
                            tracing::warn!(
                                sockets = self.sockets,
                                "devices are refused, since the limit of open files is near: raise it (ulimit -n); said at most once a minute"
                            );
                        }
                    } else if !self.app.db.waits().keeps_up() {
                        if told_of_wait.due() {
                            tracing::warn!(
                                wait = ?self.app.db.waits().longest(),
                                "devices are refused, since the database does not keep up; said at most once a minute"
                            );
                        }
                    } else if self.registry.is_open() && self.may_connect(peer.ip()) {
                        let endpoint = self.clone();
                        self.tasks
                            .spawn(async move { endpoint.meet(socket, peer).await });
                    }
                }
                Err(e) => {
                    // Out of descriptors, most likely: give the closing ones a moment.
                    if told.due() {
                        tracing::warn!(error = %e, "could not accept device connections; said at most once a minute");
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    /// Whether one more connection is within the rate of its address and that of the server. What an address sends beyond its
    /// own does not count for the others.
    fn may_connect(&self, peer: IpAddr) -> bool {
        let beyond = |from| self.of_address.count(&from).is_err();
        !budget::counted(peer).is_some_and(beyond) && self.rate.allow(self.app.now())
    }

    /// A connection until its upgrade; its link is a task of its own, so that nothing of this one stays in memory.
    async fn meet(self: Arc<Self>, socket: TcpStream, peer: SocketAddr) {
        // Small frames should not wait for each other; a socket that cannot say so is gone anyway.
        let _ = socket.set_nodelay(true);
        let Some(mut place) = self.silent.enter(HANDSHAKE_TIME).await else {
            return;
        };
        let spoke = place
            .hold(timeout(HANDSHAKE_TIME, client_hello(&socket)))
            .await;
        if !matches!(spoke, Some(Ok(Some(())))) {
            return;
        }
        let Some(mut shaking) = self.shaking.enter(HANDSHAKE_TIME).await else {
            return;
        };
        drop(place);
        let asked = shaking.hold(Box::pin(self.ask(socket, peer))).await;
        drop(shaking);
        if let Some(Some((tls, head))) = asked
            && let Some(link) = Box::pin(self.upgrade(tls, head)).await
        {
            self.tasks.spawn(link::run(link));
        }
    }

    /// What waits for the peer: the handshake and the request.
    async fn ask(&self, socket: TcpStream, peer: SocketAddr) -> Option<(TlsSocket, Head)> {
        let mut tls =
            match timeout(HANDSHAKE_TIME, TlsSocket::accept(self.tls.clone(), socket)).await {
                Ok(Ok(tls)) => tls,
                Ok(Err(e)) => {
                    self.told(
                        peer.ip(),
                        "nothing yet",
                        &format!("the TLS handshake failed: {e}"),
                    );
                    return None;
                }
                Err(_) => return None,
            };
        let head = timeout(HEAD_TIME, read_head(&mut tls, self.app.now()))
            .await
            .ok()??;
        Some((tls, head))
    }

    /// What waits for the store: no newcomer takes this place away.
    async fn upgrade(&self, mut tls: TlsSocket, head: Head) -> Option<DeviceSocket> {
        let _turn = timeout(STORE_TIME, self.deciding.acquire()).await.ok()?;
        match self.answer(&tls, &head).await {
            Ok(admitted) => self.open(tls, head, admitted).await,
            Err(refusal) => {
                // A peer that does not take its refusal loses nothing by the missing answer.
                let _ = timeout(HEAD_TIME, request::send(&mut tls, &refusal, self.app.now())).await;
                None
            }
        }
    }

    /// Decides what a request gets: an upgrade, or an answer.
    async fn answer(&self, tls: &TlsSocket, head: &Head) -> Result<Admitted, HttpReply> {
        let (path, query) = head.path.split_once('?').unwrap_or((&head.path, ""));
        // The process lives if it answers at all; the others say whether the database does.
        if path == "/status/alive" {
            return Err(HttpReply::text("200 OK", "Hello, Friend!".into()));
        }
        if matches!(
            path,
            "/status/_health" | "/status/health" | "/status/healthy"
        ) {
            return Err(self.health());
        }
        if matches!(path, "/device/me" | "/device/update") && head.method == "GET" {
            return Err(self.poll(tls, head, path == "/device/update").await);
        }
        if !matches!(path, "/socket/websocket" | "/device-socket/websocket") {
            return Err(
                HttpReply::status("301 Moved Permanently").with("Location", self.redirect.clone())
            );
        }
        let key = head
            .get("sec-websocket-key")
            .filter(|_| head.wants_upgrade());
        let Some(key) = key else {
            return Err(HttpReply::status("400 Bad Request"));
        };
        let Some(format) = request::format(query) else {
            return Err(HttpReply::status("403 Forbidden"));
        };
        if let Some(other) = &self.elsewhere {
            // Followed by clients from 2.10.0 on; older ones try again here (docs/protocol/device.md, "Refusals at the upgrade").
            let location = format!("{other}{}", head.path);
            return Err(HttpReply::status("307 Temporary Redirect").with("Location", location));
        }
        match self.who(tls, head).await {
            Some(Ok(device)) => Ok(Admitted {
                device,
                key: key.to_owned(),
                format,
            }),
            Some(Err(refused)) => Err(HttpReply::refusal(&refused)),
            None => Err(HttpReply::unavailable()),
        }
    }

    /// Decides who asks; `None` when the store does not say in time.
    async fn who(&self, tls: &TlsSocket, head: &Head) -> Option<Result<KnownDevice, Refused>> {
        let credentials = match tls.peer_certificates() {
            Some(chain) if !chain.is_empty() => Credentials::Certificate(chain),
            _ => head.credentials(),
        };
        if !self.secrets && matches!(credentials, Credentials::Secret(_)) {
            return Some(Err(Refused::No("shared secrets are switched off")));
        }
        // A socket that ended meanwhile has no address, and nobody waits for the answer.
        let from = tls.tcp().peer_addr().ok()?.ip();
        let decision = decide(&self.app, &credentials, from, self.app.now());
        let decided = timeout(STORE_TIME, decision).await.ok()?;
        if let Err(why) = &decided {
            self.told(from, &credentials.said(), why);
        }
        Some(decided)
    }

    /// Says who is not let in and why; not more often than somebody can read.
    fn told(&self, address: IpAddr, said: &str, why: &dyn std::fmt::Display) {
        if self.app.refusal_log_limiter.count(&()).is_ok() {
            tracing::info!(%address, said, %why, "device refused");
        }
    }

    /// Answers a device that asks over HTTP.
    async fn poll(&self, tls: &TlsSocket, head: &Head, update: bool) -> HttpReply {
        let device = match self.who(tls, head).await {
            Some(Ok(device)) => device,
            Some(Err(Refused::Unavailable(_) | Refused::Crowded)) | None => {
                return polling::unavailable();
            }
            Some(Err(_)) => return polling::refused(),
        };
        let Some(host) = head.host().or_else(|| local_host(tls)) else {
            return HttpReply::status("400 Bad Request");
        };
        let peer = peer(tls);
        let answer = polling::answer(&self.app, device, head, &host, peer, update);
        timeout(STORE_TIME, answer)
            .await
            .unwrap_or_else(|_| polling::unavailable())
    }

    fn health(&self) -> HttpReply {
        if self.app.health.database_answers() {
            HttpReply::text("200 OK", "Hello, Friend!".into())
        } else {
            HttpReply::text("500 Internal Server Error", "Sorry, Friend :(".into())
        }
    }

    /// Answers 101. The header lines are what the strictest client reads (docs/protocol/device.md, "Upgrade and query parameters"), and no frame follows
    /// before the device's join.
    async fn open(
        &self,
        mut tls: TlsSocket,
        head: Head,
        admitted: Admitted,
    ) -> Option<DeviceSocket> {
        let host = head.host().or_else(|| local_host(&tls))?;
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\nDate: {}\r\n\r\n",
            derive_accept_key(admitted.key.as_bytes()),
            self.app.now().http_date()
        );
        let link = timeout(
            STORE_TIME,
            DeviceSocket::enter(
                &self.app,
                &self.registry,
                admitted.device,
                (host, peer(&tls)),
                admitted.format,
            ),
        )
        .await
        .ok()??;
        timeout(HEAD_TIME, tls.write_all(answer.as_bytes()))
            .await
            .ok()?
            .ok()?;
        timeout(HEAD_TIME, tls.flush()).await.ok()?.ok()?;
        Some(link.over(tls, head.rest).await)
    }
}

/// Waits until the peer's whole ClientHello lies in the kernel's buffer, where it costs us nothing. `None`: it is no TLS,
/// or the peer left.
async fn client_hello(socket: &TcpStream) -> Option<()> {
    /// A record's header: type, version, length (RFC 8446, 5.1).
    const HEADER: usize = 5;
    const HANDSHAKE: u8 = 22;
    let mut start = [0u8; 2048];
    let mut pause = Duration::from_millis(5);
    socket.readable().await.ok()?;
    loop {
        let seen = socket.peek(&mut start).await.ok()?;
        match start.get(..seen)? {
            [] => return None,
            [kind, ..] if *kind != HANDSHAKE => return None,
            [_, _, _, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                if seen >= (HEADER + length).min(start.len()) {
                    return Some(());
                }
            }
            _ => {}
        }
        // What was peeked at stays readable, so only time can tell of more.
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(200));
    }
}

/// The address that a peer comes from.
fn peer(tls: &TlsSocket) -> String {
    tls.tcp()
        .peer_addr()
        .map_or_else(|_| String::new(), |a| a.ip().to_canonical().to_string())
}

/// The address that a peer dialled, when it sent no `Host`.
fn local_host(tls: &TlsSocket) -> Option<String> {
    Some(match tls.tcp().local_addr().ok()?.ip() {
        std::net::IpAddr::V4(ip) => ip.to_string(),
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
    })
}

#[cfg(test)]
mod tests;
