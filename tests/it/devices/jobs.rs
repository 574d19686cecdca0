//! Actions on many devices: shown first, confirmed, carried out in the background for exactly the devices that matched, and put
//! back.

use crate::support::device::Device;
use crate::support::{Api, Engine, Server};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

crate::both_engines! {
    an_action_is_shown_confirmed_and_done_once
    what_matches_later_is_left_alone
    a_confirmation_is_good_for_what_it_was_given_for
    mistakes_are_named
    what_a_job_has_changed_is_put_back
    what_was_changed_since_stays
    groups_take_only_who_stays
    commands_reach_who_is_connected
    devices_are_moved_deleted_and_restored
    a_job_ends_with_the_right_to_it
    a_device_may_be_called_like_the_route
}

fn bulk() -> String {
    Api::product("/devices/bulk")
}

fn with(form: &Value, more: Value) -> Value {
    let mut form = form.clone();
    for (key, value) in more.as_object().unwrap() {
        form[key] = value.clone();
    }
    form
}

async fn preview(api: &Api, form: &Value) -> Value {
    let answer = api
        .post(&bulk(), with(form, json!({"dry_run": true})))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.data()
}

pub async fn begin(api: &Api, form: &Value) -> i64 {
    let confirm = preview(api, form).await["confirm"].clone();
    let answer = api
        .post(&bulk(), with(form, json!({ "confirm": confirm })))
        .await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    answer.data()["id"].as_i64().unwrap()
}

pub async fn job(api: &Api, id: i64) -> Value {
    api.get(&Api::product(&format!("/jobs/{id}"))).await.data()
}

