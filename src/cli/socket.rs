//! A person's WebSocket connection to a server: Phoenix channels over `/api/socket`.

use anyhow::{Context as _, anyhow, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::ConfigVerifierExt as _;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

/// The server and the token for it.
pub(super) struct Server {
    /// The server's web address.
    pub server: String,
    /// An API token.
    pub token: String,
    /// CA to verify the server's certificate with, instead of the system's.
    pub server_ca: Option<PathBuf>,
}

/// Any bidirectional byte stream: plain TCP or TLS.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A joined topic.
pub(super) struct Channel {
    socket: WebSocketStream<Box<dyn Stream>>,
    topic: String,
}

const PATIENCE: Duration = Duration::from_secs(20);

impl Server {
    /// Joins a topic.
    ///
    /// # Errors
    /// The server cannot be reached, or it refuses the join.
    pub(super) async fn join(&self, topic: &str) -> anyhow::Result<Channel> {
        let socket = timeout(PATIENCE, self.connect())
            .await
            .map_err(|_| anyhow!("{} does not answer", self.server))??;
        let mut channel = Channel {
            socket,
            topic: topic.to_owned(),
        };
        channel.push("phx_join", &json!({})).await?;
        let reply = timeout(PATIENCE, channel.next())
            .await
            .map_err(|_| anyhow!("{} does not answer", self.server))?
            .context("the server closed the connection")?;
        match reply {
            (event, payload) if event == "phx_reply" && payload["status"] == "ok" => Ok(channel),
            (_, payload) => match payload["response"]["reason"].as_str() {
                Some("unauthorized") | None => bail!(
                    "no such device, or this token's role in its organization is below \"manage\""
                ),
                Some(reason) => bail!("{reason}"),
            },
        }
    }

    async fn connect(&self) -> anyhow::Result<WebSocketStream<Box<dyn Stream>>> {
        let (secure, rest) = match self.server.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            _ => bail!(
                "--server {:?} must begin with http:// or https://",
                self.server
            ),
        };
        let authority = rest.split('/').next().unwrap_or_default();
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse()?),
            _ => (authority, if secure { 443 } else { 80 }),
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let tcp = TcpStream::connect((bare, port))
            .await
            .with_context(|| format!("could not reach {}", self.server))?;
        tcp.set_nodelay(true)?;
        let stream: Box<dyn Stream> = if secure {
            let name = ServerName::try_from(bare.to_owned())?;
            let connector = TlsConnector::from(Arc::new(self.tls()?));
            Box::new(connector.connect(name, tcp).await.context("TLS")?)
        } else {
            Box::new(tcp)
        };
        let scheme = if secure { "wss" } else { "ws" };
        let token: String = form_urlencoded::byte_serialize(self.token.as_bytes()).collect();
        let url = format!("{scheme}://{authority}/api/socket/websocket?vsn=2.0.0&token={token}");
        match tokio_tungstenite::client_async(url, stream).await {
            Ok((socket, _)) => Ok(socket),
            Err(Error::Http(answer)) if answer.status() == 403 => {
                bail!(
                    "the server does not take this token; make one with `nervecenter admin bootstrap`"
                )
            }
            Err(e) => Err(anyhow!("{} has no such socket: {e}", self.server)),
        }
    }

    fn tls(&self) -> anyhow::Result<ClientConfig> {
        let Some(path) = &self.server_ca else {
            return Ok(ClientConfig::with_platform_verifier()?);
        };
        let mut roots = RootCertStore::empty();
        let bad = || format!("{} is no PEM certificate", path.display());
        for cert in CertificateDer::pem_file_iter(path).with_context(bad)? {
            roots.add(cert.with_context(bad)?)?;
        }
        Ok(ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth())
    }
}

impl Channel {
    /// Sends an event on the topic.
    ///
    /// # Errors
    /// The connection is closed.
    pub(super) async fn push(&mut self, event: &str, payload: &Value) -> anyhow::Result<()> {
        let topic = if event == "heartbeat" {
            "phoenix"
        } else {
            &self.topic
        };
        let frame = json!(["1", "1", topic, event, payload]);
        let sent = self.socket.send(Message::text(frame.to_string())).await;
        sent.context("the server closed the connection")
    }

    /// The next event of the topic; `None` when the server has closed the connection.
    pub(super) async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            let text = match self.socket.next().await?.ok()? {
                Message::Text(text) => text,
                Message::Close(_) => return None,
                _ => continue,
            };
            let frame: Value = serde_json::from_str(text.as_str()).ok()?;
            if frame[2] == self.topic.as_str() {
                return Some((frame[3].as_str()?.to_owned(), frame[4].clone()));
            }
        }
    }
}
