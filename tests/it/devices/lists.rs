//! Lists of devices by filters and queries; iroh endpoints.

use crate::support::{Api, Engine, Server};
use serde_json::{Value, json};

crate::both_engines! {
    p35_devices_are_found_by_filters_and_queries
    p29_and_p30_iroh_endpoints_belong_to_people_and_devices
}

async fn names(api: &Api, query: &str) -> Vec<String> {
    let answer = api.get(&Api::product(&format!("/devices?{query}"))).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    let all = answer.json();
    let list = all["data"].as_array().unwrap();
    list.iter()
        .map(|d| d["identifier"].as_str().unwrap().to_owned())
        .collect()
}

async fn by_query(api: &Api, query: &str) -> Vec<String> {
    let text: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    names(api, &format!("query={text}")).await
}

async fn p35_devices_are_found_by_filters_and_queries(server: Server) {
    let api = server.api();
    api.register_key().await;
    let fw = api.upload("good/rpi4-1.0.0.fw").await;
    api.group("prod", fw["uuid"].as_str().unwrap(), json!({}))
        .await;
    for (name, tags) in [
        ("red", json!(["beta", "lab"])),
        ("green", json!(["prod"])),
        ("blue_1", Value::Null),
    ] {
        let form = json!({"identifier": name, "tags": tags});
        api.post(&Api::product("/devices"), form).await.data();
    }
    server.run("UPDATE devices SET fw_platform = 'rpi4', fw_architecture = 'arm', fw_version = '1.0.0', fw_uuid = 'u', interface = 'wifi', health = 'warning', status = 'provisioned' WHERE identifier = 'red'").await;
    server.run("UPDATE devices SET group_id = (SELECT id FROM deployment_groups), updates_enabled = FALSE WHERE identifier = 'green'").await;
    server.run("INSERT INTO health_reports (device_id, at, status, reasons, report) SELECT id, 1, 'warning', '{}', '{\"alarms\":{\"disk\":\"full\"},\"metrics\":{\"cpu_temp\":71.5}}' FROM devices WHERE identifier = 'red'").await;
    // Point 35: each filter alone, some together, an empty value, an unknown name.
    for (query, expected) in [
        ("filters[identifier]=RE", "green red"),
        ("filters[identifier]=_", "blue_1"),
        ("filters[search]=rpi", "red"),
        ("filters[tags]=bet,la", "red"),
        ("filters[has_no_tags]=true", "blue_1"),
        ("filters[has_no_tags]=false", "blue_1 green red"),
        ("filters[connection]=not_seen", "blue_1 green"),
        ("filters[connection]=not_seen_in_seven_days", ""),
        ("filters[connection_type]=wifi", "red"),
        ("filters[connection_type]=unknown", "blue_1 green"),
        ("filters[firmware_version]=1.0.0", "red"),
        ("filters[platform]=rpi4", "red"),
        ("filters[platform]=Unknown", "blue_1 green"),
        ("filters[updates]=disabled", "green"),
        ("filters[health_status]=warning", "red"),
        ("filters[health_status]=unknown", "blue_1 green"),
        ("filters[alarm_status]=with", "red"),
        ("filters[alarm_status]=without", "blue_1 green"),
        ("filters[alarm]=FULL", "red"),
        (
            "filters[metrics_key]=cpu_temp&filters[metrics_operator]=gt&filters[metrics_value]=70",
            "red",
        ),
        (
            "filters[metrics_key]=cpu_temp&filters[metrics_operator]=lt&filters[metrics_value]=70",
            "",
        ),
        ("filters[only_updating]=true", ""),
        ("filters[platform]=rpi4&filters[tags]=beta", "red"),
        (
            "filters[platform]=&sort=identifier&sort_direction=desc",
            "red green blue_1",
        ),
    ] {
        assert_eq!(names(&api, query).await.join(" "), expected, "{query}");
    }
    for query in [
        "filters[colour]=red",
        "filters[connection]=warm",
        "filters[metrics_key]=x",
        "sort=colour",
    ] {
        let answer = api.get(&Api::product(&format!("/devices?{query}"))).await;
        assert_eq!(answer.status, 422, "{query}: {}", answer.text);
    }
    for (query, expected) in [
        ("platform = rpi4 and metric:cpu_temp > 70", "red"),
        (
            "not (tags contains prod or tags contains \":not_set\")",
            "red",
        ),
        ("deployment_group = prod", "green"),
        (
            "deployment_group = \":not_set\" and connection = not_seen",
            "blue_1",
        ),
        ("tags not_contains beta", "blue_1 green"),
        ("alarm contains disk or updates != enabled", "green red"),
        (
            "identifier like \"%e%\" and identifier not like \"r%\"",
            "blue_1 green",
        ),
        ("gree", "green"),
        ("deleted = false", "blue_1 green red"),
        ("deleted = true", ""),
    ] {
        assert_eq!(by_query(&api, query).await.join(" "), expected, "{query}");
    }
    for (query, column, says) in [
        ("platform = rpi5", 12, "no device has the platform"),
        ("tags contains none", 15, "no device has the tag"),
        ("deployment_group = nowhere", 20, "no deployment group"),
        (
            "connection = conected",
            14,
            "connected, disconnected, not_seen",
        ),
    ] {
        let text: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let answer = api
            .get(&Api::product(&format!("/devices?query={text}")))
            .await;
        assert_eq!(answer.status, 422, "{query}");
        let errors = answer.errors();
        assert_eq!(errors["column"], column, "{query}");
        assert!(
            errors["query"][0].as_str().unwrap().contains(says),
            "{errors}"
        );
    }
    api.delete(&Api::product("/devices/red")).await;
    assert_eq!(by_query(&api, "deleted = true").await, ["red"]);
}

