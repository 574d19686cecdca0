//! A job over many devices goes on after a `kill -9` at any instant, and does to each device what it does once.

use crate::devices::jobs::{begin, ended, job, many, undone};
use crate::devices::script_jobs::{crowd, form, results, script};
use crate::support::Server;
use serde_json::json;
use std::time::Duration;

crate::both_engines_as_process! {
    a_job_goes_on_after_a_kill
    a_script_is_told_once_though_the_server_is_killed
}

async fn a_job_goes_on_after_a_kill(mut server: Server) {
    many(&server.api(), 6_000).await;
    let form = json!({"query": "", "action": "tags_add", "args": {"tags": ["second"]}});
    let id = begin(&server.api(), &form).await;
    let mut kills = 0;
    for _ in 0..3 {
        let now = job(&server.api(), id).await;
        if now["state"] != "running" {
            break;
        }
        // Where it is when the server dies differs from time to time.
        tokio::time::sleep(Duration::from_millis(550 + kills * 130)).await;
        server.crash_and_restart();
        kills += 1;
    }
    let api = server.api();
    let job = ended(&api, id).await;
    assert_eq!(
        (
            &job["state"],
            &job["total"],
            &job["changed"],
            &job["failed"]
        ),
        (&json!("done"), &json!(6_000), &json!(6_000), &json!(0)),
        "after {kills} kills"
    );
    let tagged = "SELECT COUNT(*) FROM device_tags WHERE tag = 'second' AND position = 1";
    assert_eq!(server.count(tagged).await, 6_000);
    assert_eq!(
        server.count("SELECT COUNT(*) FROM device_tags").await,
        12_000
    );
    // Each was changed once: what is put back is what was there before the job, of every device.
    let undo = undone(&api, &json!(id)).await;
    assert_eq!(
        (&undo["changed"], &undo["failed"]),
        (&json!(6_000), &json!(0))
    );
    assert_eq!(
        server.count("SELECT COUNT(*) FROM device_tags").await,
        6_000
    );
    let beyond = "SELECT COUNT(*) FROM device_tags WHERE tag <> 'first'";
    assert_eq!(server.count(beyond).await, 0);
}

/// Devices that were told when the server died have failed; the job goes on with those behind them.
async fn a_script_is_told_once_though_the_server_is_killed(mut server: Server) {
    script(&server.api()).await;
    let mut devices = crowd(&server).await;
    let id = begin(&server.api(), &form(120_000)).await;
    for device in &mut devices[..64] {
        device.event("scripts/run").await;
    }
    server.crash_and_restart();
    let api = server.api();
    let job = ended(&api, id).await;
    assert_eq!(
        (
            &job["state"],
            &job["changed"],
            &job["failed"],
            &job["refused"]
        ),
        (&json!("done"), &json!(0), &json!(66), &json!(2)),
        "{job}"
    );
    assert_eq!(
        job["errors"],
        json!([
            {"reason": "its answer is lost, since the server stopped or could not write it down", "count": 64},
            {"reason": "is not connected", "count": 2},
        ])
    );
    let failed = results(&api, id, "?outcome=failed&pagination[page_size]=100").await;
    assert_eq!(failed.as_array().unwrap().len(), 64);
    assert_eq!(server.audited("ran script uptime").await, 64);
}
