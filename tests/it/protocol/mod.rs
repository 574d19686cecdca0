//! The 60 points of docs/protocol/device.md, "Conformance points", each a test named after its number and sentence, against the
//! real listener over TLS; every event in both directions; conversations of old clients; replays of captured ones.

mod captures;
mod certificates;
mod clients;
mod device_topic;
mod endpoint;
mod events;
mod extensions;
mod field;
mod forgery;
mod framing;
mod hostile;
mod polling;
mod secrets;
mod transport;
mod updates;

use crate::support::device::{self, Device, Pair, client, now_ms, sign};
use crate::support::{Api, Engine, Server};
use serde_json::{Value, json};

const PATH: &str = "/device-socket/websocket?vsn=2.0.0";

async fn server() -> Server {
    Server::start(Engine::Sqlite).await.unwrap()
}

/// The binary, for tests of its memory, log and end.
async fn process() -> Server {
    Server::process(Engine::Sqlite).await.unwrap()
}

/// Good shared-secret headers for this device.
fn secret(server: &Server, identifier: &str) -> Vec<(String, String)> {
    let (key, word) = (server.login("product_key"), server.login("product_secret"));
    sign(key, word, identifier, now_ms())
}

/// The status of a connect with these headers, 101 when it is let in.
async fn status(
    server: &Server,
    pair: Option<&Pair>,
    path: &str,
    headers: Vec<(String, String)>,
) -> u16 {
    Device::open(server, client(server, pair, false), path, headers)
        .await
        .err()
        .map_or(101, |r| r.status)
}

/// What a device reports of a firmware that this server need not have.
fn runs(uuid: &str) -> Value {
    device::running(
        &json!({"uuid": uuid, "product": "fixture-product", "version": "1.0.0",
        "platform": "rpi4", "architecture": "arm"}),
    )
}

/// A device of the newest client that has joined; the question for extensions is taken.
async fn joined(server: &Server, name: &str) -> Device {
    let mut d = Device::secret(server, name).await.unwrap();
    d.join(runs("u"), json!({})).await;
    d.expect(json!([null, null, "device", "extensions:get", {}]))
        .await;
    d
}

/// Everything that the server sent before it answered a heartbeat.
async fn until_heartbeat(d: &mut Device) -> Vec<Value> {
    d.send(r#"[null,"beat","phoenix","heartbeat",{}]"#).await;
    let mut got = Vec::new();
    loop {
        let frame = d.next().await.expect("the socket stays open");
        if frame[1] == "beat" {
            return got;
        }
        got.push(frame);
    }
}

/// Both versions of a fixture, and an active group on the first with these settings.
async fn rollout(server: &Server, settings: Value) -> (Api, Value, Value) {
    let api = server.api();
    let (old, new) = api.two_versions("g", settings).await;
    (api, old, new)
}

/// A joined device that runs an uploaded firmware.
async fn on(server: &Server, name: &str, firmware: &Value) -> Device {
    Device::joined(server, name, firmware).await
}

async fn release(api: &Api, firmware: &Value) {
    api.release("g", firmware["uuid"].as_str().unwrap()).await;
}
