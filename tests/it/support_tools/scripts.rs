//! Support scripts, from the request to the device and back (docs/protocol/device.md, "Scripts"; docs/protocol/rules.md, "Support scripts").

use crate::support::api::Answer;
use crate::support::device::Device;
use crate::support::{Api, Server};
use serde_json::{Value, json};
use std::time::Duration;

crate::both_engines! {
    p63_scripts_are_kept_by_the_product
    p64_a_script_runs_on_its_device_and_nowhere_else
}

crate::across_nodes! {
    p64_a_script_runs_on_its_device_and_nowhere_else
}

async fn p63_scripts_are_kept_by_the_product(server: Server) {
    let api = server.api();
    let path = Api::product("/scripts");
    let form = json!({"name": "uptime", "text": "uptime()", "tags": "Info,ops"});
    let answer = api.post(&path, form).await;
    assert_eq!(answer.status, 200);
    let made = answer.data();
    let id = made["id"].as_i64().unwrap();
    assert_eq!(
        (&made["name"], &made["text"], &made["tags"]),
        (
            &json!("uptime"),
            &json!("uptime()"),
            &json!(["Info", "ops"])
        )
    );
    assert_eq!(made["created_by"]["email"], server.login("email"));
    api.post(&path, json!({"name": "100% a_b", "text": "x"}))
        .await;
    for i in 0..30 {
        let form = json!({"name": format!("many {i:02}"), "text": "x", "tags": null});
        assert_eq!(api.post(&path, form).await.status, 200);
    }
    let first = api.get(&path).await.json();
    assert_eq!(
        first["pagination"],
        json!({"page_number": 1, "page_size": 25, "total_entries": 32, "total_pages": 2})
    );
    assert_eq!(first["data"].as_array().unwrap().len(), 25);
    assert_eq!(first["data"][0]["name"], "100% a_b");
    assert_eq!(first["data"][0]["tags"], Value::Null);
    assert!(first["data"][0].get("text").is_none());
    for (query, found) in [
        ("filters[name]=UPT", 1),
        ("filters[tags]=info", 1),
        ("filters[search]=ops", 1),
        ("filters[search]=many", 30),
        ("filters[name]=0%25 a_", 1),
        ("filters[name]=%25", 1),
        ("filters[name]=nothing", 0),
    ] {
        let page = api.get(&format!("{path}?{query}")).await.json();
        assert_eq!(page["pagination"]["total_entries"], found, "{query}");
    }
    let one = format!("{path}/{id}");
    let changed = api.put(&one, json!({"text": "up()"})).await.data();
    assert_eq!(
        (&changed["name"], &changed["text"], &changed["tags"]),
        (&json!("uptime"), &json!("up()"), &json!(["Info", "ops"]))
    );
    for (form, key) in [
        (json!({"text": "x"}), "name"),
        (json!({"name": "x"}), "text"),
        (json!({"name": "", "text": "x"}), "name"),
        (json!({"name": "x", "text": "x", "tags": ["a b"]}), "tags"),
        (json!({"name": 7, "text": "x"}), "name"),
    ] {
        let answer = api.post(&path, form).await;
        assert_eq!(answer.status, 422);
        assert!(answer.json()["errors"][key].is_array(), "{key}");
    }
    for bad in ["abc", "999999"] {
        assert_eq!(api.get(&format!("{path}/{bad}")).await.status, 404);
    }
    // Another organization's product does not have it, whoever asks.
    let other = server.bootstrap("eve@x.org", "evil", "other");
    let eve = api.with_token(other["token"].as_str().unwrap());
    assert_eq!(eve.get(&one).await.status, 404);
    let theirs = format!("/api/orgs/evil/products/other/scripts/{id}");
    for answer in [
        eve.get(&theirs).await,
        eve.put(&theirs, json!({"text": "evil()"})).await,
        eve.delete(&theirs).await,
    ] {
        assert_eq!(answer.status, 404);
    }
    assert_eq!(api.delete(&one).await.status, 204);
    assert_eq!(api.get(&one).await.status, 404);
}

