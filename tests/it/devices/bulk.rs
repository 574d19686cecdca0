//! Import and export of many devices.

use crate::support::ca::{Leaf, ca};
use crate::support::device::Device;
use crate::support::{Api, Server, inspect};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};

crate::both_engines_as_process! {
    p73_csv_is_imported_all_or_nothing_and_exported_again
    devices_come_in_while_many_are_imported_and_a_stop_takes_all_back
    p44_a_manifest_is_imported_in_the_background
    p45_a_certificate_names_its_device
}

async fn csv(api: &Api, text: String) -> crate::support::api::Answer {
    let request = api.raw(Method::POST, &Api::product("/devices/import"));
    Api::answer(request.header("content-type", "text/csv").body(text)).await
}

async fn p73_csv_is_imported_all_or_nothing_and_exported_again(server: Server) {
    let api = server.api();
    api.post(&Api::product("/devices"), json!({"identifier": "old"}))
        .await
        .data();
    let bad =
        "identifier,description,tags\nnew,x,a\n,y,\nold,,\nnew,,\ncontrol\u{1},,\nwide,a,b,c\n";
    let answer = csv(&api, bad.into()).await;
    assert_eq!(answer.status, 422);
    let rows = answer.json()["errors"]["rows"].clone();
    let line = |n: i64| {
        rows.as_array()
            .unwrap()
            .iter()
            .find(|r| r["line"] == n)
            .cloned()
    };
    assert!(
        line(3).unwrap().to_string().contains("can't be blank"),
        "{rows}"
    );
    assert!(
        line(5).unwrap().to_string().contains("is there twice"),
        "{rows}"
    );
    assert!(line(6).is_some() && line(7).is_some(), "{rows}");
    let taken = csv(&api, "identifier\nfirst\nold\n".into()).await;
    assert!(
        taken.text.contains("has already been taken"),
        "{}",
        taken.text
    );
    assert_eq!(taken.json()["errors"]["rows"][0]["line"], 3);
    let columns = csv(&api, "name,tags\nx,y\n".into()).await;
    assert!(
        columns.text.contains("must name the columns"),
        "{}",
        columns.text
    );
    assert_eq!(server.devices("").await, 1, "nothing was imported");

    let leaf = ca("Rig").leaf("with-cert", Leaf::default());
    let quoted = leaf.cert.trim();
    let good = format!(
        "Identifier,tags,description,colour,certificates\nplain,\"a,b\",\"one, two\",red,\nwith-cert,,,,\"{quoted}\"\n"
    );
    // A column that no export has is named: its name may be mistyped.
    assert_eq!(
        csv(&api, good).await.data(),
        json!({"imported": 2, "ignored_columns": ["colour"]})
    );
    let plain = api.get(&Api::product("/devices/plain")).await.data();
    assert_eq!(
        (&plain["tags"], &plain["description"]),
        (&json!(["a", "b"]), &json!("one, two"))
    );
    let certs = api
        .get(&Api::product("/devices/with-cert/certificates"))
        .await
        .data();
    assert_eq!(certs.as_array().unwrap().len(), 1);
    // Point 73: six columns, and what comes out goes in again.
    let out = api.get(&Api::product("/devices.csv")).await;
    assert_eq!(out.header("content-type"), "text/csv; charset=utf-8");
    assert!(
        out.text
            .starts_with("identifier,description,tags,product,org,certificates\r\n")
    );
    assert!(
        out.text
            .contains("plain,\"one, two\",\"a,b\",fixture-product,acme,\r\n"),
        "{}",
        out.text
    );
    server.run("DELETE FROM device_certificates").await;
    server.run("DELETE FROM device_tags").await;
    server.run("DELETE FROM devices").await;
    assert_eq!(
        csv(&api, out.text.clone()).await.data(),
        json!({"imported": 3})
    );
    assert_eq!(api.get(&Api::product("/devices.csv")).await.text, out.text);
    // Narrowed as the list is.
    let query = "tags%20contains%20a%20or%20identifier%20like%20%22old%25%22";
    let some = api
        .get(&Api::product(&format!("/devices.csv?query={query}")))
        .await;
    let names: Vec<_> = some.text.lines().skip(1).collect();
    assert!(
        names.len() == 2 && names[0].starts_with("old,") && names[1].starts_with("plain,"),
        "{names:?}"
    );
    let bad = api
        .get(&Api::product("/devices.csv?query=tags%20contain"))
        .await;
    assert_eq!(bad.status, 422, "{}", bad.text);
}

