//! Conversations of the releases in the field, each as that release holds it: what would crash it fails its test. The file is long
//! because the releases are read beside each other: what one of them does differently is seen by the difference.

use super::device_topic::session;
use super::{release, rollout};
use crate::support::ca::{Leaf, ca};
use crate::support::device::{Device, client, now_ms, running, sign};
use crate::support::viewer::Viewer;
use crate::support::{Api, Engine, Server, fixtures, inspect, readings};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;

/// What a release of the client says and understands (docs/protocol/device.md, "What a client knows").
#[derive(Clone)]
struct Release {
    /// `console_version`; none has no console.
    console: Option<&'static str>,
    /// `device_api_version`.
    api: &'static str,
    /// Events on `device` that it has a clause for.
    device: Vec<&'static str>,
    /// Events on `console` that it has a clause for.
    terminal: Vec<&'static str>,
    /// Extensions with their versions.
    extensions: Vec<&'static str>,
    /// Whether an event without a clause raises.
    strict: bool,
    /// Parameters of its own.
    params: Value,
    /// What it says of an update that goes well.
    statuses: Vec<(&'static str, Value)>,
    /// Whether it comes with a certificate.
    certificate: bool,
    /// How it numbers the join of the device topic.
    join: (&'static str, &'static str),
    /// Speaks MessagePack.
    packed: bool,
}

fn progress(value: u32) -> (&'static str, Value) {
    ("fwup_progress", json!({ "value": value }))
}

fn staged(value: u32) -> (&'static str, Value) {
    (
        "fwup_progress",
        json!({"stage": "updating", "value": value}),
    )
}

fn status(word: &str) -> (&'static str, Value) {
    ("status_update", json!({ "status": word }))
}

/// 1.0.1 and 1.4.1.
fn one() -> Release {
    Release {
        console: Some("1.0.0"),
        api: "1.0.0",
        device: vec!["reboot", "update"],
        terminal: vec!["restart", "dn", "window_size"],
        extensions: Vec::new(),
        strict: true,
        params: json!({"currently_downloading_uuid": null, "fwup_version": "1.9.0"}),
        statuses: (0..=100).map(progress).collect(),
        certificate: true,
        join: ("1", "1"),
        packed: false,
    }
}

fn two_0() -> Release {
    let mut r = one();
    r.device.push("identify");
    r
}

fn two_1() -> Release {
    let mut r = two_0();
    r.console = Some("2.0.0");
    r.terminal
        .extend(["file-data/start", "file-data", "file-data/stop"]);
    r.certificate = false;
    r
}

fn two_2() -> Release {
    let mut r = two_1();
    r.api = "2.0.0";
    r.device.extend(["fwup_public_keys", "archive"]);
    r.params["fwup_public_keys"] = json!("on_connect");
    r
}

fn two_5() -> Release {
    let mut r = two_2();
    r.api = "2.1.0";
    r.device.extend(["archive_public_keys", "scripts/run"]);
    r.params["archive_public_keys"] = json!("on_connect");
    r.strict = false;
    r
}

fn two_6() -> Release {
    let mut r = two_5();
    r.api = "2.2.0";
    r.device.push("extensions:get");
    r.extensions = vec!["health", "geo"];
    r
}

fn two_8() -> Release {
    let mut r = two_6();
    r.api = "2.3.0";
    let meta = json!({"firmware_validated": true, "firmware_auto_revert_detected": false});
    r.params["meta"] = meta;
    r
}

fn two_9() -> Release {
    let mut r = two_8();
    r.statuses = vec![
        status("received"),
        staged(1),
        staged(57),
        staged(100),
        status("completed"),
    ];
    r
}

fn two_12() -> Release {
    let mut r = two_9();
    let started = json!({"status": "started", "downloader_network_interface": "eth0"});
    r.statuses.insert(1, ("status_update", started));
    r.extensions = vec!["health", "geo", "logging", "local_shell"];
    r
}

fn head() -> Release {
    let mut r = two_12();
    r.extensions.push("network_identity");
    r
}

fn avm() -> Release {
    Release {
        console: None,
        api: "2.2.0",
        device: vec![
            "update",
            "reboot",
            "identify",
            "extensions:get",
            "archive",
            "scripts/run",
        ],
        terminal: Vec::new(),
        extensions: vec!["health", "logging"],
        strict: false,
        params: json!({"currently_downloading_uuid": null,
            "meta": {"firmware_validated": true, "firmware_auto_revert_detected": false}}),
        statuses: vec![
            status("received"),
            status("downloading"),
            progress(50),
            status("updating"),
            progress(100),
            status("fwup_complete"),
        ],
        certificate: false,
        join: ("join_0", "ref_1"),
        packed: false,
    }
}

/// A device of a release.
struct Model {
    d: Device,
    release: Release,
    /// References whose reply the client waits for.
    asked: HashSet<String>,
    /// Everything that it was told, by topic and event.
    told: Vec<String>,
    update: Option<Value>,
    next: u32,
}

impl Model {
    async fn connect(server: &Server, release: &Release, firmware: &Value) -> Self {
        let vsn = if release.packed { "3.0.0" } else { "2.0.0" };
        let d = if release.certificate {
            let path = format!("/socket/websocket?vsn={vsn}");
            let factory = FACTORY.get().expect("made before");
            // Old releases pin TLS 1.2; the same key comes back each time.
            let config = client(server, Some(factory), false);
            Device::open(server, config, &path, Vec::new()).await
        } else {
            let path = format!("/device-socket/websocket?vsn={vsn}");
            let (key, word) = (server.login("product_key"), server.login("product_secret"));
            let headers = sign(key, word, "device", now_ms());
            Device::open(server, client(server, None, false), &path, headers).await
        };
        let mut m = Self {
            d: d.unwrap(),
            release: release.clone(),
            asked: HashSet::new(),
            told: Vec::new(),
            update: None,
            next: 10,
        };
        let mut params = running(firmware);
        params["device_api_version"] = json!(release.api);
        // The whole key-value store is sent, secrets of its owner among it.
        params["nerves_fw_application_part0_devpath"] = json!("/dev/mmcblk0p3");
        params["wifi_passphrase"] = json!("hunter2");
        if let Some(console) = release.console {
            params["console_version"] = json!(console);
        }
        for (k, v) in release.params.as_object().unwrap() {
            params[k] = v.clone();
        }
        let (join_ref, reference) = release.join;
        m.asked.insert(reference.to_owned());
        let join = json!([join_ref, reference, "device", "phx_join", params]);
        m.d.send(join.to_string()).await;
        if release.console.is_some() {
            // Without waiting for the first answer.
            m.asked.insert("2".into());
            m.d.send(json!(["2", "2", "console", "phx_join", params]).to_string())
                .await;
        }
        m
    }

