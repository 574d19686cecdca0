//! Scripts that jobs run on many devices: who is told, what they answer, who is heard no more, and the results as a file.

use super::jobs::{begin, ended, job};
use crate::support::device::Device;
use crate::support::{Api, Server};
use serde_json::{Value, json};
use std::time::Duration;

crate::both_engines! {
    a_script_runs_on_the_devices_that_can
    a_silent_device_has_failed
    what_was_shown_is_what_runs
    mistakes_in_scripts_are_named
    so_many_run_at_once_and_a_cancelled_job_tells_no_more
    a_viewer_runs_scripts_and_ends_none_of_others
    what_a_device_says_after_it_has_left_is_not_kept
    a_large_output_is_cut
}

crate::across_nodes! {
    a_script_runs_on_the_devices_that_can
    a_large_output_is_cut
}

fn bulk() -> String {
    Api::product("/devices/bulk")
}

/// The script `uptime`, by its number.
pub async fn script(api: &Api) -> Value {
    let form = json!({"name": "uptime", "text": "uptime()"});
    api.post(&Api::product("/scripts"), form).await.data()["id"].clone()
}

pub fn form(timeout: u64) -> Value {
    json!({"query": "", "action": "script", "args": {"script": "uptime", "timeout": timeout}})
}

async fn preview(api: &Api, form: &Value) -> Value {
    let mut form = form.clone();
    form["dry_run"] = json!(true);
    let answer = api.post(&bulk(), form).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.data()
}

pub async fn connected(server: &Server, name: &str) -> Device {
    let mut device = Device::secret(server, name).await.unwrap();
    device.join(json!({}), json!({})).await;
    device
}

/// The device is told to run the script, and answers; what it was told.
async fn answers(device: &mut Device, output: &str) -> Value {
    let asked = device.event("scripts/run").await;
    let answer = json!({"ref": asked["ref"], "output": output, "return": ":ok"});
    device.push("scripts/run", answer).await;
    asked
}

pub async fn results(api: &Api, id: i64, more: &str) -> Value {
    let path = Api::product(&format!("/jobs/{id}/results{more}"));
    api.get(&path).await.data()
}