async fn p44_a_manifest_is_imported_in_the_background(server: Server) {
    let api = server.api();
    let leaf = ca("Chip").leaf("chip-1", Leaf::default());
    let der = leaf
        .cert
        .lines()
        .filter(|l| !l.starts_with('-'))
        .collect::<String>();
    let keys = json!({"publicKeySet": {"keys": [{"kid": "0"}, {"x5c": [der]}]}});
    let payload = STANDARD_NO_PAD.encode(keys.to_string());
    let entries = json!([
        {"payload": payload, "header": {"uniqueId": "0123abcd"}},
        {"payload": "!", "header": {"uniqueId": "broken"}},
    ]);
    let path = Api::product("/devices/import");
    let request = api
        .raw(Method::POST, &path)
        .header("format", "microchip_trust_and_go");
    let answer = Api::answer(request.header("tags", "chip, new").json(&entries)).await;
    assert_eq!((answer.status, answer.text.as_str()), (201, ""));
    server.until_notifications(1).await;
    let note = api.get(&Api::product("/notifications")).await.json()["data"][0].clone();
    let text = note["message"].as_str().unwrap();
    assert!(
        text.contains("1 of 2") && text.contains("entry 2"),
        "{text}"
    );
    let device = api.get(&Api::product("/devices/0123abcd")).await.data();
    assert_eq!(device["tags"], json!(["chip", "new"]));
    let other = api
        .raw(Method::POST, &path)
        .header("format", "other")
        .json(&json!([]));
    assert_eq!(Api::answer(other).await.status, 422);
    assert_eq!(api.post(&path, json!({"a": 1})).await.status, 400);
}

async fn p45_a_certificate_names_its_device(server: Server) {
    let api = server.api();
    let ca = ca("Rig");
    let leaf = ca.leaf("d1", Leaf::default());
    api.post(&Api::product("/devices"), json!({"identifier": "d1"}))
        .await
        .data();
    let path = Api::product("/devices/auth");
    let form = |pem: &str| json!({"certificate": STANDARD.encode(pem)});
    let unknown = api.post(&path, form(&leaf.cert)).await;
    assert_eq!(
        (unknown.status, unknown.text.as_str()),
        (403, r#"{"status":"Unauthorized"}"#)
    );
    assert_eq!(unknown.header("content-type"), "");
    let added = json!({"cert": STANDARD.encode(&leaf.cert)});
    api.post(&Api::product("/devices/d1/certificates"), added)
        .await
        .data();
    let known: Value = api.post(&path, form(&leaf.cert)).await.data();
    assert_eq!(known["identifier"], "d1");
    assert_eq!(api.post(&path, json!({})).await.status, 400);
}

async fn devices_come_in_while_many_are_imported_and_a_stop_takes_all_back(mut server: Server) {
    let api = server.api();
    let text = |from: u32| {
        let rows: String = (from..from + 20_000)
            .map(|n| format!("i-{n},a b\n"))
            .collect();
        format!("identifier,tags\n{rows}")
    };
    const IMPORTED: &str = "filters[identifier]=i-";
    // Waits for the middle of an import ask the database itself: the API takes so long to count that it may miss it.
    const STORED: &str = "SELECT COUNT(*) FROM devices WHERE identifier LIKE 'i-%'";
    let (asker, all) = (api.clone(), text(0));
    let import = tokio::spawn(async move { csv(&asker, all).await });
    while server.count(STORED).await == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    // It is under way, and a device is let in and stored before it ends.
    let mut d = Device::secret(&server, "between").await.unwrap();
    d.join(json!({}), json!({})).await;
    assert!(!import.is_finished(), "the device came in between");
    assert_eq!(import.await.unwrap().data(), json!({"imported": 20_000}));
    assert_eq!(server.devices(IMPORTED).await, 20_000);
    assert_eq!(server.count(inspect::TO_IMPORT).await, 0);
    // A mistake in the last row: nothing of it stays, and what is told is told by its line.
    // A device that was let in as one of its rows meanwhile does not keep its socket.
    let (asker, all) = (api.clone(), format!("{}i-7,\n", text(20_000)));
    let import = tokio::spawn(async move { csv(&asker, all).await });
    while server.count(STORED).await == 20_000 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let mut taken = Device::secret(&server, "i-20000").await.unwrap();
    taken.join(json!({}), json!({})).await;
    let wrong = import.await.unwrap();
    assert_eq!(wrong.status, 422);
    taken.closed().await;
    assert_eq!(wrong.json()["errors"]["rows"][0]["line"], 20_002);
    assert_eq!(server.devices(IMPORTED).await, 20_000);
    // The server is killed in the middle.
    let (asker, all) = (api.clone(), text(20_000));
    let import = tokio::spawn(async move {
        let request = asker.raw(Method::POST, &Api::product("/devices/import"));
        request
            .header("content-type", "text/csv")
            .body(all)
            .send()
            .await
            .is_ok()
    });
    while server.count(STORED).await == 20_000 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    server.crash_and_restart();
    assert!(!import.await.unwrap(), "it was never acknowledged");
    assert_eq!(server.devices(IMPORTED).await, 20_000);
    assert_eq!(server.count(inspect::TO_IMPORT).await, 0);
}
