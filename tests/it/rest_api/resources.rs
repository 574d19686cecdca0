//! The REST API as scripts see it: paths, JSON, statuses, roles. The file is long because a script that goes through all resources
//! meets the same rules in each, which are checked in the same words.

use crate::support::device::{Device, running};
use crate::support::{Api, Server};
use serde_json::{Value, json};

crate::both_engines! {
    tokens_roles_and_scopes
    members_are_managed_by_administrators
    products_and_keys
    devices_are_listed_created_changed_and_deleted
    deployments_keep_their_shapes
}

const HIDDEN: &str = "Resource Not Found or Authorization Insufficient";

fn detail(text: &str) -> Value {
    json!({"errors": {"detail": text}})
}

async fn tokens_roles_and_scopes(server: Server) {
    let api = server.api();
    let me = api.get("/api/users/me").await;
    assert_eq!(me.data(), json!({"name": "jane", "email": "jane@acme.org"}));
    assert_eq!(me.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(
        me.header("cache-control"),
        "max-age=0, private, must-revalidate"
    );
    assert!(!me.header("x-request-id").is_empty());
    for path in ["/api/users/me", "/api/orgs", "/api/orgs/nowhere/keys"] {
        let answer = api.anonymous().get(path).await;
        assert_eq!(
            (answer.status, answer.json()),
            (401, detail(HIDDEN)),
            "{path}"
        );
    }
    for token in [
        "nhu_wrong",
        "",
        "nhu_17SyR2HeQqfOYQaaT7Jv5BxBid5hrDD9KP13RYr9o6rTb26X",
    ] {
        assert_eq!(api.with_token(token).get("/api/users/me").await.status, 401);
    }
    for path in [
        "/api/orgs/nowhere/keys",
        "/api/orgs/acme/products/none",
        "/api/nothing/here",
    ] {
        let answer = api.get(path).await;
        assert_eq!(
            (answer.status, answer.json()),
            (404, detail(HIDDEN)),
            "{path}"
        );
    }
    // Somebody else's organization does not exist for a stranger.
    let stranger = server.bootstrap("eve@evil.org", "evil", "p");
    let eve = api.with_token(stranger["token"].as_str().unwrap());
    for path in [
        "/api/orgs/acme/keys".to_owned(),
        Api::product("/devices"),
        Api::product("/firmwares"),
    ] {
        assert_eq!(eve.get(&path).await.status, 404, "{path}");
    }
    let viewer = server.member("view").await;
    assert_eq!(viewer.get(&Api::product("/devices")).await.status, 200);
    for (path, body) in [
        (
            "/api/orgs/acme/keys".to_owned(),
            json!({"name": "k", "key": "k"}),
        ),
        (Api::product("/devices"), json!({"identifier": "x"})),
        ("/api/orgs/acme/products".to_owned(), json!({"name": "x"})),
        (Api::product("/deployments"), json!({})),
    ] {
        let answer = viewer.post(&path, body).await;
        assert_eq!(
            (answer.status, answer.json()),
            (401, detail(HIDDEN)),
            "{path}"
        );
    }
    assert_eq!(viewer.get("/api/orgs/acme/users").await.status, 401);
    let manager = server.member("manage").await;
    assert_eq!(
        manager
            .post(&Api::product("/devices"), json!({"identifier": "m"}))
            .await
            .status,
        201
    );
    assert_eq!(
        manager
            .post("/api/orgs/acme/products", json!({"name": "x"}))
            .await
            .status,
        401
    );
    // Login by password mints a token.
    let password = server.login("password");
    let wrong = api
        .anonymous()
        .post(
            "/api/users/login",
            json!({"email": "jane@acme.org", "password": "no"}),
        )
        .await;
    let text = "Authentication failed, please check your username and password and try again.";
    assert_eq!((wrong.status, wrong.json()), (401, detail(text)));
    assert_eq!(
        api.anonymous()
            .post("/api/users/auth", json!({"password": "x"}))
            .await
            .status,
        401
    );
    let body = json!({"email": "jane@acme.org", "password": password, "note": "CI"});
    let session = api.anonymous().post("/api/users/auth", body).await.data();
    assert_eq!(session["email"], "jane@acme.org");
    let again = api.with_token(session["token"].as_str().unwrap());
    assert_eq!(again.get("/api/users/me").await.status, 200);
    let html = api
        .raw(reqwest::Method::GET, "/api/users/me")
        .header("accept", "text/html");
    assert_eq!(Api::answer(html).await.status, 406);
    let bad = api
        .raw(reqwest::Method::POST, "/api/orgs/acme/products")
        .header("content-type", "application/json")
        .body("{");
    let bad = Api::answer(bad).await;
    assert_eq!((bad.status, bad.json()), (400, detail("Invalid request")));
    for path in ["/status/alive", "/status/healthy"] {
        let alive = api.anonymous().get(path).await;
        assert_eq!((alive.status, alive.text.as_str()), (200, "Hello, Friend!"));
    }
}

async fn members_are_managed_by_administrators(server: Server) {
    let api = server.api();
    let bob = server.member("view").await;
    let path = "/api/orgs/acme/users/view@acme.org";
    assert_eq!(
        api.get(path).await.data(),
        json!({"name": "view", "email": "view@acme.org", "role": "view"})
    );
    let again = api
        .post(
            "/api/orgs/acme/users",
            json!({"email": "view@acme.org", "role": "view"}),
        )
        .await;
    assert_eq!(
        (again.status, again.errors()),
        (422, json!({"org_users": ["is already member"]}))
    );
    let bad = api.put(path, json!({"role": "owner"})).await;
    assert_eq!(
        (bad.status, bad.errors()),
        (422, json!({"role": ["is invalid"]}))
    );
    assert_eq!(api.put(path, json!({})).await.status, 400);
    assert_eq!(
        api.put(path, json!({"role": "manage"})).await.data()["role"],
        "manage"
    );
    assert_eq!(
        api.get("/api/orgs/acme/users")
            .await
            .data()
            .as_array()
            .unwrap()
            .len(),
        2
    );
    for gone in [
        api.put(
            "/api/orgs/acme/users/jane@acme.org",
            json!({"role": "view"}),
        )
        .await,
        api.delete("/api/orgs/acme/users/jane@acme.org").await,
    ] {
        assert_eq!(gone.status, 422);
        assert!(gone.text.contains("last administrator"), "{}", gone.text);
    }
    assert_eq!(api.delete(path).await.status, 204);
    assert_eq!(api.get(path).await.status, 404);
    assert_eq!(bob.get("/api/orgs/acme/products").await.status, 404);
}

async fn products_and_keys(server: Server) {
    let api = server.api();
    let made = api
        .post("/api/orgs/acme/products", json!({"name": "two  words"}))
        .await;
    assert_eq!(
        made.header("location"),
        "/api/orgs/acme/products/two%20words"
    );
    let view = json!({"name": "two words", "require_unique_firmware_version": true,
        "allowed_update_tools": ["fwup"], "allow_unsigned_esp_idf_firmware": false});
    assert_eq!(made.data(), view);
    assert_eq!(
        api.get("/api/orgs/acme/products/two%20words").await.data(),
        view
    );
    let fields = |a: crate::support::api::Answer| (a.status, a.errors());
    let taken = api
        .post("/api/orgs/acme/products", json!({"name": "two words"}))
        .await;
    assert_eq!(
        fields(taken),
        (422, json!({"name": ["has already been taken"]}))
    );
    assert_eq!(
        fields(api.post("/api/orgs/acme/products", json!({})).await),
        (422, json!({"name": ["can't be blank"]}))
    );
    let renamed = api
        .put("/api/orgs/acme/products/two%20words", json!({"name": "x"}))
        .await;
    assert_eq!(renamed.status, 422);
    assert!(renamed.text.contains("\\\"name\\\""), "{}", renamed.text);
    let set = json!({"require_unique_firmware_version": false});
    assert_eq!(
        api.put("/api/orgs/acme/products/two%20words", set)
            .await
            .data()["require_unique_firmware_version"],
        false
    );
    let orgs = api.get("/api/orgs?include=products").await.data();
    assert_eq!(orgs[0]["name"], "acme");
    assert_eq!(orgs[0]["products"].as_array().unwrap().len(), 2);
    assert_eq!(orgs[0]["inserted_at"].as_str().unwrap().len(), 19);
    assert_eq!(api.get("/api/orgs").await.data()[0].get("products"), None);
    assert_eq!(
        api.delete("/api/orgs/acme/products/two%20words")
            .await
            .status,
        204
    );
    assert_eq!(
        api.get("/api/orgs/acme/products/two%20words").await.status,
        404
    );
    api.post(&Api::product("/devices"), json!({"identifier": "d"}))
        .await
        .data();
    let held = api.delete(&Api::product("")).await;
    assert_eq!(held.status, 409);
    assert!(
        held.json()["errors"].get("devices").is_some(),
        "{}",
        held.text
    );

    api.register_key().await;
    let key = crate::support::fixtures::text("keys/devkey.pub");
    assert_eq!(
        api.get("/api/orgs/acme/keys/devkey").await.data(),
        json!({"name": "devkey", "key": key, "scheme": "ed25519"})
    );
    let unpadded = key.trim_end_matches('=');
    for (body, errors) in [
        (
            json!({"name": "devkey", "key": crate::support::fixtures::text("keys/otherkey.pub")}),
            json!({"name": ["has already been taken"]}),
        ),
        (
            json!({"name": "same", "key": unpadded}),
            json!({"key": ["has already been taken"]}),
        ),
        (json!({"key": key}), json!({"name": ["can't be blank"]})),
        (json!({"name": "x"}), json!({"key": ["can't be blank"]})),
        (
            json!({"name": "x", "key": "AAAA"}),
            json!({"key": ["invalid key, please check this is a valid Ed25519 public key"]}),
        ),
        (
            json!({"name": "x", "key": key, "scheme": "dsa"}),
            json!({"scheme": ["is invalid"]}),
        ),
    ] {
        assert_eq!(
            fields(api.post("/api/orgs/acme/keys", body).await),
            (422, errors)
        );
    }
    let nul = api
        .post("/api/orgs/acme/keys", json!({"name": "a\0b", "key": key}))
        .await;
    assert_eq!(nul.status, 400);
    // Secrets of devices are shown once and listed without.
    let secret = api
        .post(&Api::product("/shared_secrets"), json!({}))
        .await
        .data();
    let name = secret["key"].as_str().unwrap();
    assert!(
        name.starts_with("nhp_")
            && name.len() == 47
            && secret["secret"].as_str().unwrap().len() == 43
    );
    let listed = api.get(&Api::product("/shared_secrets")).await;
    assert!(!listed.text.contains(secret["secret"].as_str().unwrap()));
    let encoded = name.replace('/', "%2F").replace('+', "%2B");
    assert_eq!(
        api.delete(&Api::product(&format!("/shared_secrets/{encoded}")))
            .await
            .status,
        204
    );
}

async fn devices_are_listed_created_changed_and_deleted(server: Server) {
    let api = server.api();
    let path = Api::product("/devices");
    let made = api
        .post(
            &path,
            json!({"identifier": "sn-1", "description": "x", "tags": ["a", "b"]}),
        )
        .await;
    assert_eq!(made.header("location"), format!("{path}/sn-1"));
    let view = json!({
        "identifier": "sn-1", "description": "x", "tags": ["a", "b"], "online": "not_seen",
        "connection_status": "not_seen", "firmware_metadata": null, "version": "unknown",
        "deployment_group": null, "updates_enabled": true, "updates_blocked_until": null,
        "org_name": "acme", "product_name": "fixture-product", "last_communication": "never",
        "deleted": false, "status": "not_seen",
    });
    assert_eq!(made.data(), view);
    for url in [
        format!("{path}/sn-1"),
        "/api/devices/sn-1".into(),
        "/api/orgs/acme/products/fixture-product/devices/sn-1".into(),
    ] {
        assert_eq!(api.get(&url).await.data(), view, "{url}");
    }
    let errors = |a: crate::support::api::Answer| (a.status, a.errors());
    for (body, wrong) in [
        (
            json!({"identifier": "sn-1"}),
            json!({"identifier": ["has already been taken"]}),
        ),
        (json!({}), json!({"identifier": ["can't be blank"]})),
        (
            json!({"identifier": "y", "tags": ["a b"]}),
            json!({"tags": ["tags cannot contain spaces"]}),
        ),
    ] {
        assert_eq!(errors(api.post(&path, body).await), (422, wrong));
    }
    let changed = api
        .put(
            &format!("{path}/sn-1"),
            json!({"tags": "p, q", "identifier": "sn-1"}),
        )
        .await;
    assert_eq!(changed.status, 201);
    assert_eq!(changed.data()["tags"], json!(["p", "q"]));
    for i in 0..12 {
        api.post(
            &path,
            json!({"identifier": format!("z-{i:02}"), "tags": null}),
        )
        .await
        .data();
    }
    let page = api
        .get(&format!(
            "{path}?pagination[page]=2&pagination[page_size]=5&sort_direction=desc"
        ))
        .await
        .json();
    assert_eq!(
        page["pagination"],
        json!({"page_number": 2, "page_size": 5, "total_entries": 13, "total_pages": 3})
    );
    assert_eq!(page["data"][0]["identifier"], "z-06");
    assert_eq!(page["data"][0]["tags"], Value::Null);
    assert_eq!(
        api.get(&path).await.json()["data"]
            .as_array()
            .unwrap()
            .len(),
        10
    );
    let found = api
        .get(&format!("{path}?filters[tags]=p&filters[updates]=enabled"))
        .await
        .json();
    assert_eq!(found["pagination"]["total_entries"], 1);
    for bad in [
        "pagination[page]=x",
        "sort=secret",
        "filters[nope]=1",
        "filters[updates]=maybe",
    ] {
        let answer = api.get(&format!("{path}?{bad}")).await;
        assert!(
            (400..500).contains(&answer.status),
            "{bad}: {}",
            answer.status
        );
    }
    assert_eq!(api.delete(&format!("{path}/sn-1")).await.status, 204);
    assert_eq!(
        api.get(&format!("{path}/sn-1")).await.data()["deleted"],
        true
    );
    let refused = api
        .put(&format!("{path}/sn-1"), json!({"description": "y"}))
        .await;
    assert_eq!(
        errors(refused),
        (
            422,
            json!({"deleted_at": ["cannot update while marked as deleted"]})
        )
    );
    assert_eq!(
        api.put(&format!("{path}/sn-1"), json!({"deleted_at": null}))
            .await
            .data()["deleted"],
        false
    );
    for (method, url) in [("reboot", 204), ("reconnect", 204)] {
        assert_eq!(
            api.post(&format!("/api/devices/sn-1/{method}"), json!({}))
                .await
                .status,
            url
        );
    }
    assert_eq!(
        api.post(&format!("{path}/sn-1/upgrade"), json!({}))
            .await
            .status,
        400
    );
    assert_eq!(
        api.post(&format!("{path}/sn-1/upgrade"), json!({"uuid": "none"}))
            .await
            .status,
        404
    );
    assert_eq!(
        api.delete(&format!("{path}/sn-1/penalty")).await.status,
        204
    );
    assert_eq!(api.get(&format!("{path}/none")).await.status, 404);
    assert_eq!(server.audited("User jane rebooted device sn-1").await, 1);
}

async fn deployments_keep_their_shapes(server: Server) {
    let api = server.api();
    api.register_key().await;
    let (old, new) = (
        api.upload("good/rpi4-1.0.0.fw").await,
        api.upload("good/rpi4-1.1.0.fw").await,
    );
    let bbb = api.upload("good/bbb-1.0.0.fw").await;
    let path = Api::product("/deployments");
    let body = json!({"name": "prod", "firmware": old["uuid"], "is_active": true,
        "conditions": {"version": ">= 1.0.0", "tags": ["beta"]}});
    let made = api.post(&path, body.clone()).await;
    assert_eq!(made.header("location"), format!("{path}/prod"));
    let mut view = made.data();
    for stamp in ["inserted_at", "updated_at"] {
        assert_eq!(view["current_release"][stamp].as_str().unwrap().len(), 19);
        view["current_release"]
            .as_object_mut()
            .unwrap()
            .remove(stamp);
    }
    let firmware =
        json!({"version": "1.0.0", "architecture": "arm", "platform": "rpi4", "uuid": old["uuid"]});
    assert_eq!(
        view,
        json!({"name": "prod", "is_active": false, "state": "off", "firmware_uuid": old["uuid"],
            "current_release": {"number": 1, "firmware": firmware}, "archive_uuid": null,
            "conditions": {"version": ">= 1.0.0", "tags": ["beta"], "tag_operator": "and"},
            "delta_updatable": true, "device_count": null, "releases_count": null, "notes": null,
            "status": "ready",
            "settings": {"concurrent_updates": 10, "queue_management": "FIFO",
                "priority_queue_enabled": false, "priority_queue_concurrent_updates": 5,
                "priority_queue_firmware_version_threshold": null, "device_failure_threshold": 3,
                "device_failure_rate_amount": 5, "device_failure_rate_seconds": 180,
                "penalty_timeout_minutes": 1440, "failure_threshold": 50,
                "lock_device_membership": false, "connecting_code": null, "release_tags": [], "workflow": null,
                "minimum_version": null, "stop_when_worse": true, "automatic_rollback": false, "starts_at": null,
                "ends_at": null, "bytes_per_second": null, "health_limits": [], "maintenance_window": null,
                "release_network_interfaces": []}})
    );
    let errors = |a: crate::support::api::Answer| (a.status, a.errors());
    for (body, wrong) in [
        (body, json!({"name": ["has already been taken"]})),
        (
            json!({"name": "x", "firmware": old["uuid"]}),
            json!({"conditions": ["can't be blank"]}),
        ),
        (
            json!({"firmware": old["uuid"], "conditions": {}}),
            json!({"name": ["can't be blank"]}),
        ),
        (
            json!({"name": "x", "firmware": "none", "conditions": {}}),
            json!({"firmware": ["can't be blank"], "deployment_releases": [{"firmware": ["can't be blank"]}]}),
        ),
        (
            json!({"name": "x", "firmware": old["uuid"], "conditions": {"version": "^1"}}),
            json!({"conditions": {"version": ["must be valid Elixir version requirement string"]}}),
        ),
        (
            json!({"name": "x", "firmware": old["uuid"], "conditions": {}, "platform": "bbb"}),
            json!({"platform": ["platform doesn't match firmwares platform"]}),
        ),
    ] {
        assert_eq!(errors(api.post(&path, body).await), (422, wrong));
    }
    let group = format!("{path}/prod");
    assert_eq!(api.put(&group, json!({"state": "on"})).await.status, 422);
    let on = api
        .put(
            &group,
            json!({"deployment": {"state": "on", "concurrent_updates": "7"}}),
        )
        .await
        .data();
    assert_eq!(
        (&on["state"], &on["device_count"], &on["releases_count"]),
        (&json!("on"), &json!(0), &json!(1))
    );
    let kept = api.get(&group).await.data();
    assert_eq!(kept["settings"]["concurrent_updates"], 7);
    for (field, value, text) in [
        ("concurrent_updates", json!(0), "must be greater than 0"),
        (
            "penalty_timeout_minutes",
            json!(59),
            "must be greater than or equal to 60",
        ),
        ("queue_management", json!("RANDOM"), "is invalid"),
    ] {
        let answer = api.put(&group, json!({"deployment": {field: value}})).await;
        assert_eq!(errors(answer), (422, json!({field: [text]})));
    }
    let released = api
        .put(
            &group,
            json!({"deployment": {"firmware": new["uuid"], "state": "off"}}),
        )
        .await
        .data();
    assert_eq!(
        (&released["current_release"]["number"], &released["state"]),
        (&json!(2), &json!("on"))
    );
    let foreign = api
        .put(&group, json!({"deployment": {"firmware": bbb["uuid"]}}))
        .await;
    assert_eq!(foreign.status, 422);
    assert!(
        foreign.text.contains("bbb") && foreign.text.contains("rpi4"),
        "{}",
        foreign.text
    );
    let pinned = api
        .delete(&Api::product(&format!(
            "/firmwares/{}",
            old["uuid"].as_str().unwrap()
        )))
        .await;
    assert_eq!(
        errors(pinned),
        (
            422,
            json!({"deployment_releases": ["Firmware has associated deployment releases"]})
        )
    );
    // A device of the group shows it.
    api.put(
        &group,
        json!({"deployment": {"conditions": {"version": "", "tags": []}}}),
    )
    .await
    .data();
    let mut device = Device::secret(&server, "sn-9").await.unwrap();
    device.join(running(&new), json!({})).await;
    let seen = api.get("/api/devices/sn-9").await.data();
    assert_eq!(
        seen["deployment_group"],
        json!({"name": "prod", "is_active": true,
        "firmware_uuid": new["uuid"], "firmware_version": "1.1.0"})
    );
    assert_eq!(
        (&seen["online"], &seen["version"]),
        (&json!("connected"), &json!("1.1.0"))
    );
    assert_eq!(seen["firmware_metadata"].as_object().unwrap().len(), 11);
    assert_eq!(api.get(&path).await.data()[0]["device_count"], 1);
    assert_eq!(api.delete(&group).await.status, 204);
    assert_eq!(
        api.get("/api/devices/sn-9").await.data()["deployment_group"],
        Value::Null
    );
}
