//! A delta that could not be made for a reason that passes is made later.

use crate::support::device::{Device, running};
use crate::support::{Server, inspect};
use serde_json::json;
use std::fs;
use std::time::{Duration, Instant};

crate::both_engines_as_process! {
    a_delta_that_fails_for_now_is_tried_again_after_growing_pauses
}

/// A job counts as taken for this long, in microseconds.
const TAKEN: i64 = 960_000_000;

const WAITS: &str = inspect::DELTAS_PUT_OFF;

/// The pause, in seconds, after which the only delta is tried again.
async fn pause(server: &Server) -> i64 {
    let micros = server.count(inspect::DELTA_WAIT).await;
    (micros + TAKEN) / 1_000_000
}

/// Has the delta, as if it had been asked for so long before, tried and failed again; the pause that follows.
async fn failed_again(server: &Server, older: &'static str) -> i64 {
    server.run("UPDATE deltas SET reason = NULL").await;
    server.run(older).await;
    server.until(WAITS, 1).await;
    pause(server).await
}

async fn a_delta_that_fails_for_now_is_tried_again_after_growing_pauses(server: Server) {
    let api = server.api();
    api.register_key().await;
    let old = api.upload("good/rpi4-1.0.0.fw").await;
    let new = api.upload("good/rpi4-1.1.0.fw").await;
    // Files cannot be written for a while, as on a file system that went read-only or has no inode left.
    let staging = server.data().join("blobs/staging");
    let away = server.data().join("blobs/away");
    fs::rename(&staging, &away).unwrap();
    api.group("prod", new["uuid"].as_str().unwrap(), json!({}))
        .await;
    let mut device = Device::secret(&server, "dev-1").await.unwrap();
    device.join(running(&old), json!({})).await;
    server.until(WAITS, 1).await;
    let failed = Instant::now();
    assert_eq!(pause(&server).await, 15, "the shortest one");
    fs::rename(&away, &staging).unwrap();
    // Not before its pause is over, although it could be made now; then by itself.
    tokio::time::sleep_until((failed + Duration::from_secs(12)).into()).await;
    assert_eq!(server.count(WAITS).await, 1);
    let made = inspect::DELTAS_WITH_A_FILE;
    server.until(made, 1).await;
    let after = failed.elapsed();
    assert!(after > Duration::from_secs(14), "{after:?}");
    assert_eq!(
        device.event("update").await["firmware_meta"]["uuid"],
        new["uuid"]
    );
    // Pauses are half the time since it was asked for, and an hour at the most; it never counts as failed.
    fs::rename(&staging, &away).unwrap();
    let quarter = "UPDATE deltas SET status = 'processing', taken_at = 1, taken_by = NULL, inserted_at = updated_at - 900000000";
    let short = failed_again(&server, quarter).await;
    assert!((450..480).contains(&short), "{short} s");
    let hour = "UPDATE deltas SET taken_at = 1, inserted_at = updated_at - 3600000000";
    let longer = failed_again(&server, hour).await;
    assert!((1_800..1_830).contains(&longer), "{longer} s");
    let days = "UPDATE deltas SET taken_at = 1, inserted_at = updated_at - 864000000000";
    for _ in 0..4 {
        assert_eq!(failed_again(&server, days).await, 3_600);
    }
    fs::rename(&away, &staging).unwrap();
    assert_eq!(server.count(made).await, 0);
    server.run("UPDATE deltas SET taken_at = 1").await;
    server.until(made, 1).await;
}
