//! The audit log: narrowed, exported, and found out when somebody tampers with it.

use crate::support::server::BINARY;
use crate::support::{Api, Engine, Server};
use serde_json::{Value, json};
use std::process::Command;

crate::both_engines! {
    what_people_do_is_listed_and_exported
}

async fn what_people_do_is_listed_and_exported(server: Server) {
    let api = server.api();
    for name in ["a", "b"] {
        let form = json!({"identifier": name});
        api.post(&Api::product("/devices"), form).await.data();
    }
    api.post(&Api::product("/devices/a/reboot"), json!({}))
        .await;
    let page = api
        .get("/api/orgs/acme/audit_logs?pagination[page_size]=2")
        .await
        .json();
    assert_eq!(page["data"].as_array().unwrap().len(), 2);
    assert!(page["pagination"]["total_entries"].as_u64().unwrap() >= 3);
    let first = &page["data"][0];
    assert_eq!(first["description"], "User jane rebooted device a");
    assert_eq!(
        (&first["actor"], &first["actor_email"]),
        (&json!("jane"), &json!("jane@acme.org"))
    );
    assert_eq!(
        (&first["resource_type"], &first["resource"]),
        (&json!("device"), &json!("a"))
    );
    let of = async |path: &str| api.get(path).await.json()["data"].as_array().unwrap().len();
    assert_eq!(of(&Api::product("/devices/a/audit_logs")).await, 2);
    assert_eq!(of(&Api::product("/devices/b/audit_logs")).await, 1);
    assert_eq!(of(&Api::product("/audit_logs?search=REBOOTED")).await, 1);
    assert_eq!(of("/api/orgs/acme/audit_logs?actor=nobody").await, 0);
    assert_eq!(
        of("/api/orgs/acme/audit_logs?since=2999-01-01T00:00:00Z").await,
        0
    );
    let bad = api.get("/api/orgs/acme/audit_logs?since=yesterday").await;
    assert!(bad.errors()["since"].is_array());
    assert_eq!(
        api.get(&Api::product("/devices/none/audit_logs"))
            .await
            .status,
        404
    );
    let csv = api
        .get("/api/orgs/acme/audit_logs/export?search=device%20a")
        .await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    let lines: Vec<&str> = csv.text.lines().collect();
    assert_eq!(lines.len(), 3, "{}", csv.text);
    assert!(lines[0].starts_with("id,sequence,at,actor_type,actor,"));
    assert!(
        lines[2].contains("\"\"\"User jane rebooted device a\"\"\""),
        "{}",
        lines[2]
    );
    let all = api
        .get("/api/orgs/acme/audit_logs/export?format=json")
        .await;
    let all: Vec<Value> = serde_json::from_str(&all.text).unwrap();
    assert_eq!(
        all.last().unwrap()["description"],
        "User jane rebooted device a"
    );
}

fn verify(server: &Server, more: &[&str]) -> (bool, Value) {
    let mut command = Command::new(BINARY);
    command.args(["admin", "verify-audit", "--json", "--data-dir"]);
    let out = command
        .arg(server.folder.path().join("data"))
        .args(more)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    let found = serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{text}"));
    (out.status.success(), found)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_or_removed_entry_is_found() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let api = server.api();
    for i in 0..6 {
        let form = json!({"identifier": format!("d{i}")});
        api.post(&Api::product("/devices"), form).await.data();
    }
    server.until_sealed().await;
    let (good, found) = verify(&server, &[]);
    assert!(good, "{found}");
    let head = found["head"].as_str().unwrap().to_owned();
    assert!(found["sealed"].as_i64().unwrap() >= 6);
    assert!(verify(&server, &["--expect", &head]).0);
    let says = |found: &Value, text: &str| {
        let problems = found["problems"].to_string();
        assert!(problems.contains(text), "{problems}");
    };
    server.run("UPDATE audit_logs SET description = replace(description, 'd3', 'd9') WHERE description LIKE '%device d3'").await;
    let (good, found) = verify(&server, &[]);
    assert!(!good);
    says(&found, "was altered");
    server.run("UPDATE audit_logs SET description = replace(description, 'd9', 'd3') WHERE description LIKE '%device d9'").await;
    assert!(verify(&server, &[]).0);
    server.run("CREATE TABLE kept AS SELECT * FROM audit_logs WHERE description LIKE '%device d2'; DELETE FROM audit_logs WHERE description LIKE '%device d2'").await;
    let (good, found) = verify(&server, &[]);
    assert!(!good);
    says(&found, "were removed before entry");
    server
        .run("INSERT INTO audit_logs SELECT * FROM kept; DROP TABLE kept")
        .await;
    assert!(verify(&server, &[]).0);
    server
        .run("DELETE FROM audit_logs WHERE description LIKE '%device d5'")
        .await;
    let (good, found) = verify(&server, &["--expect", &head]);
    assert!(!good);
    says(&found, "removed from its end");
    says(&found, "expected head");
}
