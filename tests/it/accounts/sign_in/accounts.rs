//! Who is let in, and as whom.

use super::{Browser, IDENTITIES, error, jane, server};
use crate::support::issuer::Issuer;
use crate::support::{Engine, Server};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// Runs a story with a server of each engine, whose provider has these settings.
macro_rules! on_both {
    ($($name:ident($flags:expr);)*) => { $(
        mod $name {
            async fn on(engine: super::Engine) {
                let issuer = super::Issuer::start().await;
                let server = super::server(engine, &issuer, &$flags).await;
                let Some(server) = server else { return };
                super::stories::$name(&server, &issuer).await;
            }
            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() { on(super::Engine::Sqlite).await }
            #[tokio::test(flavor = "multi_thread")]
            async fn postgres() { on(super::Engine::Postgres).await }
        }
    )* };
}

on_both! {
    an_account_is_linked_by_its_person([]);
    unknown_people_get_an_account_of_an_allowed_domain([
        "--oidc-create", "allowed_domains", "--oidc-domains", "new.org,acme.org",
    ]);
    an_account_without_a_password_has_another_way_to_prove_itself([
        "--oidc-create", "allowed_domains", "--oidc-domains", "new.org",
    ]);
    a_trusted_provider_speaks_for_addresses(["--oidc-trusted-addresses", "on"]);
    a_second_factor_is_asked_for_unless_the_provider_did(["--oidc-second-factor", "mfa,phr"]);
    a_deleted_account_does_not_come_back([
        "--oidc-create", "allowed_domains", "--oidc-domains", "new.org",
    ]);
}

mod stories {
    use super::*;

    pub(super) async fn an_account_is_linked_by_its_person(server: &Server, issuer: &Issuer) {
        issuer.says(jane());
        let shown = server.api().anonymous().get("/api/server").await.data();
        assert_eq!(
            shown["oidc"],
            json!([{"name": "acme", "label": "Acme SSO"}])
        );
        let mut browser = Browser::new(server);
        let first = browser.signs_in(issuer, "?next=/o/acme").await;
        assert_eq!(first, "/login?error=oidc_link_first&next=%2Fo%2Facme");
        assert!(browser.cookies.is_empty(), "{:?}", browser.cookies);
        browser.logs_in().await;
        let session = browser.cookies.clone();
        let form = |password: &str| json!({"provider": "acme", "current_password": password});
        let wrong = browser
            .change(Method::POST, IDENTITIES, form("wrong"))
            .await;
        assert!(
            wrong.errors()["current_password"].is_array(),
            "{}",
            wrong.text
        );
        let form = json!({"provider": "other", "current_password": server.login("password")});
        let unknown = browser.change(Method::POST, IDENTITIES, form.clone()).await;
        assert!(unknown.errors()["provider"].is_array(), "{}", unknown.text);
        let token = server.api().post(IDENTITIES, form).await;
        assert_eq!(token.status, 422, "{}", token.text);
        let password = server.login("password");
        let linked = browser.links(issuer, password).await;
        assert_eq!(linked, "/account/security?linked=acme");
        assert_eq!(browser.links(issuer, password).await, linked, "again");
        let all = server.api().get(IDENTITIES).await.data();
        let own = &all[0];
        assert_eq!(all.as_array().unwrap().len(), 1);
        assert_eq!(
            (
                &own["provider"],
                &own["label"],
                &own["email"],
                &own["last_used_at"]
            ),
            (
                &json!("acme"),
                &json!("Acme SSO"),
                &json!("jane@acme.org"),
                &Value::Null
            )
        );
        assert_eq!(
            server
                .audited("linked the account jane@acme.org at Acme SSO")
                .await,
            1
        );
        // Now it lets in, in a new session that ends the one before.
        let next = browser
            .signs_in(issuer, "?next=/o/acme/settings%3Fa=b&remember=true")
            .await;
        assert_eq!(next, "/o/acme/settings?a=b");
        let me = browser.session().await.data();
        assert_eq!(
            me["user"],
            json!({"name": me["user"]["name"], "email": "jane@acme.org", "password": true})
        );
        let mut before = Browser::new(server);
        before.cookies = session;
        assert_eq!(before.session().await.status, 401, "the session before");
        let sessions = server.api().get("/api/users/me/sessions").await.data();
        assert_eq!(sessions[0]["remembered"], true);
        // The subject counts, not the address: it may be another one by now.
        issuer.says(json!({"email": "jane@married.org", "email_verified": true}));
        assert_eq!(browser.signs_in(issuer, "").await, "/");
        let own = &server.api().get(IDENTITIES).await.data()[0];
        assert!(
            own["email"] == "jane@married.org" && own["last_used_at"].is_string(),
            "{own}"
        );
        // What is removed does not let in any more.
        let path = format!("{IDENTITIES}/{}", own["id"]);
        assert_eq!(server.api().delete(&path).await.status, 204);
        assert_eq!(server.api().delete(&path).await.status, 404);
        issuer.says(jane());
        let mut browser = Browser::new(server);
        assert_eq!(
            error(&browser.signs_in(issuer, "").await),
            "oidc_link_first"
        );
    }

