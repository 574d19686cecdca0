//! Where devices are: put together by a grid, narrowed as the list is, and bounded.

use super::extensions::{extend, read, say};
use crate::support::device::Device;
use crate::support::{Api, Server};
use serde_json::{Value, json};

crate::both_engines! {
    devices_stand_where_they_said_and_close_ones_together
}

/// A device that said where it is, and how it is.
async fn device(server: &Server, name: &str, at: (f64, f64), memory: i64) -> Device {
    let mut d = Device::packed(server, name).await.unwrap();
    extend(&mut d, json!({"health": "0.0.1", "geo": "0.0.1"})).await;
    say(&mut d, "health:attached", json!({})).await;
    say(&mut d, "geo:attached", json!({})).await;
    let report = json!({"value": {"metrics": {"mem_used_percent": memory}, "alarms": {}}});
    say(&mut d, "health:report", report).await;
    let place = json!({"latitude": at.0, "longitude": at.1, "source": "geoip"});
    say(&mut d, "geo:location:update", place).await;
    let api = server.api();
    read(&api, &format!("/devices/{name}/location")).await;
    read(&api, &format!("/devices/{name}/health")).await;
    d
}

async fn map(api: &Api, asked: &str) -> Value {
    api.get(&Api::product(&format!("/device_map{asked}")))
        .await
        .data()
}

async fn devices_stand_where_they_said_and_close_ones_together(server: Server) {
    let api = server.api();
    let on = json!({"extensions": {"health": true, "geo": true}});
    api.put(&Api::product("/extensions"), on).await.data();
    assert_eq!(map(&api, "").await, json!([]));
    let _fleet = [
        device(&server, "berlin-1", (52.50, 13.40), 10).await,
        device(&server, "berlin-2", (52.52, 13.42), 90).await,
        device(&server, "sydney", (-33.75, 151.25), 75).await,
        // Where the grid begins and ends.
        device(&server, "corner", (90.0, 180.0), 10).await,
        device(&server, "other-corner", (-90.0, -180.0), 10).await,
    ];
    for name in ["nowhere", "gone"] {
        let form = json!({"identifier": name});
        api.post(&Api::product("/devices"), form).await.data();
    }
    let all = map(&api, "").await;
    let near = |value: &Value, wanted: f64| (value.as_f64().unwrap() - wanted).abs() < 1e-9;
    assert_eq!(all[0]["count"], 2);
    assert_eq!(all[0]["worst"], "unhealthy");
    assert_eq!(all[0]["identifier"], "berlin-1");
    assert!(
        near(&all[0]["lat"], 52.51) && near(&all[0]["lon"], 13.41),
        "{all}"
    );
    let single = |name: &str, lat: f64, lon: f64, worst: &str| json!({"lat": lat, "lon": lon, "count": 1, "worst": worst, "identifier": name});
    assert_eq!(
        all.as_array().unwrap()[1..],
        [
            single("corner", 90.0, 180.0, "healthy"),
            single("other-corner", -90.0, -180.0, "healthy"),
            single("sydney", -33.75, 151.25, "warning"),
        ]
    );
    // Near enough they stand apart, and only what is within the bounds is there.
    let berlin = map(&api, "?bbox=13.3,52.4,13.5,52.6&zoom=10").await;
    let names: Vec<_> = berlin
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["identifier"].clone())
        .collect();
    assert_eq!(names, ["berlin-1", "berlin-2"]);
    assert_eq!(map(&api, "?bbox=0,0,10,10&zoom=4").await, json!([]));
    // What narrows the list narrows the map.
    let some = map(&api, "?query=health_status%20%3D%20unhealthy").await;
    assert_eq!(some, json!([single("berlin-2", 52.52, 13.42, "unhealthy")]));
    let some = map(
        &api,
        "?query=connection%20%3D%20connected%20and%20identifier%20like%20sydney",
    )
    .await;
    assert_eq!(some[0]["identifier"], "sydney");
    api.delete(&Api::product("/devices/sydney")).await;
    assert_eq!(
        map(&api, "?query=identifier%20like%20sydney").await,
        json!([])
    );
    for (asked, wrong) in [
        ("?bbox=10,0,0,10", "bbox"),
        ("?bbox=everywhere", "bbox"),
        ("?zoom=17", "zoom"),
        ("?zoom=x", "zoom"),
        ("?zoom=9", "zoom"),
        ("?query=moon%20%3D%201", "query"),
    ] {
        let refused = api.get(&Api::product(&format!("/device_map{asked}"))).await;
        assert!(
            refused.status == 422 && refused.errors()[wrong].is_array(),
            "{asked}: {}",
            refused.text
        );
    }
}
