//! What a release would do, before it is made: dry run and preview.

use super::GROUP;
use crate::support::device::Device;
use crate::support::{Api, Server};
use serde_json::{Value, json};

crate::both_engines! {
    a_dry_run_tells_who_gets_what_and_changes_nothing
    a_preview_counts_the_devices_that_conditions_take
}

async fn ask(api: &Api, path: &str, body: Value) -> (u16, Value) {
    let answer = api.post(&Api::product(path), body).await;
    (answer.status, answer.json())
}

async fn a_dry_run_tells_who_gets_what_and_changes_nothing(server: Server) {
    let api = server.api();
    let (old, new) = api.two_versions("g", json!({})).await;
    let mut fleet = Vec::new();
    for name in ["a", "b", "c", "d"] {
        fleet.push(Device::joined(&server, name, &old).await);
    }
    let put = async |name: &str, body: Value| {
        let path = Api::product(&format!("/devices/{name}"));
        assert_eq!(api.put(&path, body).await.status, 201);
    };
    put("a", json!({"tags": ["canary"]})).await;
    put("d", json!({"updates_enabled": false})).await;
    let path = format!("{GROUP}/dry_run");
    let (status, now) = ask(&api, &path, json!({})).await;
    assert_eq!((status, &now["data"]["already"]), (200, &json!(4)), "{now}");
    assert_eq!(
        now["data"]["warnings"],
        json!(["No device would be updated."])
    );

    let workflow = json!({"version": 1, "steps": [
        {"name": "Canary", "matching_conditions": {"tags": ["canary"]}, "gate": {"soak_minutes": 60}},
        {"name": "Boss", "type": "approval_required"}]});
    let body = json!({"firmware": new["uuid"], "workflow": workflow});
    let (status, then) = ask(&api, &path, body).await;
    let found = &then["data"];
    assert_eq!(status, 200, "{then}");
    assert_eq!(found["firmware"]["version"], "1.1.0");
    assert_eq!(found["kept_out"][0]["rule"], "updates_enabled");
    assert_eq!(found["kept_out"][0]["devices"], json!(["d"]));
    let steps = found["steps"].as_array().unwrap();
    let counts: Vec<_> = steps.iter().map(|s| (&s["name"], &s["devices"])).collect();
    assert_eq!(counts[0], (&json!("Canary"), &json!(1)));
    assert_eq!(counts[1], (&json!("Boss"), &json!(0)));
    assert_eq!(counts[2], (&json!("Everyone else"), &json!(2)));
    assert_eq!(steps[0]["sample"], json!(["a"]));
    assert_eq!(steps[0]["then"], json!(["60 minutes"]));
    let size = found["bytes"].as_i64().unwrap() / 3;
    assert_eq!(steps[0]["bytes"], size, "each gets the whole file");
    let warning = found["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("delta from 1.0.0 is not made"),
        "{warning}"
    );

    // A share of a release that has no salt yet is a share, also of the first devices of a server.
    let workflow = json!({"version": 1, "steps": [
        {"name": "One in a hundred", "matching_conditions": {"match_percent": 1}}]});
    let body = json!({"firmware": new["uuid"], "workflow": workflow});
    let shares = ask(&api, &path, body).await.1["data"]["steps"].clone();
    assert_eq!(
        (&shares[0]["devices"], &shares[1]["devices"]),
        (&json!(0), &json!(3)),
        "{shares}"
    );

    // With a bandwidth it takes its time, and nothing of it was kept.
    let body =
        json!({"firmware": new["uuid"], "bytes_per_second": size / 600, "delta_updatable": false});
    let slow = ask(&api, &path, body).await.1["data"]["steps"][0].clone();
    let seconds = |field: &str| {
        let text = slow[field].as_str().unwrap();
        let format = &time::format_description::well_known::Rfc3339;
        time::OffsetDateTime::parse(text, format)
            .unwrap()
            .unix_timestamp()
    };
    let lasts = seconds("sent_at") - seconds("begins_at");
    assert!((1_800..1_820).contains(&lasts), "{slow}");
    let kept = api.get(&Api::product(GROUP)).await.data();
    assert_eq!(kept["settings"]["workflow"], Value::Null);
    assert_eq!(kept["current_release"]["number"], 1);
    for d in &mut fleet {
        assert!(d.silent(100).await, "nobody is told");
    }

    // Conditions count the devices that they would take, and those of the group that they would not.
    let body = json!({"firmware": new["uuid"], "conditions": {"tags": ["canary"]}, "concurrent_updates": 3});
    let (status, fewer) = ask(&api, &path, body).await;
    let found = &fewer["data"];
    assert_eq!((status, &found["devices"]), (200, &json!(1)), "{fewer}");
    assert_eq!(found["by_group"], json!([{"name": "g", "count": 1}]));
    assert_eq!(found["steps"][0]["concurrent_updates"], 3);
    let warnings = found["warnings"].to_string();
    assert!(
        warnings.contains("3 devices of the group do not fit the conditions")
            && !warnings.contains("in other groups"),
        "{warnings}"
    );
    let usual = ask(&api, &path, json!({"firmware": new["uuid"]})).await.1;
    assert_eq!(usual["data"]["steps"][0]["concurrent_updates"], 10);
    let kept = api.get(&Api::product(GROUP)).await.data();
    assert_eq!(
        (
            &kept["conditions"]["tags"],
            &kept["settings"]["concurrent_updates"]
        ),
        (&json!([]), &json!(10)),
        "nothing is kept"
    );

    // What is wrong is named.
    for (body, named) in [
        (json!({"firmware": "x"}), "firmware"),
        (json!({"workflow": {"version": 2}}), "workflow"),
        (json!({"bytes_per_second": 0}), "bytes_per_second"),
        (json!({"conditions": {"version": "about 1"}}), "conditions"),
        (json!({"concurrent_updates": 0}), "concurrent_updates"),
    ] {
        let (status, refused) = ask(&api, &path, body).await;
        assert_eq!(status, 422, "{refused}");
        assert!(refused["errors"].get(named).is_some(), "{named}: {refused}");
    }
    assert_eq!(
        ask(&api, "/deployments/none/dry_run", json!({})).await.0,
        404
    );
}