    pub(super) async fn unknown_people_get_an_account_of_an_allowed_domain(
        server: &Server,
        issuer: &Issuer,
    ) {
        let mut browser = Browser::new(server);
        for (claims, word) in [
            (
                json!({"email": "eve@evil.org", "email_verified": true}),
                "oidc_domain",
            ),
            (
                json!({"email": "eve@new.org.evil.org", "email_verified": true}),
                "oidc_domain",
            ),
            (
                json!({"email": "eve@new.org", "email_verified": false}),
                "oidc_unverified",
            ),
            (
                json!({"email": "eve@new.org", "email_verified": "false"}),
                "oidc_unverified",
            ),
            (json!({"email": "eve@new.org"}), "oidc_unverified"),
            (
                json!({"email": "eve", "email_verified": true}),
                "oidc_unverified",
            ),
            (
                json!({"email": "ci@new.service.invalid", "email_verified": true}),
                "oidc_unverified",
            ),
            (json!({"email_verified": true}), "oidc_unverified"),
            (
                json!({"email": "jane@acme.org", "email_verified": true}),
                "oidc_link_first",
            ),
        ] {
            issuer.says(claims.clone());
            let led = browser.signs_in(issuer, "").await;
            assert_eq!(error(&led), word, "{claims}");
        }
        assert_eq!(server.count("SELECT COUNT(*) FROM users").await, 1);
        issuer.says(json!({"email": "Bo@NEW.org", "email_verified": "true", "name": "Bo  Lee", "sub": "bo"}));
        assert_eq!(browser.signs_in(issuer, "").await, "/");
        let me = browser.session().await.data();
        assert_eq!(
            me["user"],
            json!({"name": "Bo Lee", "email": "bo@new.org", "password": false})
        );
        assert_eq!(me["orgs"], json!([]));
        // The claims may be at the userinfo endpoint alone, and must be of the same person.
        issuer.says(json!({"sub": "amy"}));
        issuer.says_apart(json!({"sub": "bo", "email": "a@new.org", "email_verified": true}));
        let mut browser = Browser::new(server);
        assert_eq!(error(&browser.signs_in(issuer, "").await), "oidc_untrusted");
        issuer.says_apart(json!({"sub": "amy", "email": "a@new.org", "email_verified": true}));
        assert_eq!(browser.signs_in(issuer, "").await, "/");
        assert_eq!(browser.session().await.data()["user"]["name"], "a@new.org");
        // Somebody else's identity cannot be linked.
        let mut other = Browser::new(server);
        other.logs_in().await;
        issuer.says(json!({"email": "a@new.org", "email_verified": true, "sub": "amy"}));
        let led = other.links(issuer, server.login("password")).await;
        assert_eq!(led, "/account/security?error=oidc_taken");
        // An address of a domain that is not allowed cannot be linked either.
        issuer.says(json!({"email": "jane@else.org", "email_verified": true, "sub": "jane"}));
        let led = other.links(issuer, server.login("password")).await;
        assert_eq!(led, "/account/security?error=oidc_domain");
    }

