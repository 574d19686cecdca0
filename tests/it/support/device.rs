//! A device that does exactly what a test tells it.

use super::Server;
use aws_lc_rs::{hmac, pbkdf2};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

pub type Tls = TlsStream<TcpStream>;

/// A certificate and its key, PEM.
#[derive(Clone)]
pub struct Pair {
    pub cert: String,
    pub key: String,
}

pub struct Device {
    socket: WebSocketStream<Tls>,
    /// Speaks MessagePack: what tests write as JSON is packed, and back.
    packed: bool,
}

/// What the server answered instead of an upgrade.
#[derive(Debug)]
pub struct Refusal {
    pub status: u16,
    pub head: String,
    pub body: String,
}

pub fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_millis() as i64
}

/// The headers of a shared-secret connect, in our own words, so that the server is not checked against itself.
pub fn sign(key: &str, secret: &str, identifier: &str, at_ms: i64) -> Vec<(String, String)> {
    sign_with("NH1-HMAC-sha256-1000-32", key, secret, identifier, at_ms)
}

/// The same with another algorithm.
pub fn sign_with(
    alg: &str,
    key: &str,
    secret: &str,
    identifier: &str,
    at_ms: i64,
) -> Vec<(String, String)> {
    let parts: Vec<&str> = alg.split('-').collect();
    let kdf = match parts[2] {
        "sha384" => pbkdf2::PBKDF2_HMAC_SHA384,
        "sha512" => pbkdf2::PBKDF2_HMAC_SHA512,
        _ => pbkdf2::PBKDF2_HMAC_SHA256,
    };
    let rounds = parts[3].parse::<u32>().unwrap().try_into().unwrap();
    let time = at_ms / 1000;
    let salt = format!(
        "NH1:device-socket:shared-secret:connect\n\nx-nh-alg={alg}\nx-nh-key={key}\nx-nh-time={time}\n"
    );
    let mut derived = vec![0u8; parts[4].parse().unwrap()];
    pbkdf2::derive(
        kdf,
        rounds,
        salt.as_bytes(),
        secret.as_bytes(),
        &mut derived,
    );
    let mut term = vec![0x83, 0x68, 3, 0x6d, 0, 0, 0, identifier.len() as u8];
    term.extend_from_slice(identifier.as_bytes());
    term.extend_from_slice(&[0x6e, 6, 0]);
    term.extend_from_slice(&at_ms.to_le_bytes()[..6]);
    term.extend_from_slice(&[0x62, 0, 1, 0x51, 0x80]);
    let signed = format!("SFMyNTY.{}", URL_SAFE_NO_PAD.encode(term));
    let mac = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, &derived),
        signed.as_bytes(),
    );
    let signature = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac));
    [
        ("x-nh-alg", alg.to_owned()),
        ("x-nh-key", key.into()),
        ("x-nh-time", time.to_string()),
        ("x-nh-signature", signature),
    ]
    .map(|(n, v): (&str, String)| (n.to_owned(), v))
    .to_vec()
}

/// Shows a certificate without looking at it first, as clients do that read less of it than `rustls`.
#[derive(Debug)]
struct Shows(Arc<rustls::sign::CertifiedKey>);

