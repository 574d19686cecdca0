//! What happened to a device is told in full by the server's log alone, by the audit log alone, and by the events alone: who
//! runs a fleet looks at one of them, and never at the database.

use crate::support::device::{Device, running};
use crate::support::{Api, Engine, Server, readings};
use futures_util::StreamExt as _;
use reqwest::Method;
use serde_json::json;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Lines in this order, each with all of its words; others may stand between them.
fn in_order(text: &str, lines: &[&[&str]]) {
    let mut rest = text.lines();
    for words in lines {
        let found = rest.any(|line| words.iter().all(|w| line.contains(w)));
        assert!(found, "no line with {words:?} in its place:\n{text}");
    }
}

/// Collects the events of a product.
async fn listen(api: &Api) -> Arc<Mutex<String>> {
    let answer = api.raw(Method::GET, &Api::product("/events")).send().await;
    let mut stream = answer.unwrap().bytes_stream();
    let heard: Arc<Mutex<String>> = Arc::default();
    let into = heard.clone();
    tokio::spawn(async move {
        while let Some(Ok(more)) = stream.next().await {
            let text = String::from_utf8_lossy(&more).replace("\ndata: ", " ");
            into.lock().unwrap().push_str(&text);
        }
    });
    heard
}

async fn log(server: &Server) -> String {
    // The log is copied by a thread of its own.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let text = std::fs::read_to_string(server.data().with_file_name("log")).unwrap();
    // Colours are for terminals.
    assert!(!text.contains('\u{1b}'));
    text.replace('"', "")
}

async fn audit(api: &Api, device: &str) -> String {
    let path = Api::product(&format!("/devices/{device}/audit_logs?page_size=100"));
    let mut entries: Vec<String> = api
        .get(&path)
        .await
        .data()
        .as_array()
        .unwrap()
        .iter()
        .map(|e| format!("{} {}", e["actor"], e["description"]))
        .collect();
    entries.reverse();
    entries.join("\n")
}

async fn goes(d: &mut Device, stages: &[&str]) {
    for stage in stages {
        d.push("status_update", json!({"status": stage})).await;
    }
}

/// One update that succeeds on one device, and fails on another.
#[tokio::test(flavor = "multi_thread")]
async fn one_update_is_told_by_each_of_log_audit_and_events() {
    let environment = [("RUST_LOG", Path::new("info"))];
    let folder = tempfile::tempdir().unwrap();
    let server = Server::under(Engine::Sqlite, folder, &[], &environment).await;
    let server = server.unwrap();
    let api = server.api();
    api.register_key().await;
    let old = api.upload("good/rpi4-1.0.0.fw").await;
    let new = api.upload("good/rpi4-1.1.0.fw").await;
    api.group("prod", old["uuid"].as_str().unwrap(), json!({}))
        .await;
    let heard = listen(&api).await;
    let mut good = Device::secret(&server, "good").await.unwrap();
    good.join(running(&old), json!({})).await;
    let mut bad = Device::secret(&server, "bad").await.unwrap();
    bad.join(running(&old), json!({})).await;
    api.release("prod", new["uuid"].as_str().unwrap()).await;
    good.event("update").await;
    bad.event("update").await;
    goes(&mut good, &["received", "started"]).await;
    for value in [10, 50, 90] {
        let progress = json!({"stage": "updating", "value": value});
        good.push("fwup_progress", progress).await;
    }
    goes(&mut good, &["completed"]).await;
    goes(&mut bad, &["received", "started", "fwup error: signature"]).await;
    drop(good);
    server
        .until_devices("filters[connection]=connected&filters[identifier]=good", 0)
        .await;
    let mut good = Device::secret(&server, "good").await.unwrap();
    good.join(running(&new), json!({})).await;
    server.until_devices(readings::UPDATING, 0).await;

    let log = log(&server).await;
    in_order(
        &log,
        &[
            &["device joined", "device=good", "version=1.0.0"],
            &[
                "update offered",
                "device=good",
                "group=prod",
                "version=1.1.0",
                "delta=",
            ],
            &["update under way", "device=good", "received"],
            &["update under way", "device=good", "started"],
            &["update under way", "device=good", "updating"],
            &["update under way", "device=good", "completed"],
            &["device left", "device=good"],
            &["device=good", "1.1.0", "updated"],
            &["device joined", "device=good", "version=1.1.0"],
        ],
    );
    in_order(
        &log,
        &[
            &["update offered", "device=bad"],
            &["device=bad", "group=prod", "fwup error: signature"],
        ],
    );
    let once = |words: &[&str]| {
        let hits = log.lines().filter(|l| words.iter().all(|w| l.contains(w)));
        assert_eq!(hits.count(), 1, "{words:?} once in\n{log}");
    };
    once(&["update offered", "device=good"]);
    once(&["device=good", "updating"]);
    once(&["device=bad", "fwup error"]);

    in_order(
        &audit(&api, "good").await,
        &[
            &["entered deployment group prod"],
            &["Release 2 of deployment group prod", "1.1.0"],
            &["good", "updated to 1.1.0"],
        ],
    );
    in_order(
        &audit(&api, "bad").await,
        &[
            &["Release 2 of deployment group prod", "1.1.0"],
            &["fwup error: signature"],
        ],
    );
    let heard = heard.lock().unwrap().clone();
    in_order(
        &heard,
        &[
            &["online", "good"],
            &["update", "good", "received"],
            &["update", "good", "started"],
            &["update", "good", "updating", "10"],
            &["update", "good", "updating", "90"],
            &["update", "good", "completed"],
            &["offline", "good"],
            &["update", "good", "installed"],
        ],
    );
    in_order(
        &heard,
        &[&["update", "bad", "started"], &["update", "bad", "failed"]],
    );
}