    pub(super) async fn an_account_without_a_password_has_another_way_to_prove_itself(
        server: &Server,
        issuer: &Issuer,
    ) {
        issuer.says(json!({"email": "bo@new.org", "email_verified": true, "sub": "bo"}));
        let mut browser = Browser::new(server);
        browser.signs_in(issuer, "").await;
        let own = {
            let request = browser.request(Method::GET, IDENTITIES);
            browser.send(request).await.data()[0]["id"].to_string()
        };
        let own = format!("{IDENTITIES}/{own}");
        let last = browser.change(Method::DELETE, &own, json!({})).await;
        assert!(
            last.status == 409 && last.text.contains("only way"),
            "{}",
            last.text
        );
        // It cannot be guessed as an empty password, either.
        let form = json!({"email": "bo@new.org", "password": ""});
        let guess = server.api().anonymous().post("/api/session", form).await;
        assert_eq!(guess.status, 401, "{}", guess.text);
        // A login of a moment ago stands for the password; one of an hour ago does not.
        let totp = "/api/users/me/totp";
        let begun = browser.change(Method::POST, totp, json!({})).await;
        assert_eq!(begun.status, 200, "{}", begun.text);
        server.advance(Duration::from_secs(3_600));
        let form = json!({"current_password": "", "new_password": "correct horse battery"});
        let set = "/api/users/me/password";
        let late = browser.change(Method::PUT, set, form.clone()).await;
        assert!(
            late.errors()["current_password"].is_array(),
            "{}",
            late.text
        );
        let late = browser
            .change(Method::DELETE, "/api/users/me", json!({}))
            .await;
        assert_eq!(late.status, 422, "{}", late.text);
        browser.signs_in(issuer, "").await;
        let first = browser.change(Method::PUT, set, form).await;
        assert_eq!(first.status, 204, "{}", first.text);
        assert_eq!(
            browser.change(Method::DELETE, &own, json!({})).await.status,
            204
        );
        let form = json!({"email": "bo@new.org", "password": "correct horse battery"});
        let login = server.api().anonymous().post("/api/session", form).await;
        assert_eq!(login.data()["user"]["password"], true);
    }

    pub(super) async fn a_trusted_provider_speaks_for_addresses(server: &Server, issuer: &Issuer) {
        issuer.says(json!({"email": "bo@new.org", "email_verified": true, "sub": "bo"}));
        let mut browser = Browser::new(server);
        assert_eq!(error(&browser.signs_in(issuer, "").await), "oidc_unknown");
        // Who was invited comes in with the role of the invitation.
        let invite = json!({"email": "bo@new.org", "role": "manage"});
        let path = "/api/orgs/acme/invites";
        server.api().post(path, invite.clone()).await.data();
        assert_eq!(browser.signs_in(issuer, "").await, "/");
        let me = browser.session().await.data();
        assert_eq!(me["orgs"], json!([{"name": "acme", "role": "manage"}]));
        assert_eq!(server.api().get(path).await.data(), json!([]));
        let joined = "joined with the role manage by signing in with Acme SSO";
        assert_eq!(server.audited(joined).await, 1);
        // An invitation that is over is none.
        let late = json!({"email": "late@new.org", "role": "manage"});
        server.api().post(path, late).await.data();
        server.advance(Duration::from_secs(49 * 3_600));
        issuer.says(json!({"email": "late@new.org", "email_verified": true, "sub": "late"}));
        let mut late = Browser::new(server);
        assert_eq!(error(&late.signs_in(issuer, "").await), "oidc_unknown");
        // The account with the address is linked at the first sign-in.
        issuer.says(jane());
        let mut browser = Browser::new(server);
        assert_eq!(browser.signs_in(issuer, "").await, "/");
        assert_eq!(
            browser.session().await.data()["user"]["email"],
            "jane@acme.org"
        );
        // Another subject with her address may be whoever was given it after her.
        let mut heir = jane();
        heir["sub"] = "heir".into();
        issuer.says(heir);
        let mut browser = Browser::new(server);
        assert_eq!(
            error(&browser.signs_in(issuer, "").await),
            "oidc_link_first"
        );
        // An account whose address was never confirmed may have been made by somebody else.
        server.bootstrap("amy@acme.org", "other", "thing");
        server
            .run("UPDATE users SET confirmed = FALSE WHERE email = 'amy@acme.org'")
            .await;
        issuer.says(json!({"email": "amy@acme.org", "email_verified": true, "sub": "amy"}));
        assert_eq!(
            error(&browser.signs_in(issuer, "").await),
            "oidc_unconfirmed"
        );
        assert_eq!(server.count("SELECT COUNT(*) FROM identities").await, 2);
    }

