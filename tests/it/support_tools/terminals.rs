//! Consoles and shells, from the people's socket to the device and back (docs/protocol/device.md, "Remote console" and "Local shell"; docs/protocol/rest.md, "User sockets").

use crate::support::device::{Device, running};
use crate::support::viewer::Viewer;
use crate::support::{Api, Server, inspect};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::time::Duration;

crate::both_engines! {
    p68_several_people_share_a_console
    files_pass_both_ways_and_within_their_bounds
    a_shell_is_shared_like_a_console
    p47_code_is_typed_into_the_console
    p66_and_p67_programs_watch_how_updates_go
}

crate::behind_proxy! {
    &[];
    p68_several_people_share_a_console
}

crate::across_nodes! {
    p68_several_people_share_a_console
    files_pass_both_ways_and_within_their_bounds
    a_shell_is_shared_like_a_console
    p47_code_is_typed_into_the_console
    p66_and_p67_programs_watch_how_updates_go
}

/// A device with a console of this version.
pub(crate) async fn console(server: &Server, name: &str, version: &str) -> Device {
    let mut d = Device::secret(server, name).await.unwrap();
    let firmware = json!({"uuid": "u", "product": "p", "version": "1.0.0", "platform": "x", "architecture": "y"});
    d.join(running(&firmware), json!({ "console_version": version }))
        .await;
    d.event("extensions:get").await;
    let join = json!(["2", "2", "console", "phx_join", {"console_version": version}]);
    d.send(join.to_string()).await;
    d.expect(json!(["2", "2", "console", "phx_reply", {"status": "ok", "response": {}}]))
        .await;
    d
}

fn topic(device: &str) -> String {
    format!("user:console:identifier-{device}")
}

async fn up(d: &mut Device, text: &str) {
    d.say("2", "console", "up", json!({ "data": text })).await;
}

async fn p68_several_people_share_a_console(server: Server) {
    let api = server.api();
    let ok = json!({"status": "ok", "response": {}});
    let unauthorized = json!({"status": "error", "response": {"reason": "unauthorized"}});
    // Who may: a member with the role manage, nobody else.
    for path in ["/socket/websocket", "/api/socket/websocket"] {
        assert_eq!(
            Viewer::connect(&server, path, "nhu_wrong").await.err(),
            Some(403)
        );
        assert!(
            Viewer::connect(&server, path, server.login("token"))
                .await
                .is_ok()
        );
    }
    let mut d = console(&server, "one", "2.0.0").await;
    assert_eq!(Viewer::join(&server, &topic("none")).await.1, unauthorized);
    let (_, other) = Viewer::join(&server, "user:other:identifier-one").await;
    assert_eq!(other["response"], json!({"reason": "unmatched topic"}));
    let eve = server.bootstrap("eve@x.org", "evil", "other");
    let eve = eve["token"].as_str().unwrap();
    assert_eq!(
        Viewer::join_as(&server, &topic("one"), eve).await.1,
        unauthorized
    );
    let role = json!({"email": "eve@x.org", "role": "view"});
    assert!(api.post("/api/orgs/acme/users", role).await.status < 300);
    assert_eq!(
        Viewer::join_as(&server, &topic("one"), eve).await.1,
        unauthorized
    );

    let (mut jane, reply) = Viewer::join(&server, &topic("one")).await;
    assert_eq!(reply, ok);
    assert_eq!(jane.event("metadata").await, json!({"version": "2.0.0"}));
    assert_eq!(jane.event("up").await, json!({"data": ""}));
    jane.push("window_size", json!({"height": 40, "width": 120, "x": 1}))
        .await;
    jane.push("dn", json!({"data": "1 + 1\r"})).await;
    jane.push("restart", json!({})).await;
    // Events that no device knows stay here, like sizes that no terminal has.
    jane.push("metadata", json!({"version": "forged"})).await;
    jane.push("window_size", json!({"height": -1, "width": 1e9}))
        .await;
    d.expect(json!([null, null, "console", "window_size", {"height": 40, "width": 120}]))
        .await;
    d.expect(json!([null, null, "console", "dn", {"data": "1 + 1\r"}]))
        .await;
    d.expect(json!([null, null, "console", "restart", {}]))
        .await;
    assert!(d.silent(200).await);
    up(&mut d, "iex(1)> 1 + 1\r\n").await;
    up(&mut d, "2\r\niex(2)> ").await;
    assert_eq!(jane.event("up").await["data"], "iex(1)> 1 + 1\r\n");
    assert_eq!(jane.event("up").await["data"], "2\r\niex(2)> ");
    // The next one gets what was printed as one text, then both see the same.
    let manage = json!({"role": "manage"});
    let path = "/api/orgs/acme/users/eve@x.org";
    assert!(api.put(path, manage).await.status < 300);
    let (mut joe, reply) = Viewer::join_as(&server, &topic("one"), eve).await;
    assert_eq!(reply, ok);
    joe.event("metadata").await;
    assert_eq!(
        joe.event("up").await["data"],
        "iex(1)> 1 + 1\r\n2\r\niex(2)> "
    );
    up(&mut d, "x").await;
    assert_eq!(jane.event("up").await["data"], "x");
    assert_eq!(joe.event("up").await["data"], "x");
    joe.push("message", json!({"text": "hello"})).await;
    assert_eq!(jane.event("message").await["text"], "hello");
    drop(joe);
    assert_eq!(jane.event("message").await["event"], "closed the console");
    // Another device's console is another console.
    let mut other = console(&server, "two", "2.0.0").await;
    up(&mut other, "forged").await;
    // The device comes back: the viewer stays, and sees its console from the beginning.
    drop(d);
    assert_eq!(
        jane.event("message").await["event"],
        "the device has disconnected"
    );
    jane.push("dn", json!({"data": "lost"})).await;
    assert!(
        jane.event("error").await["reason"]
            .as_str()
            .unwrap()
            .contains("not connected")
    );
    let mut d = console(&server, "one", "1.0.0").await;
    assert_eq!(jane.event("metadata").await, json!({"version": "1.0.0"}));
    assert_eq!(jane.event("up").await["data"], "");
    jane.push("dn", json!({"data": "y"})).await;
    d.expect(json!([null, null, "console", "dn", {"data": "y"}]))
        .await;
    // Who may not any more loses the seat, within seconds.
    let (mut joe, _) = Viewer::join_as(&server, &topic("one"), eve).await;
    joe.event("up").await;
    let view = json!({"role": "view"});
    assert!(api.put(path, view).await.status < 300);
    let ended = tokio::time::timeout(Duration::from_secs(20), async {
        while joe.frame().await.is_some_and(|f| f[3] != "phx_error") {}
    });
    assert!(ended.await.is_ok());
    let opened = "opened the console of device one";
    assert_eq!(server.audited(opened).await, 3);
}

