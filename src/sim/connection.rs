//! The WebSocket connection of a simulated device: TLS, upgrade, and frames.

use super::common::{Common, Target};
use super::upgrade::upgrade;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use std::io;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// A connected socket.
pub(super) struct Connection {
    /// Boxed, since the futures that it is handed through would each keep room for it.
    socket: Box<WebSocketStream<TlsStream<TcpStream>>>,
    next: u64,
    msgpack: bool,
}

/// A frame from the server.
#[derive(Debug)]
pub(super) struct Frame {
    pub topic: String,
    pub event: String,
    pub payload: Value,
}

const CONNECT_TIME: Duration = Duration::from_secs(20);

impl Connection {
    /// Connects the device of this number to a target.
    pub(super) async fn open(
        common: &Common,
        n: usize,
        to: &Target,
        path: &str,
        headers: &[(&'static str, String)],
    ) -> Result<Self, String> {
        let msgpack = common.plan.msgpack;
        let version = if msgpack { "3.0.0" } else { "2.0.0" };
        let path = format!("{path}?vsn={version}");
        let connect = async {
            let tls = tls(common, n, to).await.map_err(|e| e.to_string())?;
            let socket = upgrade(tls, &to.address, &path, headers).await?;
            Ok::<_, String>(Self {
                socket: Box::new(socket),
                next: 1,
                msgpack,
            })
        };
        timeout(CONNECT_TIME, Box::pin(connect))
            .await
            .map_err(|_| "connect timed out".to_owned())?
    }

    /// Sends an event on a topic. A join sets the topic's `join_ref`.
    pub(super) async fn push(
        &mut self,
        topic: &str,
        event: &str,
        payload: &Value,
    ) -> Result<(), String> {
        let reference = self.next.to_string();
        self.next += 1;
        let join_ref = if topic == "phoenix" {
            Value::Null
        } else {
            "1".into()
        };
        let frame = serde_json::json!([join_ref, reference, topic, event, payload]);
        let message = if self.msgpack {
            let packed = rmpv::ext::to_value(&frame).map_err(|e| e.to_string())?;
            let mut bytes = Vec::new();
            rmpv::encode::write_value(&mut bytes, &packed).map_err(|e| e.to_string())?;
            Message::binary(bytes)
        } else {
            Message::text(frame.to_string())
        };
        // Boxed: a device that waits has nothing to send.
        Box::pin(timeout(CONNECT_TIME, self.socket.send(message)))
            .await
            .map_err(|_| "send timed out".to_owned())?
            .map_err(|e| e.to_string())
    }

    /// The next frame; `None` when the connection is closed.
    pub(super) async fn next(&mut self) -> Option<Frame> {
        loop {
            let parts: Vec<Value> = match self.socket.next().await?.ok()? {
                Message::Text(text) if !self.msgpack => serde_json::from_str(text.as_str()).ok()?,
                Message::Binary(bytes) if self.msgpack => {
                    let packed = rmpv::decode::read_value(&mut bytes.as_ref()).ok()?;
                    rmpv::ext::from_value(packed).ok()?
                }
                Message::Ping(_) | Message::Pong(_) => continue,
                _ => return None,
            };
            let [_, _, topic, event, payload] = <[Value; 5]>::try_from(parts).ok()?;
            return Some(Frame {
                topic: topic.as_str()?.to_owned(),
                event: event.as_str()?.to_owned(),
                payload,
            });
        }
    }

    pub(super) async fn close(mut self) {
        // The server may have closed the connection already.
        let _ = timeout(Duration::from_secs(2), self.socket.as_mut().close(None)).await;
    }
}

/// The TLS connection of the device of this number to a target.
pub(super) async fn tls(
    common: &Common,
    n: usize,
    to: &Target,
) -> io::Result<TlsStream<TcpStream>> {
    let tcp = tcp(common, n, &to.address).await?;
    tcp.set_nodelay(true)?;
    TlsConnector::from(common.tls.clone())
        .connect(to.name.clone(), tcp)
        .await
}

/// Connects from the local address that the device has, if it has one of its own.
async fn tcp(common: &Common, n: usize, address: &str) -> io::Result<TcpStream> {
    // Each address is used with each target.
    let Some(local) = common.plan.local.nth(n / common.plan.urls.len()) else {
        return TcpStream::connect(address).await;
    };
    let mut found = lookup_host(address).await?;
    let remote = found.find(|remote| remote.is_ipv4() == local.is_ipv4());
    let remote = remote.ok_or_else(|| {
        io::Error::other(format!(
            "{address} cannot be reached from {local}: one has IPv4, the other IPv6"
        ))
    })?;
    let socket = if local.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.bind((local, 0).into()).map_err(|e| {
        let why = match e.kind() {
            io::ErrorKind::AddrNotAvailable => "it is no address of this machine".to_owned(),
            io::ErrorKind::AddrInUse => "all its ports are in use".to_owned(),
            _ => e.to_string(),
        };
        io::Error::other(format!("cannot connect from {local}: {why}"))
    })?;
    socket.connect(remote).await
}
