//! Conversations of the newest client, captured with a scripted server, held again with this one: what the device said
//! then it says now, and what it hears must not differ in anything that it would notice.

use super::{release, rollout};
use crate::support::ca::{Leaf, ca};
use crate::support::device::{Device, client, now_ms, sign};
use crate::support::{Api, Engine, Server, inspect, readings};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

/// A line of a capture.
enum Line {
    /// The device said this; the bytes are what was on the wire, where it was MessagePack.
    Said(Value, Option<Vec<u8>>),
    /// The server said this.
    Heard(Value),
    /// The device asked for the file, with these headers.
    Fetched(Value),
}

fn read(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut raw = None;
    for line in text.lines() {
        let body = line.split_once("] ").map_or("", |(_, b)| b);
        if let Some(hex) = body.strip_prefix("<< hex ") {
            raw = Some(hex::decode(hex).unwrap());
        } else if body.starts_with("<< bin ") {
            // What it shows of extension types is not JSON; the bytes are.
            let bytes = raw.take().unwrap();
            let pack = rmpv::decode::read_value(&mut bytes.as_slice()).unwrap();
            let event = pack[3].as_str().unwrap().to_owned();
            let frame = json!([
                pack[0].as_str(),
                pack[1].as_str(),
                pack[2].as_str(),
                event,
                null
            ]);
            lines.push(Line::Said(frame, Some(bytes)));
        } else if let Some(json) = body.strip_prefix("<< ") {
            lines.push(Line::Said(serde_json::from_str(json).unwrap(), None));
        } else if let Some(json) = body.strip_prefix(">> ") {
            lines.push(Line::Heard(serde_json::from_str(json).unwrap()));
        } else if let Some(http) = body.strip_prefix("HTTP GET ") {
            let map = http.split_once('{').unwrap().1;
            let headers = format!("{{{}", map.replace('\'', "\""));
            lines.push(Line::Fetched(serde_json::from_str(&headers).unwrap()));
        }
    }
    lines
}

struct Replay {
    server: Server,
    api: Api,
    new: Value,
    d: Device,
    packed: bool,
    update: Value,
    script: Option<(Value, tokio::task::JoinHandle<String>)>,
}

impl Replay {
    async fn begin(packed: bool, certificate: bool, deltas: bool) -> Self {
        let server = Server::start(Engine::Sqlite).await.unwrap();
        let (api, _, new) = rollout(&server, json!({ "delta_updatable": deltas })).await;
        let on = json!({"extensions": {"health": true, "geo": true, "network_identity": true}});
        api.put(&Api::product("/extensions"), on).await;
        let form = json!({"name": "s", "text": "1 + 1"});
        api.post(&Api::product("/scripts"), form).await.data();
        // The rest of the upgrade is what every device of these tests sends: it was taken from here.
        let vsn = if packed { "3.0.0" } else { "2.0.0" };
        let d = if certificate {
            let factory = ca("factory");
            factory.register(&api, true).await;
            let pair = factory.leaf("nerves-0001", Leaf::default());
            let path = format!("/socket/websocket?vsn={vsn}");
            Device::open(
                &server,
                client(&server, Some(&pair), false),
                &path,
                Vec::new(),
            )
            .await
        } else {
            let (key, word) = (server.login("product_key"), server.login("product_secret"));
            let headers = sign(key, word, "nerves-0001", now_ms());
            let path = format!("/device-socket/websocket?vsn={vsn}");
            Device::open(&server, client(&server, None, false), &path, headers).await
        };
        Self {
            api,
            new,
            d: d.unwrap(),
            packed,
            update: Value::Null,
            script: None,
            server,
        }
    }

    async fn say(&mut self, frame: &Value, raw: Option<&Vec<u8>>) {
        if frame[3] == "scripts/run" {
            // The reference is ours now.
            let (reference, _) = self.script.as_ref().unwrap();
            let done =
                json!({"ref": reference, "output": "", "return": "2", "result": "completed"});
            let frame = json!([frame[0], frame[1], frame[2], frame[3], done]);
            self.d.send(frame.to_string()).await;
            let (_, run) = self.script.take().unwrap();
            assert_eq!(run.await.unwrap(), "2");
            return;
        }
        match raw {
            Some(bytes) if self.packed => {
                assert!(self.d.send_frame(Message::binary(bytes.clone())).await);
            }
            _ => self.d.send(frame.to_string()).await,
        }
    }

    /// The server's next frame that the scripted server knew, too.
    async fn next(&mut self) -> Value {
        loop {
            let frame = self.d.next().await.expect("the server goes on");
            if frame[3] != "network_identity:request" {
                return frame;
            }
        }
    }

