//! Passkeys: added, used in place of a password and after it, and refused when anything about them is wrong.

use crate::support::api::Answer;
use crate::support::authenticator::Authenticator;
use crate::support::{Api, Engine, Server};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

crate::both_engines_with_a_name! {
    a_passkey_logs_its_person_in_without_a_password
    a_password_alone_is_not_enough_any_more
    an_answer_counts_once_and_for_five_minutes
    what_another_page_or_another_server_was_told_is_refused
    a_copy_of_a_passkey_is_noticed
    a_command_line_is_let_in_by_a_browser_that_showed_the_passkey
    nobody_uses_or_removes_the_passkey_of_somebody_else
    a_person_has_so_many_passkeys_at_most
    recovery_codes_go_with_the_last_second_factor
    guesses_of_the_password_are_slowed_down
}

crate::behind_proxy! {
    &["--web-url", crate::support::authenticator::ORIGIN];
    a_passkey_logs_its_person_in_without_a_password
    an_answer_counts_once_and_for_five_minutes
}

const PATH: &str = "/api/users/me/passkeys";
const OPTIONS: &str = "/api/users/me/passkeys/options";
const LOGIN: &str = "/api/session/passkey";

fn password(server: &Server) -> Value {
    json!({"current_password": server.login("password")})
}

/// Adds this passkey.
async fn add(server: &Server, authenticator: &mut Authenticator, name: &str) -> Answer {
    let asked = server.api().post(OPTIONS, password(server)).await.data();
    let credential = authenticator.register(&asked["options"]);
    let form = json!({"challenge": asked["challenge"], "credential": credential, "name": name});
    server.api().post(PATH, form).await
}

async fn with_passkey(server: &Server) -> Authenticator {
    let mut authenticator = Authenticator::default();
    add(server, &mut authenticator, "laptop").await.data();
    authenticator
}

/// What a login page is told to ask for.
async fn asked(server: &Server, challenge: Option<&Value>) -> Value {
    let form = challenge.map_or(json!({}), |c| json!({"challenge": c}));
    let api = server.api().anonymous();
    api.post("/api/session/passkey/options", form).await.data()
}

async fn answer(server: &Server, asked: &Value, assertion: Value) -> Answer {
    let form = json!({"challenge": asked["challenge"], "assertion": assertion});
    server.api().anonymous().post(LOGIN, form).await
}

/// Logs in without a password.
async fn log_in(server: &Server, authenticator: &mut Authenticator) -> Answer {
    let asked = asked(server, None).await;
    let assertion = authenticator.sign(&asked["options"]);
    answer(server, &asked, assertion).await
}

/// The first step of a login.
async fn first(server: &Server) -> Value {
    let form = json!({"email": server.login("email"), "password": server.login("password")});
    let api = server.api().anonymous();
    api.post("/api/session", form).await.data()
}

async fn second(server: &Server, form: Value) -> Answer {
    let api = server.api().anonymous();
    api.post("/api/session/second_factor", form).await
}

async fn remove(server: &Server, id: &Value, password: &Value) -> u16 {
    let request = server.api().raw(Method::DELETE, &format!("{PATH}/{id}"));
    Api::answer(request.json(password)).await.status
}

