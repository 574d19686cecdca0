//! Every event of sections 3 and 4 of the device protocol, in both directions, frame by frame; each is looked at for what
//! it leaves behind.

use super::{on, release, rollout, runs, server, until_heartbeat};
use crate::support::device::Device;
use crate::support::viewer::Viewer;
use crate::support::{Api, Server, fixtures, inspect, readings};
use serde_json::{Value, json};

#[tokio::test]
async fn everything_that_the_server_says_on_the_topic_device() {
    let server = server().await;
    let (api, old, new) = rollout(&server, json!({})).await;
    let archive = api
        .archive(fixtures::bytes("good/archive-1.0.0.fw"))
        .await
        .data();
    let key = fixtures::text("keys/devkey.pub");
    let mut d = Device::secret(&server, "d").await.unwrap();
    let keys = json!({"fwup_public_keys": "on_connect", "archive_public_keys": "on_connect"});
    d.join(crate::support::device::running(&old), keys).await;
    let push = |event: &str, payload: Value| json!([null, null, "device", event, payload]);
    d.expect(push("fwup_public_keys", json!({"keys": [key]})))
        .await;
    d.expect(push("archive_public_keys", json!({"keys": [key]})))
        .await;
    d.expect(push("extensions:get", json!({}))).await;
    for action in ["reboot", "identify"] {
        api.post(&format!("/api/devices/d/{action}"), json!({}))
            .await;
        d.expect(push(action, json!({}))).await;
    }
    let both = json!({"deployment": {"firmware": old["uuid"], "archive": archive["uuid"]}});
    api.put(&Api::product("/deployments/g"), both).await;
    let told = d.next().await.unwrap();
    let url = &told[4]["url"];
    assert_eq!(
        told,
        push(
            "archive",
            json!({"uuid": archive["uuid"], "version": archive["version"],
        "description": archive["description"], "platform": archive["platform"],
        "architecture": archive["architecture"], "size": archive["size"],
        "uploaded_at": archive["uploaded_at"], "url": url})
        )
    );
    let form = json!({"name": "s", "text": "1"});
    api.post(&Api::product("/scripts"), form).await.data();
    api.post(&Api::product("/devices/d/scripts/s?timeout=100"), json!({}))
        .await;
    let script = d.next().await.unwrap();
    let reference = &script[4]["ref"];
    assert_eq!(
        script,
        push(
            "scripts/run",
            json!({"text": "1", "ref": reference, "timeout": 100})
        )
    );
    release(&api, &new).await;
    assert_eq!(d.next().await.unwrap()[3], "update");
    assert_eq!(until_heartbeat(&mut d).await, Vec::<Value>::new());
}

#[tokio::test]
async fn everything_that_a_device_says_on_the_topic_device() {
    let server = server().await;
    let (api, old, new) = rollout(&server, json!({"delta_updatable": false})).await;
    let mut d = on(&server, "d", &old).await;
    release(&api, &new).await;
    d.event("update").await;
    let state = async || {
        let all: Vec<String> = server.column(inspect::STAGE).await;
        all.join(",")
    };
    for (event, payload, expected) in [
        (
            "status_update",
            json!({"status": "received"}),
            "received -1",
        ),
        (
            "status_update",
            json!({"status": "started", "downloader_network_interface": null}),
            "started -1",
        ),
        (
            "fwup_progress",
            json!({"value": 3, "stage": "downloading"}),
            "downloading 3",
        ),
        (
            "fwup_progress",
            json!({"value": 7, "stage": "updating"}),
            "updating 7",
        ),
        // The same stage again within 15 seconds is not stored.
        (
            "fwup_progress",
            json!({"value": 9, "stage": "updating"}),
            "updating 7",
        ),
        ("update_progress", json!({"value": 100}), "completed 100"),
        (
            "status_update",
            json!({"status": "downloading"}),
            "downloading -1",
        ),
        (
            "status_update",
            json!({"status": "updating"}),
            "updating -1",
        ),
        (
            "status_update",
            json!({"status": "fwup_complete"}),
            "completed -1",
        ),
        (
            "status_update",
            json!({"status": "unheard of"}),
            "completed -1",
        ),
        ("rebooting", json!({}), "completed -1"),
        ("check_update_available", json!({}), "completed -1"),
        ("firmware_validated", json!({}), "completed -1"),
    ] {
        d.push(event, payload.clone()).await;
        assert_eq!(until_heartbeat(&mut d).await, Vec::<Value>::new());
        assert_eq!(state().await, expected, "{event} {payload}");
    }
    d.push("connection_types", json!({"values": ["wifi", "cellular"]}))
        .await;
    let newest = readings::NEWEST_CONNECTION;
    let types = |c: &Value| c["connection_types"] == json!(["wifi", "cellular"]);
    server.until_entries(newest, types, 1).await;
    for (interface, kind) in [
        ("wlan0", "wifi"),
        ("eth1", "ethernet"),
        ("enp0s31", "ethernet"),
        ("wwan0", "cellular"),
        ("lo", "unknown"),
    ] {
        d.push(
            "report_network_interface",
            json!({ "interface": interface }),
        )
        .await;
        let of_kind = |c: &Value| c["network_interface"] == kind;
        server.until_entries(newest, of_kind, 1).await;
    }
    d.push(
        "status_update",
        json!({"status": "failed", "reason": "no space"}),
    )
    .await;
    server.until_devices(readings::UPDATING, 0).await;
    let why = "no space";
    assert_eq!(server.audited(why).await, 1);
}

