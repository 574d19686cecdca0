//! What is kept of the past: connections, firmwares, updates, notifications; and the keys of other networks.

use crate::support::device::{Device, running};
use crate::support::{Api, Server};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

crate::both_engines! {
    connections_and_firmwares_are_remembered
    people_are_told_of_what_nobody_asked_for
    network_identities_belong_to_one_device
}

async fn get(api: &Api, path: &str) -> Value {
    api.get(&Api::product(path)).await.data()
}

/// Asks until a condition holds.
async fn until(api: &Api, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let started = Instant::now();
    loop {
        let data = get(api, path).await;
        if holds(&data) {
            return data;
        }
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "{path} stays {data}"
        );
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

fn firmware(uuid: &str, version: &str) -> Value {
    json!({"uuid": uuid, "product": "p", "version": version, "platform": "x", "architecture": "y"})
}

async fn connections_and_firmwares_are_remembered(server: Server) {
    let api = server.api();
    let mut d = Device::secret(&server, "d").await.unwrap();
    let unvalidated = json!({"meta": {"firmware_validated": false}});
    d.join(running(&firmware("one", "1.0.0")), unvalidated)
        .await;
    d.push(
        "connection_types",
        json!({"values": ["wifi", "ethernet", 7]}),
    )
    .await;
    d.push("report_network_interface", json!({"interface": "wlan0"}))
        .await;
    let path = "/devices/d/connections";
    let now = until(&api, path, |c| c[0]["connection_types"] != Value::Null).await;
    assert_eq!(now.as_array().unwrap().len(), 1);
    assert_eq!(now[0]["connection_types"], json!(["wifi", "ethernet"]));
    let now = until(&api, path, |c| c[0]["network_interface"] != Value::Null).await;
    let (address, end) = (&now[0]["address"], &now[0]["disconnected_at"]);
    assert_eq!((address, end), (&json!("127.0.0.1"), &Value::Null));
    assert_eq!(now[0]["device_api_version"], "2.3.0");
    // Replaced by a newer one, which is lost, and one that leaves by itself.
    let mut newer = Device::secret(&server, "d").await.unwrap();
    newer
        .join(running(&firmware("two", "1.1.0")), json!({}))
        .await;
    assert_eq!(d.closed().await, Some(1001));
    drop(newer);
    until(&api, path, |c| c[0]["disconnected_at"] != Value::Null).await;
    let mut last = Device::secret(&server, "d").await.unwrap();
    last.join(running(&firmware("one", "1.0.0")), json!({}))
        .await;
    last.send(r#"["1","9","device","phx_leave",{}]"#).await;
    let all = until(&api, path, |c| c[0]["disconnected_reason"] == "left").await;
    let reasons: Vec<&Value> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["disconnected_reason"])
        .collect();
    assert_eq!(reasons, ["left", "lost", "replaced"]);
    let established: Vec<&str> = (0..3)
        .map(|i| all[i]["established_at"].as_str().unwrap())
        .collect();
    assert!(established[0] >= established[1] && established[1] >= established[2]);
    let one = get(&api, "/devices/d/connections?limit=1").await;
    assert_eq!(one.as_array().unwrap().len(), 1);
    let fw = get(&api, "/devices/d/firmwares").await;
    let seen: Vec<(&Value, &Value)> = fw
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (&f["uuid"], &f["validation_status"]))
        .collect();
    let (validated, not) = (json!("validated"), json!("not_validated"));
    let (first, second) = (json!("one"), json!("two"));
    assert_eq!(
        seen,
        [(&first, &validated), (&second, &validated), (&first, &not)]
    );
    // Validation writes into the newest row only.
    let mut d = Device::secret(&server, "d").await.unwrap();
    d.join(
        running(&firmware("three", "1.2.0")),
        json!({"meta": {"firmware_validated": false}}),
    )
    .await;
    d.push("firmware_validated", json!({})).await;
    until(&api, "/devices/d/firmwares", |f| {
        f[0]["uuid"] == "three" && f[0]["validation_status"] == "validated"
    })
    .await;
    let updates = get(&api, "/devices/d/updates").await;
    assert_eq!(
        updates,
        json!({"num_updates": 0, "total_update_bytes": 0, "saved_bytes": 0, "updates": []})
    );
    // Nobody else reads it.
    let other = server.bootstrap("eve@x.org", "evil", "other");
    let eve = api.with_token(other["token"].as_str().unwrap());
    for what in ["connections", "firmwares", "updates", "network_identities"] {
        let theirs = format!("/api/orgs/evil/products/other/devices/d/{what}");
        assert_eq!(eve.get(&theirs).await.status, 404, "{what}");
        assert_eq!(
            eve.get(&Api::product(&format!("/devices/d/{what}")))
                .await
                .status,
            404
        );
    }
}

