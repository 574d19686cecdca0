//! A job over many devices goes on after a `kill -9` at any instant, and does to each device what it does once.

use crate::devices::jobs::{begin, ended, job, many, undone};
use crate::support::Server;
use serde_json::json;
use std::time::Duration;

crate::both_engines_as_process! {
    a_job_goes_on_after_a_kill
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
