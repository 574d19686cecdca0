//! Devices that ask over HTTP (docs/protocol/device.md, "Polling"): the same claims, limits and penalties as sockets.

use crate::support::ca::{Leaf, ca};
use crate::support::device::{self, Pair, client, now_ms, sign};
use crate::support::{Api, Server, inspect, readings};
use serde_json::{Value, json};

crate::both_engines! {
    a_polling_device_learns_who_it_is_and_what_to_install
    polls_keep_the_limit_and_fill_the_penalty_box
}

struct Polled {
    status: u16,
    head: String,
    body: Value,
}

impl Polled {
    fn retry_after(&self) -> u64 {
        let lower = self.head.to_lowercase();
        let line = lower.lines().find_map(|l| l.strip_prefix("retry-after: "));
        line.unwrap().parse().unwrap()
    }

    fn target(&self) -> &Value {
        assert_eq!(self.status, 200);
        &self.body["data"]["firmware_meta"]["uuid"]
    }
}

/// Asks with a certificate, or with the product's secret under this name.
async fn poll(
    server: &Server,
    who: Result<&Pair, &str>,
    path: &str,
    more: &[(&str, &str)],
) -> Polled {
    let (pair, mut headers) = match who {
        Ok(pair) => (Some(pair), Vec::new()),
        Err("") => (None, Vec::new()),
        Err(name) => {
            let (key, secret) = (server.login("product_key"), server.login("product_secret"));
            (None, sign(key, secret, name, now_ms()))
        }
    };
    headers.push(("content-type".into(), "application/json".into()));
    headers.extend(more.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
    let mut tls = device::tls(server, client(server, pair, false))
        .await
        .unwrap();
    let (head, mut body) = device::request(&mut tls, path, &headers).await;
    use tokio::io::AsyncReadExt as _;
    tls.read_to_end(&mut body).await.unwrap();
    Polled {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        head,
    }
}

/// What a device that runs this sends along.
fn runs(f: &Value) -> Vec<(&str, &str)> {
    vec![
        ("x-nerveshub-uuid", f["uuid"].as_str().unwrap()),
        ("x-nerveshub-product", f["product"].as_str().unwrap()),
        ("x-nerveshub-version", f["version"].as_str().unwrap()),
        ("x-nerveshub-platform", f["platform"].as_str().unwrap()),
        (
            "x-nerveshub-architecture",
            f["architecture"].as_str().unwrap(),
        ),
        ("x-nerveshub-fwup-version", "1.10.0"),
        ("x-nerveshub-author", ""),
    ]
}

/// Both versions, and a group on the old one.
async fn fleet(server: &Server, settings: Value) -> (Api, Value, Value) {
    let api = server.api();
    api.register_key().await;
    let old = api.upload("good/rpi4-1.0.0.fw").await;
    let new = api.upload("good/rpi4-1.1.0.fw").await;
    let mut settings = settings;
    settings["delta_updatable"] = json!(false);
    api.group("g", old["uuid"].as_str().unwrap(), settings)
        .await;
    (api, old, new)
}

async fn a_polling_device_learns_who_it_is_and_what_to_install(server: Server) {
    let (api, old, new) = fleet(&server, json!({})).await;
    let forbidden = json!({"status": "forbidden"});
    for path in ["/device/me", "/device/update"] {
        let stranger = ca("stranger").leaf("x", Leaf::default());
        for who in [Err(""), Ok(&stranger)] {
            let r = poll(&server, who, path, &[]).await;
            assert_eq!((r.status, &r.body), (403, &forbidden), "{path}");
            assert!(
                r.head.contains("Content-Type: application/json\r\n"),
                "{}",
                r.head
            );
        }
    }
    let factory = ca("factory");
    factory.register(&api, true).await;
    let pair = factory.leaf("poller", Leaf::default());
    let me = poll(&server, Ok(&pair), "/device/me", &[]).await;
    assert_eq!(
        (me.status, &me.body),
        (200, &json!({"data": {"identifier": "poller"}}))
    );
    let by_secret = poll(&server, Err("other"), "/device/me", &[]).await;
    assert_eq!(by_secret.body["data"]["identifier"], "other");
    // Nothing to do: exactly false and nulls, and when to come back.
    let mut headers = runs(&old);
    headers.push(("x-nerveshub-vcs_identifier", "abc123"));
    let nothing = poll(&server, Ok(&pair), "/device/update", &headers).await;
    let no = json!({"data": {"update_available": false, "firmware_url": null,
        "firmware_meta": null, "deployment_id": null}});
    assert_eq!((nothing.status, &nothing.body), (200, &no));
    assert!(
        (400..=800).contains(&nothing.retry_after()),
        "{}",
        nothing.head
    );
    let seen = api.get("/api/devices/poller").await.data();
    assert_eq!(seen["firmware_metadata"]["vcs_identifier"], "abc123");
    assert_eq!(seen["firmware_metadata"]["author"], Value::Null);
    assert_eq!(seen["firmware_metadata"]["fwup_version"], "1.10.0");
    assert_eq!(
        seen["connection_status"], "disconnected",
        "seen, but no socket"
    );
    assert_ne!(seen["last_communication"], "never");
    // The hyphen of a front proxy is the same header.
    let last = headers.len() - 1;
    headers[last] = ("x-nerveshub-vcs-identifier", "def");
    poll(&server, Ok(&pair), "/device/update", &headers).await;
    api.release("g", new["uuid"].as_str().unwrap()).await;
    let update = poll(&server, Ok(&pair), "/device/update", &headers).await;
    let data = &update.body["data"];
    assert_eq!(data["update_available"], true);
    assert_eq!(data["firmware_meta"]["uuid"], new["uuid"]);
    assert!(data["deployment_id"].is_i64());
    let url = data["firmware_url"].as_str().unwrap();
    let file = reqwest::get(url).await.unwrap().bytes().await.unwrap();
    assert_eq!(file.len() as u64, data["size"].as_u64().unwrap());
    assert_eq!(server.count(inspect::OFFERED).await, 1);
    // It comes back with the new one: that is the success.
    let done = poll(&server, Ok(&pair), "/device/update", &runs(&new)).await;
    assert_eq!(done.body, no);
    assert_eq!(server.devices(readings::UPDATING).await, 0);
    assert_eq!(server.updates_of_kind("full").await, 1);
    // A push by hand waits for the next poll.
    let push = json!({"uuid": old["uuid"]});
    assert_eq!(
        api.post("/api/devices/poller/upgrade", push).await.status,
        204
    );
    let pushed = poll(&server, Ok(&pair), "/device/update", &runs(&new)).await;
    assert_eq!(pushed.target(), &old["uuid"]);
    assert_eq!(pushed.body["data"]["deployment_id"], Value::Null);
}

async fn polls_keep_the_limit_and_fill_the_penalty_box(server: Server) {
    let settings = json!({"concurrent_updates": 1, "device_failure_threshold": 2});
    let (api, old, new) = fleet(&server, settings).await;
    for name in ["a", "b"] {
        poll(&server, Err(name), "/device/update", &runs(&old)).await;
    }
    api.release("g", new["uuid"].as_str().unwrap()).await;
    let ask =
        async |name: &'static str| poll(&server, Err(name), "/device/update", &runs(&old)).await;
    assert_eq!(ask("a").await.target(), &new["uuid"]);
    // The one slot is taken: come back soon.
    let wait = ask("b").await;
    assert_eq!(wait.body["data"]["update_available"], false);
    assert!((60..=120).contains(&wait.retry_after()), "{}", wait.head);
    assert_eq!(server.devices(readings::UPDATING).await, 1);
    // It comes back with the old one: that was a failure, and the second puts it into the box.
    assert_eq!(ask("a").await.target(), &new["uuid"]);
    let boxed = ask("a").await;
    assert_eq!(boxed.body["data"]["update_available"], false);
    let blocked = "filters[updates]=penalty-box&filters[identifier]=a";
    assert_eq!(server.devices(blocked).await, 1);
    assert_eq!(
        ask("b").await.target(),
        &new["uuid"],
        "the slot is free again"
    );
    // Who is switched off or deleted gets nothing.
    let off = json!({"updates_enabled": false});
    api.put(&Api::product("/devices/b"), off).await;
    assert_eq!(ask("b").await.body["data"]["update_available"], false);
    api.delete(&Api::product("/devices/b")).await;
    assert_eq!(ask("b").await.status, 403);
}