/// The job when it has ended.
pub async fn ended(api: &Api, id: i64) -> Value {
    for _ in 0..1_200 {
        let now = job(api, id).await;
        if now["state"] != "running" {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("job {id} does not end: {}", job(api, id).await);
}

async fn done(api: &Api, form: &Value) -> Value {
    let id = begin(api, form).await;
    let job = ended(api, id).await;
    assert_eq!(job["state"], "done", "{job}");
    job
}

pub async fn undone(api: &Api, id: &Value) -> Value {
    let path = Api::product(&format!("/jobs/{id}/undo"));
    let answer = api.post(&path, json!({})).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    ended(api, answer.data()["id"].as_i64().unwrap()).await
}

async fn refused(api: &Api, path: &str, body: Value, status: u16, text: &str) {
    let answer = api.post(path, body.clone()).await;
    assert!(
        answer.status == status && answer.text.contains(text),
        "{body}: {} {}",
        answer.status,
        answer.text
    );
}

async fn device(api: &Api, name: &str) -> Value {
    api.get(&Api::product(&format!("/devices/{name}")))
        .await
        .data()
}

async fn add(api: &Api, name: &str, tags: Value) {
    let form = json!({"identifier": name, "tags": tags});
    api.post(&Api::product("/devices"), form).await.data();
}

/// Devices `a`, `b` and `c` with tags of their own, and `other` without.
async fn fleet(api: &Api) {
    add(api, "a", json!(["eu"])).await;
    add(api, "b", json!(["eu", "new"])).await;
    add(api, "c", json!(["eu", "lab"])).await;
    add(api, "other", Value::Null).await;
}

pub async fn many(api: &Api, count: usize) {
    let mut csv = String::from("identifier,description,tags\n");
    for n in 0..count {
        csv.push_str(&format!("m{n:05},,first\n"));
    }
    let request = api.raw(Method::POST, &Api::product("/devices/import"));
    let answer = Api::answer(request.header("content-type", "text/csv").body(csv)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

async fn an_action_is_shown_confirmed_and_done_once(server: Server) {
    let api = server.api();
    fleet(&api).await;
    let form = json!({
        "query": "tags contains eu", "except": ["c"], "action": "tags_add", "args": {"tags": ["new"]},
    });
    let shown = preview(&api, &form).await;
    assert_eq!(
        (&shown["matches"], &shown["would_change"], &shown["refused"]),
        (&json!(2), &json!(1), &json!([]))
    );
    assert_eq!(shown["sample"], json!(["a", "b"]));
    assert_eq!(device(&api, "a").await["tags"], json!(["eu"]), "only shown");
    let list = Api::product("/jobs");
    assert_eq!(api.get(&list).await.data(), json!([]));
    let confirmed = with(&form, json!({"confirm": shown["confirm"]}));
    let first = api.post(&bulk(), confirmed.clone()).await;
    assert_eq!(first.status, 202, "{}", first.text);
    let id = first.data()["id"].as_i64().unwrap();
    let job = ended(&api, id).await;
    assert_eq!(
        (
            &job["state"],
            &job["total"],
            &job["done"],
            &job["changed"],
            &job["failed"]
        ),
        (&json!("done"), &json!(2), &json!(2), &json!(1), &json!(0))
    );
    assert_eq!(job["by"], "jane@acme.org");
    assert_eq!(job["args"], json!({"tags": ["new"]}));
    assert_eq!(job["query"], "tags contains eu");
    assert_eq!(device(&api, "a").await["tags"], json!(["eu", "new"]));
    assert_eq!(device(&api, "b").await["tags"], json!(["eu", "new"]));
    assert_eq!(device(&api, "c").await["tags"], json!(["eu", "lab"]));
    // Whoever reloads the page gets the job that there is.
    assert_eq!(api.post(&bulk(), confirmed).await.data()["id"], id);
    let all = api.get(&list).await.json();
    assert_eq!(all["pagination"]["total_entries"], 1);
    assert_eq!(all["data"][0]["id"], id);
    let results = Api::product(&format!("/jobs/{id}/results"));
    let rows = api.get(&results).await.data();
    assert_eq!(
        rows,
        json!([
            {"device": "a", "outcome": "changed", "reason": null, "output": null, "output_cut": false},
            {"device": "b", "outcome": "unchanged", "reason": null, "output": null, "output_cut": false},
        ])
    );
    let narrow = api
        .get(&format!("{results}?outcome=unchanged"))
        .await
        .json();
    assert_eq!(narrow["data"][0]["device"], "b");
    assert_eq!(narrow["pagination"]["total_entries"], 1);
    let wrong = api.get(&format!("{results}?outcome=good")).await;
    assert_eq!(
        wrong.errors(),
        json!({"outcome": ["must be one of: changed, unchanged, refused, failed"]})
    );
    assert_eq!(server.audited("started job").await, 1);
    assert_eq!(
        server
            .audited("ended (done): of 2 devices 1 were changed")
            .await,
        1
    );
    // Everybody may look, and only who may change devices may act.
    let eve = server.member("view").await;
    assert_eq!(eve.get(&list).await.data()[0]["id"], id);
    assert_eq!(
        eve.post(&bulk(), with(&form, json!({"dry_run": true})))
            .await
            .status,
        401
    );
}

async fn what_matches_later_is_left_alone(server: Server) {
    let api = server.api();
    fleet(&api).await;
    let form =
        json!({"query": "tags contains eu", "action": "updates", "args": {"enabled": false}});
    let shown = preview(&api, &form).await;
    assert_eq!(shown["matches"], 3);
    add(&api, "d", json!(["eu"])).await;
    let old = with(&form, json!({"confirm": shown["confirm"]}));
    refused(
        &api,
        &bulk(),
        old,
        409,
        "4 devices match now, and 3 were confirmed",
    )
    .await;
    for name in ["a", "b", "c", "d"] {
        assert_eq!(device(&api, name).await["updates_enabled"], true, "{name}");
    }
    assert_eq!(api.get(&Api::product("/jobs")).await.data(), json!([]));
    // Fewer are fine, and the job is about those that matched when it began.
    let shown = preview(&api, &form).await;
    api.delete(&Api::product("/devices/d")).await;
    let fewer = with(&form, json!({"confirm": shown["confirm"]}));
    let id = api.post(&bulk(), fewer).await.data()["id"]
        .as_i64()
        .unwrap();
    add(&api, "e", json!(["eu"])).await;
    let job = ended(&api, id).await;
    assert_eq!((&job["total"], &job["changed"]), (&json!(3), &json!(3)));
    assert_eq!(device(&api, "a").await["updates_enabled"], false);
    assert_eq!(device(&api, "e").await["updates_enabled"], true);
}

async fn a_confirmation_is_good_for_what_it_was_given_for(server: Server) {
    let api = server.api();
    fleet(&api).await;
    let form = json!({
        "identifiers": ["a", "b"], "except": ["b"], "action": "tags_set", "args": {"tags": ["x"]},
    });
    refused(&api, &bulk(), form.clone(), 422, "ask with dry_run first").await;
    let shown = preview(&api, &form).await;
    assert_eq!(shown["matches"], 1);
    let confirmed = with(&form, json!({"confirm": shown["confirm"]}));
    let another = "is not of this action, these devices and this person";
    for change in [
        json!({"action": "tags_add"}),
        json!({"args": {"tags": ["y"]}}),
        json!({"identifiers": ["a", "b", "c"]}),
        json!({"except": []}),
        json!({"confirm": "forged"}),
    ] {
        refused(&api, &bulk(), with(&confirmed, change), 422, another).await;
    }
    let joe = server.member("manage").await;
    refused(&joe, &bulk(), confirmed.clone(), 422, another).await;
    server.advance(Duration::from_secs(601));
    refused(
        &api,
        &bulk(),
        confirmed,
        422,
        "is over: ask with dry_run again",
    )
    .await;
    assert_eq!(api.get(&Api::product("/jobs")).await.data(), json!([]));
    assert_eq!(device(&api, "a").await["tags"], json!(["eu"]));
}

async fn mistakes_are_named(server: Server) {
    let api = server.api();
    fleet(&api).await;
    let names: Vec<String> = (0..5_001).map(|n| format!("n{n}")).collect();
    for (form, status, text) in [
        (
            json!({"action": "reboot"}),
            422,
            "give a query, or identifiers",
        ),
        (json!({"query": ""}), 422, r#""action":["can't be blank"]"#),
        (
            json!({"query": "", "action": "explode"}),
            422,
            "must be one of: tags_add",
        ),
        (
            json!({"query": "", "identifiers": ["a"], "action": "reboot"}),
            422,
            r#""identifiers":["cannot be given beside a query"]"#,
        ),
        (
            json!({"identifiers": names, "action": "reboot"}),
            422,
            "at most 5000",
        ),
        (
            json!({"query": "tags like", "action": "reboot"}),
            422,
            r#""column":"#,
        ),
        (
            json!({"query": "", "action": "tags_add"}),
            422,
            r#"{"args":{"tags":["can't be blank"]}"#,
        ),
        (
            json!({"query": "", "action": "tags_add", "args": {"tags": ["a b"]}}),
            422,
            "tags cannot contain spaces",
        ),
        (
            json!({"query": "", "action": "group", "args": {}}),
            422,
            "give null to take devices out",
        ),
        (
            json!({"query": "", "action": "group", "args": {"group": "none"}}),
            422,
            "is not the name of a deployment group",
        ),
        (
            json!({"query": "", "action": "reboot", "args": {"tags": ["a"]}}),
            422,
            r#"{"tags":["is nothing that reboot takes"]}"#,
        ),
        (
            json!({"query": "", "action": "firmware", "args": {"uuid": "x"}}),
            422,
            "is not the uuid of a firmware",
        ),
        (
            json!({"query": "", "action": "move", "args": {"org": "acme", "product": "none"}}),
            422,
            "is not a product of that organization",
        ),
        (
            json!({"query": "", "action": "move", "args": {"org": "evil", "product": "none"}}),
            401,
            "",
        ),
        (
            json!({"query": "", "action": "reboot", "args": {"tgas": ["a"]}}),
            422,
            "is not known",
        ),
    ] {
        refused(
            &api,
            &bulk(),
            with(&form, json!({"dry_run": true})),
            status,
            text,
        )
        .await;
    }
    for (rest, status) in [("", 404), ("/results", 404)] {
        let answer = api.get(&Api::product(&format!("/jobs/999{rest}"))).await;
        assert_eq!(answer.status, status);
    }
    let word = api.get(&Api::product("/jobs/first")).await;
    assert_eq!(word.status, 404);
    let page = api.get(&Api::product("/jobs?pagination[page]=0")).await;
    assert_eq!(page.status, 400);
    // What is named and not there is told, and does no harm.
    let form =
        json!({"identifiers": ["a", "nobody"], "action": "tags_add", "args": {"tags": ["x"]}});
    let shown = preview(&api, &form).await;
    assert_eq!(
        (&shown["matches"], &shown["refused"]),
        (
            &json!(1),
            &json!([{"reason": "is not a device of this product", "count": 1}])
        )
    );
    // A device has a hundred tags at most.
    let tags: Vec<String> = (0..100).map(|n| format!("t{n}")).collect();
    add(&api, "full", json!(tags)).await;
    let form =
        json!({"identifiers": ["full", "a"], "action": "tags_add", "args": {"tags": ["x", "t1"]}});
    let full = json!([{"reason": "would have more than 100 tags", "count": 1}]);
    assert_eq!(preview(&api, &form).await["refused"], full);
    let job = done(&api, &form).await;
    assert_eq!(
        (&job["changed"], &job["failed"], &job["errors"]),
        (&json!(1), &json!(1), &full)
    );
}

async fn what_a_job_has_changed_is_put_back(server: Server) {
    let api = server.api();
    fleet(&api).await;
    let before = [
        device(&api, "a").await["tags"].clone(),
        device(&api, "b").await["tags"].clone(),
        device(&api, "other").await["tags"].clone(),
    ];
    for (action, tags, after) in [
        ("tags_set", json!(["x", "y"]), json!(["x", "y"])),
        ("tags_remove", json!(["eu"]), json!(["new"])),
        (
            "tags_add",
            json!(["y", "x"]),
            json!(["eu", "new", "y", "x"]),
        ),
    ] {
        let form = json!({"query": "", "action": action, "args": {"tags": tags}});
        let job = done(&api, &form).await;
        assert_eq!(device(&api, "b").await["tags"], after, "{action}");
        let id = &job["id"];
        let undo = undone(&api, id).await;
        assert_eq!(
            (
                &undo["undoes"],
                &undo["changed"],
                &undo["state"],
                &undo["undo_until"]
            ),
            (id, &job["changed"], &json!("done"), &Value::Null)
        );
        let now = [
            device(&api, "a").await["tags"].clone(),
            device(&api, "b").await["tags"].clone(),
            device(&api, "other").await["tags"].clone(),
        ];
        assert_eq!(now, before, "{action}");
        let by = format!("was undone by job {}", undo["id"]);
        let path = |id: &Value| Api::product(&format!("/jobs/{id}/undo"));
        refused(&api, &path(id), json!({}), 409, &by).await;
        refused(
            &api,
            &path(&undo["id"]),
            json!({}),
            409,
            "cannot be undone itself",
        )
        .await;
    }
    // Switches and penalties.
    server
        .run("UPDATE devices SET blocked_until = 4102444800000000, updates_enabled = FALSE WHERE identifier = 'a'")
        .await;
    let form = json!({"query": "", "action": "clear_penalty"});
    assert_eq!(preview(&api, &form).await["would_change"], 1);
    let out = done(&api, &form).await;
    let a = device(&api, "a").await;
    assert_eq!(
        (&a["updates_enabled"], &a["updates_blocked_until"]),
        (&json!(true), &Value::Null)
    );
    let off = json!({"query": "", "action": "updates", "args": {"enabled": false}});
    let off = done(&api, &off).await;
    assert_eq!(off["changed"], 4);
    undone(&api, &off["id"]).await;
    assert_eq!(device(&api, "b").await["updates_enabled"], true);
    undone(&api, &out["id"]).await;
    let a = device(&api, "a").await;
    assert_eq!(a["updates_enabled"], false);
    assert_eq!(a["updates_blocked_until"], "2100-01-01T00:00:00Z");
    // Not for ever.
    let form = json!({"query": "", "action": "tags_set", "args": {"tags": []}});
    let late = done(&api, &form).await;
    server.advance(Duration::from_secs(601));
    let path = Api::product(&format!("/jobs/{}/undo", late["id"]));
    refused(&api, &path, json!({}), 409, "for 10 minutes after its end").await;
    // After 30 days the job itself is gone.
    server.advance(Duration::from_secs(31 * 86_400));
    server.until("SELECT COUNT(*) FROM job_devices", 0).await;
    server.until("SELECT COUNT(*) FROM jobs", 0).await;
}

async fn what_was_changed_since_stays(server: Server) {
    let api = server.api();
    fleet(&api).await;
    let form = json!({"query": "", "action": "tags_add", "args": {"tags": ["x"]}});
    let tagged = done(&api, &form).await;
    let path = Api::product("/devices/a");
    api.put(&path, json!({"tags": ["own"]})).await.data();
    api.delete(&Api::product("/devices/b")).await;
    api.delete(&Api::product("/devices/c")).await;
    api.delete(&Api::product("/devices/c/destroy")).await;
    let undo = undone(&api, &tagged["id"]).await;
    assert_eq!(
        undo["errors"],
        json!([
            {"reason": "is deleted; restore it first", "count": 1},
            {"reason": "was changed since", "count": 1},
            {"reason": "was destroyed", "count": 1},
        ])
    );
    assert_eq!(undo["changed"], 1);
    assert_eq!(device(&api, "a").await["tags"], json!(["own"]));
    assert_eq!(device(&api, "other").await["tags"], Value::Null);
    let results = Api::product(&format!("/jobs/{}/results?outcome=refused", undo["id"]));
    let rows = api.get(&results).await.data();
    assert!(rows.to_string().contains(r#""device":null"#), "{rows}");
}

async fn groups_take_only_who_stays(server: Server) {
    let api = server.api();
    let (old, _) = api.two_versions("first", json!({})).await;
    let uuid = old["uuid"].as_str().unwrap();
    let body = json!({"name": "second", "firmware": uuid, "conditions": {"version": "> 5.0.0", "tags": ["never"]}});
    let made = api.post(&Api::product("/deployments"), body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let _runs = Device::joined(&server, "runs", &old).await;
    fleet(&api).await;
    assert_eq!(
        device(&api, "runs").await["deployment_group"]["name"],
        "first"
    );
    let form = |group: Value| json!({"query": "", "action": "group", "args": {"group": group}});
    let shown = preview(&api, &form(json!("second"))).await;
    assert_eq!(
        (&shown["matches"], &shown["would_change"]),
        (&json!(5), &json!(4))
    );
    let why = shown["refused"][0]["reason"].as_str().unwrap();
    assert!(why.starts_with("would not stay in the group: "), "{why}");
    let moved = done(&api, &form(json!("second"))).await;
    assert_eq!(
        (&moved["changed"], &moved["failed"]),
        (&json!(4), &json!(1))
    );
    assert_eq!(moved["errors"][0]["reason"], why, "as it was shown");
    assert_eq!(
        device(&api, "a").await["deployment_group"]["name"],
        "second"
    );
    let out = done(&api, &form(Value::Null)).await;
    assert_eq!(out["changed"], 5);
    assert_eq!(device(&api, "runs").await["deployment_group"], Value::Null);
    // One of the groups is gone when its devices would go back.
    undone(&api, &moved["id"]).await;
    let gone = Api::product("/deployments/second");
    assert_eq!(api.delete(&gone).await.status, 204);
    let undo = undone(&api, &out["id"]).await;
    assert_eq!((&undo["changed"], &undo["failed"]), (&json!(1), &json!(4)));
    let gone = "was in the deployment group second, which is no more";
    assert_eq!(undo["errors"][0]["reason"], gone);
    assert_eq!(
        device(&api, "runs").await["deployment_group"]["name"],
        "first"
    );
}

async fn commands_reach_who_is_connected(server: Server) {
    let api = server.api();
    api.register_key().await;
    let (old, new) = (
        api.upload("good/rpi4-1.0.0.fw").await,
        api.upload("good/rpi4-1.1.0.fw").await,
    );
    let mut d = Device::joined(&server, "d", &old).await;
    add(&api, "silent", Value::Null).await;
    let form = json!({"query": "", "action": "reboot"});
    let offline = json!([{"reason": "is not connected", "count": 1}]);
    assert_eq!(preview(&api, &form).await["refused"], offline);
    let job = done(&api, &form).await;
    assert_eq!((&job["changed"], &job["errors"]), (&json!(1), &offline));
    d.event("reboot").await;
    let path = Api::product(&format!("/jobs/{}/undo", job["id"]));
    refused(
        &api,
        &path,
        json!({}),
        409,
        "What reboot does cannot be undone",
    )
    .await;
    let push = json!({"query": "", "action": "firmware", "args": {"uuid": new["uuid"]}});
    assert_eq!(preview(&api, &push).await["would_change"], 2);
    let job = done(&api, &push).await;
    assert_eq!(job["changed"], 2);
    assert_eq!(
        d.event("update").await["firmware_meta"]["uuid"],
        new["uuid"]
    );
    assert_eq!(device(&api, "d").await["updates_enabled"], false);
    let again = preview(&api, &push).await;
    assert_eq!(
        again["refused"],
        json!([{"reason": "an update of it is under way", "count": 2}])
    );
    let form = json!({"identifiers": ["d"], "action": "reconnect"});
    assert_eq!(done(&api, &form).await["changed"], 1);
    assert_eq!(d.closed().await, Some(1001));
}

async fn devices_are_moved_deleted_and_restored(server: Server) {
    let api = server.api();
    fleet(&api).await;
    api.post("/api/orgs/acme/products", json!({"name": "next"}))
        .await
        .data();
    // Who may not change devices of the other organization moves none there.
    let evil = server.bootstrap("eve@x.org", "evil", "lair");
    let eve = api.with_token(evil["token"].as_str().unwrap());
    let form = json!({"email": "jane@acme.org", "role": "view"});
    eve.post("/api/orgs/evil/users", form).await.data();
    let there = |org: &str, product: &str| {
        json!({
            "identifiers": ["a", "b"], "action": "move", "args": {"org": org, "product": product},
        })
    };
    let dry = with(&there("evil", "lair"), json!({"dry_run": true}));
    refused(&api, &bulk(), dry, 401, "").await;
    let moved = done(&api, &there("acme", "next")).await;
    assert_eq!(moved["changed"], 2);
    let path = "/api/orgs/acme/products/next/devices/a";
    assert_eq!(api.get(path).await.data()["product_name"], "next");
    assert!(server.audited("moved device a to acme : next").await > 0);
    // What has left the product since a job began is not touched.
    let form = json!({"query": "", "action": "delete"});
    assert_eq!(preview(&api, &form).await["matches"], 2);
    let gone = done(&api, &form).await;
    assert_eq!(gone["changed"], 2);
    assert_eq!(device(&api, "c").await["deleted"], true);
    let form =
        json!({"identifiers": ["c", "other"], "action": "tags_set", "args": {"tags": ["x"]}});
    let deleted = json!([{"reason": "is deleted; restore it first", "count": 2}]);
    assert_eq!(preview(&api, &form).await["refused"], deleted);
    let form = json!({"query": "deleted = true", "action": "restore"});
    assert_eq!(done(&api, &form).await["changed"], 2);
    assert_eq!(device(&api, "c").await["deleted"], false);
    assert_eq!(done(&api, &form).await["total"], 0);
}

async fn a_job_ends_with_the_right_to_it(server: Server) {
    let api = server.api();
    let joe = server.member("manage").await;
    // Commands are paced, so that these jobs take some seconds.
    many(&api, 4_000).await;
    let form = |n: usize| json!({"query": "", "except": [format!("x{n}")], "action": "reboot"});
    let mut jobs = Vec::new();
    for n in 0..4 {
        jobs.push(begin(&joe, &form(n)).await);
    }
    let confirm = preview(&api, &form(4)).await["confirm"].clone();
    let fifth = with(&form(4), json!({ "confirm": confirm }));
    refused(
        &api,
        &bulk(),
        fifth,
        409,
        "4 jobs of this product run already",
    )
    .await;
    let path = |what: &str| Api::product(&format!("/jobs/{}/{what}", jobs[0]));
    refused(
        &api,
        &path("undo"),
        json!({}),
        409,
        "still runs; cancel it first",
    )
    .await;
    let cancelled = api.post(&path("cancel"), json!({})).await.data();
    assert_eq!(cancelled["state"], "cancelled");
    refused(&api, &path("cancel"), json!({}), 409, "has ended already").await;
    assert_eq!(server.audited("cancelled job").await, 1);
    api.delete("/api/orgs/acme/users/manage@acme.org").await;
    for id in &jobs[1..] {
        let job = ended(&api, *id).await;
        assert_eq!(
            (&job["state"], &job["failure"]),
            (
                &json!("failed"),
                &json!("Who started it may not do this any more.")
            )
        );
        assert!(job["failed"].as_i64().unwrap() < 4_000, "{job}");
    }
    let left = job(&api, jobs[0]).await;
    assert!(left["failed"].as_i64().unwrap() < 4_000, "{left}");
}

async fn a_device_may_be_called_like_the_route(server: Server) {
    let api = server.api();
    add(&api, "bulk", json!(["x"])).await;
    assert_eq!(device(&api, "bulk").await["tags"], json!(["x"]));
    let path = bulk();
    assert_eq!(api.put(&path, json!({"tags": ["y"]})).await.status, 201);
    let form = json!({"identifiers": ["bulk"], "action": "tags_add", "args": {"tags": ["z"]}});
    done(&api, &form).await;
    assert_eq!(device(&api, "bulk").await["tags"], json!(["y", "z"]));
    assert_eq!(api.delete(&path).await.status, 204);
}

/// Numbers of jobs are of the whole server, and name a job in its own product only.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_another_product_is_not_there() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let api = server.api();
    fleet(&api).await;
    let form = json!({"query": "", "action": "tags_add", "args": {"tags": ["x"]}});
    let id = done(&api, &form).await["id"].clone();
    let evil = server.bootstrap("eve@x.org", "evil", "lair");
    let eve = api.with_token(evil["token"].as_str().unwrap());
    for rest in ["", "/results"] {
        let there = format!("/api/orgs/evil/products/lair/jobs/{id}{rest}");
        assert_eq!(eve.get(&there).await.status, 404, "of another product");
    }
    let there = format!("/api/orgs/evil/products/lair/jobs/{id}/undo");
    assert_eq!(eve.post(&there, json!({})).await.status, 404);
}
