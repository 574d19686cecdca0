//! Devices that are in a group that is not for them, and those that are not in the one that is.

use super::{GROUP, read, release};
use crate::support::device::Device;
use crate::support::{Api, Server};
use serde_json::{Value, json};

crate::both_engines! {
    strays_are_found_adopted_and_expelled
    a_device_that_leaves_a_group_is_not_sent_its_release
}

async fn correct(api: &Api, what: &str, body: Value) -> (u16, Value) {
    let path = Api::product(&format!("{GROUP}/{what}"));
    let answer = api.post(&path, body).await;
    (answer.status, answer.json())
}

async fn strays_are_found_adopted_and_expelled(server: Server) {
    let api = server.api();
    let (old, new) = api.two_versions("g", json!({})).await;
    let mut fleet = Vec::new();
    for name in ["a", "b", "c"] {
        fleet.push(Device::joined(&server, name, &old).await);
    }
    let tags = async |name: &str, tags: Value| {
        let path = Api::product(&format!("/devices/{name}"));
        assert_eq!(api.put(&path, json!({ "tags": tags })).await.status, 201);
    };
    tags("a", json!(["eu"])).await;
    let conditions = json!({"deployment": {"conditions": {"tags": ["eu"]}}});
    assert_eq!(api.put(&Api::product(GROUP), conditions).await.status, 200);
    let strays = read(&api, "strays").await;
    assert_eq!(strays["inside_count"], 2, "{strays}");
    let first = &strays["inside"][0];
    assert_eq!(first["device"], "b");
    assert_eq!(first["reason"], "its tags are \"\", and the group wants eu");
    assert_eq!(strays["outside_count"], 0);

    let (status, done) = correct(&api, "expel", json!({"devices": ["b"]})).await;
    assert_eq!(
        (status, &done["data"]),
        (200, &json!({"devices": 1, "left": 0}))
    );
    let (_, done) = correct(&api, "expel", json!({})).await;
    assert_eq!(done["data"], json!({"devices": 1, "left": 0}));
    let strays = read(&api, "strays").await;
    assert_eq!(
        (&strays["inside_count"], &strays["outside_count"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(
        server
            .audited("has the device taken out of deployment group g")
            .await,
        2
    );

    // One that fits is found outside, and comes back in; a release reaches it at once.
    tags("b", json!(["eu", "x"])).await;
    let strays = read(&api, "strays").await;
    assert_eq!(strays["outside"], json!([{"device": "b", "group": null}]));
    release(&api, &new).await;
    fleet[0].event("update").await;
    assert!(fleet[1].silent(300).await, "it is in no group");
    let (_, done) = correct(&api, "adopt", json!({})).await;
    assert_eq!(done["data"], json!({"devices": 1, "left": 0}));
    fleet[1].event("update").await;
    // A person may adopt what the tags do not take, but not what would not stay.
    let (_, done) = correct(&api, "adopt", json!({"devices": ["c"]})).await;
    assert_eq!(done["data"]["devices"], 1);
    for (what, name, part) in [
        ("adopt", "c", "c is in the group already"),
        ("adopt", "none", "none is not a device of this product"),
        ("expel", "none", "none is not a device of this product"),
    ] {
        let (status, refused) = correct(&api, what, json!({"devices": [name]})).await;
        assert_eq!(
            (status, &refused["errors"]["devices"][0]),
            (422, &json!(part))
        );
    }
    correct(&api, "expel", json!({"devices": ["c"]})).await;
    let (status, _) = correct(&api, "expel", json!({"devices": ["c"]})).await;
    assert_eq!(status, 422, "it is not in it any more");
    let newer = json!({"deployment": {"conditions": {"version": "> 2.0.0"}}});
    assert_eq!(api.put(&Api::product(GROUP), newer).await.status, 200);
    let (status, refused) = correct(&api, "adopt", json!({"devices": ["a", "c"]})).await;
    assert_eq!(status, 422);
    let text = refused["errors"]["devices"][0].as_str().unwrap();
    assert_eq!(text, "a is in the group already");
    let (_, refused) = correct(&api, "adopt", json!({"devices": ["c"]})).await;
    let text = refused["errors"]["devices"][0].as_str().unwrap();
    assert!(
        text.starts_with("c would not stay in the group: it runs 1.0.0"),
        "{text}"
    );
    let many: Vec<String> = (0..1_001).map(|n| format!("d{n}")).collect();
    let (status, refused) = correct(&api, "adopt", json!({ "devices": many })).await;
    assert_eq!(status, 422, "{refused}");
}

async fn a_device_that_leaves_a_group_is_not_sent_its_release(server: Server) {
    let api = server.api();
    let settings = json!({"delta_updatable": false});
    let (old, new) = api.two_versions("g", settings).await;
    let mut d = Device::joined(&server, "d", &old).await;
    let (status, _) = correct(&api, "expel", json!({"devices": ["d"]})).await;
    assert_eq!(status, 200);
    release(&api, &new).await;
    assert!(d.silent(500).await, "it left");
    let why = api.get(&Api::product("/devices/d/why")).await.data();
    assert_eq!(why["rule"], "has_group");
}
