//! Nothing that one device sends shows up in another organization, product or device: each event with another's ids.

use super::{joined, on, release, rollout, server, until_heartbeat};
use crate::support::device::{Device, running};
use crate::support::viewer::Viewer;
use crate::support::{Api, Server};
use serde_json::{Value, json};

/// Everything that is known of the victim, its product and its organization, but for times of other tables.
async fn picture(server: &Server) -> Vec<String> {
    let mut all = Vec::new();
    for sql in [
        "SELECT identifier || validation || auto_revert || fw_uuid || interface || online || in_flight
           || COALESCE(blocked_until, 0) || COALESCE(group_id, 0) FROM devices WHERE identifier LIKE 'victim%'",
        "SELECT c.device_id || c.status || COALESCE(c.types, '') FROM connections c
           JOIN devices d ON d.id = c.device_id WHERE d.identifier LIKE 'victim%' ORDER BY c.device_id",
        "SELECT i.status || COALESCE(i.progress, -1) FROM inflight i
           JOIN devices d ON d.id = i.device_id WHERE d.identifier LIKE 'victim%'",
        "SELECT h.report FROM health_reports h JOIN devices d ON d.id = h.device_id WHERE d.identifier LIKE 'victim%'",
        "SELECT l.source FROM locations l JOIN devices d ON d.id = l.device_id WHERE d.identifier LIKE 'victim%'",
        "SELECT l.message FROM device_logs l JOIN devices d ON d.id = l.device_id WHERE d.identifier LIKE 'victim%'",
        "SELECT n.identifier FROM network_identities n JOIN devices d ON d.id = n.device_id
           WHERE d.identifier LIKE 'victim%'",
        "SELECT uuid FROM device_firmwares f JOIN devices d ON d.id = f.device_id WHERE d.identifier LIKE 'victim%'
           ORDER BY f.id",
        "SELECT description FROM audit_logs WHERE resource_type = 'device' AND resource_id IN
           (SELECT id FROM devices WHERE identifier LIKE 'victim%') ORDER BY id",
    ] {
        let rows: Vec<String> = server.column(sql).await;
        all.extend(rows);
    }
    all
}