    /// Lives while something else happens.
    async fn during<T>(&mut self, action: impl Future<Output = T>) -> T {
        tokio::pin!(action);
        loop {
            tokio::select! {
                out = &mut action => return out,
                frame = self.d.frame() => self.take(frame.expect("the server keeps the socket open")).await,
            }
        }
    }

    async fn settle(&mut self) {
        self.during(tokio::time::sleep(Duration::from_millis(400)))
            .await;
    }

    async fn push(&mut self, topic: &str, event: &str, payload: Value) -> String {
        let join_ref = match topic {
            "device" => self.release.join.0,
            "console" => "2",
            _ => "3",
        };
        self.next += 1;
        let reference = self.next.to_string();
        let frame = json!([join_ref, reference, topic, event, payload]);
        self.d.send(frame.to_string()).await;
        reference
    }

    /// One frame, as the release would take it.
    async fn take(&mut self, frame: Value) {
        let word = |i: usize| frame[i].as_str().unwrap_or_default().to_owned();
        let (topic, event, payload) = (word(2), word(3), &frame[4]);
        assert_eq!(frame.as_array().map(Vec::len), Some(5), "{frame}");
        assert!(payload.is_object(), "a payload is a map: {frame}");
        match event.as_str() {
            // From 2.6.0 on there is a clause for this one answer, whatever it is to.
            "phx_reply" if payload["response"] == "detach" => {
                assert!(!self.release.extensions.is_empty(), "{frame}");
                assert_eq!(
                    (topic.as_str(), &payload["status"]),
                    ("extensions", &json!("error"))
                );
                return;
            }
            "phx_reply" => {
                let known = self.asked.remove(&word(1));
                assert!(known, "a reply that nothing asked for raises: {frame}");
                assert_eq!(payload["status"], "ok", "{frame}");
                if topic == "device" {
                    assert_eq!(
                        payload["response"],
                        json!({}),
                        "an old client updates from this"
                    );
                    assert_eq!(frame[0], self.release.join.0);
                }
                if topic == "extensions" {
                    let wanted: Vec<String> = payload["response"]
                        .as_array()
                        .expect("a list of names")
                        .iter()
                        .map(|n| n.as_str().unwrap().to_owned())
                        .collect();
                    self.attach(&wanted).await;
                }
                return;
            }
            "phx_error" | "phx_close" => panic!("the client would leave or crash: {frame}"),
            _ => {}
        }
        assert_eq!(
            frame[1],
            Value::Null,
            "with a ref it would be dropped: {frame}"
        );
        self.told.push(format!("{topic} {event}"));
        match topic.as_str() {
            "device" => self.device(&event, payload).await,
            "console" => {
                let known = self.release.terminal.contains(&event.as_str());
                assert!(known, "the console of this release does not know {frame}");
                match event.as_str() {
                    "dn" => assert!(payload["data"].is_string()),
                    "window_size" => {
                        assert!(payload["height"].is_u64() && payload["width"].is_u64());
                    }
                    "file-data/start" | "file-data" | "file-data/stop" => {
                        assert!(payload["filename"].is_string());
                    }
                    _ => {}
                }
                self.push("console", "up", json!({"data": "iex> "})).await;
            }
            "extensions" => self.extension(&event, payload).await,
            _ => panic!("no client has joined {topic}: {frame}"),
        }
    }

