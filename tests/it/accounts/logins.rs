//! The login of a command line through a browser, and invitations.

use crate::support::api::Answer;
use crate::support::readings::tokens_with_note;
use crate::support::{Api, Engine, Server};
use reqwest::Method;
use serde_json::json;

crate::both_engines_as_process! {
    p07_and_p08_a_command_line_logs_in_through_a_browser
    people_are_invited_and_join
    a_password_is_changed_and_ends_all_other_tokens
    a_login_ends_when_it_is_not_used_and_takes_no_place_of_other_tokens
    p06_an_account_that_was_never_confirmed_logs_in_through_the_api_only
}

crate::behind_proxy! {
    &[];
    p07_and_p08_a_command_line_logs_in_through_a_browser
    people_are_invited_and_join
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
    let hers = api.with_token(eve["token"].as_str().unwrap());
    assert_eq!(tokens_with_note(&server.api(), "laptop").await, 1);
    assert_eq!(tokens_with_note(&hers, "laptop").await, 0);
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
    let form = json!({"email": "no address", "role": "view"});
    let bad = api.post("/api/orgs/acme/invites", form).await;
    assert_eq!(bad.errors(), json!({"email": ["is invalid"]}));
    let open = api.get("/api/orgs/acme/invites").await.data();
    assert_eq!(
        (&open[0]["email"], &open[0]["role"]),
        (&json!("new@acme.org"), &json!("manage"))
    );
    // What only reads never gets a link: it would make a reader an administrator.
    assert_eq!(open[0].get("url"), None, "{open}");
    let form = json!({"email": "new@acme.org", "role": "manage"});
    let made = api.post("/api/orgs/acme/invites", form).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let link = made.data()["url"].as_str().unwrap().to_owned();
    assert!(link.starts_with("/invite/"), "no Host header in it: {link}");
    let page = link;
    assert!(api.anonymous().get(&page).await.text.contains("Join acme"));
    assert_eq!(api.anonymous().get(&format!("{page}x")).await.status, 404);
    let short = posted(
        &api,
        &page,
        &[("name", "New Person"), ("password", "short")],
    )
    .await;
    assert!(
        short.status == 422 && short.text.contains("12 to 1024"),
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
    // The same over the API, for the console's page.
    let form = json!({"email": "three@acme.org", "role": "view"});
    let made = api.post("/api/orgs/acme/invites", form).await.data();
    let link = made["url"]
        .as_str()
        .unwrap()
        .replace("/invite/", "/api/invites/");
    let stranger = api.anonymous();
    assert_eq!(
        stranger.get(&link).await.data(),
        json!({"org": "acme", "email": "three@acme.org", "role": "view", "invited_by": "jane"})
    );
    let short = stranger
        .post(&link, json!({"name": "Three", "password": "short"}))
        .await;
    assert_eq!(
        short.errors(),
        json!({"password": ["must have 12 to 1024 characters"]})
    );
    let form = json!({"name": "Three", "password": "long enough for it"});
    assert_eq!(stranger.post(&link, form.clone()).await.status, 204);
    assert_eq!(stranger.post(&link, form).await.status, 404, "once only");
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

/// Wrong passwords are slowed down, and neither their bodies nor their checks take the server's memory.
#[tokio::test(flavor = "multi_thread")]
async fn guessing_passwords_is_slow_and_cheap() {
    let server = Server::process(Engine::Sqlite).await.unwrap();
    let stranger = server.api().anonymous();
    let reader = server.member("admin").await;
    let password = server.reset_password("jane@acme.org");
    // What the old password had opened is closed, and it is noted.
    assert_eq!(server.api().get("/api/users/me").await.status, 401);
    let before = server.rss_kib();
    // 40 at once, of accounts that are not there: each is answered.
    let tries = (0..40).map(|n| {
        let form = json!({"email": format!("{n}@acme.org"), "password": "wrong"});
        let stranger = &stranger;
        async move { stranger.post("/api/users/auth", form).await.status }
    });
    let statuses = futures_util::future::join_all(tries).await;
    assert!(statuses.iter().all(|s| *s == 401), "{statuses:?}");
    let form = json!({"email": "x", "password": "x".repeat(8_000)});
    assert_eq!(stranger.post("/api/users/auth", form).await.status, 413);
    let grown = server.rss_kib().saturating_sub(before);
    assert!(grown < 200 * 1024, "{grown} KiB more");
    let peak = server.peak_rss_kib();
    assert!(peak < 400 * 1024, "{peak} KiB at its most");
    // One account is held back after ten, whatever the password then is; another one is not.
    let wrong = json!({"email": "jane@acme.org", "password": "wrong"});
    let mut held = None;
    for _ in 0..13 {
        let answer = stranger.post("/api/users/auth", wrong.clone()).await;
        if answer.status == 429 {
            held = Some(answer);
        }
    }
    let held = held.expect("the account is held back");
    let wait: u64 = held.header("retry-after").parse().unwrap();
    assert!((1..=15).contains(&wait), "{wait}");
    let right = json!({"email": "jane@acme.org", "password": password});
    assert_eq!(stranger.post("/api/users/login", right).await.status, 429);
    let told = reader.get("/api/orgs/acme/audit_logs").await.text;
    assert!(told.contains("tried wrong passwords"), "{told}");
    assert!(told.contains("was reset on the server"), "{told}");
}

/// A body that never ends is given up, and a stranger's is short.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_lacks_its_last_byte_is_given_up() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = Server::process(Engine::Sqlite).await.unwrap();
    let mut socket = tokio::net::TcpStream::connect(&server.web).await.unwrap();
    let head = "POST /api/users/auth HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{\"email\":";
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(
        std::time::Duration::from_secs(20),
        socket.read_to_end(&mut answer),
    );
    ended.await.expect("the connection ends").unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("did not arrive in time"), "{answer}");
}

