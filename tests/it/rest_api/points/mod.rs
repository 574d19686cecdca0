//! Points of docs/protocol/rest.md, "Conformance points", by number, that no other test of this folder or of `uploads`,
//! `scripts`, `terminals` and `moves` is named after.

mod what;
mod who;

use crate::support::{Api, Engine, Server, fixtures, inspect};
use reqwest::Method;
use serde_json::{Value, json};

async fn server() -> (Server, Api) {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let api = server.api();
    (server, api)
}

async fn device(api: &Api, identifier: &str) -> String {
    let form = json!({"identifier": identifier});
    api.post(&Api::product("/devices"), form).await.data();
    Api::product(&format!("/devices/{identifier}"))
}

/// Two firmwares and a group on the first; their uuids.
async fn group(api: &Api) -> (String, String, String) {
    api.register_key().await;
    let uuid = |v: Value| v["uuid"].as_str().unwrap().to_owned();
    let one = uuid(api.upload("good/rpi4-1.0.0.fw").await);
    let two = uuid(api.upload("good/rpi4-1.1.0.fw").await);
    let form = json!({"name": "prod", "firmware": one, "conditions": {}, "is_active": true});
    let made = api.post(&Api::product("/deployments"), form).await;
    assert_eq!(made.status, 201, "{}", made.text);
    // Point 57: it is off whatever the body says.
    assert_eq!(
        (&made.data()["state"], &made.data()["device_count"]),
        (&json!("off"), &Value::Null)
    );
    (Api::product("/deployments/prod"), one, two)
}