impl rustls::client::ResolvesClientCert for Shows {
    fn resolve(
        &self,
        _: &[&[u8]],
        _: &[rustls::SignatureScheme],
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// A client configuration that trusts the server; TLS 1.2 only, as devices in the field, unless `tls13`.
pub fn client(server: &Server, pair: Option<&Pair>, tls13: bool) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for cert in CertificateDer::pem_file_iter(&server.ca).unwrap() {
        roots.add(cert.unwrap()).unwrap();
    }
    let versions: &[&rustls::SupportedProtocolVersion] = if tls13 {
        &[&rustls::version::TLS13]
    } else {
        &[&rustls::version::TLS12]
    };
    let builder =
        ClientConfig::builder_with_protocol_versions(versions).with_root_certificates(roots);
    Arc::new(match pair {
        None => builder.with_no_client_auth(),
        Some(pair) => {
            let certs = CertificateDer::pem_slice_iter(pair.cert.as_bytes())
                .map(|c| c.unwrap())
                .collect();
            let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
            let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
            let shown = rustls::sign::CertifiedKey::new(certs, key);
            builder.with_client_cert_resolver(Arc::new(Shows(Arc::new(shown))))
        }
    })
}

pub async fn tls(server: &Server, config: Arc<ClientConfig>) -> std::io::Result<Tls> {
    let tcp = TcpStream::connect(&server.devices).await?;
    tcp.set_nodelay(true)?;
    TlsConnector::from(config)
        .connect(ServerName::try_from("127.0.0.1").unwrap(), tcp)
        .await
}

/// Sends a request by hand; the head of the answer and what came with it.
pub async fn request(tls: &mut Tls, path: &str, headers: &[(String, String)]) -> (String, Vec<u8>) {
    let mut text = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:4001\r\n");
    for (n, v) in headers {
        text.push_str(&format!("{n}: {v}\r\n"));
    }
    text.push_str("\r\n");
    tls.write_all(text.as_bytes()).await.unwrap();
    // What the task's budget kept back would wait for ever.
    tls.flush().await.unwrap();
    let mut got = Vec::new();
    loop {
        if let Some(end) = got.windows(4).position(|w| w == b"\r\n\r\n") {
            let rest = got.split_off(end + 4);
            return (String::from_utf8(got).unwrap(), rest);
        }
        let n = tokio::time::timeout(Duration::from_secs(20), tls.read_buf(&mut got))
            .await
            .unwrap()
            .unwrap_or(0);
        if n == 0 {
            return (String::from_utf8_lossy(&got).into_owned(), Vec::new());
        }
    }
}

pub fn upgrade_headers() -> Vec<(String, String)> {
    [
        ("user-agent", "mint/1.9.3"),
        ("upgrade", "websocket"),
        ("connection", "upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-extensions", "permessage-deflate"),
    ]
    .map(|(n, v)| (n.to_owned(), v.to_owned()))
    .to_vec()
}

impl Device {
    /// Connects with these further headers.
    pub async fn open(
        server: &Server,
        config: Arc<ClientConfig>,
        path: &str,
        headers: Vec<(String, String)>,
    ) -> Result<Self, Refusal> {
        let mut stream = tls(server, config).await.map_err(|e| Refusal {
            status: 0,
            head: e.to_string(),
            body: String::new(),
        })?;
        let all = [upgrade_headers(), headers].concat();
        let (head, mut rest) = request(&mut stream, path, &all).await;
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|s| s.parse().ok())
            .unwrap_or(0);
        if status != 101 {
            let _ =
                tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
            return Err(Refusal {
                status,
                head,
                body: String::from_utf8_lossy(&rest).into_owned(),
            });
        }
        assert!(
            head.contains("\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"),
            "{head}"
        );
        assert!(
            head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            "{head}"
        );
        assert!(
            !head.to_lowercase().contains("sec-websocket-extensions"),
            "{head}"
        );
        assert!(rest.is_empty(), "a frame shares the segment of the 101");
        // No frame may be longer than the smallest client can read.
        let config = WebSocketConfig::default().max_frame_size(Some(65_535));
        let socket = WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await;
        let packed = path.ends_with("vsn=3.0.0");
        Ok(Self { socket, packed })
    }

    /// Connects by the product's shared secret.
    pub async fn secret(server: &Server, identifier: &str) -> Result<Self, Refusal> {
        let (key, secret) = (server.login("product_key"), server.login("product_secret"));
        Self::by_key(server, key, secret, identifier).await
    }

    /// Connects by the product's shared secret and joins, running an uploaded firmware.
    pub async fn joined(server: &Server, identifier: &str, firmware: &Value) -> Self {
        let mut device = Self::secret(server, identifier).await.unwrap();
        device.join(running(firmware), json!({})).await;
        device
    }

    /// Connects by any shared secret.
    pub async fn by_key(
        server: &Server,
        key: &str,
        secret: &str,
        identifier: &str,
    ) -> Result<Self, Refusal> {
        let headers = sign(key, secret, identifier, server.now_ms());
        let config = client(server, None, true);
        Self::open(
            server,
            config,
            "/device-socket/websocket?vsn=2.0.0",
            headers,
        )
        .await
    }

    /// Connects by the product's shared secret and speaks MessagePack.
    pub async fn packed(server: &Server, identifier: &str) -> Result<Self, Refusal> {
        let (key, secret) = (server.login("product_key"), server.login("product_secret"));
        let headers = sign(key, secret, identifier, now_ms());
        let path = "/device-socket/websocket?vsn=3.0.0";
        Self::open(server, client(server, None, true), path, headers).await
    }

    pub async fn certificate(server: &Server, pair: &Pair) -> Result<Self, Refusal> {
        let config = client(server, Some(pair), false);
        Self::open(server, config, "/socket/websocket?vsn=2.0.0", Vec::new()).await
    }

    pub async fn send(&mut self, text: impl Into<String>) {
        let text = text.into();
        let message = if self.packed {
            let frame: Value = serde_json::from_str(&text).unwrap();
            let mut bytes = Vec::new();
            let packed = rmpv::ext::to_value(&frame).unwrap();
            rmpv::encode::write_value(&mut bytes, &packed).unwrap();
            Message::binary(bytes)
        } else {
            Message::text(text)
        };
        self.socket.send(message).await.unwrap();
    }

