//! Leaving an organization by oneself.

use crate::support::{Api, Server};
use serde_json::json;

crate::both_engines! {
    a_person_leaves_with_what_was_set_up_there
    the_last_administrator_and_programs_do_not_leave
}

const MEMBERSHIP: &str = "/api/orgs/acme/membership";

async fn members(admin: &Api) -> Vec<String> {
    let all = admin.get("/api/orgs/acme/users").await.data();
    let emails = all.as_array().unwrap().iter();
    emails
        .map(|m| m["email"].as_str().unwrap().into())
        .collect()
}

async fn a_person_leaves_with_what_was_set_up_there(server: Server) {
    let admin = server.api();
    let form = json!({"identifier": "one"});
    admin.post(&Api::product("/devices"), form).await.data();
    let joe = server.member_called("joe", "view").await;
    let pin = Api::product("/devices/one/pin");
    assert_eq!(joe.put(&pin, json!({})).await.status, 204);
    assert_eq!(members(&admin).await.len(), 2);
    let left = joe.delete(MEMBERSHIP).await;
    assert_eq!((left.status, left.text.as_str()), (204, ""));
    assert_eq!(members(&admin).await, ["jane@acme.org"]);
    assert_eq!(server.count("SELECT COUNT(*) FROM pins").await, 0);
    // The token is the person's and goes on, but not here.
    assert_eq!(joe.get("/api/users/me").await.status, 200);
    for gone in [
        joe.get(&Api::product("/devices")).await,
        joe.delete(MEMBERSHIP).await,
        joe.delete("/api/orgs/nowhere/membership").await,
    ] {
        assert_eq!(gone.status, 404, "{}", gone.text);
    }
    let log = admin.get("/api/orgs/acme/audit_logs").await.data();
    let text = log[0]["description"].as_str().unwrap();
    assert!(text.ends_with("left organization acme"), "{log}");
    // Who left can be asked in again.
    let form = json!({"email": "joe@acme.org", "role": "view"});
    assert_eq!(admin.post("/api/orgs/acme/users", form).await.status, 201);
    assert_eq!(joe.get(&Api::product("/devices")).await.status, 200);
}

async fn the_last_administrator_and_programs_do_not_leave(server: Server) {
    let admin = server.api();
    let kept = admin.delete(MEMBERSHIP).await;
    assert_eq!(kept.status, 422);
    assert!(
        kept.text
            .contains("jane@acme.org is the last administrator of acme"),
        "{}",
        kept.text
    );
    let accounts = "/api/orgs/acme/service_accounts";
    let form = json!({"name": "ci", "role": "admin"});
    admin.post(accounts, form).await.data();
    let made = admin
        .post(&format!("{accounts}/ci/tokens"), json!({"note": "runner"}))
        .await
        .data();
    let program = admin.with_token(made["token"].as_str().unwrap());
    assert_eq!(program.delete(MEMBERSHIP).await.status, 401);
    let product = format!("acme/{}", crate::support::fixtures::PRODUCT);
    for (more, status) in [
        (json!({"access": "read"}), 401),
        (json!({"access": "publish"}), 401),
        (json!({"product": product}), 404),
    ] {
        let mut form = more.clone();
        form["note"] = json!("narrow");
        let made = admin.post("/api/users/me/tokens", form).await.data();
        let narrow = admin.with_token(made["token"].as_str().unwrap());
        let answer = narrow.delete(MEMBERSHIP).await;
        assert_eq!(answer.status, status, "{more}: {}", answer.text);
    }
    // With a second administrator the first may go.
    let _kim = server.member_called("kim", "admin").await;
    assert_eq!(admin.delete(MEMBERSHIP).await.status, 204);
}