    async fn device(&mut self, event: &str, payload: &Value) {
        let known = self.release.device.contains(&event);
        assert!(
            known || !self.release.strict,
            "{event} raises in this release"
        );
        assert!(known, "{event} is for later releases");
        match event {
            "reboot" => drop(self.push("device", "rebooting", json!({})).await),
            "fwup_public_keys" | "archive_public_keys" => {
                let keys = payload["keys"].as_array().expect("a list");
                assert!(!keys.is_empty(), "an empty list clears the device's own");
                assert!(
                    keys.iter()
                        .all(|k| k.as_str().is_some_and(|k| k.len() == 44))
                );
            }
            "scripts/run" => {
                assert!(payload["text"].is_string() && payload["ref"].is_string());
                assert!(payload.get("timeout").is_none_or(Value::is_u64));
                // What the AVM client does with a script is nothing.
                if self.release.console.is_some() {
                    let done = json!({"ref": payload["ref"], "output": "", "return": "1"});
                    self.push("device", "scripts/run", done).await;
                }
            }
            "extensions:get" => {
                let offer: serde_json::Map<_, _> = self
                    .release
                    .extensions
                    .iter()
                    .map(|n| ((*n).to_owned(), json!("0.0.1")))
                    .collect();
                self.asked.insert("3".into());
                self.d
                    .send(json!(["3", "3", "extensions", "phx_join", offer]).to_string())
                    .await;
            }
            "update" => {
                let meta = payload["firmware_meta"].as_object().expect("a map");
                for key in ["uuid", "product", "version", "platform", "architecture"] {
                    assert!(meta[key].is_string(), "{key}");
                }
                assert_eq!(payload["update_available"], true);
                assert!(
                    payload["firmware_url"]
                        .as_str()
                        .unwrap()
                        .starts_with("http")
                );
                self.update = Some(payload.clone());
            }
            "archive" => {
                for key in [
                    "uuid",
                    "version",
                    "platform",
                    "architecture",
                    "uploaded_at",
                    "url",
                ] {
                    assert!(payload[key].is_string(), "{key}");
                }
                assert!(payload["size"].is_u64());
            }
            _ => {}
        }
    }

    async fn attach(&mut self, names: &[String]) {
        for name in names {
            self.push("extensions", &format!("{name}:attached"), json!({}))
                .await;
        }
    }