async fn a_passkey_logs_its_person_in_without_a_password(server: Server) {
    let api = server.api();
    assert_eq!(api.get(PATH).await.data(), json!([]));
    let info = api.anonymous().get("/api/server").await.data();
    assert_eq!(info["passkeys"], true);
    let wrong = json!({"current_password": "wrong"});
    assert_eq!(api.post(OPTIONS, wrong.clone()).await.status, 422);
    let asked = api.post(OPTIONS, password(&server)).await.data();
    let options = &asked["options"];
    assert_eq!(options["rp"]["id"], "n.acme.org");
    assert_eq!(options["user"]["name"], server.login("email"));
    let wanted = &options["authenticatorSelection"];
    assert_eq!(
        (&wanted["userVerification"], &wanted["residentKey"]),
        (&json!("required"), &json!("preferred"))
    );
    let mut authenticator = Authenticator::default();
    for (name, error) in [("", "name"), (&*"x".repeat(101), "name")] {
        let refused = add(&server, &mut authenticator, name).await;
        assert!(refused.errors()[error].is_array(), "{}", refused.text);
    }
    let made = add(&server, &mut authenticator, "  my   laptop ")
        .await
        .data();
    assert_eq!(made["passkey"]["name"], "my laptop");
    assert_eq!(made["recovery_codes"].as_array().unwrap().len(), 10);
    let mut other = Authenticator::default();
    let more = add(&server, &mut other, "phone").await.data();
    assert_eq!(more["recovery_codes"], json!([]), "there are some");
    assert_eq!(authenticator.handle, other.handle, "one account");
    let again = add(&server, &mut authenticator, "again").await;
    assert_eq!(again.status, 409, "{}", again.text);
    let asked = asked_with_remember(&server, &mut authenticator).await;
    assert!(
        asked.header("set-cookie").contains("Max-Age=5184000"),
        "remembered, as asked"
    );
    let done = log_in(&server, &mut other).await;
    assert!(done.header("set-cookie").starts_with("__Host-nc="));
    assert_eq!(done.data()["user"]["email"], server.login("email"));
    let listed = api.get(PATH).await.data();
    let names: Vec<&Value> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["name"])
        .collect();
    assert_eq!(names, ["my laptop", "phone"]);
    assert!(listed[0]["last_used_at"].is_string());
    assert_eq!(server.audited("added the passkey \"phone\"").await, 1);
    assert_eq!(
        server
            .audited("logged in with a browser, by a passkey")
            .await,
        2
    );
    // Removed, it is worth nothing.
    let id = &listed[1]["id"];
    assert_eq!(remove(&server, id, &wrong).await, 422);
    assert_eq!(remove(&server, id, &password(&server)).await, 204);
    assert_eq!(remove(&server, id, &password(&server)).await, 404);
    assert_eq!(log_in(&server, &mut other).await.status, 401);
    assert_eq!(log_in(&server, &mut authenticator).await.status, 200);
    assert_eq!(server.audited("removed the passkey \"phone\"").await, 1);
}

async fn asked_with_remember(server: &Server, authenticator: &mut Authenticator) -> Answer {
    let asked = asked(server, None).await;
    let assertion = authenticator.sign(&asked["options"]);
    let form = json!({"challenge": asked["challenge"], "assertion": assertion, "remember": true});
    server.api().anonymous().post(LOGIN, form).await
}

async fn a_password_alone_is_not_enough_any_more(server: Server) {
    let mut authenticator = Authenticator::default();
    let made = add(&server, &mut authenticator, "laptop").await.data();
    let api = server.api().anonymous();
    let right = json!({"email": server.login("email"), "password": server.login("password")});
    for path in ["/api/users/auth", "/api/users/login"] {
        let refused = api.post(path, right.clone()).await;
        assert!(
            refused.status == 401 && refused.text.contains("recovery code"),
            "{}",
            refused.text
        );
    }
    let begun = api.post("/api/session", right.clone()).await;
    assert_eq!(begun.header("set-cookie"), "", "not yet");
    let begun = begun.data();
    assert_eq!(begun["second_factor"], json!(["passkey"]));
    let asked_second = asked(&server, Some(&begun["challenge"])).await;
    let allowed = &asked_second["options"]["allowCredentials"];
    assert_eq!(allowed[0]["id"], URL_SAFE_NO_PAD.encode(&authenticator.id));
    let assertion = authenticator.sign(&asked_second["options"]);
    // The challenges of the two ways are not good for each other, nor is that of the first step.
    let crossed = answer(&server, &asked_second, assertion.clone()).await;
    assert_eq!(crossed.status, 401);
    for (challenge, assertion) in [
        (&begun["challenge"], assertion.clone()),
        (&json!("forged"), assertion.clone()),
        (&asked_second["challenge"], json!({})),
    ] {
        let form = json!({"challenge": challenge, "assertion": assertion});
        let refused = second(&server, form).await;
        assert!(
            refused.status == 401 && refused.text.contains("passkey is not known"),
            "{}",
            refused.text
        );
    }
    let form = json!({"challenge": asked_second["challenge"], "assertion": assertion});
    let done = second(&server, form.clone()).await;
    assert_eq!(done.data()["user"]["email"], server.login("email"));
    assert_eq!(second(&server, form).await.status, 401, "once");
    let by = "logged in with a browser, by a password and a passkey";
    assert_eq!(server.audited(by).await, 1);
    // A recovery code is as good, everywhere.
    let code = &made["recovery_codes"][0];
    let form = json!({"challenge": begun["challenge"], "code": code});
    assert_eq!(second(&server, form).await.status, 200);
    let mut form = right;
    form["code"] = made["recovery_codes"][1].clone();
    assert_eq!(api.post("/api/users/login", form).await.status, 200);
    // Nobody without the first step is asked for the second.
    let forged = json!({"challenge": "forged"});
    let refused = api.post("/api/session/passkey/options", forged).await;
    assert_eq!(refused.status, 401, "{}", refused.text);
}