#[tokio::test]
async fn everything_on_the_topic_console() {
    let server = server().await;
    let mut d = Device::secret(&server, "d").await.unwrap();
    d.join(runs("u"), json!({})).await;
    d.event("extensions:get").await;
    d.send(json!(["2", "2", "console", "phx_join", {"console_version": "2.0.0", "device_api_version": "2.3.0"}]).to_string())
        .await;
    d.expect(json!(["2", "2", "console", "phx_reply", {"status": "ok", "response": {}}]))
        .await;
    let topic = "user:console:identifier-d";
    let (mut jane, _) = Viewer::join(&server, topic).await;
    let shown = |event: &str, payload: Value| Some(json!(["1", null, topic, event, payload]));
    assert_eq!(
        jane.next().await,
        shown("metadata", json!({"version": "2.0.0"}))
    );
    assert_eq!(jane.next().await, shown("up", json!({"data": ""})));
    let user = server.count(inspect::LAST_USER).await;
    for (event, sent, heard) in [
        (
            "dn",
            json!({"data": "\u{1b}[A"}),
            json!({"data": "\u{1b}[A"}),
        ),
        (
            "window_size",
            json!({"height": 24, "width": 80}),
            json!({"height": 24, "width": 80}),
        ),
        ("restart", json!({"x": 1}), json!({})),
        (
            "file-data/start",
            json!({"filename": "a.txt"}),
            json!({"filename": "a.txt", "uploaded_by": user}),
        ),
        (
            "file-data",
            json!({"filename": "a.txt", "chunk": 0, "data": "YQ=="}),
            json!({"filename": "a.txt", "chunk": 0, "data": "YQ=="}),
        ),
        (
            "file-data/stop",
            json!({"filename": "a.txt"}),
            json!({"filename": "a.txt", "uploaded_by": user}),
        ),
    ] {
        jane.push(event, sent).await;
        d.expect(json!([null, null, "console", event, heard])).await;
    }
    for (event, payload) in [
        ("up", json!({"data": "iex> "})),
        ("file-data/start", json!({"filename": "b"})),
        (
            "file-data",
            json!({"filename": "b", "chunk": 0, "data": "YQ=="}),
        ),
        ("file-data/stop", json!({"filename": "b"})),
    ] {
        d.say("2", "console", event, payload.clone()).await;
        assert_eq!(jane.next().await, shown(event, payload));
    }
    assert_eq!(until_heartbeat(&mut d).await, Vec::<Value>::new());
}

async fn extended(server: &Server) -> Device {
    let on = json!({"extensions": {"health": true, "geo": true, "logging": true,
        "local_shell": true, "network_identity": true}});
    server.api().put(&Api::product("/extensions"), on).await;
    let mut d = Device::secret(server, "d").await.unwrap();
    d.join(runs("u"), json!({})).await;
    d.event("extensions:get").await;
    let offer = json!({"health": "0.0.1", "geo": "0.0.1", "logging": "0.0.1", "local_shell": "0.0.1",
        "network_identity": "0.0.1", "unheard": "0.0.1"});
    d.send(json!(["3", "3", "extensions", "phx_join", offer]).to_string())
        .await;
    let names = json!([
        "health",
        "geo",
        "logging",
        "local_shell",
        "network_identity"
    ]);
    d.expect(json!(["3", "3", "extensions", "phx_reply", {"status": "ok", "response": names}]))
        .await;
    d
}

