//! Saved views and pinned devices: each person's own, what is shared, and what goes with a membership.

use crate::support::{Api, Server};
use serde_json::{Value, json};

crate::both_engines! {
    views_are_their_owners_and_may_be_shared
    pins_are_found_by_their_person_alone
}

fn names(views: &Value) -> Vec<String> {
    let all = views.as_array().unwrap().iter();
    all.map(|v| v["name"].as_str().unwrap().to_owned())
        .collect()
}

async fn views_are_their_owners_and_may_be_shared(server: Server) {
    let jane = server.api();
    let (joe, eve) = (server.member("manage").await, server.member("view").await);
    let path = Api::product("/views");
    for (form, wrong) in [
        (json!({"page": "devices"}), "name"),
        (json!({"name": "EU"}), "page"),
        (json!({"name": "EU", "page": "Devices?"}), "page"),
        (
            json!({"name": "EU", "page": "devices", "search": "x".repeat(4_097)}),
            "search",
        ),
    ] {
        let refused = jane.post(&path, form.clone()).await;
        assert!(
            refused.status == 422 && refused.errors()[wrong].is_array(),
            "{form}: {}",
            refused.text
        );
    }
    let form = json!({"name": "EU", "page": "devices", "search": "q=tags contains eu"});
    let made = joe.post(&path, form.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let view = made.header("location").to_owned();
    let made = made.data();
    assert_eq!(
        (&made["shared"], &made["own"], &made["search"]),
        (&json!(false), &json!(true), &json!("q=tags contains eu"))
    );
    let taken = joe.post(&path, form.clone()).await;
    assert_eq!(taken.errors(), json!({"name": ["has already been taken"]}));
    // Two people may have views of one name; nobody sees another's own.
    jane.post(&path, form).await.data();
    assert_eq!(names(&eve.get(&path).await.data()), [""; 0]);
    for (method, status) in [("put", 404), ("delete", 404)] {
        let answer = if method == "put" {
            eve.put(&view, json!({"name": "mine"})).await
        } else {
            eve.delete(&view).await
        };
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    // To share takes a role; to change what another shares takes a higher one.
    let shared = json!({"name": "all", "page": "devices", "shared": true});
    assert_eq!(eve.post(&path, shared).await.status, 401);
    let changed = joe
        .put(&view, json!({"shared": true, "name": "EU lab"}))
        .await
        .data();
    assert_eq!(
        (&changed["name"], &changed["search"]),
        (&json!("EU lab"), &made["search"])
    );
    let seen = eve.get(&path).await.data();
    assert_eq!(names(&seen), ["EU lab"]);
    assert_eq!(
        (&seen[0]["own"], &seen[0]["owner"]),
        (&json!(false), &json!("manage@acme.org"))
    );
    assert_eq!(eve.put(&view, json!({"name": "mine"})).await.status, 401);
    assert_eq!(eve.delete(&view).await.status, 401);
    let taken = joe
        .post(&path, json!({"name": "b", "page": "devices"}))
        .await
        .header("location")
        .to_owned();
    let taken = joe.put(&taken, json!({"name": "EU lab"})).await;
    assert_eq!(taken.errors(), json!({"name": ["has already been taken"]}));
    assert_eq!(server.audited("the shared view EU lab").await, 1);
    assert_eq!(jane.delete(&view).await.status, 204, "an administrator");
    assert_eq!(names(&eve.get(&path).await.data()), [""; 0]);
    // Who leaves takes along what was theirs.
    let form = json!({"name": "theirs", "page": "devices", "shared": true});
    joe.post(&path, form).await.data();
    assert_eq!(names(&eve.get(&path).await.data()), ["theirs"]);
    jane.delete("/api/orgs/acme/users/manage@acme.org").await;
    assert_eq!(names(&eve.get(&path).await.data()), [""; 0]);
}

async fn pins_are_found_by_their_person_alone(server: Server) {
    let jane = server.api();
    let eve = server.member("view").await;
    for name in ["a", "b"] {
        let form = json!({"identifier": name});
        jane.post(&Api::product("/devices"), form).await.data();
    }
    let pin = |device: &str| Api::product(&format!("/devices/{device}/pin"));
    assert_eq!(eve.put(&pin("nobody"), json!({})).await.status, 404);
    for _ in 0..2 {
        assert_eq!(eve.put(&pin("b"), json!({})).await.status, 204);
    }
    let pins = eve.get("/api/users/me/pins").await.data();
    assert_eq!(
        pins,
        json!([{"org": "acme", "product": "fixture-product", "device": "b"}])
    );
    assert_eq!(jane.get("/api/users/me/pins").await.data(), json!([]));
    let found = async |api: &Api, query: &str| {
        let path = Api::product(&format!("/devices?query={query}"));
        let all = api.get(&path).await.data();
        let all = all.as_array().unwrap().iter();
        all.map(|d| d["identifier"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(found(&eve, "pinned%20%3D%20true").await, ["b"]);
    assert_eq!(found(&eve, "pinned%20!%3D%20true").await, ["a"]);
    assert_eq!(found(&jane, "pinned%20%3D%20true").await, [""; 0]);
    assert_eq!(eve.delete(&pin("b")).await.status, 204);
    assert_eq!(eve.get("/api/users/me/pins").await.data(), json!([]));
    // A pin goes with the membership.
    eve.put(&pin("a"), json!({})).await;
    jane.delete("/api/orgs/acme/users/view@acme.org").await;
    assert_eq!(eve.get("/api/users/me/pins").await.data(), json!([]));
    let form = json!({"email": "view@acme.org", "role": "view"});
    jane.post("/api/orgs/acme/users", form).await.data();
    assert_eq!(
        eve.get("/api/users/me/pins").await.data(),
        json!([]),
        "also when they come back"
    );
}