async fn a_script_runs_on_the_devices_that_can(server: Server) {
    let api = server.api();
    let number = script(&api).await;
    let mut a = connected(&server, "a").await;
    let mut b = connected(&server, "=b").await;
    let mut old = Device::secret(&server, "old").await.unwrap();
    old.join(json!({}), json!({"device_api_version": "2.0.0"}))
        .await;
    for name in ["away", "gone"] {
        let form = json!({ "identifier": name });
        api.post(&Api::product("/devices"), form).await.data();
    }
    let form = form(20_000);
    let shown = preview(&api, &form).await;
    let refused = json!([
        {"reason": "is not connected", "count": 2},
        {"reason": "has a client that does not run scripts by itself", "count": 1},
    ]);
    assert_eq!(
        (&shown["matches"], &shown["would_change"], &shown["refused"]),
        (&json!(5), &json!(2), &refused)
    );
    assert!(a.silent(300).await, "only shown");
    let id = begin(&api, &form).await;
    let told = answers(&mut a, "up\0 3 days, \"quoted\"\nby line").await;
    assert_eq!(told["text"], "uptime()");
    assert_eq!(told["timeout"], 20_000);
    answers(&mut b, "=1+1").await;
    let job = ended(&api, id).await;
    let numbers = ["total", "done", "changed", "failed", "refused"];
    assert_eq!(job["state"], "done", "{job}");
    assert_eq!(numbers.map(|n| job[n].as_i64().unwrap()), [5, 2, 2, 3, 3]);
    assert_eq!(job["errors"], refused, "as it was shown");
    assert_eq!(job["undo_until"], Value::Null);
    assert_eq!(
        (&job["script"], &job["script_text"]),
        (&json!("uptime"), &json!("uptime()"))
    );
    let rows = results(&api, id, "?outcome=changed").await;
    assert_eq!(
        rows,
        json!([
            {"device": "a", "outcome": "changed", "reason": null, "output": "up\u{fffd} 3 days, \"quoted\"\nby line\n:ok", "output_cut": false},
            {"device": "=b", "outcome": "changed", "reason": null, "output": "=1+1\n:ok", "output_cut": false},
        ])
    );
    // As a file, which no spreadsheet runs.
    let path = job["results"].as_str().unwrap();
    assert_eq!(path, Api::product(&format!("/jobs/{id}/results.csv")));
    let file = api.get(path).await;
    assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(
        file.text,
        "identifier,outcome,reason,output\r\n\
         a,changed,,\"up\u{fffd} 3 days, \"\"quoted\"\"\nby line\n:ok\"\r\n\
         '=b,changed,,\"'=1+1\n:ok\"\r\n\
         old,refused,has a client that does not run scripts by itself,\r\n\
         away,refused,is not connected,\r\n\
         gone,refused,is not connected,\r\n"
    );
    let narrow = api.get(&format!("{path}?outcome=failed")).await;
    assert_eq!(narrow.text, "identifier,outcome,reason,output\r\n");
    let wrong = api.get(&format!("{path}?outcome=good")).await;
    let words = "must be one of: changed, unchanged, refused, failed";
    assert_eq!(wrong.errors(), json!({ "outcome": [words] }));
    let nowhere = api.get(&Api::product("/jobs/999/results.csv")).await;
    assert_eq!(nowhere.status, 404);
    // Who ran what where is in the audit log, and the text once.
    let ran = format!("ran script uptime on device a by job {id}");
    assert_eq!(server.audited(&ran).await, 1);
    assert_eq!(server.audited("by job").await, 2);
    let began = format!("started job {id}: script on 5 devices");
    assert_eq!(server.audited(&began).await, 1);
    let sum = "of 5 devices 2 answered, 0 failed, 3 were left as they are";
    assert_eq!(server.audited(sum).await, 1);
    let undo = Api::product(&format!("/jobs/{id}/undo"));
    let undo = api.post(&undo, json!({})).await;
    assert_eq!(undo.status, 409);
    assert!(undo.text.contains("What script does cannot be undone"));
    // By its number, as on one device.
    let text = number.to_string();
    let form = json!({"identifiers": ["a"], "action": "script", "args": {"script": text}});
    let id = begin(&api, &form).await;
    assert_eq!(answers(&mut a, "again").await["timeout"], 30_000);
    assert_eq!(ended(&api, id).await["changed"], 1);
    // After 30 days nothing of it is left.
    server.advance(Duration::from_secs(31 * 86_400));
    server.until("SELECT COUNT(*) FROM job_runs", 0).await;
    server.until("SELECT COUNT(*) FROM jobs", 0).await;
}

async fn a_silent_device_has_failed(server: Server) {
    let api = server.api();
    script(&api).await;
    let mut a = connected(&server, "a").await;
    let mut b = connected(&server, "b").await;
    let id = begin(&api, &form(900)).await;
    answers(&mut a, "here").await;
    b.event("scripts/run").await;
    let silent = ended(&api, id).await;
    assert_eq!(
        (
            &silent["state"],
            &silent["changed"],
            &silent["failed"],
            &silent["refused"]
        ),
        (&json!("done"), &json!(1), &json!(1), &json!(0))
    );
    let why = "did not answer within 0.9 s";
    assert_eq!(silent["errors"], json!([{"reason": why, "count": 1}]));
    let page = Api::product(&format!("/jobs/{id}/results?outcome=failed"));
    let page = api.get(&page).await.json();
    assert_eq!(page["pagination"]["total_entries"], 1);
    assert_eq!(
        page["data"],
        json!([{"device": "b", "outcome": "failed", "reason": why, "output": null, "output_cut": false}])
    );
    assert_eq!(results(&api, id, "?outcome=refused").await, json!([]));
    // The answer of a device that is late changes nothing.
    let late = json!({"ref": "00", "output": "late", "return": ""});
    b.push("scripts/run", late).await;
    let again = begin(&api, &form(900)).await;
    answers(&mut a, "here").await;
    answers(&mut b, "now").await;
    assert_eq!(ended(&api, again).await["changed"], 2);
    assert_eq!(job(&api, id).await["failed"], 1);
}