    async fn extension(&mut self, event: &str, payload: &Value) {
        match event {
            "attach" | "detach" => {
                let names: Vec<String> = payload["extensions"]
                    .as_array()
                    .expect("a list")
                    .iter()
                    .map(|n| n.as_str().unwrap().to_owned())
                    .collect();
                let has = |n: &String| self.release.extensions.contains(&n.as_str());
                assert!(names.iter().all(has), "only what it offered: {names:?}");
                // The AVM client ignores both.
                match event {
                    _ if self.release.console.is_none() => {}
                    "attach" => self.attach(&names).await,
                    _ => {
                        for name in names {
                            let event = format!("{name}:detached");
                            self.push("extensions", &event, json!({})).await;
                        }
                    }
                }
            }
            "health:check" => {
                let report = json!({"value": {"metrics": {"load_1min": 0.2}, "timestamp": "2026-01-01T00:00:00Z"}});
                self.push("extensions", "health:report", report).await;
            }
            "geo:location:request" => {
                let place = json!({"latitude": 1.5, "longitude": 2.5, "source": "geoip"});
                self.push("extensions", "geo:location:update", place).await;
            }
            "local_shell:request_shell" => {
                let status = json!({"status": "failed", "reason": "no expty"});
                self.push("extensions", "local_shell:request_status", status)
                    .await;
            }
            "network_identity:request" => {
                let all = json!({"identities": [{"service": "iroh", "identifier": "k"}]});
                self.push("extensions", "network_identity:report", all)
                    .await;
            }
            other => panic!("no extension has {other}"),
        }
    }

    async fn heartbeat(&mut self) {
        self.next += 1;
        let reference = self.next.to_string();
        self.asked.insert(reference.clone());
        self.d
            .send(json!([null, reference, "phoenix", "heartbeat", {}]).to_string())
            .await;
        self.settle().await;
        assert!(
            self.asked.is_empty(),
            "an answer is missing: {:?}",
            self.asked
        );
    }
}

static FACTORY: std::sync::OnceLock<crate::support::device::Pair> = std::sync::OnceLock::new();

/// A whole life: connect, an operator's session, an update, the reboot into it.
async fn life(release_of: Release) -> Vec<String> {
    let server = Server::process(Engine::Sqlite).await.unwrap();
    let settings = json!({"connecting_code": "IO.puts(1)"});
    let (api, old, new) = rollout(&server, settings).await;
    let archive = api
        .archive(fixtures::bytes("good/archive-1.0.0.fw"))
        .await
        .data();
    if release_of.certificate {
        let factory = ca("factory");
        factory.register(&api, true).await;
        let _ = FACTORY.set(factory.leaf("device", Leaf::default()));
        // Each test has a server of its own, and all share the device's key: it is pinned here.
        let pair = FACTORY.get().unwrap();
        api.post(&Api::product("/devices"), json!({"identifier": "device"}))
            .await;
        let cert = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &pair.cert);
        let path = Api::product("/devices/device/certificates");
        assert_eq!(api.post(&path, json!({ "cert": cert })).await.status, 201);
    }
    let mut m = Model::connect(&server, &release_of, &old).await;
    m.settle().await;
    m.during(session(&api, "device", &old, &archive)).await;
    m.settle().await;
    if release_of.console.is_some() {
        let viewer = async {
            let (mut jane, _) = Viewer::join(&server, "user:console:identifier-device").await;
            jane.event("metadata").await;
            jane.push("window_size", json!({"height": 24, "width": 80}))
                .await;
            jane.push("dn", json!({"data": "1"})).await;
            jane.push("file-data/start", json!({"filename": "a"})).await;
            jane.push(
                "file-data",
                json!({"filename": "a", "chunk": 0, "data": "AAAA"}),
            )
            .await;
            jane.push("file-data/stop", json!({"filename": "a"})).await;
            jane.push("nonsense", json!({})).await;
            jane.push("restart", json!({})).await;
            while jane.event("up").await["data"] != "iex> " {}
        };
        m.during(viewer).await;
    }
    m.during(release(&api, &new)).await;
    for _ in 0..20 {
        m.settle().await;
        if m.update.is_some() {
            break;
        }
    }
    let update = m.update.take().expect("it is offered the release");
    let url = update["firmware_url"].as_str().unwrap();
    let file = m
        .during(async { reqwest::get(url).await.unwrap().bytes().await.unwrap() })
        .await;
    assert_eq!(file.len(), update["size"].as_u64().unwrap() as usize);
    for (event, payload) in release_of.statuses.clone() {
        m.push("device", event, payload).await;
    }
    m.heartbeat().await;
    let word = inspect::INSTALLED;
    assert_eq!(server.count(word).await, 1, "its words are understood");
    let told = m.told.clone();
    drop(m);
    let mut m = Model::connect(&server, &release_of, &new).await;
    m.heartbeat().await;
    server.until_updates(1).await;
    assert_eq!(server.devices(readings::UPDATING).await, 0);
    // What its owner keeps in the key-value store is kept nowhere else.
    let log = std::fs::read_to_string(server.folder.path().join("log")).unwrap();
    assert!(!log.contains("hunter2"));
    told
}

