//! Deployment groups: whom they update and when, releases in steps, and what people do to them.

mod dead_server;
mod fleet;
mod forecast;
mod limits;
mod pushes;
mod rules;
mod short;
mod steps;
mod stops;
mod storm;
mod strays;

use crate::support::Api;
use serde_json::{Value, json};
use std::time::Duration;

/// The group of these tests.
const GROUP: &str = "/deployments/g";

/// Releases an uploaded firmware.
async fn release(api: &Api, firmware: &Value) {
    api.release("g", firmware["uuid"].as_str().unwrap()).await;
}

/// What the group says below its own address.
async fn read(api: &Api, what: &str) -> Value {
    let path = Api::product(&format!("{GROUP}/{what}"));
    api.get(&path).await.data()
}

/// Waits until the progress has this value at this place.
async fn until(api: &Api, pointer: &str, wanted: Value) -> Value {
    let mut seen = Value::Null;
    for _ in 0..800 {
        seen = read(api, "progress").await;
        if seen.pointer(pointer) == Some(&wanted) {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{pointer} is not {wanted}: {seen:#}");
}

/// Does something to the current release; status and answer.
async fn steer(api: &Api, what: &str, reason: &str) -> (u16, Value) {
    let path = Api::product(&format!("{GROUP}/{what}"));
    let answer = api.post(&path, json!({ "reason": reason })).await;
    (answer.status, answer.json())
}
