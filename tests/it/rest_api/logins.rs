//! The login of a command line through a browser, and invitations.

use crate::support::api::Answer;
use crate::support::{Api, Server};
use reqwest::Method;
use serde_json::json;

crate::both_engines! {
    p07_and_p08_a_command_line_logs_in_through_a_browser
    people_are_invited_and_join
    p06_an_account_that_was_never_confirmed_logs_in_through_the_api_only
}

async fn p06_an_account_that_was_never_confirmed_logs_in_through_the_api_only(server: Server) {
    let api = server.api().anonymous();
    server.run("UPDATE users SET confirmed = FALSE").await;
    let (email, password) = (server.login("email"), server.login("password"));
    let login = json!({"email": email, "password": password});
    assert_eq!(api.post("/api/users/login", login).await.status, 200);
    let begun = api.post("/api/auth/cli_session", json!({})).await.data();
    let page = path_of(begun["url"].as_str().unwrap());
    let right = [("email", email), ("password", password)];
    let refused = posted(&api, &page, &right).await;
    assert!(
        refused.status == 401 && refused.text.contains("never confirmed"),
        "{}",
        refused.text
    );
    let poll = format!("/api/auth/cli_session/{}", begun["token"].as_str().unwrap());
    assert_eq!(api.get(&poll).await.data()["status"], "waiting");
    // A wrong password says nothing of the account, and a new one confirms it.
    let wrong = posted(&api, &page, &[("email", email), ("password", "wrong")]).await;
    assert!(!wrong.text.contains("never confirmed"), "{}", wrong.text);
    let new = server.reset_password(email);
    let right = [("email", email), ("password", new.as_str())];
    assert_eq!(posted(&api, &page, &right).await.status, 200);
}

async fn posted(api: &Api, path: &str, fields: &[(&str, &str)]) -> Answer {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    let kind = "application/x-www-form-urlencoded";
    let request = api
        .anonymous()
        .raw(Method::POST, path)
        .header("content-type", kind);
    Api::answer(request.body(form.finish())).await
}

fn path_of(url: &str) -> String {
    reqwest::Url::parse(url).unwrap().path().to_owned()
}

async fn p07_and_p08_a_command_line_logs_in_through_a_browser(server: Server) {
    let api = server.api().anonymous();
    let begun = api
        .post("/api/auth/cli_session", json!({"note": "laptop"}))
        .await
        .data();
    let token = begun["token"].as_str().unwrap();
    // Point 7.
    assert_eq!(token.len(), 36);
    let code = begun["confirmation_code"].as_i64().unwrap();
    assert!((100_000..1_000_000).contains(&code));
    assert!(
        begun["url"]
            .as_str()
            .unwrap()
            .ends_with(&format!("/auth/cli/{token}"))
    );
    let poll = format!("/api/auth/cli_session/{token}");
    assert_eq!(api.get(&poll).await.data(), json!({"status": "waiting"}));
    let page = path_of(begun["url"].as_str().unwrap());
    let shown = api.get(&page).await;
    assert!(
        shown
            .header("content-security-policy")
            .contains("frame-ancestors 'none'")
    );
    assert!(
        shown.text.contains(&format!("<b>{}</b>", code / 100_000)),
        "{}",
        shown.text
    );
    let (email, password) = (server.login("email"), server.login("password"));
    let wrong = posted(&api, &page, &[("email", email), ("password", "wrong")]).await;
    assert_eq!(wrong.status, 401);
    assert_eq!(api.get(&poll).await.data()["status"], "waiting");
    let right = [("email", email), ("password", password)];
    let done = posted(&api, &page, &right).await;
    assert!(
        done.status == 200 && done.text.contains("All set"),
        "{}",
        done.text
    );
    // Point 8: once more by the same person is harmless; another person cannot.
    assert_eq!(posted(&api, &page, &right).await.status, 200);
    let eve = server.bootstrap("eve@else.org", "else", "thing");
    let other = [
        ("email", "eve@else.org"),
        ("password", eve["password"].as_str().unwrap()),
    ];
    assert_eq!(posted(&api, &page, &other).await.status, 404);
    let ready = api.get(&poll).await.data();
    assert_eq!(ready["status"], "ready");
    let cli = api.with_token(ready["user_token"].as_str().unwrap());
    assert_eq!(cli.get("/api/users/me").await.data()["email"], email);
    assert_eq!(api.get(&poll).await.status, 404);
    assert_eq!(
        server
            .count("SELECT COUNT(*) FROM tokens WHERE note = 'laptop'")
            .await,
        1
    );
    let over = api.post("/api/auth/cli_session", json!({})).await.data();
    server
        .run("UPDATE cli_sessions SET inserted_at = inserted_at - 301000000")
        .await;
    let over = over["token"].as_str().unwrap();
    assert_eq!(
        api.get(&format!("/api/auth/cli_session/{over}"))
            .await
            .status,
        404
    );
    assert_eq!(api.get(&format!("/auth/cli/{over}")).await.status, 404);
}

async fn people_are_invited_and_join(server: Server) {
    let api = server.api();
    // Point 20: an unknown email is invited.
    let form = json!({"email": "new@acme.org", "role": "manage"});
    let answer = api.post("/api/orgs/acme/users/invite", form).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    let bad = api
        .post(
            "/api/orgs/acme/users",
            json!({"email": "no address", "role": "view"}),
        )
        .await;
    assert_eq!(bad.errors(), json!({"email": ["is invalid"]}));
    let open = api.get("/api/orgs/acme/invites").await.data();
    assert_eq!(
        (&open[0]["email"], &open[0]["role"]),
        (&json!("new@acme.org"), &json!("manage"))
    );
    let page = path_of(open[0]["url"].as_str().unwrap());
    assert!(api.anonymous().get(&page).await.text.contains("Join acme"));
    assert_eq!(api.anonymous().get(&format!("{page}x")).await.status, 404);
    let short = posted(
        &api,
        &page,
        &[("name", "New Person"), ("password", "short")],
    )
    .await;
    assert!(
        short.status == 422 && short.text.contains("12 to 72"),
        "{}",
        short.text
    );
    let fields = [("name", "New Person"), ("password", "long enough for it")];
    assert_eq!(posted(&api, &page, &fields).await.status, 200);
    assert_eq!(posted(&api, &page, &fields).await.status, 404, "once only");
    let member = api.get("/api/orgs/acme/users/new@acme.org").await.data();
    assert_eq!(
        member,
        json!({"name": "New Person", "email": "new@acme.org", "role": "manage"})
    );
    let login = json!({"email": "new@acme.org", "password": "long enough for it"});
    assert_eq!(api.post("/api/users/login", login).await.status, 200);
    // `nh` says username, and has older words for roles.
    let form = json!({"username": "two@acme.org", "role": "read"});
    assert_eq!(api.post("/api/orgs/acme/users", form).await.status, 204);
    assert_eq!(
        api.get("/api/orgs/acme/invites").await.data()[0]["role"],
        "view"
    );
    assert_eq!(
        api.delete("/api/orgs/acme/invites/two@acme.org")
            .await
            .status,
        204
    );
    assert_eq!(
        api.delete("/api/orgs/acme/invites/two@acme.org")
            .await
            .status,
        404
    );
}