    pub(super) async fn a_second_factor_is_asked_for_unless_the_provider_did(
        server: &Server,
        issuer: &Issuer,
    ) {
        let api = server.api();
        let password = json!({"current_password": server.login("password")});
        let made = api.post("/api/users/me/totp", password).await.data();
        let secret = totp_rs::Secret::try_from_base32(made["secret"].as_str().unwrap()).unwrap();
        let phone = totp_rs::Builder::new().with_secret(secret).build().unwrap();
        let code = || {
            let at = u64::try_from(server.now_ms() / 1_000).unwrap();
            json!({"code": phone.generate(at).to_string()})
        };
        // Linked while no second factor is on yet.
        issuer.says(jane());
        let mut browser = Browser::new(server);
        browser.logs_in().await;
        browser.links(issuer, server.login("password")).await;
        api.put("/api/users/me/totp", code()).await.data();
        server.advance(Duration::from_secs(60));
        let mut browser = Browser::new(server);
        let led = browser.signs_in(issuer, "?next=/o/acme").await;
        assert_eq!(led, "/login?step=totp&next=%2Fo%2Facme");
        assert_eq!(browser.session().await.status, 401, "not yet");
        let step = "/api/session/second_factor";
        // The challenge is in the cookie, and only a page of this server may use it.
        let stranger = browser.request(Method::POST, step).json(&code());
        let stranger = stranger.header("sec-fetch-site", "cross-site");
        assert_eq!(browser.send(stranger).await.status, 401);
        let wrong = browser
            .request(Method::POST, step)
            .json(&json!({"code": "000000"}));
        assert_eq!(browser.send(wrong).await.status, 401);
        let right = browser.request(Method::POST, step).json(&code());
        let done = browser.send(right).await.data();
        assert_eq!(done["user"]["email"], "jane@acme.org");
        assert_eq!(browser.cookies.len(), 1, "{:?}", browser.cookies);
        assert_eq!(browser.session().await.status, 200);
        // By the operator's rule these count as a second factor, and no others.
        for (more, led) in [
            (json!({"amr": ["pwd"]}), "/login?step=totp"),
            (json!({"acr": "1"}), "/login?step=totp"),
            (json!({"amr": ["pwd", "mfa"]}), "/"),
            (json!({"acr": "phr"}), "/"),
        ] {
            let mut claims = jane();
            claims
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            issuer.says(claims);
            let mut browser = Browser::new(server);
            assert_eq!(browser.signs_in(issuer, "").await, led, "{more}");
        }
    }

    pub(super) async fn a_deleted_account_does_not_come_back(server: &Server, issuer: &Issuer) {
        issuer.says(json!({"email": "bo@new.org", "email_verified": true, "sub": "bo"}));
        let mut browser = Browser::new(server);
        browser.signs_in(issuer, "").await;
        let member = json!({"email": "bo@new.org", "role": "admin"});
        server
            .api()
            .post("/api/orgs/acme/users", member)
            .await
            .data();
        let gone = browser
            .change(
                Method::DELETE,
                "/api/users/me",
                json!({"current_password": ""}),
            )
            .await;
        assert_eq!(gone.status, 204, "{}", gone.text);
        assert_eq!(server.count("SELECT COUNT(*) FROM identities").await, 0);
        // The same person is a new one.
        assert_eq!(browser.signs_in(issuer, "").await, "/");
        assert_eq!(browser.session().await.data()["orgs"], json!([]));
    }
}