#[tokio::test]
async fn everything_on_the_topic_extensions() {
    let server = server().await;
    let mut d = extended(&server).await;
    for (name, asked) in [
        ("health", Some("health:check")),
        ("geo", Some("geo:location:request")),
        ("logging", None),
        ("local_shell", Some("local_shell:request_shell")),
        ("network_identity", Some("network_identity:request")),
    ] {
        d.say("3", "extensions", &format!("{name}:attached"), json!({}))
            .await;
        if let Some(asked) = asked {
            d.expect(json!([null, null, "extensions", asked, {}])).await;
        }
        assert_eq!(until_heartbeat(&mut d).await, Vec::<Value>::new());
    }
    let topic = "user:local_shell:identifier-d";
    let (mut jane, _) = Viewer::join(&server, topic).await;
    let shown = |event: &str, payload: Value| Some(json!(["1", null, topic, event, payload]));
    assert_eq!(jane.next().await, shown("output", json!({"data": ""})));
    for (event, sent, name, heard) in [
        (
            "input",
            json!({"data": "ls\n"}),
            "local_shell:shell_input",
            json!({"data": "ls\n"}),
        ),
        (
            "window_size",
            json!({"rows": 2, "cols": 3}),
            "local_shell:window_size",
            json!({"rows": 2, "cols": 3}),
        ),
        (
            "kill",
            json!({"signal": 9}),
            "local_shell:kill_shell",
            json!({"signal": 9}),
        ),
        ("restart", json!({}), "local_shell:request_shell", json!({})),
    ] {
        jane.push(event, sent).await;
        d.expect(json!([null, null, "extensions", name, heard]))
            .await;
    }
    for (event, payload, name) in [
        (
            "local_shell:request_status",
            json!({"status": "started", "reason": null}),
            "status",
        ),
        ("local_shell:shell_output", json!({"data": "$ "}), "output"),
        (
            "local_shell:shell_exited",
            json!({"exit_code": 0}),
            "exited",
        ),
    ] {
        d.say("3", "extensions", event, payload.clone()).await;
        assert_eq!(jane.next().await, shown(name, payload));
    }
    let report = json!({"value": {"metrics": {"cpu_temp": 41.5}}});
    d.say("3", "extensions", "health:report", report).await;
    let reports = readings::HEALTH_REPORTS;
    server.until_entries(reports, |_| true, 1).await;
    let place = json!({"latitude": 1.5, "longitude": 2.5, "source": "geoip"});
    d.say("3", "extensions", "geo:location:update", place).await;
    server.until_locations(1).await;
    let line =
        json!({"level": "info", "message": [104, 105], "meta": {"time": "1795516598000000"}});
    d.say("3", "extensions", "logging:send", line).await;
    let hi = |l: &Value| l["message"] == "hi";
    server.until_entries(readings::LOG_LINES, hi, 1).await;
    let identities = json!({"identities": [{"service": "iroh", "identifier": "k"}]});
    d.say("3", "extensions", "network_identity:report", identities)
        .await;
    let identities = readings::NETWORK_IDENTITIES;
    server.until_entries(identities, |_| true, 1).await;
    // Switched off and on while it is connected.
    let switch = async |on: bool| {
        let body = json!({"extensions": {"health": on}});
        server.api().put(&Api::product("/extensions"), body).await;
    };
    switch(false).await;
    d.expect(json!([null, null, "extensions", "detach", {"extensions": ["health"]}]))
        .await;
    d.say("3", "extensions", "health:detached", json!({})).await;
    switch(true).await;
    d.expect(json!([null, null, "extensions", "attach", {"extensions": ["health"]}]))
        .await;
    d.say(
        "3",
        "extensions",
        "health:error",
        json!({"reason": "start_failure"}),
    )
    .await;
    assert_eq!(until_heartbeat(&mut d).await, Vec::<Value>::new());
}