/// The note of each token that `login` makes, and of no other.
const LOGIN: &str = "x";

async fn login(api: &Api, email: &str, password: &str) -> Answer {
    let form = json!({"email": email, "password": password, "note": LOGIN});
    api.post("/api/users/login", form).await
}

async fn a_password_is_changed_and_ends_all_other_tokens(server: Server) {
    let api = server.api();
    let (email, old) = (server.login("email"), server.login("password"));
    let path = "/api/users/me/password";
    let session = login(&api, email, old).await.data();
    let other = api.with_token(session["token"].as_str().unwrap());
    let new = "a much better one";
    for (form, name) in [
        (json!({"new_password": new}), "current_password"),
        (json!({"current_password": old}), "new_password"),
        (
            json!({"current_password": old, "new_password": "short"}),
            "new_password",
        ),
        (
            json!({"current_password": old, "new_password": 7}),
            "new_password",
        ),
        (
            json!({"current_password": "wrong", "new_password": new}),
            "current_password",
        ),
    ] {
        let refused = api.put(path, form).await;
        assert_eq!(refused.status, 422, "{}", refused.text);
        assert!(
            refused.errors()[name].is_array(),
            "{name}: {}",
            refused.text
        );
    }
    assert_eq!(other.get("/api/users/me").await.status, 200);
    let form = json!({"note": "reader", "access": "read"});
    let reader = api.post("/api/users/me/tokens", form).await.data();
    let reader = api.with_token(reader["token"].as_str().unwrap());
    let change = json!({"current_password": old, "new_password": new});
    assert_eq!(reader.put(path, change.clone()).await.status, 401);
    assert_eq!(api.put(path, change).await.status, 204);
    assert_eq!(
        api.get("/api/users/me").await.status,
        200,
        "the one that asked stays"
    );
    for ended in [&other, &reader] {
        assert_eq!(ended.get("/api/users/me").await.status, 401);
    }
    assert_eq!(login(&api, email, old).await.status, 401);
    assert_eq!(login(&api, email, new).await.status, 200);
    // Guessing the present password of a stolen token is as slow as guessing at a login.
    let guess = json!({"current_password": "wrong", "new_password": new});
    let mut last = 422;
    for _ in 0..12 {
        last = api.put(path, guess.clone()).await.status;
    }
    assert_eq!(last, 429);
    assert_eq!(server.audited("changed the password").await, 1);
}

async fn a_login_ends_when_it_is_not_used_and_takes_no_place_of_other_tokens(server: Server) {
    let api = server.api();
    let (email, password) = (server.login("email"), server.login("password"));
    let session = login(&api, email, password).await.data();
    let by_login = api.with_token(session["token"].as_str().unwrap());
    let made = api
        .post("/api/users/me/tokens", json!({"note": "ci"}))
        .await
        .data();
    let by_hand = api.with_token(made["token"].as_str().unwrap());
    for used in [&by_login, &by_hand] {
        assert_eq!(used.get("/api/users/me").await.status, 200);
    }
    server.until_all_tokens_are_used().await;
    server
        .run("UPDATE tokens SET last_used_at = last_used_at - 91 * CAST(86400000000 AS BIGINT)")
        .await;
    assert_eq!(by_login.get("/api/users/me").await.status, 401);
    assert_eq!(by_hand.get("/api/users/me").await.status, 200);
    // More logins than a person may have: the oldest make room, and none stands in the way of a token.
    for _ in 0..103 {
        assert_eq!(login(&api, email, password).await.status, 200);
    }
    assert_eq!(tokens_with_note(&api, LOGIN).await, 100);
    assert_eq!(server.audited("made a token: ci").await, 1);
    for n in 0..198 {
        let form = json!({"note": format!("more {n}")});
        assert_eq!(
            api.post("/api/users/me/tokens", form).await.status,
            201,
            "{n}"
        );
    }
    let refused = api
        .post("/api/users/me/tokens", json!({"note": "too many"}))
        .await;
    assert_eq!(refused.status, 422, "{}", refused.text);
}
