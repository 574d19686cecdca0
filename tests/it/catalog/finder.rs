//! What people find by a few letters: of everything that is theirs, and of nothing else.

use crate::support::{Api, Server};
use serde_json::{Value, json};

crate::both_engines! {
    everything_of_ones_own_is_found_and_nothing_else
}

async fn everything_of_ones_own_is_found_and_nothing_else(server: Server) {
    let jane = server.api();
    let (old, _) = jane
        .two_versions("Rollout-EU", json!({"delta_updatable": false}))
        .await;
    for name in ["sn-0042", "sn-0043", "a"] {
        let form = json!({"identifier": name});
        jane.post(&Api::product("/devices"), form).await.data();
    }
    jane.post("/api/orgs", json!({"name": "lab42"}))
        .await
        .data();
    let second = "/api/orgs/lab42/products";
    jane.post(second, json!({"name": "sn-thing"})).await.data();
    let form = json!({"identifier": "sn-0044"});
    jane.post(&format!("{second}/sn-thing/devices"), form)
        .await
        .data();
    let eve = server.bootstrap("eve@else.org", "sn-else", "sn-else");
    let eve = jane.with_token(eve["token"].as_str().unwrap());
    let form = json!({"identifier": "sn-0045"});
    eve.post("/api/orgs/sn-else/products/sn-else/devices", form)
        .await
        .data();
    let find = async |api: &Api, query: &str| api.get(&format!("/api/search?q={query}")).await;
    let names = |found: &Value, of: &str, key: &str| -> Vec<String> {
        let all = found[of].as_array().unwrap().iter();
        all.map(|hit| hit[key].as_str().unwrap().to_owned())
            .collect()
    };
    let found = find(&jane, "SN-").await.data();
    assert_eq!(
        names(&found, "devices", "identifier"),
        ["sn-0042", "sn-0043", "sn-0044"]
    );
    assert_eq!(
        found["devices"][2],
        json!({"org": "lab42", "product": "sn-thing", "identifier": "sn-0044", "online": false})
    );
    assert_eq!(names(&found, "products", "name"), ["sn-thing"]);
    let found = find(&jane, "lab&limit=1").await.data();
    assert_eq!(found["orgs"], json!(["lab42"]));
    let found = find(&jane, "sn-&limit=1").await.data();
    assert_eq!(names(&found, "devices", "identifier"), ["sn-0042"]);
    let found = find(&jane, "sn-&org=lab42&product=sn-thing").await.data();
    assert_eq!(names(&found, "devices", "identifier"), ["sn-0044"]);
    let found = find(&jane, "out-eu").await.data();
    assert_eq!(names(&found, "groups", "name"), ["Rollout-EU"]);
    let uuid = old["uuid"].as_str().unwrap();
    let found = find(&jane, uuid.get(..8).unwrap()).await.data();
    assert_eq!(names(&found, "firmware", "version"), ["1.0.0"]);
    let found = find(&jane, "1.1").await.data();
    assert_eq!(names(&found, "firmware", "version"), ["1.1.0"]);
    // Of one or two letters a device is found by its whole identifier alone.
    let found = find(&jane, "a").await.data();
    assert_eq!(names(&found, "devices", "identifier"), ["a"]);
    let found = find(&jane, "sn").await.data();
    assert_eq!(names(&found, "devices", "identifier"), [""; 0]);
    // Another's things, and a token that is for one product.
    let found = find(&eve, "sn-").await.data();
    assert_eq!(names(&found, "devices", "identifier"), ["sn-0045"]);
    let form = json!({"note": "narrow", "product": "lab42/sn-thing"});
    let narrow = jane.post("/api/users/me/tokens", form).await.data();
    let narrow = jane.with_token(narrow["token"].as_str().unwrap());
    let found = find(&narrow, "sn-").await.data();
    assert_eq!(names(&found, "devices", "identifier"), ["sn-0044"]);
    let found = find(&narrow, "out-eu").await.data();
    assert_eq!(names(&found, "groups", "name"), [""; 0]);
    let found = find(&narrow, "acme").await.data();
    assert_eq!(found["orgs"], json!([]));
    let orgs = narrow.get("/api/orgs").await.data();
    assert_eq!(names(&json!({"orgs": orgs}), "orgs", "name"), ["lab42"]);
    jane.put(&Api::product("/devices/sn-0042/pin"), json!({}))
        .await;
    assert_eq!(narrow.get("/api/users/me/pins").await.data(), json!([]));
    // A device of one or two letters is of its own product alone.
    jane.post("/api/orgs/acme/products", json!({"name": "second"}))
        .await
        .data();
    let found = find(&jane, "a&org=acme&product=second").await.data();
    assert_eq!(names(&found, "devices", "identifier"), [""; 0]);
    let other = jane
        .get("/api/orgs/acme/products/second/events?devices=a")
        .await;
    assert!(other.errors()["devices"].is_array());
    // A wildcard of the database is a letter here.
    let found = find(&jane, "%25%25%25").await.data();
    assert_eq!(names(&found, "devices", "identifier"), [""; 0]);
    for (query, wrong) in [
        ("", "q"),
        ("%20", "q"),
        (&*"x".repeat(256), "q"),
        ("x&limit=0", "limit"),
        ("x&limit=51", "limit"),
    ] {
        let refused = find(&jane, query).await;
        assert!(
            refused.status == 422 && refused.errors()[wrong].is_array(),
            "{query}: {}",
            refused.text
        );
    }
}
