//! A person before a device's terminal, over the web listener's socket.

use super::Server;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

pub struct Viewer {
    socket: WebSocketStream<TcpStream>,
    topic: String,
}

impl Viewer {
    /// Connects with a token; the status when it is refused.
    pub async fn connect(server: &Server, path: &str, token: &str) -> Result<Self, u16> {
        Self::connect_to(&server.web, path, token).await
    }

    /// Connects to a web listener.
    pub async fn connect_to(web: &str, path: &str, token: &str) -> Result<Self, u16> {
        let tcp = TcpStream::connect(web).await.unwrap();
        let url = format!("ws://{web}{path}?token={token}&vsn=2.0.0");
        match tokio_tungstenite::client_async(url, tcp).await {
            Ok((socket, _)) => Ok(Self {
                socket,
                topic: String::new(),
            }),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(e) => panic!("{e}"),
        }
    }

    /// The administrator before this topic; the answer to the join.
    pub async fn join(server: &Server, topic: &str) -> (Self, Value) {
        Self::join_as(server, topic, server.login("token")).await
    }

    pub async fn join_as(server: &Server, topic: &str, token: &str) -> (Self, Value) {
        let connected = Self::connect(server, "/api/socket/websocket", token).await;
        connected.unwrap().joined(topic).await
    }

    /// Joins a topic; the answer.
    pub async fn joined(mut self, topic: &str) -> (Self, Value) {
        self.topic = topic.to_owned();
        self.push("phx_join", json!({})).await;
        let reply = self.next().await.unwrap();
        assert_eq!((&reply[3], &reply[2]), (&json!("phx_reply"), &json!(topic)));
        (self, reply[4].clone())
    }

    pub async fn push(&mut self, event: &str, payload: Value) {
        let frame = json!(["1", "1", self.topic, event, payload]).to_string();
        self.socket.send(Message::text(frame)).await.unwrap();
    }

    /// The next frame within five seconds.
    pub async fn next(&mut self) -> Option<Value> {
        self.next_within(Duration::from_secs(5)).await
    }

    /// The next frame, however long it takes; `None` when the socket is closed.
    pub async fn frame(&mut self) -> Option<Value> {
        self.next_within(Duration::from_secs(600)).await
    }

    async fn next_within(&mut self, within: Duration) -> Option<Value> {
        loop {
            match tokio::time::timeout(within, self.socket.next())
                .await
                .ok()??
            {
                Ok(Message::Text(t)) => return serde_json::from_str(t.as_str()).ok(),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The payload of the next frame of this event; frames before it are dropped.
    pub async fn event(&mut self, event: &str) -> Value {
        while let Some(frame) = self.next().await {
            if frame[3] == event {
                return frame[4].clone();
            }
        }
        panic!("no {event} came");
    }
}
