//! What lying providers, strangers and failures get.

use super::{Browser, error, jane, server};
use crate::support::Engine;
use crate::support::issuer::{Fault, Issuer, Signature};
use reqwest::Method;
use serde_json::json;
use std::time::{Duration, Instant};

const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];
const CREATES: [&str; 4] = [
    "--oidc-create",
    "allowed_domains",
    "--oidc-domains",
    "new.org",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_does_not_check_out_lets_nobody_in() {
    for engine in ENGINES {
        let issuer = Issuer::start().await;
        let Some(server) = server(engine, &issuer, &CREATES).await else {
            continue;
        };
        let now = server.now_ms() / 1_000;
        let mut browser = Browser::new(&server);
        let bo = json!({"email": "bo@new.org", "email_verified": true, "sub": "bo"});
        let with = |more: serde_json::Value| {
            let mut claims = bo.clone();
            claims
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            claims
        };
        for lie in [
            json!({"nonce": "another"}),
            json!({"nonce": null}),
            json!({"aud": "another"}),
            json!({"aud": ["nervecenter", "another"]}),
            json!({"aud": ["nervecenter", "another"], "azp": "another"}),
            json!({"aud": []}),
            json!({"aud": null}),
            json!({"azp": "another"}),
            json!({"iss": "https://evil.example"}),
            json!({"iss": [issuer.url]}),
            json!({"iss": null}),
            json!({"exp": now - 61}),
            json!({"exp": null}),
            json!({"exp": "never"}),
            json!({"iat": now + 3_600}),
            json!({"sub": null}),
            json!({"sub": ""}),
            json!({"sub": "x".repeat(256)}),
            json!({"sub": 7}),
        ] {
            issuer.says(with(lie.clone()));
            let led = browser.signs_in(&issuer, "").await;
            assert_eq!(error(&led), "oidc_untrusted", "{lie}");
        }
        issuer.says(bo.clone());
        for (signature, kid) in [
            (Signature::None, Some("ec")),
            (Signature::None, None),
            (Signature::HmacOfPublicKey, Some("ec")),
            (Signature::HmacOfPublicKey, None),
            (Signature::OtherKey, Some("ec")),
            (Signature::OtherKey, Some("unknown")),
            (Signature::Changed, Some("ec")),
            // The name of a key of another kind.
            (Signature::Es256, Some("rsa")),
            (Signature::Rs256, Some("ec")),
        ] {
            issuer.signs(signature, kid);
            let led = browser.signs_in(&issuer, "").await;
            assert_eq!(error(&led), "oidc_untrusted", "{signature:?} {kid:?}");
        }
        assert!(browser.cookies.is_empty());
        assert_eq!(server.count("SELECT COUNT(*) FROM users").await, 1);
        assert_eq!(server.count("SELECT COUNT(*) FROM identities").await, 0);
        // And one that does.
        for (signature, kid) in [
            (Signature::Es256, Some("ec")),
            (Signature::Es256, None),
            (Signature::Rs256, Some("rsa")),
            (Signature::Rs256, None),
        ] {
            issuer.signs(signature, kid);
            for truth in [
                json!({}),
                json!({"aud": ["nervecenter", "another"], "azp": "nervecenter"}),
                json!({"exp": now - 30, "iat": null}),
            ] {
                issuer.says(with(truth.clone()));
                let led = browser.signs_in(&issuer, "").await;
                assert_eq!(led, "/", "{signature:?} {kid:?} {truth}");
            }
        }
        // The keys were not asked for with each of these.
        let asked = issuer.asked("jwks");
        assert!(asked <= 2, "{asked} times");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_new_is_found_and_one_that_is_unknown_is_not_looked_for_each_time() {
    let issuer = Issuer::start().await;
    let server = server(Engine::Sqlite, &issuer, &CREATES).await.unwrap();
    issuer.says(json!({"email": "bo@new.org", "email_verified": true}));
    let mut browser = Browser::new(&server);
    assert_eq!(browser.signs_in(&issuer, "").await, "/");
    issuer.signs(Signature::OtherKey, Some("unknown"));
    server.advance(Duration::from_secs(11));
    for _ in 0..5 {
        browser.signs_in(&issuer, "").await;
    }
    assert_eq!(issuer.asked("jwks"), 2);
    assert_eq!(issuer.asked("openid-configuration"), 1);
    server.advance(Duration::from_secs(3_601));
    issuer.signs(Signature::Es256, Some("ec"));
    assert_eq!(browser.signs_in(&issuer, "").await, "/");
    assert_eq!(issuer.asked("jwks"), 3);
    assert_eq!(issuer.asked("openid-configuration"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_counts_once_and_in_the_browser_that_began_it() {
    for engine in ENGINES {
        let issuer = Issuer::start().await;
        let Some(server) = server(engine, &issuer, &CREATES).await else {
            continue;
        };
        issuer.says(json!({"email": "bo@new.org", "email_verified": true}));
        let mut browser = Browser::new(&server);
        // A link that somebody sends: another browser, without the cookie or with one of its own.
        let stolen = browser.begins(&issuer, "").await;
        let kept = browser.cookies.clone();
        let mut victim = Browser::new(&server);
        assert_eq!(error(&victim.returns(&stolen).await), "oidc_state");
        victim.begins(&issuer, "").await;
        assert_eq!(error(&victim.returns(&stolen).await), "oidc_state");
        assert!(victim.cookies.is_empty(), "{:?}", victim.cookies);
        for forged in ["", "code=1", "code=1&state=", "state=x&code=1"] {
            browser.cookies = kept.clone();
            assert_eq!(
                error(&browser.returns(forged).await),
                "oidc_state",
                "{forged}"
            );
        }
        browser.cookies = kept.clone();
        let other = stolen.replace("&state=", "&state=a");
        assert_eq!(error(&browser.returns(&other).await), "oidc_state");
        assert_eq!(issuer.asked("token"), 0, "nobody was believed so far");
        // The right one works, and works once, also with the cookie kept.
        browser.cookies = kept.clone();
        assert_eq!(browser.returns(&stolen).await, "/");
        browser.cookies = kept;
        assert_eq!(error(&browser.returns(&stolen).await), "oidc_state");
        assert_eq!(issuer.asked("token"), 1);
        // A code of another sign-in is refused by the provider: the verifier is another one.
        let one = browser.begins(&issuer, "").await;
        let two = browser.begins(&issuer, "").await;
        let code = one.split('&').next().unwrap();
        let state = two.split('&').nth(1).unwrap();
        let mixed = browser.returns(&format!("{code}&{state}")).await;
        assert_eq!(error(&mixed), "oidc_refused");
        let late = browser.begins(&issuer, "").await;
        server.advance(Duration::from_secs(601));
        assert_eq!(error(&browser.returns(&late).await), "oidc_state");
        // What the provider says in place of a code.
        let back = browser.begins(&issuer, "?next=/o/new").await;
        let state = back.split('&').nth(1).unwrap();
        let denied = format!("error=access_denied&{state}");
        let led = browser.returns(&denied).await;
        assert_eq!(led, "/login?error=oidc_denied&next=%2Fo%2Fnew");
        let back = browser.begins(&issuer, "").await;
        let mixed = format!("{back}&iss=https%3A%2F%2Fevil.example");
        assert_eq!(error(&browser.returns(&mixed).await), "oidc_untrusted");
        let back = browser.begins(&issuer, "").await;
        let named: String = form_urlencoded::byte_serialize(issuer.url.as_bytes()).collect();
        assert_eq!(browser.returns(&format!("{back}&iss={named}")).await, "/");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_begins_here_and_leads_nowhere_else() {
    let issuer = Issuer::start().await;
    let server = server(Engine::Sqlite, &issuer, &CREATES).await.unwrap();
    issuer.says(json!({"email": "bo@new.org", "email_verified": true}));
    let mut browser = Browser::new(&server);
    for next in [
        "//evil.example",
        "https://evil.example",
        "%2F%5Cevil.example",
        "o",
    ] {
        let led = browser.signs_in(&issuer, &format!("?next={next}")).await;
        assert_eq!(led, "/", "{next}");
    }
    // Another site cannot begin one for its visitor, who sees the login page instead.
    let request = Browser::new(&server).request(Method::GET, "/auth/oidc/acme?next=/o/new");
    let mut visitor = Browser::new(&server);
    let answer = visitor
        .send(request.header("sec-fetch-site", "cross-site"))
        .await;
    assert_eq!(answer.header("location"), "/login?next=%2Fo%2Fnew");
    assert!(visitor.cookies.is_empty());
    for unknown in [
        "/auth/oidc/nobody",
        "/auth/oidc/nobody/callback?code=1&state=2",
    ] {
        let led = visitor.goes(unknown).await;
        assert_eq!(error(&led), "oidc_unknown_provider", "{unknown}");
    }
    // A link is for the session that asked for it.
    let mut jane_at_work = Browser::new(&server);
    jane_at_work.logs_in().await;
    issuer.says(jane());
    let form = json!({"provider": "acme", "current_password": server.login("password")});
    let path = super::IDENTITIES;
    let begun = jane_at_work.change(Method::POST, path, form).await.data();
    let back = issuer.signs_in(begun["url"].as_str().unwrap(), server.now_ms());
    jane_at_work.logs_in().await;
    let led = jane_at_work.returns(&back).await;
    assert_eq!(led, "/account/security?error=oidc_state");
    assert_eq!(server.api().get(path).await.data(), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_not_begun_with_a_guess_or_at_a_provider_that_is_down() {
    for engine in ENGINES {
        let issuer = Issuer::start().await;
        let Some(server) = server(engine, &issuer, &[]).await else {
            continue;
        };
        let mut browser = Browser::new(&server);
        browser.logs_in().await;
        let form = |password: &str| json!({"provider": "acme", "current_password": password});
        issuer.fails("openid-configuration", Some(Fault::Status));
        let right = form(server.login("password"));
        let path = super::IDENTITIES;
        let down = browser.change(Method::POST, path, right).await;
        let text = down.json()["errors"]["detail"].to_string();
        assert!(
            down.status == 503 && text.contains("Acme SSO"),
            "{}",
            down.text
        );
        let mut slowed = false;
        for _ in 0..40 {
            let guess = browser.change(Method::POST, path, form("wrong")).await;
            slowed |= guess.status == 429;
        }
        assert!(slowed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_keeps_nobody_waiting() {
    let document = "openid-configuration";
    for engine in ENGINES {
        let issuer = Issuer::start().await;
        let Some(server) = server(engine, &issuer, &CREATES).await else {
            continue;
        };
        issuer.says(json!({"sub": "bo"}));
        issuer.says_apart(json!({"sub": "bo", "email": "bo@new.org", "email_verified": true}));
        let mut browser = Browser::new(&server);
        let faults = [Fault::Huge, Fault::Redirect, Fault::Status, Fault::Page];
        for fault in faults {
            issuer.fails(document, Some(fault));
            let led = browser.goes("/auth/oidc/acme").await;
            assert_eq!(error(&led), "oidc_down", "{fault:?}");
            server.advance(Duration::from_secs(11));
        }
        issuer.fails(document, None);
        issuer.poses_as(Some("https://accounts.google.com"));
        assert_eq!(error(&browser.goes("/auth/oidc/acme").await), "oidc_down");
        // Whoever comes a moment later is told at once, without another question.
        issuer.poses_as(None);
        let asked = issuer.asked(document);
        assert_eq!(error(&browser.goes("/auth/oidc/acme").await), "oidc_down");
        assert_eq!(issuer.asked(document), asked);
        server.advance(Duration::from_secs(11));
        for path in ["token", "jwks", "userinfo"] {
            for fault in faults {
                server.advance(Duration::from_secs(3_601));
                let back = browser.begins(&issuer, "").await;
                issuer.fails(path, Some(fault));
                let led = browser.returns(&back).await;
                assert_eq!(error(&led), "oidc_down", "{path} {fault:?}");
                issuer.fails(path, None);
            }
        }
        server.advance(Duration::from_secs(3_601));
        issuer.fails(document, Some(Fault::Silent));
        let started = Instant::now();
        assert_eq!(error(&browser.goes("/auth/oidc/acme").await), "oidc_down");
        assert!(
            started.elapsed() < Duration::from_secs(15),
            "{:?}",
            started.elapsed()
        );
        issuer.fails(document, None);
        server.advance(Duration::from_secs(11));
        assert_eq!(browser.signs_in(&issuer, "").await, "/");
    }
}
