//! Mail: a mail server of the test's own gets invitations, word to administrators, and what rules tell.

use crate::support::inbox::{link, mail, mail_server, with_mail};
use crate::support::{Api, Engine, Server, inspect};
use serde_json::json;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn p20_invitations_and_rules_are_mailed() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let Some((server, inbox)) = with_mail(engine, &[]).await else {
            continue;
        };
        let api = server.api();
        // A person who has an account is told; so are the other administrators, here none.
        server.member("admin").await;
        mail(&inbox, "admin@acme.org", "You are a member of acme").await;
        // One who has none gets a link that works; the other administrator hears of it.
        let form = json!({"email": "new@far.org", "role": "view"});
        assert_eq!(api.post("/api/orgs/acme/users", form).await.status, 204);
        let invitation = mail(&inbox, "new@far.org", "invites you to acme").await;
        assert!(invitation.contains("From: Nervecenter <ota@acme.org>"));
        mail(&inbox, "admin@acme.org", "invited new@far.org").await;
        let path = &link(&invitation, "/invite/");
        let page = api.get(path).await;
        assert!(
            page.status == 200 && page.text.contains("new@far.org"),
            "{}",
            page.text
        );

        let rules = Api::product("/mail_rules");
        let events = json!(["firmware.published", "device.online"]);
        for (form, field) in [
            (
                json!({"email": "stranger@far.org", "events": events}),
                "email",
            ),
            (
                json!({"email": "admin@acme.org", "events": ["door.open"]}),
                "events",
            ),
            (json!({"email": "admin@acme.org"}), "events"),
        ] {
            let answer = api.post(&rules, form).await;
            assert!(answer.errors()[field].is_array(), "{}", answer.text);
        }
        let form = json!({"email": "admin@acme.org", "events": events});
        let made = api.post(&rules, form).await.data();
        let rule = format!("{rules}/{}", made["id"]);
        assert_eq!(made["last_status"], json!(null));
        api.post(&format!("{rule}/test"), json!({})).await.data();
        mail(&inbox, "admin@acme.org", "[acme/fixture-product] Test").await;
        server.until(inspect::MAILS_OF_RULES_SENT, 1).await;
        assert_eq!(api.get(&rule).await.data()["last_status"], "sent");
        assert_eq!(
            server.count(inspect::MAILS_SENT_AND_KEPT).await,
            0,
            "texts that were sent are forgotten"
        );
        // What happens at once is one mail; what is not asked for is in none.
        api.register_key().await;
        api.upload("good/rpi4-1.0.0.fw").await;
        api.upload("good/rpi4-1.1.0.fw").await;
        let digest = mail(&inbox, "admin@acme.org", "2 events").await;
        assert!(
            digest.contains("Firmware 1.0.0") && digest.contains("Firmware 1.1.0"),
            "{digest}"
        );
        // The next mail waits, and collects.
        api.upload("good/bbb-1.0.0.fw").await;
        assert_eq!(server.count(inspect::MAIL_EVENTS).await, 1);
        assert_eq!(
            api.put(&rule, json!({"active": false})).await.data()["active"],
            false
        );
        let another = api.put(&rule, json!({"email": "jane@acme.org"})).await;
        assert!(another.errors()["email"].is_array(), "{}", another.text);
        // Who leaves is told no more.
        assert_eq!(
            api.delete("/api/orgs/acme/users/admin@acme.org")
                .await
                .status,
            204
        );
        assert_eq!(api.get(&rules).await.data(), json!([]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_delivered_says_so() {
    let (url, _inbox) = mail_server().await;
    let flags = [
        "--smtp-url",
        &url,
        "--mail-from",
        "ota@acme.org",
        "--web-url",
        "https://n.org",
    ];
    let server = Server::with(Engine::Sqlite, &flags).await.unwrap();
    let api = server.api();
    server.bootstrap("nobody@acme.org", "acme", "fixture-product");
    let form = json!({"email": "nobody@acme.org", "events": ["device.offline"]});
    let made = api.post(&Api::product("/mail_rules"), form).await.data();
    let rule = Api::product(&format!("/mail_rules/{}", made["id"]));
    api.post(&format!("{rule}/test"), json!({})).await.data();
    server.until(inspect::MAILS_FAILED, 1).await;
    let stands = api.get(&rule).await.data();
    assert!(
        stands["last_error"]
            .as_str()
            .unwrap()
            .contains("no such person"),
        "{stands}"
    );
    assert_eq!(api.delete(&rule).await.status, 204);
    assert_eq!(api.get(&rule).await.status, 404);
    // A server without mail says what it lacks.
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let form = json!({"email": "jane@acme.org", "events": ["device.offline"]});
    let refused = server.api().post(&Api::product("/mail_rules"), form).await;
    assert!(
        refused.status == 422 && refused.text.contains("--smtp-url"),
        "{}",
        refused.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_set_anew_by_a_mailed_link() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let Some((server, inbox)) = with_mail(engine, &[]).await else {
            continue;
        };
        let api = server.api();
        let stranger = api.anonymous();
        let email = server.login("email");
        let ask = async |email: &str| {
            let form = json!({"email": email});
            stranger
                .post("/api/users/password_reset", form)
                .await
                .status
        };
        assert_eq!(ask("nobody@acme.org").await, 204, "the same for strangers");
        assert_eq!(ask(email).await, 204);
        let first = mail(&inbox, email, "A new password").await;
        let first = link(&first, "/reset/");
        inbox.lock().unwrap().clear();
        assert_eq!(ask(email).await, 204);
        let second = link(&mail(&inbox, email, "A new password").await, "/reset/");
        let put = async |link: &str, password: &str| {
            let link = link.strip_prefix("/reset/").unwrap();
            let path = format!("/api/users/password_reset/{link}");
            stranger.put(&path, json!({"password": password})).await
        };
        assert!(put(&first, "short").await.errors()["password"].is_array());
        let forged = format!("{first}A");
        assert_eq!(put(&forged, "correct horse battery").await.status, 404);
        assert_eq!(put(&first, "correct horse battery").await.status, 204);
        assert_eq!(api.get("/api/users/me").await.status, 401, "tokens ended");
        for used in [&first, &second] {
            assert_eq!(
                put(used, "another horse battery").await.status,
                404,
                "good once"
            );
            assert_eq!(stranger.get(used).await.status, 404);
        }
        let login = json!({"email": email, "password": "correct horse battery"});
        assert_eq!(
            stranger
                .post("/api/users/login", login.clone())
                .await
                .status,
            200
        );
        // The page for whoever has no console, and a link that is too old.
        inbox.lock().unwrap().clear();
        assert_eq!(ask(email).await, 204);
        let third = link(&mail(&inbox, email, "A new password").await, "/reset/");
        let page = stranger.get(&third).await;
        assert!(
            page.status == 200 && page.text.contains(email),
            "{}",
            page.text
        );
        let form = stranger.raw(reqwest::Method::POST, &third);
        let kind = "application/x-www-form-urlencoded";
        let form = form
            .header("content-type", kind)
            .body("password=a+third+horse+battery");
        let done = Api::answer(form).await;
        assert!(
            done.status == 200 && done.text.contains("All set"),
            "{}",
            done.text
        );
        assert_eq!(stranger.post("/api/users/login", login).await.status, 401);
        // One person is not flooded.
        inbox.lock().unwrap().clear();
        for _ in 0..5 {
            assert_eq!(ask(email).await, 204);
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(inbox.lock().unwrap().len(), 0, "three were sent already");
    }
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let form = json!({"email": server.login("email")});
    let refused = server.api().post("/api/users/password_reset", form).await;
    assert!(
        refused.status == 422 && refused.text.contains("sends no mail"),
        "{}",
        refused.text
    );
}
