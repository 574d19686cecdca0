//! A second factor: switched on and off, and asked for by every way to log in.

use crate::support::api::Answer;
use crate::support::{Api, Server};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use totp_rs::{Builder, Secret, Totp};

crate::both_engines! {
    a_login_of_a_browser_takes_two_steps
    every_other_way_in_asks_for_the_code
    whoever_lost_the_phone_comes_in_by_recovery_codes_or_the_operator
    guesses_are_slowed_down_wherever_they_are_made
}

crate::behind_proxy! {
    &[];
    a_login_of_a_browser_takes_two_steps
    every_other_way_in_asks_for_the_code
}

/// The person's phone.
struct Phone(Totp);

impl Phone {
    fn new(secret: &str) -> Self {
        let secret = Secret::try_from_base32(secret).unwrap();
        Self(Builder::new().with_secret(secret).build().unwrap())
    }

    /// The code at the server's time.
    fn code(&self, server: &Server) -> String {
        self.code_in(server, 0)
    }

    fn code_in(&self, server: &Server, seconds: i64) -> String {
        let at = server.now_ms() / 1_000 + seconds;
        self.0.generate(u64::try_from(at).unwrap()).to_string()
    }
}

const PATH: &str = "/api/users/me/totp";

/// The person switches a second factor on; the phone and the recovery codes.
async fn switched_on(server: &Server) -> (Phone, Vec<String>) {
    let api = server.api();
    assert_eq!(
        api.get(PATH).await.data(),
        json!({"on": false, "recovery_codes": 0})
    );
    let password = json!({"current_password": server.login("password")});
    assert_eq!(
        api.post(PATH, json!({"current_password": "wrong"}))
            .await
            .status,
        422
    );
    assert_eq!(
        api.put(PATH, json!({"code": "123456"})).await.status,
        409,
        "not begun"
    );
    let made = api.post(PATH, password.clone()).await.data();
    let uri = made["uri"].as_str().unwrap();
    assert!(uri.starts_with("otpauth://totp/Nervecenter"), "{uri}");
    let phone = Phone::new(made["secret"].as_str().unwrap());
    let wrong = api
        .put(PATH, json!({"code": phone.code_in(server, 3_600)}))
        .await;
    assert!(
        wrong.status == 422 && wrong.errors()["code"].is_array(),
        "{}",
        wrong.text
    );
    assert_eq!(api.get(PATH).await.data()["on"], false);
    let on = api
        .put(PATH, json!({"code": phone.code(server)}))
        .await
        .data();
    assert_eq!(
        api.get(PATH).await.data(),
        json!({"on": true, "recovery_codes": 10})
    );
    for again in [
        api.post(PATH, password).await,
        api.put(PATH, json!({"code": phone.code(server)})).await,
    ] {
        assert_eq!(again.status, 409, "{}", again.text);
    }
    let codes = on["recovery_codes"].as_array().unwrap().iter();
    let codes: Vec<String> = codes.map(|c| c.as_str().unwrap().to_owned()).collect();
    assert!(server.audited("switched a second factor on").await > 0);
    (phone, codes)
}

fn right(server: &Server) -> Value {
    json!({"email": server.login("email"), "password": server.login("password")})
}

fn detail(answer: &Answer) -> String {
    answer.json()["errors"]["detail"].to_string()
}

async fn a_login_of_a_browser_takes_two_steps(server: Server) {
    let (phone, _) = switched_on(&server).await;
    server.advance(Duration::from_secs(60));
    let browser = server.api().anonymous();
    let mut form = right(&server);
    form["remember"] = true.into();
    let first = browser.post("/api/session", form).await;
    assert_eq!(first.header("set-cookie"), "", "not yet");
    let first = first.data();
    assert_eq!(first["second_factor"], json!(["totp"]));
    let second = async |challenge: &Value, code: &str| {
        let form = json!({"challenge": challenge, "code": code});
        browser.post("/api/session/second_factor", form).await
    };
    let code = phone.code(&server);
    for (challenge, code) in [
        (&first["challenge"], "000000"),
        (&first["challenge"], ""),
        (&json!("forged"), &*code),
        (&json!(""), &*code),
    ] {
        let refused = second(challenge, code).await;
        assert!(
            refused.status == 401 && detail(&refused).contains("code is wrong"),
            "{}",
            refused.text
        );
    }
    let done = second(&first["challenge"], &code).await;
    assert!(
        done.header("set-cookie").contains("Max-Age=5184000"),
        "remembered, as asked"
    );
    assert_eq!(done.data()["user"]["email"], server.login("email"));
    let again = second(&first["challenge"], &code).await;
    assert_eq!(again.status, 401, "a code is good once");
    let first = browser.post("/api/session", right(&server)).await.data();
    server.advance(Duration::from_secs(301));
    let late = second(&first["challenge"], &phone.code(&server)).await;
    assert_eq!(late.status, 401, "five minutes are over");
    // A new password ends a login that is under way.
    let first = browser.post("/api/session", right(&server)).await.data();
    let change = json!({"current_password": server.login("password"), "new_password": "correct horse battery"});
    let changed = server.api().put("/api/users/me/password", change).await;
    assert_eq!(changed.status, 204, "{}", changed.text);
    server.advance(Duration::from_secs(60));
    let over = second(&first["challenge"], &phone.code(&server)).await;
    assert_eq!(over.status, 401, "{}", over.text);
    let elsewhere = browser.raw(Method::POST, "/api/session/second_factor");
    let form = json!({"challenge": first["challenge"], "code": phone.code(&server)});
    let elsewhere = elsewhere.header("sec-fetch-site", "cross-site").json(&form);
    assert!(detail(&Api::answer(elsewhere).await).contains("page of this server"));
}