async fn a_preview_counts_the_devices_that_conditions_take(server: Server) {
    let api = server.api();
    let (old, new) = api.two_versions("g", json!({})).await;
    let mut fleet = Vec::new();
    for name in ["a", "b", "c"] {
        fleet.push(Device::joined(&server, name, &old).await);
    }
    let devices = |name: &str| Api::product(&format!("/devices/{name}"));
    for name in ["a", "b"] {
        let answer = api.put(&devices(name), json!({"tags": ["eu"]})).await;
        assert_eq!(answer.status, 201);
    }
    let body =
        json!({"firmware": new["uuid"], "conditions": {"tags": ["eu"], "version": ">= 1.0.0"}});
    let (status, found) = ask(&api, "/deployment_preview", body).await;
    let found = &found["data"];
    assert_eq!((status, &found["devices"]), (200, &json!(2)), "{found}");
    assert_eq!(found["by_group"], json!([{"name": "g", "count": 2}]));
    assert_eq!(found["steps"][0]["sample"], json!(["a", "b"]));
    let warnings = found["warnings"].to_string();
    assert!(
        warnings.contains("2 of these devices are in other groups"),
        "{warnings}"
    );
    let body = json!({"firmware": new["uuid"], "conditions": {"version": "> 1.0.0"}});
    assert_eq!(
        ask(&api, "/deployment_preview", body).await.1["data"]["devices"],
        0
    );
    let (status, refused) = ask(&api, "/deployment_preview", json!({})).await;
    assert_eq!(
        (status, &refused["errors"]["firmware"][0]),
        (422, &json!("can't be blank"))
    );
    let body = json!({"firmware": new["uuid"], "conditions": {"version": "about 1"}});
    assert_eq!(ask(&api, "/deployment_preview", body).await.0, 422);
    let groups = api.get(&Api::product("/deployments")).await.data();
    assert_eq!(groups.as_array().unwrap().len(), 1, "nothing is made");
}