/// Runs a script by the API while the device answers as `reply` says.
async fn run(api: &Api, d: &mut Device, path: &str, reply: impl Fn(&str) -> Value) -> Answer {
    let path = path.to_owned();
    let answer = api.post(&path, json!({}));
    let device = async {
        let asked = d.event("scripts/run").await;
        let reference = asked["ref"].as_str().unwrap();
        d.push("scripts/run", reply(reference)).await;
        asked
    };
    let (answer, asked) = tokio::join!(answer, device);
    assert_eq!(asked["text"], "uptime()");
    answer
}

async fn p64_a_script_runs_on_its_device_and_nowhere_else(server: Server) {
    let api = server.api();
    let form = json!({"name": "uptime", "text": "uptime()"});
    let made = api.post(&Api::product("/scripts"), form).await.data();
    let path = Api::product("/devices/one/scripts/uptime");
    assert_eq!(api.post(&path, json!({})).await.status, 404);
    let mut d = Device::secret(&server, "one").await.unwrap();
    d.join(json!({}), json!({})).await;
    let mut other = Device::secret(&server, "two").await.unwrap();
    other.join(json!({}), json!({})).await;
    let done = |r: &str| json!({"ref": r, "output": " up 3 days", "return": ":ok\n", "result": "completed"});
    let answer = run(&api, &mut d, &path, done).await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (200, "up 3 days\n:ok")
    );
    assert!(answer.header("content-type").starts_with("text/plain"));
    // By number, on the short address, by an older client without `result`.
    let short = format!("/api/devices/one/scripts/{}", made["id"]);
    let old = |r: &str| json!({"ref": r, "output": "x", "return": ""});
    assert_eq!(run(&api, &mut d, &short, old).await.text, "x");
    // Nobody else can answer, neither by the same reference nor by another.
    let forged = format!("{path}?timeout=600");
    let answer = api.post(&forged, json!({}));
    let forge = async {
        let reference = d.event("scripts/run").await["ref"].clone();
        for r in [reference, json!("connecting_code"), json!(7), json!("zz")] {
            let lie = json!({"ref": r, "output": "forged", "return": ""});
            other.push("scripts/run", lie).await;
        }
    };
    let (answer, ()) = tokio::join!(answer, forge);
    assert_eq!(answer.status, 403);
    assert_eq!(
        answer.json()["errors"]["detail"],
        "device not available or responding"
    );
    // A late answer is ignored, and the socket stays.
    d.push("scripts/run", json!({"ref": "00", "output": "late"}))
        .await;
    assert_eq!(run(&api, &mut d, &path, done).await.status, 200);
    for bad in ["timeout=x", "timeout=0"] {
        assert_eq!(
            api.post(&format!("{path}?{bad}"), json!({})).await.status,
            400
        );
    }
    assert_eq!(
        api.post(&Api::product("/devices/one/scripts/none"), json!({}))
            .await
            .status,
        404
    );
    // A client that is too old for it is refused at once, not after the time is over.
    let mut old = Device::secret(&server, "old").await.unwrap();
    old.join(json!({}), json!({"device_api_version": "2.0.0"}))
        .await;
    let path = Api::product("/devices/old/scripts/uptime");
    let refused = tokio::time::timeout(Duration::from_secs(5), api.post(&path, json!({})));
    assert_eq!(refused.await.unwrap().status, 403);
    assert!(old.silent(200).await);
    let audited = "ran script uptime on device one";
    assert_eq!(server.audited(audited).await, 4);
    // What was run is kept, and what came of it where something did: not of the run that nobody answered.
    let path = Api::product("/devices/one/audit_logs?search=script%20uptime");
    let log = api.get(&path).await.json()["data"].clone();
    let told: Vec<_> = log
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["details"])
        .collect();
    assert_eq!(told.len(), 7, "{log}");
    assert_eq!(told[0]["output"], "up 3 days\n:ok");
    assert_eq!(told[1]["script"]["text"], "uptime()");
}
