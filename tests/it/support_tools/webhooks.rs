//! Webhooks: a receiver of the test's own gets signed messages, and again what it refused.

use crate::support::{Api, Engine, Server};
use aws_lc_rs::hmac;
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

type Received = Arc<Mutex<Vec<(HeaderMap, String)>>>;

/// Refuses the first message, takes all others.
async fn receiver() -> (String, Received) {
    let received = Received::default();
    let kept = received.clone();
    let take = move |headers: HeaderMap, body: String| async move {
        let mut all = kept.lock().unwrap();
        all.push((headers, body));
        if all.len() == 1 {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::NO_CONTENT
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let routes = Router::new()
        .route("/hook", post(take))
        .route("/gone", post(async || StatusCode::GONE));
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (url, received)
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_signed_and_repeated_until_taken() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let flags = ["--private-webhooks", "on"];
        let Some(server) = Server::with(engine, &flags).await else {
            continue;
        };
        let api = server.api();
        let (url, received) = receiver().await;
        let path = Api::product("/webhooks");
        for (form, field) in [
            (json!({"events": ["device.online"]}), "url"),
            (
                json!({"url": "ftp://x/", "events": ["device.online"]}),
                "url",
            ),
            (
                json!({"url": "https://u:p@x.org/", "events": ["device.online"]}),
                "url",
            ),
            (json!({"url": url, "events": ["door.open"]}), "events"),
            (json!({"url": url}), "events"),
        ] {
            let answer = api.post(&path, form).await;
            assert!(answer.errors()[field].is_array(), "{}", answer.text);
        }
        let form = json!({"url": url, "events": ["firmware.published"]});
        let made = api.post(&path, form).await.data();
        let secret = made["secret"]
            .as_str()
            .unwrap()
            .strip_prefix("whsec_")
            .unwrap()
            .to_owned();
        let hook = format!("{path}/{}", made["id"]);
        assert!(api.get(&hook).await.data().get("secret").is_none());
        api.register_key().await;
        let fw = api.upload("good/rpi4-1.0.0.fw").await;
        server
            .until_deliveries("status", json!("delivered"), 1)
            .await;
        let all = received.lock().unwrap().clone();
        assert_eq!(all.len(), 2, "refused once, then taken");
        let id = |i: usize| all[i].0["webhook-id"].to_str().unwrap().to_owned();
        assert_eq!(id(0), id(1), "a message keeps its id");
        let (headers, body) = &all[1];
        let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(secret).unwrap());
        let stamp = headers["webhook-timestamp"].to_str().unwrap();
        let tag = hmac::sign(&key, format!("{}.{stamp}.{body}", id(1)).as_bytes());
        let signature = headers["webhook-signature"].to_str().unwrap();
        assert_eq!(signature, format!("v1,{}", STANDARD.encode(tag)));
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(
            (&body["type"], &body["data"]["uuid"]),
            (&json!("firmware.published"), &fw["uuid"])
        );
        let log = api.get(&format!("{hook}/deliveries")).await.json();
        let told = &log["data"][0];
        assert_eq!(
            (&told["status"], &told["attempts"], &told["response_status"]),
            (&json!("delivered"), &json!(2), &json!(204))
        );
        // The test button, once more, and off.
        let test = api.post(&format!("{hook}/test"), json!({})).await.data();
        assert_eq!(test["event"], "test");
        server
            .until_deliveries("status", json!("delivered"), 2)
            .await;
        let retry = format!("{hook}/deliveries/{}/retry", test["id"]);
        assert_eq!(api.post(&retry, json!({})).await.status, 204);
        server
            .until_deliveries("status", json!("delivered"), 2)
            .await;
        let off = api.put(&hook, json!({"active": false})).await.data();
        assert_eq!(off["active"], false);
        api.upload("good/rpi4-1.1.0.fw").await;
        let log = api.get(&format!("{hook}/deliveries")).await.json();
        assert_eq!(log["pagination"]["total_entries"], 2);
        assert_eq!(api.delete(&hook).await.status, 204);
        // Nobody can ask for the log of a webhook that is gone.
        let left = "SELECT COUNT(*) FROM webhook_deliveries";
        assert_eq!(server.count(left).await, 0);
    }
}

/// A receiver that says that it is gone is not asked again, and the webhook is off.
#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_switches_its_webhook_off() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let flags = ["--private-webhooks", "on"];
        let Some(server) = Server::with(engine, &flags).await else {
            continue;
        };
        let api = server.api();
        let (url, _) = receiver().await;
        let path = Api::product("/webhooks");
        let form = json!({"url": url.replace("/hook", "/gone"), "events": ["device.online"]});
        let hook = format!("{path}/{}", api.post(&path, form).await.data()["id"]);
        api.post(&format!("{hook}/test"), json!({})).await;
        server.until_deliveries("status", json!("failed"), 1).await;
        let log = api.get(&format!("{hook}/deliveries")).await.data();
        assert_eq!(
            (&log[0]["attempts"], &log[0]["response_status"]),
            (&json!(1), &json!(410))
        );
        assert_eq!(api.get(&hook).await.data()["active"], false);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn private_addresses_are_refused() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let api = server.api();
    let path = Api::product("/webhooks");
    for url in [
        "https://127.0.0.1/",
        "https://10.0.0.1/x",
        "https://[::1]/",
        "https://localhost/",
        "http://example.org/",
    ] {
        let form = json!({"url": url, "events": ["device.online"]});
        let answer = api.post(&path, form).await;
        assert!(answer.errors()["url"].is_array(), "{url}: {}", answer.text);
    }
    // A name that means an address inside is found out when it is used.
    let form = json!({"url": "https://ip6-localhost/", "events": ["device.online"]});
    let made = api.post(&path, form).await.data();
    let hook = format!("{path}/{}", made["id"]);
    api.post(&format!("{hook}/test"), json!({})).await.data();
    server.until_tried(1).await;
    let log = api.get(&format!("{hook}/deliveries")).await.json();
    let why = log["data"][0]["error"].as_str().unwrap();
    assert!(
        !why.is_empty() && log["data"][0]["status"] == "pending",
        "{log}"
    );
}
