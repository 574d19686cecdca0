//! The listener: accept, handshake, upgrade. What a stranger can make it hold is bounded: until its first byte a
//! connection costs a descriptor and a small task, and whoever waits longest makes room for newcomers.

use super::identity::{Credentials, KnownDevice, Refused, decide, secret};
use super::link::{self, Link};
use super::queue::Waiting;
use super::registry::Registry;
use super::wire::Format;
use crate::app::App;
use crate::clock::{self, Micros};
use crate::limits::{
    DECISIONS, HANDSHAKE_PATIENCE, HANDSHAKE_TIME, HANDSHAKES, HEAD_BYTES, HEAD_FIELDS, HEAD_TIME,
    PENDING_CONNECTIONS, STORE_TIME,
};
use rustls::ServerConfig;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What an accepted connection needs.
pub struct Endpoint {
    app: App,
    registry: Arc<Registry>,
    acceptor: TlsAcceptor,
    silent: Waiting,
    shaking: Waiting,
    deciding: Semaphore,
    rate: Rate,
    tasks: TaskTracker,
    redirect: String,
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

/// Settings of the endpoint.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Connects a second; more are closed without a byte.
    pub connect_rate: u32,
    /// Where other paths are sent.
    pub redirect: String,
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
            app,
            registry,
            acceptor: TlsAcceptor::from(tls),
            silent: Waiting::new(PENDING_CONNECTIONS, Duration::ZERO),
            shaking: Waiting::new(HANDSHAKES, HANDSHAKE_PATIENCE),
            deciding: Semaphore::new(DECISIONS),
            rate: Rate {
                second: AtomicI64::new(0),
                count: AtomicU32::new(0),
                most: settings.connect_rate,
            },
            tasks,
            redirect: settings.redirect,
        })
    }

    /// Accepts until it is told to stop.
    pub async fn run(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((socket, peer)) => {
                    if self.rate.allow(clock::now()) {
                        let endpoint = self.clone();
                        self.tasks
                            .spawn(async move { endpoint.meet(socket, peer).await });
                    }
                }
                Err(e) => {
                    // Out of descriptors, most likely: give the closing ones a moment.
                    tracing::warn!(error = %e, "could not accept a device connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
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
    async fn ask(
        &self,
        socket: TcpStream,
        peer: SocketAddr,
    ) -> Option<(TlsStream<TcpStream>, Head)> {
        let mut tls = match timeout(HANDSHAKE_TIME, self.acceptor.accept(socket)).await {
            Ok(Ok(tls)) => tls,
            Ok(Err(e)) => {
                tracing::debug!(%peer, error = %e, "handshake failed");
                return None;
            }
            Err(_) => return None,
        };
        let head = timeout(HEAD_TIME, read_head(&mut tls)).await.ok()??;
        Some((tls, head))
    }

    /// What waits for the store: no newcomer takes this place away.
    async fn upgrade(&self, mut tls: TlsStream<TcpStream>, head: Head) -> Option<Link> {
        let _turn = timeout(STORE_TIME, self.deciding.acquire()).await.ok()?;
        match self.answer(&tls, &head).await {
            Ok(admitted) => self.open(tls, head, admitted).await,
            Err(refusal) => {
                // A peer that does not take its refusal loses nothing by the missing answer.
                let _ = timeout(HEAD_TIME, refuse(&mut tls, &refusal)).await;
                None
            }
        }
    }

    /// Decides what a request gets: an upgrade, or an answer.
    async fn answer(&self, tls: &TlsStream<TcpStream>, head: &Head) -> Result<Admitted, Refusal> {
        let (path, query) = head.path.split_once('?').unwrap_or((&head.path, ""));
        if matches!(
            path,
            "/status/alive" | "/status/_health" | "/status/health" | "/status/healthy"
        ) {
            return Err(self.health().await);
        }
        if !matches!(path, "/socket/websocket" | "/device-socket/websocket") {
            return Err(Refusal::to(&self.redirect));
        }
        let key = head
            .get("sec-websocket-key")
            .filter(|_| head.wants_upgrade());
        let Some(key) = key else {
            return Err(Refusal::status("400 Bad Request"));
        };
        let Some(format) = format(query) else {
            return Err(Refusal::status("403 Forbidden"));
        };
        let (_, connection) = tls.get_ref();
        let credentials = match connection.peer_certificates() {
            Some(chain) if !chain.is_empty() => Credentials::Certificate(chain),
            _ => head.credentials(),
        };
        let decided = timeout(STORE_TIME, decide(&self.app, credentials, clock::now())).await;
        match decided {
            Ok(Ok(device)) => Ok(Admitted {
                device,
                key: key.to_owned(),
                format,
            }),
            Ok(Err(refused)) => Err(Refusal::of(&refused)),
            Err(_) => Err(Refusal::unavailable()),
        }
    }

    async fn health(&self) -> Refusal {
        let (status, text) = if self.app.db.alive().await {
            ("200 OK", "Hello, Friend!")
        } else {
            ("500 Internal Server Error", "Sorry, Friend :(")
        };
        Refusal {
            body: text.into(),
            ..Refusal::status(status)
        }
    }

    /// Answers 101. The header lines are what the strictest client reads (device-protocol 1.2), and no frame follows
    /// before the device's join.
    async fn open(
        &self,
        mut tls: TlsStream<TcpStream>,
        head: Head,
        admitted: Admitted,
    ) -> Option<Link> {
        let host = head.host().or_else(|| local_host(&tls))?;
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\nDate: {}\r\n\r\n",
            derive_accept_key(admitted.key.as_bytes()),
            clock::now().http_date()
        );
        let link = timeout(
            STORE_TIME,
            Link::enter(
                &self.app,
                &self.registry,
                admitted.device,
                host,
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

/// The address that a peer dialled, when it sent no `Host`.
fn local_host(tls: &TlsStream<TcpStream>) -> Option<String> {
    let (socket, _) = tls.get_ref();
    Some(match socket.local_addr().ok()?.ip() {
        std::net::IpAddr::V4(ip) => ip.to_string(),
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
    })
}

/// The serializer that `vsn` asks for: `~> 2.0.0` or `~> 3.0.0` (device-protocol 1.2).
fn format(query: &str) -> Option<Format> {
    let version = query.split('&').find_map(|p| p.strip_prefix("vsn="))?;
    let version = semver::Version::parse(version).ok()?;
    match (version.major, version.minor, version.pre.is_empty()) {
        (2, 0, true) => Some(Format::Json),
        (3, 0, true) => Some(Format::MessagePack),
        _ => None,
    }
}

/// The head of a request.
struct Head {
    method: String,
    path: String,
    fields: Vec<(String, String)>,
    /// What came after it.
    rest: Vec<u8>,
}

impl Head {
    fn get(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    fn wants_upgrade(&self) -> bool {
        let has = |name: &str, word: &str| {
            self.get(name)
                .is_some_and(|v| v.split(',').any(|t| t.trim().eq_ignore_ascii_case(word)))
        };
        self.method == "GET"
            && has("upgrade", "websocket")
            && has("connection", "upgrade")
            && self.get("sec-websocket-version").map(str::trim) == Some("13")
    }

    /// The dialled host without its port, if it can stand in a URL.
    fn host(&self) -> Option<String> {
        let text = self.get("host")?.trim();
        let host = match text.strip_prefix('[').and_then(|t| t.split_once(']')) {
            Some((v6, _)) => format!("[{}]", v6.parse::<std::net::Ipv6Addr>().ok()?),
            None => text.split(':').next()?.to_owned(),
        };
        let plain =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '[' | ']' | ':');
        (!host.is_empty() && host.len() <= 253 && host.chars().all(plain)).then_some(host)
    }

    fn credentials(&self) -> Credentials<'static> {
        let field = |name: &str| self.get(name).map(str::to_owned);
        let all = (
            field("x-nh-alg"),
            field("x-nh-key"),
            field("x-nh-time"),
            field("x-nh-signature"),
        );
        if let (Some(algorithm), Some(key), Some(time), Some(signature)) = all {
            return Credentials::Secret(secret::Headers {
                algorithm,
                key,
                time,
                signature,
            });
        }
        if self.fields.iter().any(|(name, _)| name.starts_with("x-")) {
            return Credentials::Unusable;
        }
        Credentials::Nothing
    }
}

/// Reads a request's head, never more than its bound. `None` closes: it is no HTTP.
async fn read_head(tls: &mut TlsStream<TcpStream>) -> Option<Head> {
    let mut buffer = Vec::with_capacity(1024);
    loop {
        let read = tls.read_buf(&mut buffer).await.ok()?;
        if read == 0 || buffer.len() > HEAD_BYTES {
            return None;
        }
        let mut fields = [httparse::EMPTY_HEADER; HEAD_FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        match request.parse(&buffer).ok()? {
            httparse::Status::Partial => {}
            httparse::Status::Complete(end) => {
                let fields = request
                    .headers
                    .iter()
                    .filter_map(|h| {
                        let value = std::str::from_utf8(h.value).ok()?;
                        Some((h.name.to_ascii_lowercase(), value.trim().to_owned()))
                    })
                    .collect();
                return Some(Head {
                    method: request.method?.to_owned(),
                    path: request.path?.to_owned(),
                    fields,
                    rest: buffer.get(end..).unwrap_or_default().to_vec(),
                });
            }
        }
    }
}

/// An answer that is not an upgrade.
struct Refusal {
    status: &'static str,
    header: Option<(&'static str, String)>,
    body: String,
}

impl Refusal {
    fn status(status: &'static str) -> Self {
        Self {
            status,
            header: None,
            body: String::new(),
        }
    }

    fn to(location: &str) -> Self {
        let header = Some(("Location", location.to_owned()));
        Self {
            header,
            ..Self::status("301 Moved Permanently")
        }
    }

    fn unavailable() -> Self {
        let body = "the platform could not be reached to authenticate this device".to_owned();
        let header = Some(("nh-connection-error-reason", body.clone()));
        Self {
            status: "503 Service Unavailable",
            header,
            body,
        }
    }

    fn of(refused: &Refused) -> Self {
        match refused {
            Refused::No(why) => {
                tracing::info!(why, "device refused");
                Self::status("401 Unauthorized")
            }
            Refused::Nothing => {
                let body =
                    "no certificate pair or shared secrets connection settings were provided"
                        .to_owned();
                let header = Some(("nh-connection-error-reason", body.clone()));
                Self {
                    status: "401 Unauthorized",
                    header,
                    body,
                }
            }
            Refused::Unavailable(e) => {
                tracing::warn!(error = %e, "device could not be authenticated");
                Self::unavailable()
            }
        }
    }
}

/// Sends it and closes. A device without a clock signs its next try with the `Date`.
async fn refuse(tls: &mut TlsStream<TcpStream>, r: &Refusal) -> std::io::Result<()> {
    let header = r
        .header
        .as_ref()
        .map_or(String::new(), |(n, v)| format!("{n}: {v}\r\n"));
    let answer = format!(
        "HTTP/1.1 {}\r\nDate: {}\r\n{header}Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{}",
        r.status,
        clock::now().http_date(),
        r.body.len(),
        r.body
    );
    tls.write_all(answer.as_bytes()).await?;
    tls.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(fields: &[(&str, &str)]) -> Head {
        let fields = fields
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        Head {
            method: "GET".into(),
            path: "/".into(),
            fields,
            rest: Vec::new(),
        }
    }

    #[test]
    fn versions_2_0_x_are_json_and_3_0_x_messagepack_and_no_other_is_spoken() {
        for good in ["vsn=2.0.0", "a=b&vsn=2.0.7"] {
            assert_eq!(format(good), Some(Format::Json), "{good}");
        }
        assert_eq!(format("vsn=3.0.1"), Some(Format::MessagePack));
        for bad in [
            "",
            "vsn=",
            "vsn=1.0.0",
            "vsn=4.0.0",
            "vsn=3.1.0",
            "vsn=2.1.0",
            "vsn=x",
            "vsn=2",
        ] {
            assert_eq!(format(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_host_is_taken_only_when_it_can_stand_in_a_link() {
        let host = |h: &str| head(&[("host", h)]).host();
        assert_eq!(
            host("ota.example.com:4001").as_deref(),
            Some("ota.example.com")
        );
        assert_eq!(host("10.0.0.1").as_deref(), Some("10.0.0.1"));
        assert_eq!(host("[::1]:4001").as_deref(), Some("[::1]"));
        for bad in ["", ":4001", "a b", "a/../b", "evil\"", "[x]:1", "a@b"] {
            assert_eq!(host(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn any_x_header_counts_as_an_attempt() {
        assert!(matches!(head(&[]).credentials(), Credentials::Nothing));
        assert!(matches!(
            head(&[("x-forwarded-for", "a")]).credentials(),
            Credentials::Unusable
        ));
    }

    #[test]
    fn the_connect_rate_counts_by_the_second() {
        let rate = Rate {
            second: AtomicI64::new(0),
            count: AtomicU32::new(0),
            most: 2,
        };
        let at = |s: i64| Micros(s * 1_000_000);
        assert!(rate.allow(at(1)) && rate.allow(at(1)) && !rate.allow(at(1)) && rate.allow(at(2)));
    }
}
