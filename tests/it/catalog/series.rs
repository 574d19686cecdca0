//! How a fleet was over time.

use crate::support::device::Device;
use crate::support::{Api, Server};
use serde_json::{Value, json};
use std::time::Duration;

crate::both_engines! {
    a_fleet_is_counted_by_the_minute_and_summed_up_by_the_hour
}

const HOUR: Duration = Duration::from_secs(3600);

async fn series(server: &Server, metric: &str, more: &str) -> Value {
    let path = format!("/series?metric={metric}{more}");
    server.api().get(&Api::product(&path)).await.data()
}

/// Reads a metric until a line of it has this value somewhere.
async fn until(server: &Server, metric: &str, more: &str, line: &str, value: f64) -> Value {
    let mut found = Value::Null;
    for _ in 0..200 {
        found = series(server, metric, more).await;
        let points = found["series"][line].as_array().unwrap();
        if points.iter().any(|p| p.as_f64() == Some(value)) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{line} of {metric} is never {value}: {found}");
}

/// The values of a line that are there.
fn values(found: &Value, line: &str) -> Vec<f64> {
    let points = found["series"][line].as_array().unwrap();
    points.iter().filter_map(Value::as_f64).collect()
}

async fn a_fleet_is_counted_by_the_minute_and_summed_up_by_the_hour(server: Server) {
    let api = server.api();
    let settings = json!({"delta_updatable": false, "penalty_timeout_minutes": 60});
    let (old, new) = api.two_versions("g", settings).await;
    let mut d = Device::joined(&server, "d", &old).await;
    let _other = Device::joined(&server, "other", &new).await;
    server.advance(Duration::from_secs(120));
    let lines = until(&server, "connected", "", "connected", 2.0).await;
    let step = lines["step"].as_f64().unwrap();
    assert_eq!(step % 60.0, 0.0, "whole minutes: {step}");
    let times = lines["t"].as_array().unwrap();
    assert!(times.len() <= 300);
    assert_eq!(
        times.len(),
        lines["series"]["devices"].as_array().unwrap().len()
    );
    assert!(values(&lines, "devices").iter().all(|n| *n <= 2.0));
    // Health, with those that never reported.
    let lines = until(&server, "health", "&points=1440", "unknown", 2.0).await;
    assert_eq!(values(&lines, "unhealthy").last(), Some(&0.0));
    // An update that fails, and one that succeeds.
    api.release("g", new["uuid"].as_str().unwrap()).await;
    d.event("update").await;
    let failed = json!({"status": "failed", "reason": "no room on /data"});
    d.push("status_update", failed).await;
    server
        .until_devices("filters[updates]=penalty-box", 1)
        .await;
    server.advance(Duration::from_secs(61 * 60));
    d.event("update").await;
    drop(d);
    let _d = Device::joined(&server, "d", &new).await;
    server.advance(Duration::from_secs(120));
    let lines = until(&server, "updates", "&points=1440", "installed", 1.0).await;
    assert_eq!(values(&lines, "failed").iter().sum::<f64>(), 1.0, "{lines}");
    let failures = series(&server, "failures", "").await;
    assert_eq!(values(&failures, "failed").iter().sum::<f64>(), 1.0);
    assert_eq!(failures["series"].as_object().unwrap().len(), 3);
    let bytes = series(&server, "bytes", "").await;
    let full: f64 = values(&bytes, "full").iter().sum();
    assert!(full > 1_000.0, "two files: {full}");
    assert_eq!(values(&bytes, "delta").iter().sum::<f64>(), 0.0);
    // Hours are there for longer than minutes: the sums stay.
    server.advance(HOUR * 72);
    let week = "&points=168&from=";
    let from = from_days_ago(&server, 7);
    let lines = until(
        &server,
        "updates",
        &format!("{week}{from}"),
        "installed",
        1.0,
    )
    .await;
    assert_eq!(lines["step"], 3600.0);
    assert_eq!(values(&lines, "failed").iter().sum::<f64>(), 1.0, "{lines}");
    let lines = series(&server, "bytes", &format!("{week}{from}")).await;
    assert_eq!(values(&lines, "full").iter().sum::<f64>(), full);
    // What cannot be shown says which field is wrong.
    for (query, field) in [
        ("", "metric"),
        ("metric=weather", "metric"),
        ("metric=health&from=yesterday", "from"),
        ("metric=health&points=1", "points"),
        ("metric=health&points=many", "points"),
        (
            "metric=health&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
            "from",
        ),
    ] {
        let refused = api.get(&Api::product(&format!("/series?{query}"))).await;
        assert_eq!(refused.status, 422, "{query}");
        assert!(
            refused.json()["errors"][field].is_array(),
            "{}",
            refused.text
        );
    }
}

fn from_days_ago(server: &Server, days: i64) -> String {
    let at = server.now_ms() / 1000 - days * 86_400;
    let at = time::OffsetDateTime::from_unix_timestamp(at).unwrap();
    at.format(&time::format_description::well_known::Rfc3339)
        .unwrap()
}