/// Attaches everything.
async fn whole(d: &mut Device) {
    d.send(r#"["2","2","console","phx_join",{"console_version":"2.0.0"}]"#)
        .await;
    d.event("phx_reply").await;
    let names = [
        "health",
        "geo",
        "logging",
        "local_shell",
        "network_identity",
    ];
    let offer: serde_json::Map<_, _> = names
        .iter()
        .map(|n| ((*n).to_owned(), json!("0.0.1")))
        .collect();
    d.send(json!(["3", "3", "extensions", "phx_join", offer]).to_string())
        .await;
    d.event("phx_reply").await;
    for name in names {
        d.say("3", "extensions", &format!("{name}:attached"), json!({}))
            .await;
    }
    until_heartbeat(d).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_event_with_forged_ids_reaches_another_device_product_or_organization() {
    let server = server().await;
    let (api, old, new) = rollout(&server, json!({})).await;
    let switch = json!({"extensions": {"health": true, "geo": true, "logging": true,
        "local_shell": true, "network_identity": true}});
    api.put(&Api::product("/extensions"), switch.clone()).await;
    let eve = server.bootstrap("eve@x.org", "evil", "other");
    let evil = api.with_token(eve["token"].as_str().unwrap());
    evil.put("/api/orgs/evil/products/other/extensions", switch)
        .await;
    // A victim with an update under way and people before its terminals, and one of the same product that is at rest.
    let mut victim = on(&server, "victim", &old).await;
    whole(&mut victim).await;
    let (mut console, _) = Viewer::join(&server, "user:console:identifier-victim").await;
    let (mut shell, _) = Viewer::join(&server, "user:local_shell:identifier-victim").await;
    console.event("up").await;
    shell.event("output").await;
    release(&api, &new).await;
    let update = victim.event("update").await;
    victim
        .push("status_update", json!({"status": "started"}))
        .await;
    until_heartbeat(&mut victim).await;
    let id = server
        .count("SELECT id FROM devices WHERE identifier = 'victim'")
        .await;
    let form = json!({"name": "s", "text": "1"});
    api.post(&Api::product("/scripts"), form).await.data();
    let before = picture(&server).await;
    // One attacker in another organization, one in the same product.
    let (key, word) = (
        eve["product_key"].as_str().unwrap(),
        eve["product_secret"].as_str().unwrap(),
    );
    let mut foreign = Device::by_key(&server, key, word, "foreign").await.unwrap();
    foreign.join(running(&old), json!({})).await;
    let mut neighbour = joined(&server, "neighbour").await;
    for attacker in [&mut foreign, &mut neighbour] {
        whole(attacker).await;
        let ids = json!({"device_id": id, "id": id, "identifier": "victim", "device": "victim",
            "org_id": 1, "product_id": 1, "org": "acme", "product": "fixture-product",
            "deployment_id": update["deployment_id"], "topic": format!("device:{id}")});
        let forged = |payload: Value| {
            let mut all = ids.clone();
            for (k, v) in payload.as_object().unwrap() {
                all[k] = v.clone();
            }
            all
        };
        let events = [
            (
                "device",
                "fwup_progress",
                json!({"value": 99, "stage": "updating"}),
            ),
            ("device", "update_progress", json!({"value": 100})),
            (
                "device",
                "status_update",
                json!({"status": "failed", "reason": "forged"}),
            ),
            (
                "device",
                "status_update",
                json!({"status": "rescheduled", "delay_for": 600}),
            ),
            ("device", "status_update", json!({"status": "ignored"})),
            ("device", "firmware_validated", json!({})),
            ("device", "rebooting", json!({})),
            ("device", "connection_types", json!({"values": ["forged"]})),
            (
                "device",
                "report_network_interface",
                json!({"interface": "wwan0"}),
            ),
            (
                "device",
                "scripts/run",
                json!({"ref": "0000000000000001", "output": "forged", "return": ""}),
            ),
            ("console", "up", json!({"data": "forged"})),
            ("console", "file-data/start", json!({"filename": "forged"})),
            (
                "console",
                "file-data",
                json!({"filename": "forged", "data": "AAAA"}),
            ),
            ("console", "file-data/stop", json!({"filename": "forged"})),
            (
                "extensions",
                "health:report",
                json!({"value": {"metrics": {"forged": 1}}}),
            ),
            (
                "extensions",
                "geo:location:update",
                json!({"latitude": 6.6, "longitude": 6.6, "source": "forged"}),
            ),
            (
                "extensions",
                "logging:send",
                json!({"level": "error", "message": "forged", "meta": {"time": "1"}}),
            ),
            (
                "extensions",
                "local_shell:shell_output",
                json!({"data": "forged"}),
            ),
            (
                "extensions",
                "local_shell:shell_exited",
                json!({"exit_code": 66}),
            ),
            (
                "extensions",
                "network_identity:report",
                json!({"identities": [{"service": "iroh", "identifier": "forged",
                "device_id": id}]}),
            ),
        ];
        for (topic, event, payload) in events {
            let reference = match topic {
                "device" => "1",
                "console" => "2",
                _ => "3",
            };
            attacker
                .say(reference, topic, event, forged(payload.clone()))
                .await;
            // On the victim's own names, as they are called inside such servers.
            for name in [
                format!("{topic}:{id}"),
                format!("user:{topic}:{id}"),
                format!("device:{topic}:{id}"),
            ] {
                attacker
                    .say(reference, &name, event, forged(payload.clone()))
                    .await;
            }
        }
        for topic in [
            format!("device:{id}"),
            format!("console:{id}"),
            "user:console:identifier-victim".into(),
        ] {
            attacker
                .send(json!(["6", "6", topic, "phx_join", ids]).to_string())
                .await;
            let refused = attacker.event("phx_reply").await;
            assert_eq!(refused["status"], "error", "{topic}");
        }
        // A join that claims to be the victim, and the victim's download.
        attacker
            .send(
                json!([
                    "7",
                    "7",
                    "device",
                    "phx_join",
                    forged(json!({"nerves_fw_uuid": "forged",
            "nerves_serial_number": "victim", "currently_downloading_uuid": null}))
                ])
                .to_string(),
            )
            .await;
        attacker.event("phx_reply").await;
        until_heartbeat(attacker).await;
    }
    // A script on the victim, whose reference an attacker has heard of.
    let path = Api::product("/devices/victim/scripts/s?timeout=500");
    let run = api.post(&path, json!({}));
    let forge = async {
        let reference = victim.event("scripts/run").await["ref"].clone();
        for attacker in [&mut foreign, &mut neighbour] {
            let lie = json!({"ref": reference, "output": "forged", "return": ""});
            attacker.say("7", "device", "scripts/run", lie).await;
            until_heartbeat(attacker).await;
        }
    };
    assert_eq!(tokio::join!(run, forge).0.status, 403);
    let audit = before.len();
    let after = picture(&server).await;
    assert_eq!(after[..audit], before[..], "nothing of the victim changed");
    assert_eq!(
        after.len(),
        audit + 1,
        "but for the operator's own script run"
    );
    // Nobody before the victim's terminals saw anything but its own words.
    victim
        .say("2", "console", "up", json!({"data": "own"}))
        .await;
    victim
        .say(
            "3",
            "extensions",
            "local_shell:shell_output",
            json!({"data": "own"}),
        )
        .await;
    assert_eq!(console.next().await.unwrap()[4]["data"], "own");
    assert_eq!(shell.next().await.unwrap()[4]["data"], "own");
    assert!(until_heartbeat(&mut victim).await.is_empty());
    // And what the other organization's device reported is in its own organization only.
    let theirs = evil
        .get("/api/orgs/evil/products/other/devices/foreign/logs")
        .await
        .data();
    assert_eq!(theirs[0]["message"], "forged");
    assert_eq!(api.get("/api/devices/foreign").await.status, 404);
    assert_eq!(evil.get("/api/devices/victim").await.status, 404);
}