#[tokio::test(flavor = "multi_thread")]
async fn p02_a_minted_token_has_its_form_and_only_its_hash_is_stored() {
    let (server, api) = server().await;
    let token = server.login("token").to_owned();
    let digits = token.strip_prefix("nhu_").unwrap();
    assert!((48..=49).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_alphanumeric()));
    assert_eq!(server.count(inspect::TOKEN_HASH_LENGTH).await, 64);
    let stored = std::fs::read(server.folder.path().join("data/nervecenter.db")).unwrap();
    let found = stored.windows(token.len()).any(|w| w == token.as_bytes());
    assert!(!found, "the token itself is nowhere in the database");
    assert_eq!(api.get("/api/users/me").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn p04_last_used_changes_and_a_deleted_token_is_refused() {
    let (server, api) = server().await;
    let unused = "SELECT COUNT(*) FROM tokens WHERE last_used_at IS NULL";
    assert_eq!(server.count(unused).await, 1);
    api.get("/api/users/me").await.data();
    // A use is written by a job, so that who reads never waits for the writer.
    server.until(unused, 0).await;
    server.run("DELETE FROM tokens").await;
    assert_eq!(api.get("/api/users/me").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_refusals_are_json_without_an_accept_header() {
    let (_server, api) = server().await;
    for (path, status) in [
        ("/api/none", 404),
        ("/api/orgs/none/keys", 404),
        ("/api/users/me/", 404),
    ] {
        let answer = api.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(
            answer.header("content-type"),
            "application/json; charset=utf-8"
        );
        assert!(answer.json()["errors"]["detail"].is_string());
    }
    let wrong = Api::answer(api.raw(Method::DELETE, "/api/orgs")).await;
    assert_eq!(wrong.status, 405);
    assert!(!wrong.header("allow").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn p13_bodies_of_get_and_delete_are_tolerated() {
    let (_server, api) = server().await;
    let path = device(&api, "d").await;
    let get = api
        .raw(Method::GET, &Api::product("/scripts"))
        .json(&json!({}));
    assert_eq!(Api::answer(get).await.status, 200);
    let delete = api.raw(Method::DELETE, &path).header("content-length", "0");
    assert_eq!(Api::answer(delete).await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn p15_timestamps_have_three_formats() {
    let (server, api) = server().await;
    let path = device(&api, "d").await;
    server.run("INSERT INTO connections (device_id, id, node_id, status, established_at, last_seen_at) SELECT id, 1, 1, 'disconnected', 1, 1787387629123456 FROM devices").await;
    server
        .run("UPDATE devices SET blocked_until = 1787387629123456")
        .await;
    let view = api.get(&path).await.data();
    assert_eq!(view["last_communication"], "2026-08-22 08:33:49.123456Z");
    assert_eq!(view["updates_blocked_until"], "2026-08-22T08:33:49Z");
    server
        .run("UPDATE orgs SET inserted_at = 1787387629123456")
        .await;
    assert_eq!(
        api.get("/api/orgs").await.data()[0]["inserted_at"],
        "2026-08-22T08:33:49"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p16_query_and_body_merge() {
    let (_server, api) = server().await;
    api.post("/api/orgs/acme/products", json!({"name": "other"}))
        .await
        .data();
    let path = device(&api, "d").await;
    let by_query = format!("{path}/move?new_org_name=acme&new_product_name=other");
    assert_eq!(
        api.post(&by_query, json!({})).await.data()["product_name"],
        "other"
    );
    let back = json!({"new_org_name": "acme", "new_product_name": fixtures::PRODUCT});
    let moved = api.post("/api/devices/d/move", back).await.data();
    assert_eq!(moved["product_name"], fixtures::PRODUCT);
    assert_eq!(
        api.post(&format!("{path}/move"), json!({})).await.status,
        400
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p17_a_body_that_is_too_large_is_413() {
    let (_server, api) = server().await;
    let body = json!({"identifier": "x", "description": "y".repeat(8_100_000)});
    let answer = api.post(&Api::product("/devices"), body).await;
    assert_eq!(answer.status, 413, "{}", answer.text);
    assert_eq!(
        answer.json()["errors"]["detail"],
        "Request Entity Too Large"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p22_the_last_administrator_stays() {
    let (_server, api) = server().await;
    let last = api.delete("/api/orgs/acme/users/jane@acme.org").await;
    assert_eq!(last.status, 422, "{}", last.text);
    let demoted = api
        .put(
            "/api/orgs/acme/users/jane@acme.org",
            json!({"role": "view"}),
        )
        .await;
    assert_eq!(demoted.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn p31_patch_of_a_product_behaves_like_put() {
    let (_server, api) = server().await;
    let path = Api::product("");
    let patch = |body: Value| Api::answer(api.raw(Method::PATCH, &path).json(&body));
    let set = patch(json!({"require_unique_firmware_version": false}))
        .await
        .data();
    assert_eq!(set["require_unique_firmware_version"], false);
    let renamed = patch(json!({"name": "x", "org_id": 1})).await;
    assert!(
        renamed.status == 422 && renamed.text.contains("\\\"name\\\", \\\"org_id\\\""),
        "{}",
        renamed.text
    );
    let tool = patch(json!({"allowed_update_tools": ["foo"]})).await;
    assert!(tool.errors()["allowed_update_tools"].is_array());
}

#[tokio::test(flavor = "multi_thread")]
async fn p33_pages_have_ten_devices_unless_asked() {
    let (_server, api) = server().await;
    for i in 0..12 {
        device(&api, &format!("d{i:02}")).await;
    }
    let page = async |query: &str| {
        api.get(&Api::product(&format!("/devices?{query}")))
            .await
            .json()
    };
    let first = page("").await;
    let pagination =
        json!({"page_number": 1, "page_size": 10, "total_entries": 12, "total_pages": 2});
    assert_eq!(
        (
            first["data"].as_array().unwrap().len(),
            &first["pagination"]
        ),
        (10, &pagination)
    );
    let second = page("pagination[page]=2").await;
    assert_eq!(second["data"][0]["identifier"], "d10");
    let all = page("pagination[page_size]=500").await;
    assert_eq!(
        (
            all["data"].as_array().unwrap().len(),
            &all["pagination"]["page_size"]
        ),
        (12, &json!(500))
    );
    let wrong = api.get(&Api::product("/devices?pagination[page]=x")).await;
    assert_eq!(wrong.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn p36_the_most_recently_seen_come_first() {
    let (server, api) = server().await;
    for name in ["a", "b", "c"] {
        device(&api, name).await;
    }
    server.run("INSERT INTO connections (device_id, id, node_id, status, established_at, last_seen_at) SELECT id, id, 1, 'disconnected', id, id FROM devices WHERE identifier <> 'b'").await;
    let names = async |direction: &str| {
        let path = Api::product(&format!(
            "/devices?sort=connection_last_seen_at&sort_direction={direction}"
        ));
        let all = api.get(&path).await.json();
        let list = all["data"].as_array().unwrap();
        list.iter()
            .map(|d| d["identifier"].as_str().unwrap().to_owned())
            .collect::<String>()
    };
    assert_eq!(names("asc").await, "cab");
    assert_eq!(names("desc").await, "bac");
}

#[tokio::test(flavor = "multi_thread")]
async fn p39_a_change_answers_201_and_moves_nothing() {
    let (_server, api) = server().await;
    let path = device(&api, "d").await;
    let body = json!({"identifier": "d", "org_id": 99, "product_id": 99, "description": "new"});
    let answer = api.put(&path, body).await;
    assert_eq!(answer.status, 201);
    let view = answer.data();
    assert_eq!(
        (&view["org_name"], &view["description"]),
        (&json!("acme"), &json!("new"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p40_a_deleted_device_can_only_be_restored() {
    let (_server, api) = server().await;
    let path = device(&api, "d").await;
    assert_eq!(api.delete(&path).await.status, 204);
    assert_eq!(api.get(&path).await.data()["deleted"], true);
    let list = api
        .get(&Api::product("/devices?filters[display_deleted]=only"))
        .await
        .json();
    assert_eq!(list["data"], json!([]));
    let change = api.put(&path, json!({"description": "x"})).await;
    let wrong = json!({"deleted_at": ["cannot update while marked as deleted"]});
    assert_eq!((change.status, change.errors()), (422, wrong));
    assert_eq!(
        api.put(&path, json!({"deleted_at": null})).await.data()["deleted"],
        false
    );
    // Destroying needs a deletion before it, and frees the identifier.
    let destroy = format!("{path}/destroy");
    assert_eq!(api.delete(&destroy).await.status, 409);
    api.delete(&path).await;
    assert_eq!(api.delete(&destroy).await.status, 204);
    assert_eq!(api.get(&path).await.status, 404);
    device(&api, "d").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p42_any_product_of_the_organization_finds_a_device() {
    let (_server, api) = server().await;
    device(&api, "d").await;
    api.post("/api/orgs/acme/products", json!({"name": "other"}))
        .await
        .data();
    let found = api.get("/api/orgs/acme/products/other/devices/d").await;
    assert_eq!(found.data()["product_name"], fixtures::PRODUCT);
}

#[tokio::test(flavor = "multi_thread")]
async fn p46_a_reboot_leaves_one_audit_entry() {
    let (_server, api) = server().await;
    let path = device(&api, "d").await;
    let answer = api.post(&format!("{path}/reboot"), json!({})).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    let log = api
        .get(&format!("{path}/audit_logs?search=rebooted"))
        .await
        .json();
    assert_eq!(log["pagination"]["total_entries"], 1);
    assert_eq!(log["data"][0]["description"], "User jane rebooted device d");
}

#[tokio::test(flavor = "multi_thread")]
async fn p50_a_penalty_is_lifted_and_updates_are_on() {
    let (server, api) = server().await;
    let path = device(&api, "d").await;
    server
        .run("UPDATE devices SET blocked_until = 9999999999999999, updates_enabled = FALSE")
        .await;
    assert_eq!(api.delete(&format!("{path}/penalty")).await.status, 204);
    let view = api.get(&path).await.data();
    assert_eq!(
        (&view["updates_blocked_until"], &view["updates_enabled"]),
        (&Value::Null, &json!(true))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p48_an_unknown_firmware_is_404() {
    let (_server, api) = server().await;
    let path = device(&api, "d").await;
    assert_eq!(
        api.post(&format!("{path}/upgrade"), json!({"uuid": "none"}))
            .await
            .status,
        404
    );
    assert_eq!(
        api.post(&format!("{path}/upgrade"), json!({})).await.status,
        400
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p56_firmware_of_a_release_is_not_deleted() {
    let (_server, api) = server().await;
    let (_, one, two) = group(&api).await;
    let held = api
        .delete(&Api::product(&format!("/firmwares/{one}")))
        .await;
    let wrong = json!({"deployment_releases": ["Firmware has associated deployment releases"]});
    assert_eq!((held.status, held.errors()), (422, wrong));
    assert_eq!(
        api.delete(&Api::product(&format!("/firmwares/{two}")))
            .await
            .status,
        204
    );
    let link = api
        .get(&Api::product(&format!("/firmwares/{one}/download")))
        .await;
    assert_eq!(link.status, 302);
    assert!(
        link.header("location").starts_with("http://"),
        "{}",
        link.header("location")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p58_state_switches_a_group_on_and_off() {
    let (_server, api) = server().await;
    let (path, ..) = group(&api).await;
    let put = async |body: Value| api.put(&path, body).await;
    assert_eq!(
        put(json!({"deployment": {"state": "ON"}})).await.data()["is_active"],
        true
    );
    assert_eq!(
        put(json!({"deployment": {"state": "off"}})).await.data()["state"],
        "off"
    );
    assert_eq!(put(json!({"state": "on"})).await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn p59_a_firmware_makes_the_next_release_and_nothing_else() {
    let (_server, api) = server().await;
    let (path, one, two) = group(&api).await;
    let body = json!({"deployment": {"firmware": two, "name": "renamed", "description": "second"}});
    let changed = api.put(&path, body).await.data();
    assert_eq!(
        (&changed["name"], &changed["current_release"]["number"]),
        (&json!("prod"), &json!(2))
    );
    for body in [json!({"firmware": "none"}), json!({"archive": "none"})] {
        let wrong = api.put(&path, json!({"deployment": body})).await;
        assert_eq!(wrong.status, 422, "{}", wrong.text);
        assert!(wrong.errors()["firmware"].is_array(), "{}", wrong.text);
    }
    let releases = api.get(&format!("{path}/releases")).await.data();
    let uuids: Vec<&str> = releases
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["firmware"]["uuid"].as_str().unwrap())
        .collect();
    assert_eq!(uuids, [two, one]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p60_and_p61_settings_are_normalised_and_checked() {
    let (_server, api) = server().await;
    let (path, ..) = group(&api).await;
    let put = async |body: Value| api.put(&path, json!({ "deployment": body })).await;
    let set = put(json!({"conditions": {"tags": null, "version": null}}))
        .await
        .data();
    assert_eq!(
        set["conditions"],
        json!({"version": "", "tags": [], "tag_operator": "and"})
    );
    let bad = put(json!({"conditions": {"version": "banana"}})).await;
    let wrong =
        json!({"conditions": {"version": ["must be valid Elixir version requirement string"]}});
    assert_eq!((bad.status, bad.errors()), (422, wrong));
    assert_eq!(put(json!({"concurrent_updates": "5"})).await.status, 200);
    let zero = put(json!({"concurrent_updates": 0})).await;
    assert_eq!(
        zero.errors(),
        json!({"concurrent_updates": ["must be greater than 0"]})
    );
    let short = put(json!({"penalty_timeout_minutes": 59})).await;
    assert_eq!(
        short.errors(),
        json!({"penalty_timeout_minutes": ["must be greater than or equal to 60"]})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p62_the_last_write_wins_and_both_are_audited() {
    let (_server, api) = server().await;
    let (path, ..) = group(&api).await;
    for notes in ["one", "two"] {
        let body = json!({"deployment": {"notes": notes}});
        assert_eq!(api.put(&path, body).await.status, 200);
    }
    assert_eq!(api.get(&path).await.data()["notes"], "two");
    let log = api
        .get(&format!("{path}/audit_logs?search=updated%20deployment"))
        .await
        .json();
    assert_eq!(log["pagination"]["total_entries"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn p69_the_health_paths_answer_anybody() {
    let (_server, api) = server().await;
    for path in ["alive", "_health", "health", "healthy"] {
        for method in [Method::GET, Method::HEAD, Method::POST] {
            let answer = Api::answer(api.anonymous().raw(method, &format!("/status/{path}"))).await;
            assert_eq!(answer.status, 200, "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p72_the_document_has_every_route_of_the_reference() {
    let (_server, api) = server().await;
    let document = api.anonymous().get("/api/openapi").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let o = "/orgs/{org}";
    let p = "/orgs/{org}/products/{product}";
    let d = "/orgs/{org}/products/{product}/devices/{device}";
    let wanted = [
        ("", "/openapi", "get"),
        ("", "/docs", "get"),
        ("", "/swaggerui", "get"),
        ("", "/auth/cli_session", "post"),
        ("", "/auth/cli_session/{session}", "get"),
        ("", "/users/auth", "post"),
        ("", "/users/login", "post"),
        ("", "/users/me", "get"),
        ("", "/orgs", "get"),
        (o, "/users", "get post"),
        (o, "/users/invite", "post"),
        (o, "/users/{email}", "get put delete"),
        (o, "/keys", "get post"),
        (o, "/keys/{name}", "get delete"),
        (o, "/iroh_endpoints", "get post"),
        (o, "/iroh_endpoints/{identifier}", "get delete"),
        (o, "/ca_certificates", "get post"),
        (o, "/ca_certificates/verification_token", "get"),
        (o, "/ca_certificates/{serial}", "get delete"),
        (o, "/products", "get post"),
        (p, "", "get put patch delete"),
        (p, "/devices", "get post"),
        (p, "/devices/import", "post"),
        (p, "/devices/auth", "post"),
        (d, "", "get put delete"),
        (d, "/reboot", "post"),
        (d, "/reconnect", "post"),
        (d, "/code", "post"),
        (d, "/upgrade", "post"),
        (d, "/move", "post"),
        (d, "/penalty", "delete"),
        (d, "/scripts/{script}", "post"),
        (d, "/network_identities", "get"),
        (d, "/certificates", "get post"),
        (d, "/certificates/{serial}", "get delete"),
        (p, "/firmwares", "get post"),
        (p, "/firmwares/{uuid}", "get delete"),
        (p, "/firmwares/{uuid}/download", "get"),
        (p, "/deployments", "get post"),
        (p, "/deployments/{name}", "get put delete"),
        (p, "/scripts", "get post"),
        (p, "/scripts/{script}", "get put delete"),
        ("", "/devices/{device}", "get"),
        ("", "/devices/{device}/code", "post"),
        ("", "/devices/{device}/move", "post"),
        ("", "/devices/{device}/reboot", "post"),
        ("", "/devices/{device}/reconnect", "post"),
        ("", "/devices/{device}/upgrade", "post"),
        ("", "/devices/{device}/penalty", "delete"),
        ("", "/devices/{device}/scripts", "get"),
        ("", "/devices/{device}/scripts/{script}", "post"),
    ];
    for (prefix, path, methods) in wanted {
        for method in methods.split(' ') {
            let at = format!("/api{prefix}{path}");
            assert!(document["paths"][&at][method].is_object(), "{method} {at}");
        }
    }
    let mut ids = std::collections::BTreeSet::new();
    for methods in document["paths"].as_object().unwrap().values() {
        for operation in methods.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{id} names two operations");
        }
    }
    let page = api
        .anonymous()
        .raw(Method::GET, "/api/docs")
        .header("accept", "text/html");
    let page = Api::answer(page).await;
    assert!(page.status == 200 && page.text.contains("Nervecenter API"));
    assert_eq!(
        api.get("/api/swaggerui").await.header("location"),
        "/api/docs"
    );
}