    /// Pushes `{"data": …}` with bytes that need not be text, as Elixir packs them.
    pub async fn send_bytes(&mut self, reference: &str, topic: &str, event: &str, data: &[u8]) {
        // An array of five; strings with a byte of length; a map of one.
        let mut bytes = vec![0x95];
        let mut string = |s: &[u8]| {
            bytes.extend([0xd9, s.len() as u8]);
            bytes.extend_from_slice(s);
        };
        for text in [reference, "9", topic, event] {
            string(text.as_bytes());
        }
        bytes.push(0x81);
        let mut string = |s: &[u8]| {
            bytes.extend([0xd9, s.len() as u8]);
            bytes.extend_from_slice(s);
        };
        string(b"data");
        string(data);
        self.socket.send(Message::binary(bytes)).await.unwrap();
    }

    pub async fn send_frame(&mut self, message: Message) -> bool {
        self.socket.send(message).await.is_ok()
    }

    /// Pushes on another topic, joined with this reference.
    pub async fn say(&mut self, reference: &str, topic: &str, event: &str, payload: Value) {
        self.send(json!([reference, "9", topic, event, payload]).to_string())
            .await;
    }

    pub async fn push(&mut self, event: &str, payload: Value) {
        self.send(json!(["1", "9", "device", event, payload]).to_string())
            .await;
    }

    /// The next frame, however long it takes; `None` when the socket is closed.
    pub async fn frame(&mut self) -> Option<Value> {
        self.next_within(Duration::from_secs(600)).await
    }

    /// The next frame within five seconds.
    pub async fn next(&mut self) -> Option<Value> {
        self.next_within(Duration::from_secs(5)).await
    }

    async fn next_within(&mut self, within: Duration) -> Option<Value> {
        loop {
            match tokio::time::timeout(within, self.socket.next())
                .await
                .ok()??
            {
                Ok(Message::Text(t)) if !self.packed => {
                    return serde_json::from_str(t.as_str()).ok();
                }
                Ok(Message::Binary(b)) if self.packed => {
                    let packed = rmpv::decode::read_value(&mut b.as_ref()).unwrap();
                    return rmpv::ext::from_value(packed).ok();
                }
                Ok(Message::Text(_) | Message::Binary(_)) => panic!("a frame of the wrong kind"),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next frame is exactly this one.
    #[track_caller]
    pub fn expect(&mut self, frame: Value) -> impl Future<Output = ()> {
        let at = std::panic::Location::caller();
        async move {
            let next = self.next().await;
            assert_eq!(next, Some(frame), "expected at {at}");
        }
    }

    /// The next frame of this event; frames before it are dropped.
    pub async fn event(&mut self, event: &str) -> Value {
        self.event_within(event, Duration::from_secs(5)).await
    }

    /// The payload of the next such event, before which nothing else may take longer than this.
    pub async fn event_within(&mut self, event: &str, within: Duration) -> Value {
        while let Some(frame) = self.next_within(within).await {
            if frame[3] == event {
                return frame[4].clone();
            }
        }
        panic!("no {event} came");
    }

    /// Nothing comes for a while but the question for extensions, which follows each join.
    pub async fn silent(&mut self, millis: u64) -> bool {
        let end = tokio::time::Instant::now() + Duration::from_millis(millis);
        while let Ok(frame) = tokio::time::timeout_at(end, self.next()).await {
            match frame {
                Some(frame) if frame[3] == "extensions:get" => {}
                _ => return false,
            }
        }
        true
    }

    /// The code that the server closes with.
    pub async fn closed(&mut self) -> Option<u16> {
        self.closed_within(Duration::from_secs(40)).await
    }

    /// The same, when it may take longer.
    pub async fn closed_within(&mut self, time: Duration) -> Option<u16> {
        let wait = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Close(frame))) => return frame.map(|f| u16::from(f.code)),
                    Some(Ok(_)) => {}
                    _ => return None,
                }
            }
        };
        tokio::time::timeout(time, wait)
            .await
            .expect("the server closes")
    }

    /// Joins as the newest client does, running this firmware; the first frame after the answer may follow at once.
    pub async fn join(&mut self, firmware: Value, more: Value) -> Value {
        let mut params = json!({
            "device_api_version": "2.3.0", "console_version": "2.0.0", "fwup_version": "1.16.0",
            "currently_downloading_uuid": null,
            "meta": {"firmware_validated": true, "firmware_auto_revert_detected": false},
        });
        for extra in [firmware, more] {
            for (k, v) in extra.as_object().unwrap() {
                params[k] = v.clone();
            }
        }
        self.send(json!(["1", "1", "device", "phx_join", params]).to_string())
            .await;
        self.event("phx_reply").await
    }
}

/// What a device that runs this uploaded firmware reports.
pub fn running(firmware: &Value) -> Value {
    json!({
        "nerves_fw_uuid": firmware["uuid"], "nerves_fw_product": firmware["product"],
        "nerves_fw_version": firmware["version"], "nerves_fw_platform": firmware["platform"],
        "nerves_fw_architecture": firmware["architecture"],
    })
}