async fn people_are_told_of_what_nobody_asked_for(server: Server) {
    let api = server.api();
    let mut d = Device::secret(&server, "with space").await.unwrap();
    d.join(json!({}), json!({})).await;
    let other = server.bootstrap("jane@acme.org", "acme", "second");
    let (key, word) = (
        other["product_key"].as_str().unwrap(),
        other["product_secret"].as_str().unwrap(),
    );
    for _ in 0..3 {
        let r = Device::by_key(&server, key, word, "with space").await;
        assert_eq!(r.err().map(|r| r.status), Some(401));
    }
    let list = api.get(&Api::product("/notifications")).await.json();
    assert_eq!(list["pagination"]["total_entries"], 1);
    let n = &list["data"][0];
    assert_eq!(n["event_key"], "missing_firmware_metadata-with space");
    assert_eq!(
        (&n["level"], &n["occurrence_count"]),
        (&json!("warning"), &json!(1))
    );
    let second = "/api/orgs/acme/products/second/notifications";
    let list = api.get(second).await.data();
    let n = &list[0];
    assert_eq!(n["event_key"], "duplicate_device_identifier-with space");
    assert_eq!(n["occurrence_count"], 3);
    assert!(n["message"].as_str().unwrap().contains("another product"));
    assert_eq!(api.delete(second).await.status, 204);
    assert_eq!(api.get(second).await.data(), json!([]));
    assert_eq!(
        api.get(&Api::product("/notifications"))
            .await
            .data()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    // A device that said once what it runs is not complained of.
    let mut d = Device::secret(&server, "good").await.unwrap();
    d.join(running(&firmware("one", "1.0.0")), json!({})).await;
    d.join(json!({}), json!({})).await;
    assert_eq!(server.notifications().await, 1);
}

async fn network_identities_belong_to_one_device(server: Server) {
    let api = server.api();
    let on = json!({"extensions": {"network_identity": true}});
    api.put(&Api::product("/extensions"), on).await;
    let device = async |name: &str| {
        let mut d = Device::secret(&server, name).await.unwrap();
        d.join(running(&firmware("one", "1.0.0")), json!({})).await;
        d.event("extensions:get").await;
        let offer = json!(["3", "3", "extensions", "phx_join", {"network_identity": "0.0.1"}]);
        d.send(offer.to_string()).await;
        d.event("phx_reply").await;
        d.say("3", "extensions", "network_identity:attached", json!({}))
            .await;
        d.event("network_identity:request").await;
        d
    };
    let report = async |d: &mut Device, all: Value| {
        let report = json!({ "identities": all });
        d.say("3", "extensions", "network_identity:report", report)
            .await;
    };
    let mut a = device("a").await;
    let all = json!([
        {"service": "wireguard", "identifier": "w1", "instance": "two"},
        {"service": "iroh", "identifier": "k1", "details": {"relay": "eu"}},
        {"service": "skynet", "identifier": "x"},
    ]);
    report(&mut a, all).await;
    let path = "/devices/a/network_identities";
    let found = until(&api, path, |all| all.as_array().unwrap().len() == 2).await;
    let at = &found[0]["inserted_at"];
    let expected = json!({"identifier": "k1", "service": "iroh", "instance": "default",
        "source": "device_reported", "details": {"relay": "eu"}, "last_reported_at": format!("{}Z", at.as_str().unwrap()),
        "inserted_at": at, "updated_at": at});
    assert_eq!(found[0], expected);
    let some = get(&api, &format!("{path}?service=wireguard&instance=two")).await;
    assert_eq!(some[0]["identifier"], "w1");
    assert_eq!(
        get(&api, &format!("{path}?service=wireguard&instance=x")).await,
        json!([])
    );
    assert_eq!(
        get(&api, &format!("{path}?service="))
            .await
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let unknown = api.get(&Api::product(&format!("{path}?service=foo"))).await;
    assert_eq!(unknown.status, 422);
    // A key that another device holds stays there; the rest of the report counts. A new key takes the old one's place,
    // and what a report does not name stays.
    let mut b = device("b").await;
    let all = json!([{"service": "iroh", "identifier": "k1"}, {"service": "netbird", "identifier": "n1"}]);
    report(&mut b, all).await;
    let of_b = until(&api, "/devices/b/network_identities", |all| {
        all != &json!([])
    })
    .await;
    assert_eq!(of_b.as_array().unwrap().len(), 1);
    report(&mut a, json!([{"service": "iroh", "identifier": "k2"}])).await;
    let found = until(&api, path, |all| all[0]["identifier"] == "k2").await;
    assert_eq!(found.as_array().unwrap().len(), 2);
    // The same key under another name moves.
    report(
        &mut a,
        json!([{"service": "iroh", "identifier": "k2", "instance": "new"}]),
    )
    .await;
    let found = until(&api, path, |all| all[0]["instance"] == "new").await;
    assert_eq!(found.as_array().unwrap().len(), 2);
    // Deleting the device frees its keys.
    assert_eq!(api.delete(&Api::product("/devices/a")).await.status, 204);
    assert_eq!(get(&api, path).await, json!([]));
    let left = get(&api, "/devices/b/network_identities").await;
    assert_eq!(left.as_array().unwrap().len(), 1);
    report(&mut b, json!([{"service": "iroh", "identifier": "k2"}])).await;
    until(&api, "/devices/b/network_identities", |all| {
        all[0]["identifier"] == "k2"
    })
    .await;
}
