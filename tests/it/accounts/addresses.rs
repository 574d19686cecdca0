//! Addresses that people log in with: changed by a mailed link, taken back by another one, and compared without regard to case.

use crate::support::inbox::{Inbox, link, mail, with_mail};
use crate::support::{Api, Engine, Server};
use serde_json::{Value, json};
use std::time::Duration;

const ME: &str = "/api/users/me";

async fn servers() -> Vec<(Server, Inbox)> {
    let mut all = Vec::new();
    for engine in [Engine::Sqlite, Engine::Postgres] {
        all.extend(with_mail(engine, &[]).await);
    }
    all
}

fn wish(server: &Server, email: &str) -> Value {
    json!({"email": email, "current_password": server.login("password")})
}

async fn follow(server: &Server, link: &str) -> u16 {
    let path = link.replace("/confirm/", "/api/users/confirm/");
    server.api().anonymous().post(&path, json!({})).await.status
}

async fn log_in(server: &Server, email: &str) -> u16 {
    let login = json!({"email": email, "password": server.login("password")});
    let api = server.api().anonymous();
    api.post("/api/users/login", login).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_people_who_confirm_one_address_at_once_one_gets_it() {
    for (server, inbox) in servers().await {
        let joe = server.bootstrap("joe@acme.org", "other", "thing");
        let joe_api = server.api().with_token(joe["token"].as_str().unwrap());
        for round in 0..2 {
            let email = format!("same{round}@acme.org");
            let joes = json!({"email": email, "current_password": joe["password"]});
            let mut links = Vec::new();
            for (api, form) in [(&server.api(), wish(&server, &email)), (&joe_api, joes)] {
                inbox.lock().unwrap().clear();
                assert_eq!(api.put(ME, form).await.status, 200);
                let confirm = mail(&inbox, &email, "Confirm your new address").await;
                links.push(link(&confirm, "/confirm/"));
            }
            let asked = tokio::join!(follow(&server, &links[0]), follow(&server, &links[1]));
            let (done, told) = (asked.0.min(asked.1), asked.0.max(asked.1));
            assert!(done == 204 && [409, 422].contains(&told), "{asked:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_address_counts_once_it_is_confirmed() {
    for (server, inbox) in servers().await {
        let api = server.api();
        let old = server.login("email");
        let wrong = json!({"email": "jd@acme.org", "current_password": "wrong"});
        let refused = api.put(ME, wrong).await;
        assert!(refused.errors()["current_password"].is_array());
        let refused = api.put(ME, wish(&server, "jd")).await;
        assert!(refused.errors()["email"].is_array(), "{}", refused.text);
        let asked = api.put(ME, wish(&server, "jd@acme.org")).await.data();
        assert_eq!(
            (&asked["email"], &asked["new_email"]),
            (&json!(old), &json!("jd@acme.org"))
        );
        let confirm = mail(&inbox, "jd@acme.org", "Confirm your new address").await;
        let confirm = link(&confirm, "/confirm/");
        let told = mail(&inbox, old, "Your address is to be changed").await;
        assert!(told.contains("jd@acme.org") && told.contains("/forgotten"));
        assert!(!told.contains("/confirm/"), "{told}");
        let shown = confirm.replace("/confirm/", "/api/users/confirm/");
        let shown = api.anonymous().get(&shown).await.data();
        assert_eq!(
            shown,
            json!({"purpose": "new_address", "email": "jd@acme.org", "name": null})
        );
        assert_eq!(log_in(&server, "jd@acme.org").await, 401, "not yet");
        assert_eq!(follow(&server, &format!("{confirm}A")).await, 404);
        assert_eq!(follow(&server, &confirm).await, 204);
        assert_eq!(follow(&server, &confirm).await, 404, "once");
        assert_eq!(log_in(&server, "jd@acme.org").await, 200);
        assert_eq!(log_in(&server, old).await, 401);
        let me = api.get(ME).await.data();
        assert_eq!(
            (&me["email"], &me["new_email"]),
            (&json!("jd@acme.org"), &Value::Null)
        );
        assert_eq!(server.audited("has the address jd@acme.org now").await, 1);
        // The old address takes it back, with all that whoever did it may have made.
        let told = mail(&inbox, old, "Your address was changed").await;
        let back = link(&told, "/confirm/");
        let page = api.anonymous().get(&back).await;
        assert!(page.text.contains("Take it back"), "{}", page.text);
        assert_eq!(follow(&server, &back).await, 204);
        assert_eq!(follow(&server, &back).await, 404, "once");
        assert_eq!(api.get(ME).await.status, 401, "tokens ended");
        for email in [old, "jd@acme.org"] {
            assert_eq!(log_in(&server, email).await, 401, "and the password");
        }
        let form = json!({"email": old});
        let api = api.anonymous();
        let asked = api.post("/api/users/password_reset", form).await;
        assert_eq!(asked.status, 204);
        mail(&inbox, old, "A new password").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_ends_with_a_new_password_another_wish_or_a_day() {
    for (server, inbox) in servers().await {
        let api = server.api();
        let old = server.login("email");
        let wanted = async |email: &str| {
            let asked = api.put(ME, wish(&server, email)).await;
            assert_eq!(asked.status, 200, "{}", asked.text);
            link(
                &mail(&inbox, email, "Confirm your new address").await,
                "/confirm/",
            )
        };
        let first = wanted("one@acme.org").await;
        let second = wanted("two@acme.org").await;
        assert_eq!(follow(&server, &first).await, 404, "another is wanted");
        let taken_back = api.put(ME, wish(&server, old)).await.data();
        assert_eq!(taken_back["new_email"], Value::Null);
        assert_eq!(follow(&server, &second).await, 404);
        let third = wanted("three@acme.org").await;
        let many = api.put(ME, wish(&server, "four@acme.org")).await;
        assert_eq!(many.status, 429, "{}", many.text);
        // One that somebody else has is not given away, and the answer does not tell.
        server.advance(Duration::from_secs(86_402));
        assert_eq!(follow(&server, &third).await, 404, "late");
        assert_eq!(api.get(ME).await.data()["new_email"], Value::Null);
        let joe = server.bootstrap("joe@acme.org", "other", "thing");
        let joe_api = api.with_token(joe["token"].as_str().unwrap());
        let form = json!({"email": "JANE@acme.org", "current_password": joe["password"]});
        let asked = joe_api.put(ME, form).await.data();
        assert_eq!(asked["new_email"], "JANE@acme.org");
        mail(&inbox, "JANE@acme.org", "You have an account already").await;
        let form = json!({"email": "free@acme.org", "current_password": joe["password"]});
        joe_api.put(ME, form).await.data();
        let late = mail(&inbox, "free@acme.org", "Confirm your new address").await;
        let late = link(&late, "/confirm/");
        server.bootstrap("free@acme.org", "third", "thing");
        assert_eq!(follow(&server, &late).await, 409, "taken meanwhile");
        // A new password ends it.
        let change =
            json!({"current_password": joe["password"], "new_password": "correct horse battery"});
        joe_api.put("/api/users/me/password", change).await;
        assert_eq!(follow(&server, &late).await, 404);
        // A token that does not grant all neither sees it nor asks for one.
        let form = json!({"note": "r", "access": "read"});
        let reader = joe_api.post("/api/users/me/tokens", form).await.data();
        let reader = api.with_token(reader["token"].as_str().unwrap());
        assert_eq!(reader.get(ME).await.data()["new_email"], Value::Null);
        assert_eq!(
            reader.put(ME, json!({"email": "x@y.org"})).await.status,
            401
        );
    }
}

crate::both_engines! {
    the_case_of_letters_does_not_matter_but_for_old_accounts
}

async fn the_case_of_letters_does_not_matter_but_for_old_accounts(server: Server) {
    assert_eq!(log_in(&server, "JANE@Acme.org").await, 200);
    // An account that differs by case alone is none of its own: the command finds the one that is there.
    let same = server.bootstrap("Jane@acme.org", "acme", "thing");
    let api = server.api().with_token(same["token"].as_str().unwrap());
    assert_eq!(api.get(ME).await.data()["email"], "jane@acme.org");
    // Older versions allowed them, and each is found by its exact letters.
    let joe = server.bootstrap("joe@acme.org", "other", "thing");
    let sue = server.bootstrap("sue@acme.org", "third", "thing");
    server
        .run("UPDATE users SET email = 'JOE@acme.org', email_key = NULL WHERE email = 'sue@acme.org'")
        .await;
    server
        .run("UPDATE users SET email_key = NULL WHERE email = 'joe@acme.org'")
        .await;
    for (email, who, wanted) in [
        ("joe@acme.org", &joe, 200),
        ("JOE@acme.org", &sue, 200),
        ("JOE@acme.org", &joe, 401),
        ("Joe@acme.org", &joe, 401),
    ] {
        let login = json!({"email": email, "password": who["password"]});
        let api: Api = server.api().anonymous();
        let status = api.post("/api/users/login", login).await.status;
        assert_eq!(status, wanted, "{email}");
    }
}