async fn every_other_way_in_asks_for_the_code(server: Server) {
    let (phone, _) = switched_on(&server).await;
    let api = server.api().anonymous();
    for path in ["/api/users/auth", "/api/users/login"] {
        server.advance(Duration::from_secs(60));
        let refused = api.post(path, right(&server)).await;
        assert!(
            refused.status == 401 && detail(&refused).contains("second factor"),
            "{}",
            refused.text
        );
        let mut form = right(&server);
        form["password"] = "wrong".into();
        let wrong = api.post(path, form).await;
        assert!(!detail(&wrong).contains("second factor"), "{}", wrong.text);
        let mut form = right(&server);
        form["code"] = phone.code(&server).into();
        assert_eq!(api.post(path, form.clone()).await.status, 200);
        assert_eq!(
            api.post(path, form).await.status,
            401,
            "a code is good once"
        );
    }
    // The page of a command line's login.
    let begun = api.post("/api/auth/cli_session", json!({})).await.data();
    let page = reqwest::Url::parse(begun["url"].as_str().unwrap()).unwrap();
    let post = async |code: &str| {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("email", server.login("email"));
        form.append_pair("password", server.login("password"));
        form.append_pair("code", code);
        let request = api.raw(Method::POST, page.path());
        let kind = "application/x-www-form-urlencoded";
        Api::answer(request.header("content-type", kind).body(form.finish())).await
    };
    let asked = post("").await;
    assert!(
        asked.status == 401 && asked.text.contains("give its code, or a recovery code"),
        "{}",
        asked.text
    );
    assert_eq!(post("123456").await.status, 401);
    server.advance(Duration::from_secs(60));
    assert_eq!(post(&phone.code(&server)).await.status, 200);
    // Guessing is slowed down.
    let mut slowed = false;
    for n in 0..20 {
        let mut form = right(&server);
        form["code"] = format!("{n:06}").into();
        slowed |= api.post("/api/users/login", form).await.status == 429;
    }
    assert!(slowed);
}

async fn whoever_lost_the_phone_comes_in_by_recovery_codes_or_the_operator(server: Server) {
    let (_, codes) = switched_on(&server).await;
    let api = server.api();
    let login = async |code: &str| {
        let mut form = right(&server);
        form["code"] = code.into();
        api.anonymous().post("/api/users/login", form).await.status
    };
    let typed = codes[0].replace('-', " ").to_uppercase();
    assert_eq!(login(&typed).await, 200);
    assert_eq!(login(&codes[0]).await, 401, "once");
    assert_eq!(login(&codes[1]).await, 200);
    assert_eq!(api.get(PATH).await.data()["recovery_codes"], 8);
    assert_eq!(server.audited("used a recovery code; 8 are left").await, 1);
    let delete = async |password: &str| {
        let form = json!({"current_password": password});
        Api::answer(api.raw(Method::DELETE, PATH).json(&form))
            .await
            .status
    };
    assert_eq!(delete("wrong").await, 422);
    assert_eq!(delete(server.login("password")).await, 204);
    assert_eq!(delete(server.login("password")).await, 404);
    assert_eq!(login("").await, 200);
    // The operator of the server helps whoever has neither.
    switched_on(&server).await;
    let email = server.login("email");
    let new = server.admin_of_all(&["reset-password", "--email", email, "--remove-second-factor"]);
    let form = json!({"email": email, "password": new.trim()});
    assert_eq!(
        api.anonymous().post("/api/users/login", form).await.status,
        200
    );
}

/// Asks until it is told to ask later.
async fn until_slowed(ask: impl AsyncFn() -> u16) {
    for _ in 0..40 {
        if ask().await == 429 {
            return;
        }
    }
    panic!("40 guesses were looked at");
}

async fn guesses_are_slowed_down_wherever_they_are_made(server: Server) {
    let api = server.api();
    let password = json!({"current_password": server.login("password")});
    api.post(PATH, password).await.data();
    until_slowed(async || api.put(PATH, json!({"code": "000000"})).await.status).await;
    // Each person has a budget of their own.
    let joe = server.bootstrap("joe@acme.org", "other", "thing");
    let joe_api = api.with_token(joe["token"].as_str().unwrap());
    let password = json!({"current_password": joe["password"]});
    let made = joe_api.post(PATH, password).await.data();
    let phone = Phone::new(made["secret"].as_str().unwrap());
    let code = json!({"code": phone.code(&server)});
    joe_api.put(PATH, code).await.data();
    let login = json!({"email": "joe@acme.org", "password": joe["password"]});
    let first = api.anonymous().post("/api/session", login).await.data();
    until_slowed(async || {
        let form = json!({"challenge": first["challenge"], "code": "000000"});
        api.anonymous()
            .post("/api/session/second_factor", form)
            .await
            .status
    })
    .await;
    // Passwords that are asked for again count like those of logins.
    let wrong = json!({"current_password": "wrong"});
    until_slowed(async || joe_api.post(PATH, wrong.clone()).await.status).await;
    for path in [PATH, "/api/users/me"] {
        let request = joe_api.raw(Method::DELETE, path).json(&wrong);
        assert_eq!(Api::answer(request).await.status, 429, "{path}");
    }
    let login = json!({"email": "joe@acme.org", "password": "wrong"});
    assert_eq!(
        api.anonymous().post("/api/session", login).await.status,
        429
    );
}
