//! The WebSocket connection of a simulated device: TLS, upgrade, and frames.

use futures_util::{SinkExt as _, StreamExt as _};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Message, protocol::WebSocketConfig};

/// A connected socket.
pub(super) struct Connection {
    socket: WebSocketStream<TlsStream<TcpStream>>,
    next: u64,
    msgpack: bool,
}

/// Where to connect.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// Host and port for TCP.
    pub address: String,
    /// The name that the server's certificate must have.
    pub name: ServerName<'static>,
    /// `wss://host:port`.
    pub base: String,
    /// Whether to use MessagePack (`vsn=3.0.0`) instead of JSON.
    pub msgpack: bool,
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
    pub(super) async fn open(
        target: &Target,
        tls: Arc<ClientConfig>,
        path: &str,
        headers: &[(&'static str, String)],
    ) -> Result<Self, String> {
        let version = if target.msgpack { "3.0.0" } else { "2.0.0" };
        let url = format!("{}{path}?vsn={version}", target.base);
        let mut request = url.into_client_request().map_err(|e| e.to_string())?;
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).map_err(|e| e.to_string())?;
            request
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
        let config = WebSocketConfig::default()
            .read_buffer_size(1024)
            .write_buffer_size(0);
        let connect = async {
            let tcp = TcpStream::connect(&target.address)
                .await
                .map_err(|e| e.to_string())?;
            tcp.set_nodelay(true).map_err(|e| e.to_string())?;
            let tls = TlsConnector::from(tls)
                .connect(target.name.clone(), tcp)
                .await
                .map_err(|e| e.to_string())?;
            let (socket, _) =
                tokio_tungstenite::client_async_with_config(request, tls, Some(config))
                    .await
                    .map_err(|e| e.to_string())?;
            Ok::<_, String>(Self {
                socket,
                next: 1,
                msgpack: target.msgpack,
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
        timeout(CONNECT_TIME, self.socket.send(message))
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
        let _ = timeout(Duration::from_secs(2), self.socket.close(None)).await;
    }
}
