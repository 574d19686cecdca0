//! `nervecenter deployment status --watch`: what a person or a build sees of a release, and how it ends.

use crate::support::device::Device;
use crate::support::server::BINARY;
use crate::support::{Api, Engine, Server};
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

/// A watch of the group `g`.
struct Watch {
    child: Child,
    said: Lines<BufReader<ChildStderr>>,
}

impl Watch {
    fn start(server: &Server, more: &[&str]) -> Self {
        let mut child = Command::new(BINARY)
            .args(["deployment", "status", "g", "--watch", "--json"])
            .args(more)
            .env("NERVECENTER_URL", format!("http://{}", server.web))
            .env("NERVECENTER_TOKEN", server.login("token"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, said }
    }

    /// Waits for a line with these words in it.
    async fn says(&mut self, wanted: &[&str]) {
        let mut all = String::new();
        let wait = async {
            while let Some(line) = self.said.next_line().await.unwrap() {
                if wanted.iter().all(|w| line.contains(w)) {
                    return true;
                }
                all.push_str(&line);
                all.push('\n');
            }
            false
        };
        let found = tokio::time::timeout(Duration::from_secs(30), wait).await;
        assert_eq!(found, Ok(true), "{wanted:?} is not in:\n{all}");
    }

    /// The exit code and the summary.
    async fn ends(self) -> (Option<i32>, Value) {
        let out = self.child.wait_with_output();
        let out = tokio::time::timeout(Duration::from_secs(30), out);
        let out = out.await.expect("it ends").unwrap();
        (
            out.status.code(),
            serde_json::from_slice(&out.stdout).unwrap(),
        )
    }
}

async fn two_steps(server: &Server) -> (Api, Value, Value) {
    let api = server.api();
    let canary = json!({"name": "Canary", "matching_conditions": {"match_limit": 1}});
    let workflow = json!({"version": 1, "steps": [canary]});
    let settings = json!({"delta_updatable": false, "workflow": workflow});
    let (old, new) = api.two_versions("g", settings).await;
    (api, old, new)
}

async fn installs(server: &Server, name: &str, mut d: Device, new: &Value) -> Device {
    d.event("update").await;
    drop(d);
    Device::joined(server, name, new).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_ends_when_all_devices_run_the_release_although_the_server_was_away() {
    let mut server = Server::process(Engine::Sqlite).await.unwrap();
    let (api, old, new) = two_steps(&server).await;
    let first = Device::joined(&server, "first", &old).await;
    let second = Device::joined(&server, "second", &old).await;
    api.release("g", new["uuid"].as_str().unwrap()).await;
    let mut watch = Watch::start(&server, &[]);
    watch
        .says(&["1.1.0 Canary 0 | Everyone else", "0 of 2 devices."])
        .await;
    let first = installs(&server, "first", first, &new).await;
    watch
        .says(&["Canary done | Everyone else 0", "1 of 2 devices."])
        .await;
    drop((first, second));
    server.kill();
    watch.says(&["could not reach"]).await;
    server.restart();
    watch.says(&["Canary done"]).await;
    let _first = Device::joined(&server, "first", &new).await;
    let second = Device::joined(&server, "second", &old).await;
    let _second = installs(&server, "second", second, &new).await;
    let (code, summary) = watch.ends().await;
    let wanted = json!({
        "name": "g", "state": "on", "version": "1.1.0", "devices": 2, "updated": 2, "updating": 0,
        "deltas": "ready", "rollout": "running",
    });
    assert_eq!((code, summary), (Some(0), wanted));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_fails_when_the_release_is_ended_or_takes_too_long() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let (api, old, new) = two_steps(&server).await;
    let _device = Device::joined(&server, "first", &old).await;
    api.release("g", new["uuid"].as_str().unwrap()).await;
    let steer = async |what: &str| {
        let path = Api::product(&format!("/deployments/g/{what}"));
        let answer = api.post(&path, json!({"reason": "smoke"})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    steer("pause").await;
    let mut late = Watch::start(&server, &["--timeout", "2"]);
    late.says(&["A person paused it: smoke."]).await;
    late.says(&["--timeout is over"]).await;
    let (code, summary) = late.ends().await;
    assert_eq!((code, &summary["rollout"]), (Some(1), &json!("paused")));
    let mut ended = Watch::start(&server, &[]);
    ended.says(&["A person paused it: smoke."]).await;
    steer("abort").await;
    ended.says(&["error", "A person ended it: smoke."]).await;
    let (code, summary) = ended.ends().await;
    assert_eq!((code, &summary["rollout"]), (Some(1), &json!("aborted")));
    // What no wait mends ends at once.
    let gone = api.delete(&Api::product("/deployments/g")).await;
    assert_eq!(gone.status, 204);
    let mut gone = Watch::start(&server, &[]);
    gone.says(&["error", "no deployment group"]).await;
}