/// Takes a file from a stream of frames; its bytes.
fn bytes_of(chunks: &[Value]) -> Vec<u8> {
    let decode = |c: &Value| STANDARD.decode(c["data"].as_str().unwrap()).unwrap();
    chunks.iter().flat_map(decode).collect()
}

async fn files_pass_both_ways_and_within_their_bounds(server: Server) {
    let mut d = console(&server, "one", "2.0.0").await;
    let (mut jane, _) = Viewer::join(&server, &topic("one")).await;
    jane.event("up").await;
    let file: Vec<u8> = (0..1_048_576u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let chunk =
        |i: usize, c: &[u8]| json!({"filename": "big.bin", "chunk": i, "data": STANDARD.encode(c)});
    // To the device: more than it can take at once, so that the sender waits.
    let send = async {
        jane.push("file-data/start", json!({"filename": "big.bin"}))
            .await;
        for (i, c) in file.chunks(1_024).enumerate() {
            jane.push("file-data", chunk(i, c)).await;
        }
        jane.push("file-data/stop", json!({"filename": "big.bin"}))
            .await;
    };
    let take = async {
        let start = d.event("file-data/start").await;
        assert_eq!(start["filename"], "big.bin");
        assert!(start["uploaded_by"].is_i64());
        let mut chunks = Vec::new();
        loop {
            let frame = d.next().await.unwrap();
            if frame[3] == "file-data/stop" {
                return chunks;
            }
            chunks.push(frame[4].clone());
        }
    };
    let ((), chunks) = tokio::join!(send, take);
    assert_eq!(bytes_of(&chunks), file);
    // From the device.
    let send = async {
        d.say(
            "2",
            "console",
            "file-data/start",
            json!({"filename": "big.bin"}),
        )
        .await;
        for (i, c) in file.chunks(1_024).enumerate() {
            d.say("2", "console", "file-data", chunk(i, c)).await;
        }
        d.say(
            "2",
            "console",
            "file-data/stop",
            json!({"filename": "big.bin"}),
        )
        .await;
    };
    let take = async {
        jane.event("file-data/start").await;
        let mut chunks = Vec::new();
        loop {
            let frame = jane.next().await.unwrap();
            if frame[3] == "file-data/stop" {
                return chunks;
            }
            chunks.push(frame[4].clone());
        }
    };
    let ((), chunks) = tokio::join!(send, take);
    assert_eq!(bytes_of(&chunks), file);
    // Names that leave the folder and chunks of nothing go nowhere, on either side.
    for bad in ["../etc/passwd", "/etc/passwd", "a/b", "..", ""] {
        jane.push("file-data/start", json!({ "filename": bad }))
            .await;
        assert_eq!(jane.event("file-data/error").await["filename"], bad);
        d.say(
            "2",
            "console",
            "file-data/start",
            json!({ "filename": bad }),
        )
        .await;
        assert_eq!(jane.event("file-data/error").await["filename"], bad);
    }
    jane.push("file-data", json!({"filename": "other", "data": "AAAA"}))
        .await;
    jane.event("file-data/error").await;
    jane.push("file-data/start", json!({"filename": "x"})).await;
    jane.push("file-data", json!({"filename": "x", "data": "%%%"}))
        .await;
    jane.event("file-data/error").await;
    assert_eq!(d.event("file-data/start").await["filename"], "x");
    assert!(d.silent(200).await);
    // A client that is too old for files gets none.
    let mut old = console(&server, "old", "1.0.0").await;
    let (mut jane, _) = Viewer::join(&server, &topic("old")).await;
    jane.event("up").await;
    jane.push("file-data/start", json!({"filename": "x"})).await;
    let why = jane.event("file-data/error").await;
    assert!(why["reason"].as_str().unwrap().contains("2.1.0"), "{why}");
    assert!(old.silent(200).await);
}

async fn a_shell_is_shared_like_a_console(server: Server) {
    let api = server.api();
    let on = json!({"extensions": {"local_shell": true}});
    api.put(&Api::product("/extensions"), on).await;
    let mut d = Device::packed(&server, "one").await.unwrap();
    d.join(json!({}), json!({})).await;
    d.event("extensions:get").await;
    let offer = json!(["3", "3", "extensions", "phx_join", {"local_shell": "0.0.1"}]);
    d.send(offer.to_string()).await;
    assert_eq!(
        d.event("phx_reply").await["response"],
        json!(["local_shell"])
    );
    d.say("3", "extensions", "local_shell:attached", json!({}))
        .await;
    d.expect(json!([
        null,
        null,
        "extensions",
        "local_shell:request_shell",
        {}
    ]))
    .await;
    let (mut jane, reply) = Viewer::join(&server, "user:local_shell:identifier-one").await;
    assert_eq!(reply["status"], "ok");
    assert_eq!(jane.event("output").await, json!({"data": ""}));
    jane.push("window_size", json!({"rows": 24, "cols": 80}))
        .await;
    jane.push("input", json!({"data": "ls\n"})).await;
    jane.push("kill", json!({})).await;
    d.expect(
        json!([null, null, "extensions", "local_shell:window_size", {"rows": 24, "cols": 80}]),
    )
    .await;
    d.expect(json!([null, null, "extensions", "local_shell:shell_input", {"data": "ls\n"}]))
        .await;
    d.expect(json!([null, null, "extensions", "local_shell:kill_shell", {"signal": 15}]))
        .await;
    // Output that is cut inside a character, as a shell prints it.
    for part in [&b"caf\xc3"[..], &b"\xa9 \xff"[..]] {
        d.send_bytes("3", "extensions", "local_shell:shell_output", part)
            .await;
    }
    assert_eq!(jane.event("output").await["data"], "caf");
    assert_eq!(jane.event("output").await["data"], "\u{e9} \u{fffd}");
    d.say(
        "3",
        "extensions",
        "local_shell:shell_exited",
        json!({"exit_code": 0}),
    )
    .await;
    assert_eq!(jane.event("exited").await, json!({"exit_code": 0}));
    let (mut joe, _) = Viewer::join(&server, "user:local_shell:identifier-one").await;
    assert_eq!(joe.event("output").await["data"], "caf\u{e9} \u{fffd}");
}

async fn p47_code_is_typed_into_the_console(server: Server) {
    let api = server.api();
    let path = Api::product("/devices/one/code");
    let mut d = console(&server, "one", "1.0.0").await;
    assert_eq!(api.post(&path, json!({})).await.status, 400);
    assert_eq!(api.post(&path, json!({"code": "1+1"})).await.status, 204);
    for key in ["1", "+", "1", "\r"] {
        d.expect(json!([null, null, "console", "dn", {"data": key}]))
            .await;
    }
    assert_eq!(
        api.post("/api/devices/one/code", json!({"body": "x"}))
            .await
            .status,
        204
    );
    d.expect(json!([null, null, "console", "dn", {"data": "x"}]))
        .await;
    d.expect(json!([null, null, "console", "dn", {"data": "\r"}]))
        .await;
    assert_eq!(
        api.post(&path, json!({"code": "x".repeat(20_000)}))
            .await
            .status,
        422
    );
    // A device without a console hears nothing of it, and the answer is the same.
    let mut bare = Device::secret(&server, "bare").await.unwrap();
    bare.join(json!({}), json!({})).await;
    let path = Api::product("/devices/bare/code");
    assert_eq!(api.post(&path, json!({"code": "1"})).await.status, 204);
    assert!(bare.silent(200).await);
    // Scripts for clients that do not know them are typed, too.
    let form = json!({"name": "up", "text": "up()"});
    api.post(&Api::product("/scripts"), form).await.data();
    let mut old = Device::secret(&server, "old").await.unwrap();
    old.join(json!({}), json!({"device_api_version": "1.0.0"}))
        .await;
    let join = json!(["2", "2", "console", "phx_join", {"console_version": "1.0.0"}]);
    old.send(join.to_string()).await;
    old.event("phx_reply").await;
    let path = Api::product("/devices/old/scripts/up");
    let run = api.post(&path, json!({}));
    let device = async {
        old.expect(json!([null, null, "console", "dn", {"data": "up()\n# [NERVESHUB:END]"}]))
            .await;
        old.expect(json!([null, null, "console", "dn", {"data": "\r"}]))
            .await;
        old.say(
            "2",
            "console",
            "up",
            json!({"data": "up()\n3 days\niex> # [NERVESHUB:END]"}),
        )
        .await;
    };
    let (answer, ()) = tokio::join!(run, device);
    assert_eq!((answer.status, answer.text.as_str()), (200, "up()\n3 days"));
}

async fn p66_and_p67_programs_watch_how_updates_go(server: Server) {
    let watch = async |topic: &str, token: &str| {
        let connected = Viewer::connect(&server, "/events-socket/websocket", token).await;
        connected.unwrap().joined(topic).await
    };
    let token = server.login("token");
    let path = "/events-socket/websocket";
    assert_eq!(
        Viewer::connect(&server, path, "nhu_wrong").await.err(),
        Some(403)
    );
    let mut d = console(&server, "one", "2.0.0").await;
    let mut other = console(&server, "two", "2.0.0").await;
    let (_, unknown) = watch("device:none", token).await;
    assert_eq!(unknown["response"], json!({"reason": "unauthorized"}));
    let (_, terminal) = watch("user:console:identifier-one", token).await;
    assert_eq!(terminal["response"], json!({"reason": "unmatched topic"}));
    let eve = server.bootstrap("eve@x.org", "evil", "other");
    let eve = eve["token"].as_str().unwrap();
    assert_eq!(
        watch("device:one", eve).await.1["response"]["reason"],
        "unauthorized"
    );
    // The role view is enough.
    let role = json!({"email": "eve@x.org", "role": "view"});
    assert!(server.api().post("/api/orgs/acme/users", role).await.status < 300);
    let (mut watcher, reply) = watch("device:one", eve).await;
    assert_eq!(reply, json!({"status": "ok", "response": {}}));
    other
        .push("status_update", json!({"status": "received"}))
        .await;
    for (event, payload, shown) in [
        (
            "status_update",
            json!({"status": "received"}),
            json!({"percent": null, "stage": "received"}),
        ),
        (
            "fwup_progress",
            json!({"value": 50, "stage": "downloading"}),
            json!({"percent": 50, "stage": "downloading"}),
        ),
        (
            "status_update",
            json!({"status": "completed"}),
            json!({"percent": null, "stage": "completed"}),
        ),
        (
            "status_update",
            json!({"status": "failed", "reason": "x"}),
            json!({"percent": null, "stage": "failed"}),
        ),
    ] {
        d.push(event, payload).await;
        let next = watcher.next().await.unwrap();
        assert_eq!(
            next,
            json!(["1", null, "device:one", "firmware_update", shown])
        );
    }
    // Silence for half an hour is an end, too.
    d.push("status_update", json!({"status": "started"})).await;
    assert_eq!(watcher.event("firmware_update").await["stage"], "started");
    server
        .run(
            "INSERT INTO inflight (device_id, claim_id, priority, status, attempted, sent_at, inserted_at, updated_at)
             SELECT id, id, FALSE, 'started', FALSE, 1, updated_at, updated_at FROM devices",
        )
        .await;
    server.until(inspect::CLAIMS, 2).await;
    server.advance(Duration::from_secs(1_801));
    let ended = tokio::time::timeout(Duration::from_secs(20), watcher.frame())
        .await
        .unwrap();
    assert_eq!(
        ended.unwrap()[4],
        json!({"percent": null, "stage": "expired"})
    );
}
