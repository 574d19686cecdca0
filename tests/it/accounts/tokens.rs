//! Tokens that end or grant less, and accounts for programs.

use crate::support::{Api, Server};
use reqwest::Method;
use serde_json::json;

crate::both_engines! {
    a_token_grants_what_it_says
    service_accounts_have_tokens_and_no_password
}

async fn a_token_grants_what_it_says(server: Server) {
    let api = server.api();
    let tokens = "/api/users/me/tokens";
    for (form, field) in [
        (json!({}), "note"),
        (json!({"note": "x", "access": "root"}), "access"),
        (json!({"note": "x", "product": "acme"}), "product"),
        (json!({"note": "x", "product": "acme/none"}), "product"),
        (
            json!({"note": "x", "expires_in_days": 0}),
            "expires_in_days",
        ),
        (
            json!({"note": "x", "expires_in_days": "soon"}),
            "expires_in_days",
        ),
    ] {
        let answer = api.post(tokens, form).await;
        assert_eq!(answer.status, 422);
        assert!(answer.errors()[field].is_array(), "{}", answer.text);
    }
    let form = json!({"note": "ci  job", "access": "publish", "product": "acme/fixture-product", "expires_in_days": 30});
    let made = api.post(tokens, form).await;
    assert_eq!(made.status, 201);
    let made = made.data();
    assert_eq!(
        (&made["note"], &made["access"]),
        (&json!("ci job"), &json!("publish"))
    );
    assert_eq!(
        (&made["product"], &made["expired"]),
        (&json!("acme/fixture-product"), &json!(false))
    );
    let publisher = api.with_token(made["token"].as_str().unwrap());
    api.register_key().await;
    publisher.upload("good/rpi4-1.0.0.fw").await;
    assert_eq!(publisher.get(&Api::product("/firmwares")).await.status, 200);
    assert_eq!(publisher.get(&Api::product("/devices")).await.status, 401);
    assert_eq!(publisher.get(tokens).await.status, 401);
    // A use is written by a job.
    server.until_all_tokens_are_used().await;
    let listed = api.get(tokens).await.data();
    assert_eq!(listed[0]["id"], made["id"]);
    assert!(listed[0].get("token").is_none());
    assert!(listed[0]["last_used_at"].is_string(), "{listed}");
    // Deleting it ends it.
    let path = format!("{tokens}/{}", made["id"]);
    assert_eq!(api.delete(&path).await.status, 204);
    assert_eq!(api.delete(&path).await.status, 404);
    assert_eq!(publisher.get(&Api::product("/firmwares")).await.status, 401);
}

async fn service_accounts_have_tokens_and_no_password(server: Server) {
    let api = server.api();
    let path = "/api/orgs/acme/service_accounts";
    let made = api
        .post(path, json!({"name": "ci", "role": "manage"}))
        .await;
    assert_eq!(
        (made.status, made.header("location")),
        (201, "/api/orgs/acme/service_accounts/ci")
    );
    let again = api.post(path, json!({"name": "ci", "role": "view"})).await;
    assert_eq!(again.errors(), json!({"name": ["has already been taken"]}));
    let bad = api.post(path, json!({"name": "x", "role": "root"})).await;
    assert_eq!(bad.errors(), json!({"role": ["is invalid"]}));
    let tokens = format!("{path}/ci/tokens");
    let new = api.post(&tokens, json!({"note": "build"})).await.data();
    let ci = api.with_token(new["token"].as_str().unwrap());
    assert_eq!(ci.get("/api/users/me").await.data()["name"], "ci");
    let form = json!({"identifier": "by-ci"});
    assert_eq!(ci.post(&Api::product("/devices"), form).await.status, 201);
    assert_eq!(ci.get("/api/orgs/acme/users").await.status, 401);
    let login = json!({"email": "ci@acme.service.invalid", "password": ""});
    assert_eq!(api.post("/api/users/auth", login).await.status, 401);
    let delete = format!("{tokens}/{}", new["id"]);
    assert_eq!(api.get(&tokens).await.data()[0]["note"], "build");
    assert_eq!(api.delete(&delete).await.status, 204);
    assert_eq!(ci.get("/api/users/me").await.status, 401);
    let new = api.post(&tokens, json!({"note": "other"})).await.data();
    let ci = api.with_token(new["token"].as_str().unwrap());
    assert_eq!(api.delete(&format!("{path}/ci")).await.status, 204);
    assert_eq!(ci.get("/api/users/me").await.status, 401);
    assert_eq!(api.get(path).await.data(), json!([]));
    // Its name is free again, and the audit log still knows who it was.
    assert_eq!(
        api.post(path, json!({"name": "ci", "role": "view"}))
            .await
            .status,
        201
    );
    let log = api
        .get("/api/orgs/acme/audit_logs?search=by-ci")
        .await
        .json();
    assert_eq!(log["data"][0]["actor"], "ci");
    // Point 1: schemes in any case; anything else is nobody.
    for (value, status) in [
        (format!("Bearer {}", server.login("token")), 200),
        (format!("TOKEN {} x", server.login("token")), 200),
        (format!("Basic {}", server.login("token")), 401),
        (String::new(), 401),
    ] {
        let request = api.anonymous().raw(Method::GET, "/api/users/me");
        let answer = Api::answer(request.header("authorization", &value)).await;
        assert_eq!(answer.status, status, "{value}");
    }
}
