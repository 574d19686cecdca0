//! Where a device is: what a person sets is shown instead of what it reports, until it is taken away.

use super::extensions::{extend, say};
use crate::support::device::Device;
use crate::support::{Api, Server};
use serde_json::{Value, json};
use std::time::Duration;

crate::both_engines! {
    what_a_person_sets_counts_more_than_what_the_device_reports
    a_position_that_is_none_is_refused
}

async fn place(api: &Api) -> Value {
    api.get(&Api::product("/devices/d/location")).await.data()
}

async fn reports(d: &mut Device, server: &Server, latitude: f64, stored: &'static str) {
    let place = json!({"latitude": latitude, "longitude": 13.4, "source": "gps", "accuracy": 7});
    say(d, "geo:location:update", place).await;
    server.until(stored, 1).await;
}

async fn what_a_person_sets_counts_more_than_what_the_device_reports(server: Server) {
    let api = server.api();
    let on = json!({"extensions": {"geo": true}});
    api.put(&Api::product("/extensions"), on).await.data();
    let mut d = Device::packed(&server, "d").await.unwrap();
    extend(&mut d, json!({"geo": "0.0.1"})).await;
    say(&mut d, "geo:attached", json!({})).await;
    assert_eq!(place(&api).await, Value::Null);
    let path = Api::product("/devices/d/location");
    let set = api
        .put(&path, json!({"latitude": -33.5, "longitude": "151.25"}))
        .await;
    assert_eq!(set.status, 200, "{}", set.text);
    let set = set.data();
    assert_eq!(
        (
            &set["latitude"],
            &set["longitude"],
            &set["source"],
            &set["manual"],
            &set["accuracy"]
        ),
        (
            &json!(-33.5),
            &json!(151.25),
            &json!("manual"),
            &json!(true),
            &Value::Null
        )
    );
    assert_eq!(place(&api).await, set);
    let stored = "SELECT COUNT(*) FROM locations WHERE latitude = 52.5";
    reports(&mut d, &server, 52.5, stored).await;
    assert_eq!(place(&api).await, set, "a report changes nothing of it");
    let map = api.get(&Api::product("/device_map")).await.data();
    assert_eq!(
        (&map[0]["lat"], &map[0]["lon"], &map[0]["count"]),
        (&json!(-33.5), &json!(151.25), &json!(1))
    );
    // Taken away, the device is where it said meanwhile; once more changes nothing and is not noted.
    let entries = server.audit_entries().await;
    for more in [1, 1] {
        assert_eq!(api.delete(&path).await.status, 204);
        assert_eq!(server.audit_entries().await, entries + more);
    }
    let told = place(&api).await;
    assert_eq!(
        (
            &told["latitude"],
            &told["source"],
            &told["manual"],
            &told["accuracy"]
        ),
        (&json!(52.5), &json!("gps"), &json!(false), &json!(7))
    );
    // The device may say it again after five seconds.
    server.advance(Duration::from_secs(6));
    let stored = "SELECT COUNT(*) FROM locations WHERE latitude = 53.5";
    reports(&mut d, &server, 53.5, stored).await;
    assert_eq!(place(&api).await["latitude"], 53.5);
    let map = api.get(&Api::product("/device_map")).await.data();
    assert_eq!(map[0]["lat"], 53.5);
}

async fn a_position_that_is_none_is_refused(server: Server) {
    let api = server.api();
    let form = json!({"identifier": "d"});
    api.post(&Api::product("/devices"), form).await.data();
    let path = Api::product("/devices/d/location");
    for (body, fields) in [
        (json!({}), vec!["latitude", "longitude"]),
        (
            json!({"latitude": 90.1, "longitude": -180.1}),
            vec!["latitude", "longitude"],
        ),
        (json!({"latitude": 1}), vec!["longitude"]),
        (json!({"latitude": null, "longitude": 1}), vec!["latitude"]),
        (
            json!({"latitude": "north", "longitude": 1}),
            vec!["latitude"],
        ),
        (
            json!({"latitude": "NaN", "longitude": "inf"}),
            vec!["latitude", "longitude"],
        ),
        (
            json!({"latitude": [1], "longitude": true}),
            vec!["latitude", "longitude"],
        ),
    ] {
        let refused = api.put(&path, body.clone()).await;
        let named = refused.errors();
        let mut names: Vec<_> = named
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        names.sort_unstable();
        assert_eq!((refused.status, names), (422, fields), "{body}: {named}");
    }
    assert_eq!(place(&api).await, Value::Null);
    let edge = json!({"latitude": -90, "longitude": 180.0});
    assert_eq!(api.put(&path, edge.clone()).await.status, 200);
    let viewer = server.member("view").await;
    for answer in [
        viewer.put(&path, edge.clone()).await,
        viewer.delete(&path).await,
    ] {
        assert_eq!(answer.status, 401);
    }
    assert_eq!(viewer.get(&path).await.data()["latitude"], -90.0);
    let none = Api::product("/devices/none/location");
    assert_eq!(api.put(&none, edge.clone()).await.status, 404);
    assert_eq!(api.delete(&none).await.status, 404);
    assert_eq!(api.delete(&Api::product("/devices/d")).await.status, 204);
    let refused = api.put(&path, edge).await;
    assert_eq!(
        (refused.status, refused.errors().get("deleted_at").is_some()),
        (422, true)
    );
}