async fn what_was_shown_is_what_runs(server: Server) {
    let api = server.api();
    let number = script(&api).await;
    let mut a = connected(&server, "a").await;
    let path = Api::product(&format!("/scripts/{number}"));
    let mut confirmed = form(20_000);
    confirmed["confirm"] = preview(&api, &form(20_000)).await["confirm"].clone();
    api.put(&path, json!({"text": "halt()"})).await.data();
    let answer = api.post(&bulk(), confirmed.clone()).await;
    let why = "is of the script as it was before somebody changed it: ask with dry_run again";
    assert_eq!(answer.status, 422);
    assert_eq!(answer.errors(), json!({ "confirm": [why] }));
    assert!(a.silent(700).await);
    // Back to what was shown: it is the same again.
    api.put(&path, json!({"text": "uptime()"})).await.data();
    let answer = api.post(&bulk(), confirmed.clone()).await;
    let id = answer.data()["id"].as_i64().unwrap();
    api.delete(&path).await;
    assert_eq!(answers(&mut a, "up").await["text"], "uptime()");
    assert_eq!(ended(&api, id).await["changed"], 1);
    // The confirmation has its job, though the script is gone.
    assert_eq!(api.post(&bulk(), confirmed).await.data()["id"], id);
}

async fn mistakes_in_scripts_are_named(server: Server) {
    let api = server.api();
    script(&api).await;
    let most = "must be a number of milliseconds from 1 to 300000";
    for (args, name, why) in [
        (json!({}), "script", "can't be blank"),
        (json!({"script": ""}), "script", "can't be blank"),
        (
            json!({"script": "none"}),
            "script",
            "is neither the name nor the number of a script of this product",
        ),
        (json!({"script": "uptime", "timeout": 0}), "timeout", most),
        (
            json!({"script": "uptime", "timeout": 300_001}),
            "timeout",
            most,
        ),
        (
            json!({"script": "uptime", "tags": ["x"]}),
            "tags",
            "is nothing that script takes",
        ),
    ] {
        let form = json!({"query": "", "action": "script", "args": args, "dry_run": true});
        let answer = api.post(&bulk(), form).await;
        assert_eq!(answer.status, 422, "{args}: {}", answer.text);
        assert_eq!(
            answer.errors(),
            json!({"args": {name: [why]}}),
            "{args}: {}",
            answer.text
        );
    }
    let word = json!({"query": "", "action": "script", "args": {"script": "uptime", "timeout": "soon"}, "dry_run": true});
    assert_eq!(api.post(&bulk(), word).await.status, 422);
    // A script of another product is none of this one.
    let evil = server.bootstrap("eve@x.org", "evil", "lair");
    let eve = api.with_token(evil["token"].as_str().unwrap());
    let mut theirs = form(1_000);
    theirs["dry_run"] = json!(true);
    let there = "/api/orgs/evil/products/lair/devices/bulk";
    assert_eq!(eve.post(there, theirs).await.status, 422);
}

/// More devices than run the script of one job at a time.
pub async fn crowd(server: &Server) -> Vec<Device> {
    let mut all = Vec::new();
    for n in 0..66 {
        all.push(connected(server, &format!("d{n:02}")).await);
    }
    all
}

async fn so_many_run_at_once_and_a_cancelled_job_tells_no_more(server: Server) {
    let api = server.api();
    script(&api).await;
    let mut devices = crowd(&server).await;
    let id = begin(&api, &form(120_000)).await;
    let mut asked = Vec::new();
    for device in &mut devices[..64] {
        asked.push(device.event("scripts/run").await);
    }
    assert!(devices[64].silent(700).await, "64 run at once");
    let cancel = Api::product(&format!("/jobs/{id}/cancel"));
    let cancelled = api.post(&cancel, json!({})).await.data();
    assert_eq!(cancelled["state"], "cancelled");
    // The job learns of it within two seconds.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(devices[64].silent(700).await, "cancelled");
    let open = "SELECT COUNT(*) FROM job_runs WHERE state = 'running'";
    assert_eq!(server.count(open).await, 64);
    assert_eq!(server.count("SELECT COUNT(*) FROM job_runs").await, 64);
    assert_eq!(server.audited("cancelled job").await, 1);
    // What was told before is heard, and makes no room for others.
    let answer = json!({"ref": asked[0]["ref"], "output": "late", "return": ""});
    devices[0].push("scripts/run", answer).await;
    server.until(open, 63).await;
    let rows = results(&api, id, "?outcome=changed").await;
    assert_eq!(
        (&rows[0]["device"], &rows[0]["output"]),
        (&json!("d00"), &json!("late"))
    );
    assert!(devices[65].silent(700).await, "cancelled");
    assert_eq!(job(&api, id).await["changed"], 1);
}