async fn an_answer_counts_once_and_for_five_minutes(server: Server) {
    let mut authenticator = Authenticator::default();
    let api = server.api();
    let register = api.post(OPTIONS, password(&server)).await.data();
    let credential = authenticator.register(&register["options"]);
    let form =
        json!({"challenge": register["challenge"], "credential": credential, "name": "laptop"});
    let id = api.post(PATH, form.clone()).await.data()["passkey"]["id"].clone();
    let question = asked(&server, None).await;
    let assertion = authenticator.sign(&question["options"]);
    let login = async || answer(&server, &question, assertion.clone()).await.status;
    assert_eq!((login().await, login().await), (200, 401));
    // An authenticator that does not count is no easier to repeat.
    authenticator = Authenticator::default();
    add(&server, &mut authenticator, "uncounted").await.data();
    let question = asked(&server, None).await;
    let assertion = authenticator.sign_uncounted(&question["options"]);
    let login = async || answer(&server, &question, assertion.clone()).await.status;
    assert_eq!((login().await, login().await), (200, 401));
    // A registration that is sent again does not bring a removed passkey back.
    assert_eq!(remove(&server, &id, &password(&server)).await, 204);
    let again = api.post(PATH, form).await;
    assert!(again.errors()["challenge"].is_array(), "{}", again.text);
    // Late.
    let register = api.post(OPTIONS, password(&server)).await.data();
    let question = asked(&server, None).await;
    let begun = first(&server).await;
    let step = asked(&server, Some(&begun["challenge"])).await;
    server.advance(Duration::from_secs(301));
    let credential = Authenticator::default().register(&register["options"]);
    let form =
        json!({"challenge": register["challenge"], "credential": credential, "name": "late"});
    assert!(api.post(PATH, form).await.errors()["challenge"].is_array());
    let assertion = authenticator.sign_uncounted(&question["options"]);
    assert_eq!(answer(&server, &question, assertion).await.status, 401);
    let assertion = authenticator.sign_uncounted(&step["options"]);
    let form = json!({"challenge": step["challenge"], "assertion": assertion});
    assert_eq!(second(&server, form).await.status, 401);
    let form = json!({"challenge": begun["challenge"]});
    let late = api.anonymous();
    let late = late.post("/api/session/passkey/options", form).await;
    assert_eq!(late.status, 401);
    // A new password ends a second step that is under way.
    let begun = first(&server).await;
    let step = asked(&server, Some(&begun["challenge"])).await;
    let change = json!({"current_password": server.login("password"), "new_password": "correct horse battery"});
    assert_eq!(api.put("/api/users/me/password", change).await.status, 204);
    let assertion = authenticator.sign_uncounted(&step["options"]);
    let form = json!({"challenge": step["challenge"], "assertion": assertion});
    assert_eq!(second(&server, form).await.status, 401);
    let question = asked(&server, None).await;
    let assertion = authenticator.sign_uncounted(&question["options"]);
    assert_eq!(
        answer(&server, &question, assertion).await.status,
        200,
        "it stays"
    );
}