fn count(told: &[String], what: &str) -> usize {
    told.iter().filter(|t| *t == what).count()
}

#[tokio::test]
async fn release_1_0_1() {
    let told = life(one()).await;
    assert_eq!(count(&told, "device reboot"), 1);
    // The connecting code and the operator's are typed.
    assert!(count(&told, "console dn") >= 3, "{told:?}");
}

#[tokio::test]
async fn release_1_4_1() {
    life(one()).await;
}

#[tokio::test]
async fn release_2_0_0() {
    life(two_0()).await;
}

#[tokio::test]
async fn release_2_1_1() {
    let told = life(two_1()).await;
    assert_eq!(count(&told, "device identify"), 1);
    assert_eq!(count(&told, "console file-data"), 1);
}

#[tokio::test]
async fn release_2_2_1() {
    let told = life(two_2()).await;
    assert_eq!(count(&told, "device fwup_public_keys"), 1);
    assert_eq!(count(&told, "device archive"), 1);
}

#[tokio::test]
async fn release_2_5_2() {
    let told = life(two_5()).await;
    assert_eq!(
        count(&told, "device scripts/run"),
        2,
        "the connecting code and a script"
    );
    assert_eq!(count(&told, "device archive_public_keys"), 1);
}

#[tokio::test]
async fn release_2_6_0() {
    let told = life(two_6()).await;
    assert_eq!(count(&told, "device extensions:get"), 1);
    assert_eq!(count(&told, "extensions attach"), 1);
    assert_eq!(count(&told, "extensions detach"), 1);
}

#[tokio::test]
async fn release_2_8_1() {
    life(two_8()).await;
}

#[tokio::test]
async fn release_2_9_0() {
    life(two_9()).await;
}

#[tokio::test]
async fn release_2_12_0() {
    let told = life(two_12()).await;
    assert_eq!(count(&told, "extensions local_shell:request_shell"), 1);
}

#[tokio::test]
async fn the_newest_in_json_and_in_messagepack() {
    for packed in [false, true] {
        let mut newest = head();
        newest.packed = packed;
        let told = life(newest).await;
        assert_eq!(count(&told, "extensions network_identity:request"), 1);
    }
}

#[tokio::test]
async fn the_atomvm_client() {
    let told = life(avm()).await;
    assert_eq!(count(&told, "device identify"), 1);
    assert_eq!(count(&told, "extensions attach"), 1, "which it ignores");
}

#[tokio::test]
async fn the_polling_client() {
    // Its whole conversation is `polling.rs`; here is what its own code matches on.
    let server = Server::process(Engine::Sqlite).await.unwrap();
    let (api, old, new) = rollout(&server, json!({})).await;
    let factory = ca("factory");
    factory.register(&api, true).await;
    let pair = factory.leaf("poller", Leaf::default());
    let ask = async |path: &str, runs: &Value| {
        use tokio::io::AsyncReadExt as _;
        let config = client(&server, Some(&pair), false);
        let mut tls = crate::support::device::tls(&server, config).await.unwrap();
        let mut headers = vec![("X-NervesHub-fwup-version".to_owned(), "1.10.0".to_owned())];
        for key in [
            "uuid",
            "product",
            "version",
            "platform",
            "architecture",
            "author",
            "vcs_identifier",
        ] {
            let value = runs[key].as_str().unwrap_or_default();
            headers.push((format!("X-NervesHub-{key}"), value.to_owned()));
        }
        let (head, mut body) = crate::support::device::request(&mut tls, path, &headers).await;
        tls.read_to_end(&mut body).await.unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let body: Value = serde_json::from_slice(&body).expect("an empty body crashes it");
        body["data"].clone()
    };
    assert_eq!(ask("/device/me", &old).await["identifier"], "poller");
    assert_eq!(ask("/device/update", &old).await["update_available"], false);
    release(&api, &new).await;
    let mut update = json!({"update_available": false});
    for _ in 0..100 {
        update = ask("/device/update", &old).await;
        if update["update_available"] == true {
            break;
        }
        // The delta is being made.
        assert_eq!(update["update_available"], false, "exactly false");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let url = update["firmware_url"].as_str().expect("a string");
    assert!(url.contains(".delta.fw?"), "its fwup takes deltas: {url}");
    assert!(reqwest::get(url).await.unwrap().status().is_success());
    assert_eq!(ask("/device/update", &new).await["update_available"], false);
    server.until_updates_of_kind("delta", 1).await;
}