    async fn hear(&mut self, expected: &Value) {
        match expected[3].as_str().unwrap() {
            // Nothing that a server of today would say to a device that has not joined its console.
            "dn" | "nonsense" => return,
            "scripts/run" => {
                let (api, path) = (
                    self.api.clone(),
                    Api::product("/devices/nerves-0001/scripts/s"),
                );
                let run = tokio::spawn(async move { api.post(&path, json!({})).await.text });
                let frame = self.next().await;
                assert_eq!(frame[4]["text"], expected[4]["text"]);
                self.script = Some((frame[4]["ref"].clone(), run));
                return;
            }
            "identify" => {
                self.api
                    .post("/api/devices/nerves-0001/identify", json!({}))
                    .await;
            }
            "update" => {
                release(&self.api, &self.new).await;
                let frame = self.next().await;
                self.same_update(&frame, expected);
                self.update = frame[4].clone();
                return;
            }
            _ => {}
        }
        let frame = self.next().await;
        let mut expected = expected.clone();
        let mut got = frame.clone();
        if expected[2] == "extensions" && expected[3] == "phx_reply" {
            // A list of names, whose order does not matter to the device.
            for side in [&mut expected, &mut got] {
                let names = side[4]["response"].as_array_mut().unwrap();
                names.sort_by_key(Value::to_string);
            }
        }
        if expected[3] == "fwup_public_keys" || expected[3] == "archive_public_keys" {
            // Another organization's key, of the same kind.
            let length = |frame: &Value| frame[4]["keys"][0].as_str().map(str::len);
            assert_eq!(length(&got), length(&expected));
            got[4] = expected[4].clone();
        }
        assert_eq!(got, expected);
    }

    fn same_update(&self, frame: &Value, expected: &Value) {
        assert_eq!(
            (&frame[0], &frame[1], &frame[2]),
            (&expected[0], &expected[1], &expected[2])
        );
        let (got, then) = (&frame[4], &expected[4]);
        for (key, value) in then.as_object().unwrap() {
            let same_kind = std::mem::discriminant(&got[key]) == std::mem::discriminant(value);
            assert!(same_kind, "{key}: {} instead of {value}", got[key]);
        }
        assert_eq!(got["update_available"], true);
        for key in ["uuid", "product", "version", "platform", "architecture"] {
            assert_eq!(
                got["firmware_meta"][key], then["firmware_meta"][key],
                "{key}"
            );
        }
        let checksum = got["checksum"].as_str().unwrap();
        assert!(checksum.len() == 64 && checksum.to_uppercase() == checksum);
    }

    async fn fetch(&self, headers: &Value) {
        let url = self.update["firmware_url"].as_str().unwrap();
        let mut request = reqwest::Client::new().get(url);
        for (name, value) in headers.as_object().unwrap() {
            if name != "host" {
                request = request.header(name, value.as_str().unwrap());
            }
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.content_length(), self.update["size"].as_u64());
        assert!(!answer.headers().contains_key("content-encoding"));
        let file = answer.bytes().await.unwrap();
        assert_eq!(file.len() as u64, self.update["size"].as_u64().unwrap());
    }
}

async fn replay(text: &str, packed: bool, certificate: bool, deltas: bool) {
    let lines = read(text);
    let said = lines.iter().filter(|l| matches!(l, Line::Said(..))).count();
    assert!(said > 10, "{said} frames");
    let mut r = Replay::begin(packed, certificate, deltas).await;
    for line in &lines {
        match line {
            Line::Said(frame, raw) => r.say(frame, raw.as_ref()).await,
            Line::Heard(frame) => r.hear(frame).await,
            Line::Fetched(headers) => r.fetch(headers).await,
        }
    }
    assert!(r.d.silent(200).await);
    let done = inspect::INSTALLED;
    r.server.until(done, 1).await;
    let reports = r.server.entries(readings::HEALTH_REPORTS).await;
    assert_eq!(reports.len(), 1);
    let stage = r.server.count(inspect::ATTEMPTED).await;
    assert_eq!(stage, 1);
}

#[tokio::test]
async fn the_captured_json_conversation_replays() {
    let text = include_str!("captures/nerves_hub_link-2.12.0-json.txt");
    replay(text, false, false, true).await;
}

#[tokio::test]
async fn the_captured_messagepack_conversation_replays() {
    let text = include_str!("captures/nerves_hub_link-2.12.0-msgpack.txt");
    replay(text, true, false, true).await;
}

#[tokio::test]
async fn the_captured_certificate_conversation_replays() {
    let text = include_str!("captures/nerves_hub_link-2.12.0-mtls.txt");
    replay(text, false, true, true).await;
}

#[tokio::test]
async fn the_captured_conversation_with_deflate_and_a_full_file_replays() {
    let text = include_str!("captures/nerves_hub_link-2.12.0-deflate_full.txt");
    replay(text, false, false, false).await;
}