async fn what_another_page_or_another_server_was_told_is_refused(server: Server) {
    let wrong: [fn(&mut Authenticator); 4] = [
        |a| a.origin = "https://n.acme.org.evil.example".into(),
        |a| a.origin = "http://n.acme.org".into(),
        |a| a.rp_id = "acme.org".into(),
        |a| a.verifies = false,
    ];
    for spoil in wrong {
        let mut authenticator = Authenticator::default();
        spoil(&mut authenticator);
        let refused = add(&server, &mut authenticator, "spoilt").await;
        assert!(
            refused.errors()["credential"].is_array(),
            "{}",
            refused.text
        );
    }
    assert_eq!(server.api().get(PATH).await.data(), json!([]));
    let mut authenticator = with_passkey(&server).await;
    for spoil in wrong {
        spoil(&mut authenticator);
        assert_eq!(log_in(&server, &mut authenticator).await.status, 401);
        let begun = first(&server).await;
        let step = asked(&server, Some(&begun["challenge"])).await;
        let assertion = authenticator.sign(&step["options"]);
        let form = json!({"challenge": step["challenge"], "assertion": assertion});
        assert_eq!(second(&server, form).await.status, 401);
        authenticator.as_it_should_be();
    }
    // Another challenge than the one that is sent back, and a changed signature.
    let (one, two) = (asked(&server, None).await, asked(&server, None).await);
    let assertion = authenticator.sign(&one["options"]);
    assert_eq!(answer(&server, &two, assertion.clone()).await.status, 401);
    let mut changed = assertion.clone();
    let signature = changed["response"]["signature"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    bytes[12] ^= 1;
    changed["response"]["signature"] = URL_SAFE_NO_PAD.encode(bytes).into();
    assert_eq!(answer(&server, &one, changed).await.status, 401);
    for broken in [
        json!({}),
        json!({"id": "x"}),
        json!({"response": {"userHandle": 7}}),
    ] {
        assert_eq!(answer(&server, &one, broken).await.status, 401);
    }
    // A page of another site may not log its visitor in.
    let request = server.api().anonymous().raw(Method::POST, LOGIN);
    let form = json!({"challenge": one["challenge"], "assertion": assertion});
    let elsewhere = request.header("sec-fetch-site", "cross-site").json(&form);
    let refused = Api::answer(elsewhere).await;
    assert!(
        refused.text.contains("page of this server"),
        "{}",
        refused.text
    );
    assert_eq!(answer(&server, &one, assertion).await.status, 200);
}

async fn a_copy_of_a_passkey_is_noticed(server: Server) {
    let mut authenticator = with_passkey(&server).await;
    authenticator.counter = 10;
    assert_eq!(log_in(&server, &mut authenticator).await.status, 200);
    authenticator.counter = 4;
    assert_eq!(log_in(&server, &mut authenticator).await.status, 401);
    assert_eq!(server.audited("there may be a copy of it").await, 1);
    authenticator.counter = 11;
    assert_eq!(log_in(&server, &mut authenticator).await.status, 200);
}

async fn a_command_line_is_let_in_by_a_browser_that_showed_the_passkey(server: Server) {
    let mut authenticator = with_passkey(&server).await;
    let api = server.api().anonymous();
    let cookie = |done: &Answer| {
        let set = done.header("set-cookie");
        set.split(';').next().unwrap().to_owned()
    };
    let janes = cookie(&log_in(&server, &mut authenticator).await);
    let joe = server.bootstrap("joe@acme.org", "other", "thing");
    let login = json!({"email": "joe@acme.org", "password": joe["password"]});
    let joes = cookie(&api.post("/api/session", login).await);
    let begun = api.post("/api/auth/cli_session", json!({})).await.data();
    let page = reqwest::Url::parse(begun["url"].as_str().unwrap()).unwrap();
    let confirm = async |password: &str, cookie: &str| {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("email", server.login("email"));
        form.append_pair("password", password);
        let request = api.raw(Method::POST, page.path()).header("cookie", cookie);
        let kind = "application/x-www-form-urlencoded";
        let request = request.header("content-type", kind).body(form.finish());
        Api::answer(request).await.status
    };
    let password = server.login("password");
    assert_eq!(confirm(password, "a=b").await, 401, "no second factor");
    assert_eq!(confirm(password, &joes).await, 401, "somebody else's");
    assert_eq!(confirm("wrong", &janes).await, 401);
    assert_eq!(confirm(password, &janes).await, 200);
}

async fn nobody_uses_or_removes_the_passkey_of_somebody_else(server: Server) {
    let mut janes = with_passkey(&server).await;
    let id = server.api().get(PATH).await.data()[0]["id"].clone();
    let joe = server.bootstrap("joe@acme.org", "other", "thing");
    let joe_api = server.api().with_token(joe["token"].as_str().unwrap());
    let own = json!({"current_password": joe["password"]});
    let removes = joe_api.raw(Method::DELETE, &format!("{PATH}/{id}"));
    assert_eq!(Api::answer(removes.json(&own)).await.status, 404);
    assert_eq!(joe_api.get(PATH).await.data(), json!([]));
    // Neither is Jane's question answered by Joe, nor is Jane's key added by him.
    let janes_question = server.api().post(OPTIONS, password(&server)).await.data();
    let mut joes = Authenticator::default();
    let credential = joes.register(&janes_question["options"]);
    let form =
        json!({"challenge": janes_question["challenge"], "credential": credential, "name": "x"});
    let refused = joe_api.post(PATH, form).await;
    assert!(refused.errors()["challenge"].is_array(), "{}", refused.text);
    let question = joe_api.post(OPTIONS, own).await.data();
    let handle = janes.handle.clone();
    let credential = janes.register(&question["options"]);
    let form = json!({"challenge": question["challenge"], "credential": credential, "name": "x"});
    assert_eq!(joe_api.post(PATH, form.clone()).await.status, 409);
    let mut form = form;
    form["credential"] = joes.register(&question["options"]);
    joe_api.post(PATH, form).await.data();
    // A passkey that says it is Jane's is not.
    let joes_handle = std::mem::replace(&mut joes.handle, handle);
    assert_eq!(log_in(&server, &mut joes).await.status, 401);
    // Joe's passkey does not do Jane's second step.
    joes.handle = joes_handle;
    let begun = first(&server).await;
    let step = asked(&server, Some(&begun["challenge"])).await;
    let assertion = joes.sign(&step["options"]);
    let form = json!({"challenge": step["challenge"], "assertion": assertion});
    assert_eq!(second(&server, form).await.status, 401);
    let done = log_in(&server, &mut joes).await.data();
    assert_eq!(done["user"]["email"], "joe@acme.org");
    // A program has none.
    let robot = json!({"name": "ci", "role": "admin"});
    server
        .api()
        .post("/api/orgs/acme/service_accounts", robot)
        .await
        .data();
    let path = "/api/orgs/acme/service_accounts/ci/tokens";
    let token = server.api().post(path, json!({"note": "ci"})).await.data();
    let robot = server.api().with_token(token["token"].as_str().unwrap());
    assert_eq!(
        robot
            .post(OPTIONS, json!({"current_password": ""}))
            .await
            .status,
        401
    );
}

async fn a_person_has_so_many_passkeys_at_most(server: Server) {
    let late = server.api().post(OPTIONS, password(&server)).await.data();
    for n in 0..20 {
        add(&server, &mut Authenticator::default(), &format!("key {n}"))
            .await
            .data();
    }
    let refused = server.api().post(OPTIONS, password(&server)).await;
    assert!(
        refused.status == 409 && refused.text.contains("20"),
        "{}",
        refused.text
    );
    let credential = Authenticator::default().register(&late["options"]);
    let form = json!({"challenge": late["challenge"], "credential": credential, "name": "x"});
    assert_eq!(server.api().post(PATH, form).await.status, 409);
    // The body of a second step stays small, however many there are.
    let begun = first(&server).await;
    let step = asked(&server, Some(&begun["challenge"])).await;
    assert_eq!(
        step["options"]["allowCredentials"]
            .as_array()
            .unwrap()
            .len(),
        20
    );
    let length = step["challenge"].as_str().unwrap().len();
    assert!(length < 1_024, "{length}");
}

async fn recovery_codes_go_with_the_last_second_factor(server: Server) {
    let api = server.api();
    let codes = async || api.get("/api/users/me/totp").await.data()["recovery_codes"].clone();
    with_passkey(&server).await;
    assert_eq!(codes().await, 10);
    let totp = "/api/users/me/totp";
    let made = api.post(totp, password(&server)).await.data();
    let secret = totp_rs::Secret::try_from_base32(made["secret"].as_str().unwrap()).unwrap();
    let phone = totp_rs::Builder::new().with_secret(secret).build().unwrap();
    let now = u64::try_from(server.now_ms() / 1_000).unwrap();
    let code = json!({"code": phone.generate(now).to_string()});
    api.put(totp, code).await.data();
    let begun = first(&server).await;
    assert_eq!(begun["second_factor"], json!(["totp", "passkey"]));
    let removed = Api::answer(api.raw(Method::DELETE, totp).json(&password(&server))).await;
    assert_eq!(removed.status, 204, "{}", removed.text);
    assert_eq!(codes().await, 10, "a passkey is left");
    let id = api.get(PATH).await.data()[0]["id"].clone();
    assert_eq!(remove(&server, &id, &password(&server)).await, 204);
    assert_eq!(codes().await, 0);
    assert!(
        first(&server).await["csrf"].is_string(),
        "a password is enough again"
    );
    // The operator of the server helps whoever has lost everything.
    with_passkey(&server).await;
    let email = server.login("email");
    let new = server.admin_of_all(&["reset-password", "--email", email, "--remove-second-factor"]);
    let form = json!({"email": email, "password": new.trim()});
    let done = api.anonymous().post("/api/users/login", form).await;
    let again = api.with_token(done.data()["token"].as_str().unwrap());
    assert_eq!(again.get(PATH).await.data(), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn passkeys_work_under_a_domain_name_alone() {
    for (url, possible) in [
        (Some("https://ota.acme.org:8443"), true),
        (Some("http://localhost:4000"), true),
        (Some("http://n.acme.org"), false),
        (Some("https://10.0.0.7"), false),
        (Some("https://[::1]:4000"), false),
        (Some("http://127.0.0.1:4000"), false),
        (None, false),
    ] {
        let flags: Vec<&str> = url.iter().flat_map(|url| ["--web-url", url]).collect();
        let server = Server::with(Engine::Sqlite, &flags).await.unwrap();
        let api = server.api();
        let info = api.anonymous().get("/api/server").await.data();
        assert_eq!(info["passkeys"], possible, "{url:?}");
        let refused = api.post(OPTIONS, password(&server)).await;
        let login = api.anonymous();
        let login = login.post("/api/session/passkey/options", json!({})).await;
        let wanted = if possible { 200 } else { 422 };
        assert_eq!((refused.status, login.status), (wanted, wanted), "{url:?}");
        assert!(
            possible || login.text.contains("--web-url"),
            "{}",
            login.text
        );
    }
}

async fn guesses_of_the_password_are_slowed_down(server: Server) {
    let wrong = json!({"current_password": "wrong"});
    let api = server.api();
    let mut last = 0;
    for _ in 0..12 {
        last = api.post(OPTIONS, wrong.clone()).await.status;
    }
    assert_eq!(last, 429);
    let request = api.raw(Method::DELETE, &format!("{PATH}/1")).json(&wrong);
    assert_eq!(Api::answer(request).await.status, 429);
}
