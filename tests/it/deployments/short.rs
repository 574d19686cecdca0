//! How far releases are, in the list of groups: the same as the progress of each, in short.

use super::until;
use crate::support::device::Device;
use crate::support::{Api, Server};
use serde_json::{Value, json};

crate::both_engines! {
    a_list_says_how_far_each_release_is
}

async fn listed(api: &Api) -> Value {
    api.get(&Api::product("/deployments?progress=true"))
        .await
        .data()
}

/// The row of a group once its progress has this value at this place.
async fn row(api: &Api, group: usize, pointer: &str, wanted: Value) -> Value {
    let mut seen = Value::Null;
    for _ in 0..800 {
        seen = listed(api).await[group]["progress"].clone();
        if seen.pointer(pointer) == Some(&wanted) {
            return seen;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("{pointer} is not {wanted}: {seen:#}");
}

async fn a_list_says_how_far_each_release_is(server: Server) {
    let api = server.api();
    let workflow = json!({"version": 1, "steps": [
        {"name": "Canary", "matching_conditions": {"match_limit": 1}},
        {"name": "Sign-off", "type": "approval_required"}]});
    let settings = json!({"delta_updatable": false, "workflow": workflow});
    let (old, new) = api.two_versions("g", settings).await;
    let other = json!({"conditions": {"tags": ["nobody"]}});
    api.group("h", old["uuid"].as_str().unwrap(), other).await;
    let off = json!({"deployment": {"state": "off"}});
    api.put(&Api::product("/deployments/h"), off).await.data();
    let plain = api.get(&Api::product("/deployments")).await.data();
    assert_eq!(plain[0].get("progress"), None, "only where it is asked for");
    let mut one = Device::joined(&server, "one", &old).await;
    let _two = Device::joined(&server, "two", &old).await;
    let three = Device::joined(&server, "three", &old).await;
    let form = json!({"updates_enabled": false});
    api.put(&Api::product("/devices/three"), form).await.data();
    api.release("g", new["uuid"].as_str().unwrap()).await;
    one.event("update").await;
    let goes = row(&api, 0, "/updating", json!(1)).await;
    assert_eq!(
        (
            &goes["state"],
            &goes["eligible"],
            &goes["updated"],
            &goes["failed"],
            &goes["step"],
            &goes["steps"]
        ),
        (
            &json!("running"),
            &json!(2),
            &json!(0),
            &json!(0),
            &json!(1),
            &json!(3)
        ),
        "{goes}"
    );
    let whole = until(&api, "/steps/0/in_flight", json!(1)).await;
    assert_eq!(goes["reason"]["sentence"], whole["sentence"]);
    assert_eq!(goes["reason"]["kind"], "in_flight");
    // It is updated, and a person is waited for.
    drop(one);
    let _one = Device::joined(&server, "one", &new).await;
    let waits = row(&api, 0, "/reason/kind", json!("approval")).await;
    assert_eq!(
        (&waits["updated"], &waits["updating"], &waits["step"]),
        (&json!(1), &json!(0), &json!(2))
    );
    let whole = until(&api, "/steps/1/state", json!("current")).await;
    assert_eq!(waits["reason"]["sentence"], whole["sentence"]);
    // A device that runs the release counts, although it takes no updates.
    drop(three);
    let _three = Device::joined(&server, "three", &new).await;
    row(&api, 0, "/eligible", json!(3)).await;
    let path = Api::product("/deployments/g/pause");
    api.post(&path, json!({"reason": "tea"})).await.data();
    let both = listed(&api).await;
    assert_eq!(both[0]["progress"]["state"], "paused");
    assert_eq!(
        both[0]["progress"]["reason"],
        json!({"kind": "paused", "sentence": "A person paused it: tea."})
    );
    assert_eq!(both[1]["progress"]["reason"]["kind"], "off");
    assert_eq!(both[1]["progress"]["eligible"], 0);
    let page =
        Api::product("/deployments?progress=true&pagination[page]=2&pagination[page_size]=1");
    assert_eq!(api.get(&page).await.data()[0], both[1]);
    let refused = api.get(&Api::product("/deployments?progress=some")).await;
    assert_eq!(
        (refused.status, refused.errors().get("progress").is_some()),
        (422, true)
    );
}