async fn a_viewer_runs_scripts_and_ends_none_of_others(server: Server) {
    let api = server.api();
    script(&api).await;
    let mut a = connected(&server, "a").await;
    let eve = server.member("view").await;
    // Nothing else, even if it is only shown.
    let reboot = json!({"query": "", "action": "reboot", "dry_run": true});
    assert_eq!(eve.post(&bulk(), reboot).await.status, 401);
    let id = begin(&eve, &form(120_000)).await;
    a.event("scripts/run").await;
    let cancel = |id: i64| Api::product(&format!("/jobs/{id}/cancel"));
    assert_eq!(eve.post(&cancel(id), json!({})).await.status, 200);
    let other = begin(&api, &form(120_000)).await;
    a.event("scripts/run").await;
    assert_eq!(eve.post(&cancel(other), json!({})).await.status, 401);
    assert_eq!(api.post(&cancel(other), json!({})).await.status, 200);
    // With the right to it a job ends, and waits for nobody.
    let third = begin(&eve, &form(120_000)).await;
    a.event("scripts/run").await;
    api.delete("/api/orgs/acme/users/view@acme.org").await;
    let job = ended(&api, third).await;
    assert_eq!(
        (&job["state"], &job["failure"], &job["failed"]),
        (
            &json!("failed"),
            &json!("Who started it may not do this any more."),
            &json!(1)
        )
    );
    let why = "the job ended before its answer came";
    assert_eq!(job["errors"], json!([{"reason": why, "count": 1}]));
}

async fn what_a_device_says_after_it_has_left_is_not_kept(server: Server) {
    let api = server.api();
    script(&api).await;
    api.post("/api/orgs/acme/products", json!({"name": "next"}))
        .await
        .data();
    let mut a = connected(&server, "a").await;
    let mut b = connected(&server, "b").await;
    let id = begin(&api, &form(20_000)).await;
    let asked = b.event("scripts/run").await;
    a.event("scripts/run").await;
    // It leaves by the database alone, so that its socket stays and it can still answer.
    server
        .run("UPDATE devices SET product_id = (SELECT id FROM products WHERE name = 'next') WHERE identifier = 'b'")
        .await;
    let answer = json!({"ref": asked["ref"], "output": "secret", "return": ""});
    b.push("scripts/run", answer).await;
    let failed = "SELECT COUNT(*) FROM job_runs WHERE state = 'failed'";
    server.until(failed, 1).await;
    let rows = results(&api, id, "?outcome=failed").await;
    assert_eq!(rows[0]["reason"], "was moved to another product");
    assert_eq!(rows[0]["output"], Value::Null);
}

async fn a_large_output_is_cut(server: Server) {
    let api = server.api();
    script(&api).await;
    let mut a = connected(&server, "a").await;
    let id = begin(&api, &form(20_000)).await;
    answers(&mut a, &"é".repeat(10_000)).await;
    ended(&api, id).await;
    let rows = results(&api, id, "").await;
    assert_eq!(rows[0]["output"], "é".repeat(8_192));
    assert_eq!(rows[0]["output_cut"], true);
    let kept = "SELECT output_bytes FROM jobs";
    assert_eq!(server.count(kept).await, 16_384);
    // When a job keeps as much as it may, it keeps no more, and says so.
    let form =
        json!({"query": "", "except": ["x"], "action": "script", "args": {"script": "uptime"}});
    let full = begin(&api, &form).await;
    let asked = a.event("scripts/run").await;
    server
        .run("UPDATE jobs SET output_bytes = 33554430 WHERE state = 'running'")
        .await;
    let answer = json!({"ref": asked["ref"], "output": "four", "return": ""});
    a.push("scripts/run", answer).await;
    ended(&api, full).await;
    let rows = results(&api, full, "").await;
    assert_eq!(
        (&rows[0]["output"], &rows[0]["output_cut"]),
        (&json!("fo"), &json!(true))
    );
}