async fn p29_and_p30_iroh_endpoints_belong_to_people_and_devices(server: Server) {
    let api = server.api();
    let path = "/api/orgs/acme/iroh_endpoints";
    let form =
        json!({"identifier": "c892", "user_email": "jane@acme.org", "details": {"relay": "eu"}});
    let made = api.post(path, form).await;
    assert_eq!(
        (made.status, made.header("location")),
        (201, "/api/orgs/acme/iroh_endpoints/c892")
    );
    let made = made.data();
    // Point 30.
    let owner = json!({"type": "user", "device_identifier": null, "user_name": "jane", "user_email": "jane@acme.org"});
    assert_eq!(
        (&made["owner"], &made["source"]),
        (&owner, &json!("operator"))
    );
    assert_eq!(
        (&made["last_reported_at"], &made["instance"]),
        (&Value::Null, &json!("default"))
    );
    // Point 29: known here or elsewhere, the same answer.
    let other = server.bootstrap("eve@else.org", "else", "thing");
    let eve = api.with_token(other["token"].as_str().unwrap());
    let here = api.post(path, json!({"identifier": "c892"})).await;
    let there = eve
        .post(
            "/api/orgs/else/iroh_endpoints",
            json!({"identifier": "c892"}),
        )
        .await;
    assert_eq!((here.status, &here.text), (409, &there.text));
    for (form, wrong) in [
        (json!({}), json!({"identifier": ["can't be blank"]})),
        (
            json!({"identifier": "x", "details": {"a": "b".repeat(4_096)}}),
            json!({"details": ["must be at most 4096 bytes when encoded"]}),
        ),
        (
            json!({"identifier": "second", "user_email": "jane@acme.org"}),
            json!({"instance": ["has already been taken"]}),
        ),
    ] {
        let answer = api.post(path, form).await;
        assert_eq!((answer.status, answer.errors()), (422, wrong));
    }
    let stranger = api
        .post(
            path,
            json!({"identifier": "x", "user_email": "eve@else.org"}),
        )
        .await;
    assert_eq!(stranger.status, 422);
    api.post(path, json!({"identifier": "free"})).await.data();
    let count = async |query: &str| {
        let all = api.get(&format!("{path}?{query}")).await.data();
        all.as_array().unwrap().len()
    };
    assert_eq!(count("").await, 2);
    assert_eq!(count("owner=user").await, 1);
    assert_eq!(count("owner=none").await, 1);
    assert_eq!(count("owner=device").await, 0);
    assert_eq!(count("search=C8").await, 1);
    assert_eq!(count("search=892").await, 0);
    assert_eq!(count("search=JAN").await, 1);
    assert_eq!(count("search=%25").await, 0);
    assert_eq!(api.get(&format!("{path}?owner=cat")).await.status, 422);
    assert_eq!(api.get(&format!("{path}/free")).await.status, 200);
    assert_eq!(
        eve.get("/api/orgs/else/iroh_endpoints/free").await.status,
        404
    );
    assert_eq!(api.delete(&format!("{path}/free")).await.status, 204);
    assert_eq!(api.delete(&format!("{path}/free")).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn how_a_list_is_found_is_explained() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let Some(server) = Server::start(engine).await else {
            continue;
        };
        for args in [
            &["explain-devices", "--filter", "firmware_version=1.0.0"][..],
            &["explain-devices", "connection = connected"],
            &[
                "explain-devices",
                "--sort",
                "connection_last_seen_at",
                "tags contains a",
            ],
        ] {
            if args.last() == Some(&"tags contains a") {
                let form = json!({"identifier": "d", "tags": ["a"]});
                server
                    .api()
                    .post(&Api::product("/devices"), form)
                    .await
                    .data();
            }
            let plan = server.admin(args);
            assert!(plan.to_lowercase().contains("devices"), "{args:?}: {plan}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn not_means_all_others_also_those_that_never_said() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let Some(server) = Server::start(engine).await else {
            continue;
        };
        let api = server.api();
        for name in ["a", "b", "c"] {
            let form = json!({"identifier": name});
            api.post(&Api::product("/devices"), form).await.data();
        }
        server
            .run("UPDATE devices SET fw_platform = 'rpi4' WHERE identifier = 'a'")
            .await;
        server
            .run("UPDATE devices SET fw_platform = 'bbb' WHERE identifier = 'b'")
            .await;
        for (query, found) in [
            ("platform = rpi4", "a"),
            ("platform != rpi4", "b"),
            ("not (platform = rpi4)", "b c"),
            ("not (platform != rpi4)", "a c"),
            ("not (not (platform = rpi4))", "a"),
        ] {
            let query = form_urlencoded::byte_serialize(query.as_bytes()).collect::<String>();
            let path = Api::product(&format!("/devices?query={query}"));
            let all = api.get(&path).await.data();
            let names: Vec<_> = all
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|d| d["identifier"].as_str())
                .collect();
            assert_eq!(names.join(" "), found, "{query} on {engine:?}");
        }
    }
}
