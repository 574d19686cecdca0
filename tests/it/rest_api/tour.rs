//! Every operation of the API succeeds once, in one story on each engine: its whole answer is kept in `golden/rest_api.json`
//! (`UPDATE_GOLDEN=1` writes it anew), and what changes something leaves an audit entry. An operation that the story does not
//! tell fails it. It is one file because it is one story, in which each step uses what the steps before it made.

use crate::support::api::Answer;
use crate::support::authenticator::Authenticator;
use crate::support::ca::{Leaf, ca};
use crate::support::device::{Device, running};
use crate::support::server::ALL_OPERATIONS;
use crate::support::{Api, Engine, Server, contract, fixtures, readings};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, Url};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

/// What changes something without an entry, and why that is right.
const SILENT: [(&str, &str); 24] = [
    (
        "put {p}/devices/{device}/pin",
        "of a person, and of no weight",
    ),
    ("delete {p}/devices/{device}/pin", "as before"),
    ("post /api/users/password_reset", "sends a mail"),
    ("post /api/users/register", "sends a mail"),
    ("post /api/users/me/totp", "counts with its first code"),
    (
        "post /api/users/me/passkeys/options",
        "asks; the passkey is added by the answer",
    ),
    ("post /api/session/passkey/options", "asks"),
    (
        "put /api/users/me/preferences",
        "of a person, and of no weight",
    ),
    ("post /api/orgs", "in the log of that organization"),
    ("put /api/orgs/{org}", "as before"),
    ("delete /api/orgs/{org}", "as before"),
    ("post /api/auth/cli_session", "nobody has done anything yet"),
    ("post /api/users/auth", "of a person, in no organization"),
    (
        "post /api/users/login",
        "a token of a person, in no organization",
    ),
    ("post {p}/devices/auth", "asks"),
    (
        "post {p}/uploads",
        "nothing is there until it is made a firmware",
    ),
    ("patch {p}/uploads/{upload}", "as before"),
    ("delete {p}/uploads/{upload}", "as before"),
    (
        "post {p}/webhooks/{webhook}/test",
        "sends, and has a log of its own",
    ),
    (
        "post {p}/webhooks/{webhook}/deliveries/{delivery}/retry",
        "as before",
    ),
    ("post {p}/workflows/check", "changes nothing"),
    ("post {p}/deployments/{name}/dry_run", "changes nothing"),
    ("post {p}/deployment_preview", "changes nothing"),
    (
        "post {p}/mail_rules/{rule}/test",
        "sends, and shows how it went",
    ),
];

/// Streams that do not end; `events` is about them.
const ENDLESS: [&str; 3] = [
    "get {p}/events",
    "get {p}/devices/{device}/events",
    "get {p}/deployments/{name}/events",
];

/// What takes a link out of a mail, or a browser and a sign-in provider, and is told by `support_tools::mail`, `accounts::logins`,
/// `accounts::registration` and `accounts::sign_in`.
const TOLD_ELSEWHERE: [&str; 6] = [
    "post /api/users/me/identities",
    "get /api/users/confirm/{link}",
    "post /api/users/confirm/{link}",
    "put /api/users/password_reset/{link}",
    "get /api/invites/{link}",
    "post /api/invites/{link}",
];

const PRODUCT: &str = "/api/orgs/{org}/products/{product}";

struct Tour<'s> {
    server: &'s Server,
    api: Api,
    document: &'static Value,
    seen: BTreeMap<String, Value>,
    entries: i64,
    unaudited: Vec<String>,
}

impl Tour<'_> {
    async fn entries(&self) -> i64 {
        self.server.audit_entries().await
    }

    /// Keeps an answer, which must be a success.
    async fn keep(&mut self, method: Method, path: &str, answer: Answer) -> Answer {
        let bare = path.split('?').next().unwrap();
        let template = contract::template(self.document, bare).unwrap_or_else(|| panic!("{path}"));
        let name = format!(
            "{} {}",
            method.as_str().to_lowercase(),
            template.replace(PRODUCT, "{p}")
        );
        assert!(
            (200..400).contains(&answer.status),
            "{name}: {} {}",
            answer.status,
            answer.text
        );
        let entries = self.entries().await;
        let silent = SILENT.iter().any(|(n, _)| *n == name);
        if method != Method::GET && !silent && entries == self.entries {
            self.unaudited.push(name.clone());
        }
        self.entries = entries;
        let mut kept = Map::new();
        kept.insert("status".into(), answer.status.into());
        let kind = answer.header("content-type");
        let body = match serde_json::from_str::<Value>(&answer.text) {
            Ok(mut body) if kind.starts_with("application/json") => {
                // Entries tell of serial numbers and wait for nothing: one shows what they are like.
                if let (true, Some(all)) =
                    (name.contains("audit_logs"), body["data"].as_array_mut())
                {
                    all.truncate(1);
                    body["pagination"]["total_entries"] = Value::Null;
                    body["pagination"]["total_pages"] = Value::Null;
                }
                plain("", body)
            }
            _ => Value::String(if answer.text.len() > 300 {
                "…".into()
            } else {
                answer.text.clone()
            }),
        };
        // The document and its page have tests of their own.
        if !matches!(template, "/api/openapi" | "/api/docs") {
            if !kind.starts_with("application/json") && !kind.is_empty() {
                kept.insert("type".into(), kind.into());
            }
            kept.insert(
                "body".into(),
                if kind.starts_with("text/csv") {
                    "…".into()
                } else {
                    body
                },
            );
        }
        for header in ["location", "content-disposition"] {
            let value = answer.header(header);
            if !value.is_empty() {
                let value = plain(header, Value::String(value.to_owned()));
                kept.insert(header.into(), value);
            }
        }
        self.seen.entry(name).or_insert(Value::Object(kept));
        answer
    }

    async fn get(&mut self, path: &str) -> Value {
        let answer = self.api.get(path).await;
        self.keep(Method::GET, path, answer).await.json()["data"].clone()
    }

    async fn send(&mut self, method: Method, path: &str, body: Value) -> Value {
        let request = self.api.raw(method.clone(), path);
        let request = if body.is_null() {
            request
        } else {
            request.json(&body)
        };
        let answer = Api::answer(request).await;
        self.keep(method, path, answer).await.json()["data"].clone()
    }

    async fn post(&mut self, path: &str, body: Value) -> Value {
        self.send(Method::POST, path, body).await
    }

    async fn put(&mut self, path: &str, body: Value) -> Value {
        self.send(Method::PUT, path, body).await
    }

    async fn delete(&mut self, path: &str) {
        self.send(Method::DELETE, path, Value::Null).await;
    }
}

/// Whether a text is a point in time, in one of the three formats.
fn is_time(text: &str) -> bool {
    let b = text.as_bytes();
    b.len() >= 19
        && b[..4].iter().all(u8::is_ascii_digit)
        && b[4] == b'-'
        && b[13] == b':'
        && b[16] == b':'
}

/// A value without what differs from run to run: numbers of rows, times, secrets, ports.
fn plain(key: &str, value: Value) -> Value {
    const SECRET: [&str; 20] = [
        "challenge",
        "recovery_codes",
        "uri",
        "csrf",
        "token",
        "secret",
        "url",
        "verification_token",
        "confirmation_code",
        "serial",
        "mac",
        "message_id",
        "key",
        "location",
        "next_attempt_at",
        "password",
        "seq",
        "public_key",
        "session",
        "fingerprint",
    ];
    match value {
        Value::Array(all) => all.into_iter().map(|v| plain(key, v)).collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(k, v)| {
                let v = plain(&k, v);
                (k, v)
            })
            .collect(),
        // Written every two seconds: it may be there already.
        Value::String(_) | Value::Null if key == "last_used_at" => "<last_used_at>".into(),
        Value::String(text) if is_time(&text) => {
            let shape = text[19..]
                .chars()
                .map(|c| if c.is_ascii_digit() { '0' } else { c });
            format!("<time{}>", shape.collect::<String>()).into()
        }
        Value::String(text) if key == "location" => location(&text).into(),
        // The number of a job: some are made until one is ended before it has ended by itself.
        Value::String(text) if key == "results" => {
            let product = text.split("/jobs/").next().unwrap_or_default();
            format!("{product}/jobs/<id>/results.csv").into()
        }
        Value::String(_) if SECRET.contains(&key) => format!("<{key}>").into(),
        Value::Number(_) if key == "id" || key.ends_with("_id") || SECRET.contains(&key) => {
            format!("<{key}>").into()
        }
        // Sealed meanwhile, or not yet.
        Value::Number(_) | Value::Null if key == "sequence" => "<sequence>".into(),
        Value::String(text) if key == "id" => format!("<id of {}>", text.len()).into(),
        other => other,
    }
}

/// An address without its numbers, ports and signatures.
fn location(text: &str) -> String {
    let text = text.split('?').next().unwrap();
    let parts = text.split('/').map(|p| {
        let digits = p.bytes().filter(u8::is_ascii_digit).count();
        let number = digits == p.len() && !p.is_empty();
        if number || p.contains(':') && digits > 3 || p.len() > 30 {
            "*"
        } else {
            p
        }
    });
    parts.collect::<Vec<_>>().join("/")
}

async fn multipart(api: &Api, path: &str, part: &'static str, file: &str) -> Answer {
    let bytes = reqwest::multipart::Part::bytes(fixtures::bytes(file)).file_name("a.fw");
    let form = reqwest::multipart::Form::new().part(part, bytes);
    Api::answer(api.raw(Method::POST, path).multipart(form)).await
}

fn p(rest: &str) -> String {
    Api::product(rest)
}

/// A second factor is switched on, asked for, and removed.
async fn second_factor(t: &mut Tour<'_>) {
    let password = json!({"current_password": t.server.login("password")});
    let made = t.post("/api/users/me/totp", password).await;
    let secret = totp_rs::Secret::try_from_base32(made["secret"].as_str().unwrap()).unwrap();
    let phone = totp_rs::Builder::new().with_secret(secret).build().unwrap();
    let now = u64::try_from(t.server.now_ms() / 1_000).unwrap();
    let code = json!({"code": phone.generate(now).to_string()});
    t.put("/api/users/me/totp", code).await;
    t.get("/api/users/me/totp").await;
    let password = t.server.login("password");
    let login = json!({"email": t.server.login("email"), "password": password});
    let first = t.api.post("/api/session", login).await.data();
    let code = phone.generate(now + 30).to_string();
    let second = json!({"challenge": first["challenge"], "code": code});
    t.post("/api/session/second_factor", second).await;
    let password = json!({"current_password": password});
    t.send(Method::DELETE, "/api/users/me/totp", password).await;
}

/// A passkey is added, logs its person in, and is removed.
async fn passkeys(t: &mut Tour<'_>) {
    let path = "/api/users/me/passkeys";
    let password = json!({"current_password": t.server.login("password")});
    let mut authenticator = Authenticator::default();
    let asked = t.post(&format!("{path}/options"), password.clone()).await;
    let credential = authenticator.register(&asked["options"]);
    let form = json!({"challenge": asked["challenge"], "credential": credential, "name": "laptop"});
    let made = t.post(path, form).await;
    let asked = t.post("/api/session/passkey/options", json!({})).await;
    let assertion = authenticator.sign(&asked["options"]);
    let form = json!({"challenge": asked["challenge"], "assertion": assertion});
    t.post("/api/session/passkey", form).await;
    t.get(path).await;
    let own = format!("{path}/{}", made["passkey"]["id"]);
    t.send(Method::DELETE, &own, password).await;
}

/// Sessions, and what a person does with an account of their own.
async fn own_account(t: &mut Tour<'_>) {
    t.get("/api/server").await;
    t.get("/api/search?q=fixture").await;
    let form = json!({"email": t.server.login("email")});
    t.post("/api/users/password_reset", form).await;
    let form = json!({"name": "Ann", "email": "ann@far.org"});
    t.post("/api/users/register", form).await;
    let login = json!({"email": t.server.login("email"), "password": t.server.login("password")});
    t.post("/api/session", login).await;
    t.get("/api/session").await;
    let all = t.get("/api/users/me/sessions").await;
    t.delete(&format!("/api/users/me/sessions/{}", all[0]["id"]))
        .await;
    t.delete("/api/users/me/sessions").await;
    t.put("/api/users/me", json!({"name": "jane"})).await;
    t.put(
        "/api/users/me/preferences",
        json!({"preferences": {"theme": "dark"}}),
    )
    .await;
    t.get("/api/users/me/preferences").await;
    second_factor(t).await;
    passkeys(t).await;
    let add = "INSERT INTO identities (user_id, issuer, subject, email, inserted_at)
         SELECT id, 'https://sso.acme.org', '7', 'jane@acme.org', 0 FROM users WHERE email = 'jane@acme.org'";
    t.server.run(add).await;
    let all = t.get("/api/users/me/identities").await;
    t.delete(&format!("/api/users/me/identities/{}", all[0]["id"]))
        .await;
    t.post("/api/orgs", json!({"name": "lab"})).await;
    t.put("/api/orgs/lab", json!({"name": "lab2"})).await;
    t.delete("/api/orgs/lab2").await;
    // Two that end what asks, by somebody else.
    let api = t.api.clone();
    let kim = t.server.bootstrap("kim@acme.org", "kim", "thing");
    let member = json!({"email": "kim@acme.org", "role": "view"});
    api.post("/api/orgs/acme/users", member).await.data();
    let jane = json!({"email": "jane@acme.org", "role": "admin"});
    t.api = api.with_token(kim["token"].as_str().unwrap());
    t.api.post("/api/orgs/kim/users", jane).await.data();
    t.entries = t.entries().await;
    t.delete("/api/session").await;
    let login = json!({"email": "kim@acme.org", "password": kim["password"]});
    let token = api.post("/api/users/login", login).await.data()["token"].clone();
    t.api = api.with_token(token.as_str().unwrap());
    let form = json!({"current_password": kim["password"]});
    t.send(Method::DELETE, "/api/users/me", form).await;
    t.api = api;
}

async fn people(t: &mut Tour<'_>) {
    for path in [
        "/api/docs",
        "/api/openapi",
        "/api/swaggerui",
        "/api/users/me",
        "/api/orgs",
    ] {
        t.get(path).await;
    }
    let begun = t
        .post("/api/auth/cli_session", json!({"note": "laptop"}))
        .await;
    t.get(&format!(
        "/api/auth/cli_session/{}",
        begun["token"].as_str().unwrap()
    ))
    .await;
    let (email, password) = (t.server.login("email"), t.server.login("password"));
    let login = json!({"email": email, "password": password, "note": "ci"});
    t.post("/api/users/auth", login.clone()).await;
    t.post("/api/users/login", login).await;
    let made = t
        .post("/api/users/me/tokens", json!({"note": "short"}))
        .await;
    t.get("/api/users/me/tokens").await;
    t.delete(&format!("/api/users/me/tokens/{}", made["id"]))
        .await;
    own_account(t).await;
    let change = json!({"current_password": password, "new_password": "correct horse battery"});
    t.put("/api/users/me/password", change).await;
    // Members.
    t.server.bootstrap("bob@acme.org", "other", "thing");
    let eve = t.server.bootstrap("eve@acme.org", "other", "thing");
    t.entries = t.entries().await;
    t.post(
        "/api/orgs/acme/users",
        json!({"email": "bob@acme.org", "role": "view"}),
    )
    .await;
    t.post(
        "/api/orgs/acme/users/invite",
        json!({"email": "eve@acme.org", "role": "view"}),
    )
    .await;
    t.get("/api/orgs/acme/users").await;
    t.get("/api/orgs/acme/users/bob@acme.org").await;
    t.put(
        "/api/orgs/acme/users/bob@acme.org",
        json!({"role": "manage"}),
    )
    .await;
    t.delete("/api/orgs/acme/users/eve@acme.org").await;
    let api = t.api.clone();
    let again = json!({"email": "eve@acme.org", "role": "view"});
    api.post("/api/orgs/acme/users", again).await.data();
    t.entries = t.entries().await;
    t.api = api.with_token(eve["token"].as_str().unwrap());
    t.delete("/api/orgs/acme/membership").await;
    t.api = api;
    t.post(
        "/api/orgs/acme/users",
        json!({"email": "new@far.org", "role": "view"}),
    )
    .await;
    t.get("/api/orgs/acme/invites").await;
    t.post(
        "/api/orgs/acme/invites",
        json!({"email": "new@far.org", "role": "view"}),
    )
    .await;
    t.delete("/api/orgs/acme/invites/new@far.org").await;
    // Service accounts.
    let accounts = "/api/orgs/acme/service_accounts";
    t.post(accounts, json!({"name": "ci", "role": "manage"}))
        .await;
    t.get(accounts).await;
    let tokens = format!("{accounts}/ci/tokens");
    let made = t.post(&tokens, json!({"note": "runner"})).await;
    t.get(&tokens).await;
    t.delete(&format!("{tokens}/{}", made["id"])).await;
    t.delete(&format!("{accounts}/ci")).await;
}

async fn what_an_organization_has(t: &mut Tour<'_>) {
    let authority = ca("factory");
    let cas = "/api/orgs/acme/ca_certificates";
    let token = t.get(&format!("{cas}/verification_token")).await;
    let proof = authority.proof(token["verification_token"].as_str().unwrap());
    let form = json!({
        "cert": STANDARD.encode(&authority.cert), "verification_cert": STANDARD.encode(proof),
        "description": "line 1",
        "jitp": {"product_name": fixtures::PRODUCT, "tags": ["prod"], "description": "made"},
    });
    let made = t.post(cas, form).await;
    t.get(cas).await;
    let one = format!("{cas}/{}", made["serial"].as_str().unwrap());
    t.get(&one).await;
    t.delete(&one).await;
    let iroh = "/api/orgs/acme/iroh_endpoints";
    let form = json!({"identifier": "c892", "user_email": t.server.login("email")});
    t.post(iroh, form).await;
    t.get(iroh).await;
    t.get(&format!("{iroh}/c892")).await;
    t.delete(&format!("{iroh}/c892")).await;
    let keys = "/api/orgs/acme/keys";
    let key = fixtures::text("keys/devkey.pub");
    t.post(keys, json!({"name": "devkey", "key": key})).await;
    t.get(keys).await;
    t.get(&format!("{keys}/devkey")).await;
    t.delete(&format!("{keys}/devkey")).await;
    t.post(keys, json!({"name": "devkey", "key": key})).await;
    let products = "/api/orgs/acme/products";
    t.post(products, json!({"name": "spare"})).await;
    t.get(products).await;
    t.get(&format!("{products}/spare")).await;
    t.put(
        &format!("{products}/spare"),
        json!({"require_unique_firmware_version": true}),
    )
    .await;
    let off = json!({"require_unique_firmware_version": false});
    t.send(Method::PATCH, &format!("{products}/spare"), off)
        .await;
    t.delete(&format!("{products}/spare")).await;
    t.get(&p("/extensions")).await;
    t.put(
        &p("/extensions"),
        json!({"extensions": {"logging": true, "health": true}}),
    )
    .await;
    let made = t.post(&p("/shared_secrets"), json!({})).await;
    t.get(&p("/shared_secrets")).await;
    t.delete(&p(&format!(
        "/shared_secrets/{}",
        made["key"].as_str().unwrap()
    )))
    .await;
}

/// The two firmwares.
async fn files(t: &mut Tour<'_>) -> (Value, Value) {
    let mut firmwares = Vec::new();
    for file in ["good/rpi4-1.0.0.fw", "good/rpi4-1.1.0.fw"] {
        let answer = multipart(&t.api, &p("/firmwares"), "firmware", file).await;
        let kept = t.keep(Method::POST, &p("/firmwares"), answer).await;
        firmwares.push(kept.json()["data"].clone());
    }
    t.get(&p("/firmwares")).await;
    let uuid = firmwares[1]["uuid"].as_str().unwrap().to_owned();
    t.get(&p(&format!("/firmwares/{uuid}"))).await;
    t.get(&p(&format!("/firmwares/{uuid}/download"))).await;
    let file = "good/archive-1.0.0.fw";
    let answer = multipart(&t.api, &p("/archives"), "archive", file).await;
    let made = t.keep(Method::POST, &p("/archives"), answer).await.json()["data"].clone();
    let one = p(&format!("/archives/{}", made["uuid"].as_str().unwrap()));
    t.get(&p("/archives")).await;
    t.get(&one).await;
    t.get(&format!("{one}/download")).await;
    t.delete(&one).await;
    // The same in pieces.
    for (file, kind) in [("good/bbb-1.0.0.fw", "firmware"), (file, "archive")] {
        let bytes = fixtures::bytes(file);
        let sum = hex::encode(digest(&SHA256, &bytes));
        let form = json!({"size": bytes.len(), "sha256": sum});
        let begun = t.post(&p("/uploads"), form).await;
        let one = p(&format!("/uploads/{}", begun["id"].as_str().unwrap()));
        t.get(&one).await;
        let path = format!("{one}?offset=0");
        let request = t.api.raw(Method::PATCH, &path);
        let request = request.header("content-type", "application/octet-stream");
        let answer = Api::answer(request.body(bytes)).await;
        t.keep(Method::PATCH, &path, answer).await;
        let made = t.post(&format!("{one}/{kind}"), json!({})).await;
        if kind == "firmware" {
            t.delete(&p(&format!(
                "/firmwares/{}",
                made["uuid"].as_str().unwrap()
            )))
            .await;
        }
    }
    let begun = t
        .post(&p("/uploads"), json!({"size": 1, "sha256": "0".repeat(64)}))
        .await;
    t.delete(&p(&format!("/uploads/{}", begun["id"].as_str().unwrap())))
        .await;
    (firmwares.remove(0), firmwares.remove(0))
}

async fn devices(t: &mut Tour<'_>, firmware: &Value, newer: &Value) {
    t.post(
        &p("/devices"),
        json!({"identifier": "d1", "description": "first", "tags": ["a", "b"]}),
    )
    .await;
    let one = p("/devices/d1");
    t.put(&one, json!({"description": "changed"})).await;
    t.get(&one).await;
    t.get("/api/devices/d1").await;
    let pair = ca("any").leaf("d1", Leaf::default());
    let cert = json!({"cert": STANDARD.encode(&pair.cert)});
    let made = t.post(&format!("{one}/certificates"), cert).await;
    t.get(&format!("{one}/certificates")).await;
    t.get(&format!(
        "{one}/certificates/{}",
        made["serial"].as_str().unwrap()
    ))
    .await;
    let auth = json!({"certificate": STANDARD.encode(&pair.cert)});
    t.post(&p("/devices/auth"), auth).await;
    let secret = t.post(&format!("{one}/shared_secrets"), json!({})).await;
    t.get(&format!("{one}/shared_secrets")).await;
    t.delete(&format!(
        "{one}/shared_secrets/{}",
        secret["key"].as_str().unwrap()
    ))
    .await;
    let mut d = Device::certificate(t.server, &pair).await.unwrap();
    d.join(running(firmware), json!({})).await;
    t.entries = t.entries().await;
    // What it has.
    for what in [
        "connections",
        "extensions",
        "firmwares",
        "health",
        "metrics?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&points=2",
        "metrics/keys",
        "location",
        "logs",
        "network_identities",
        "updates",
        "attempts",
        "why",
    ] {
        t.get(&format!("{one}/{what}")).await;
    }
    let place = json!({"latitude": 52.5, "longitude": 13.25});
    t.put(&format!("{one}/location"), place).await;
    t.delete(&format!("{one}/location")).await;
    // Scripts run on it.
    let script = t
        .post(
            &p("/scripts"),
            json!({"name": "uptime", "text": "uptime()", "tags": "ops"}),
        )
        .await;
    let script = p(&format!("/scripts/{}", script["id"]));
    t.put(&script, json!({"text": "up()"})).await;
    t.get(&script).await;
    t.get(&p("/scripts")).await;
    t.get("/api/devices/d1/scripts").await;
    for path in [
        format!("{one}/scripts/uptime"),
        "/api/devices/d1/scripts/uptime".into(),
    ] {
        let api = t.api.clone();
        let answer = api.post(&path, json!({}));
        let device = async {
            let asked = d.event("scripts/run").await;
            let reply = json!({"ref": asked["ref"], "output": "up 3 days", "return": ":ok", "result": "completed"});
            d.push("scripts/run", reply).await;
        };
        let (answer, ()) = tokio::join!(answer, device);
        t.keep(Method::POST, &path, answer).await;
    }
    t.delete(&script).await;
    for (at, target) in [(one.as_str(), newer), ("/api/devices/d1", firmware)] {
        for action in ["code", "identify", "reboot"] {
            let body = if action == "code" {
                json!({"body": "1 + 1"})
            } else {
                json!({})
            };
            t.post(&format!("{at}/{action}"), body).await;
        }
        t.post(&format!("{at}/upgrade"), json!({"uuid": target["uuid"]}))
            .await;
        d.event("update").await;
        t.delete(&format!("{at}/penalty")).await;
        // It comes back updated.
        t.post(&format!("{at}/reconnect"), json!({})).await;
        d = Device::certificate(t.server, &pair).await.unwrap();
        d.join(running(target), json!({})).await;
        t.entries = t.entries().await;
    }
    let serial = made["serial"].as_str().unwrap();
    t.get(&format!("{one}/audit_logs")).await;
    t.delete(&format!("{one}/certificates/{serial}")).await;
    // The certificate had let it in: its socket is closed.
    assert!(d.closed_within(Duration::from_secs(10)).await.is_some());
    t.server.until_devices(readings::ONLINE, 0).await;
    t.get(&p("/devices?sort=identifier")).await;
    t.get(&p("/device_facets?by=version,connection")).await;
    t.get(&p("/device_columns")).await;
    t.get(&p("/device_map?zoom=0")).await;
    t.get(&p("/summary")).await;
    t.get("/api/orgs/acme/summary").await;
    let then = "from=2020-01-01T00:00:00Z&to=2020-01-01T02:00:00Z&points=2";
    t.get(&p(&format!("/series?metric=connected&{then}"))).await;
    t.get(&p("/failures")).await;
    t.get(&p("/flapping")).await;
    let view =
        json!({"name": "EU", "page": "devices", "search": "q=tags contains eu", "shared": true});
    let view = t.post(&p("/views"), view).await;
    t.get(&p("/views")).await;
    let path = p(&format!("/views/{}", view["id"]));
    t.put(&path, json!({"name": "Europe"})).await;
    t.delete(&path).await;
    jobs(t).await;
    t.put(&p("/devices/d1/pin"), Value::Null).await;
    t.get("/api/users/me/pins").await;
    t.delete(&p("/devices/d1/pin")).await;
    t.get(&p("/devices.csv")).await;
    let path = p("/devices/import");
    let request = t
        .api
        .raw(Method::POST, &path)
        .header("content-type", "text/csv");
    let answer = Api::answer(request.body("identifier,description,tags\nd2,x,a\nd3,,\n")).await;
    t.keep(Method::POST, &path, answer).await;
    t.server.bootstrap("jane@acme.org", "second-org", "second");
    t.entries = t.entries().await;
    let there = json!({"new_org_name": "second-org", "new_product_name": "second"});
    t.post(&p("/devices/d2/move"), there.clone()).await;
    t.post("/api/devices/d3/move", there).await;
    let pushes = json!({"uuid": newer["uuid"], "devices": ["d1", "d2"]});
    t.post(&p("/upgrades"), pushes).await;
    t.get("/api/orgs/acme/settings").await;
    let settings = json!({"firmware_proxy_url": "https://cdn.example.org"});
    t.put("/api/orgs/acme/settings", settings).await;
    t.delete(&one).await;
    t.delete(&format!("{one}/destroy")).await;
}

/// Something is done to many devices, put back, and stopped.
async fn jobs(t: &mut Tour<'_>) {
    let path = p("/devices/bulk");
    let begin = async |t: &mut Tour<'_>, except: usize| {
        let mut form = json!({
            "identifiers": ["d1"], "except": [format!("x{except}")], "action": "tags_add", "args": {"tags": ["bulk"]},
            "dry_run": true,
        });
        let shown = t.api.post(&path, form.clone()).await.data();
        form["dry_run"] = json!(false);
        form["confirm"] = shown["confirm"].clone();
        let job = t.post(&path, form).await;
        p(&format!("/jobs/{}", job["id"]))
    };
    let running = "SELECT COUNT(*) FROM jobs WHERE state = 'running'";
    let job = begin(t, 0).await;
    t.server.until(running, 0).await;
    t.entries = t.entries().await;
    for path in [
        &p("/jobs"),
        &job,
        &format!("{job}/results"),
        &format!("{job}/results.csv"),
    ] {
        t.get(path).await;
    }
    t.post(&format!("{job}/undo"), json!({})).await;
    t.server.until(running, 0).await;
    // One that is ended within its first half second is ended before it has begun.
    for n in 1.. {
        let cancel = format!("{}/cancel", begin(t, n).await);
        let answer = t.api.post(&cancel, json!({})).await;
        if answer.status == 200 {
            t.keep(Method::POST, &cancel, answer).await;
            break;
        }
        t.entries = t.entries().await;
    }
}

/// A release in steps, and what people do to it.
async fn steps(t: &mut Tour<'_>, group: &str, newer: &Value) {
    let workflow =
        json!({"version": 1, "steps": [{"name": "Sign-off", "type": "approval_required"}]});
    t.post(&p("/workflows/check"), json!({ "workflow": workflow }))
        .await;
    t.put(group, json!({"deployment": {"workflow": workflow}}))
        .await;
    t.put(group, json!({"deployment": {"firmware": newer["uuid"]}}))
        .await;
    t.get(&format!("{group}/progress")).await;
    for what in ["inflight", "failures", "deltas", "strays"] {
        t.get(&format!("{group}/{what}")).await;
    }
    t.post(&format!("{group}/deltas/retry"), json!({})).await;
    let thought = json!({"firmware": newer["uuid"]});
    t.post(&format!("{group}/dry_run"), thought.clone()).await;
    t.post(&p("/deployment_preview"), thought).await;
    let stray = json!({"identifier": "stray"});
    assert_eq!(t.api.post(&p("/devices"), stray).await.status, 201);
    for what in ["adopt", "expel"] {
        let stray = json!({"devices": ["stray"]});
        t.post(&format!("{group}/{what}"), stray).await;
    }
    for what in [
        "approve",
        "pause",
        "resume",
        "retry_failed",
        "abort",
        "rollback",
    ] {
        let reason = json!({"reason": "as planned"});
        t.post(&format!("{group}/{what}"), reason).await;
    }
}

async fn groups(t: &mut Tour<'_>, firmware: &Value, newer: &Value) {
    let groups = p("/deployments");
    let form = json!({
        "name": "prod", "firmware": firmware["uuid"],
        "conditions": {"version": "< 2.0.0", "tags": ["a"]},
    });
    t.post(&groups, form).await;
    let one = format!("{groups}/prod");
    t.put(
        &one,
        json!({"deployment": {"firmware": newer["uuid"], "notes": "safer"}}),
    )
    .await;
    for path in [
        &groups,
        &one,
        &format!("{one}/releases"),
        &format!("{one}/audit_logs"),
    ] {
        t.get(path).await;
    }
    steps(t, &one, newer).await;
    t.delete(&one).await;
    let hooks = p("/webhooks");
    let form =
        json!({"url": "http://127.0.0.1:9/", "events": ["device.online"], "description": "ops"});
    let made = t.post(&hooks, form).await;
    let one = format!("{hooks}/{}", made["id"]);
    t.get(&hooks).await;
    t.get(&one).await;
    t.put(&one, json!({"events": ["device.offline"]})).await;
    let told = t.post(&format!("{one}/test"), json!({})).await;
    t.server.until_tried(1).await;
    t.get(&format!("{one}/deliveries")).await;
    t.post(&format!("{one}/deliveries/{}/retry", told["id"]), json!({}))
        .await;
    t.delete(&one).await;
    let rules = p("/mail_rules");
    let form = json!({"email": "bob@acme.org", "events": ["device.online"]});
    let made = t.post(&rules, form).await;
    let one = format!("{rules}/{}", made["id"]);
    t.get(&rules).await;
    t.get(&one).await;
    t.put(&one, json!({"events": ["device.offline"]})).await;
    t.post(&format!("{one}/test"), json!({})).await;
    t.delete(&one).await;
    t.get(&p("/notifications")).await;
    t.delete(&p("/notifications")).await;
    t.get(&p("/audit_logs?per_page=3")).await;
    t.get("/api/orgs/acme/audit_logs").await;
    t.get("/api/orgs/acme/audit_logs/export").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_succeeds_is_audited_and_answers_as_ever() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let Some(server) = Server::with(engine, &ALL_OPERATIONS).await else {
            continue;
        };
        let base = Url::parse(&format!("http://{}", server.web)).unwrap();
        let document = contract::document(&reqwest::Client::new(), &base).await;
        let mut t = Tour {
            server: &server,
            api: server.api(),
            document,
            seen: BTreeMap::new(),
            entries: 0,
            unaudited: Vec::new(),
        };
        t.entries = t.entries().await;
        people(&mut t).await;
        what_an_organization_has(&mut t).await;
        let (firmware, newer) = files(&mut t).await;
        devices(&mut t, &firmware, &newer).await;
        groups(&mut t, &firmware, &newer).await;

        assert!(
            t.unaudited.is_empty(),
            "no audit entry of {:#?}",
            t.unaudited
        );
        let mut all = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for method in methods
                .as_object()
                .unwrap()
                .keys()
                .filter(|k| *k != "parameters")
            {
                all.insert(format!("{method} {}", path.replace(PRODUCT, "{p}")));
            }
        }
        for elsewhere in ENDLESS.into_iter().chain(TOLD_ELSEWHERE) {
            assert!(all.remove(elsewhere), "{elsewhere} is no operation");
        }
        let untold: Vec<_> = all.iter().filter(|o| !t.seen.contains_key(*o)).collect();
        assert!(untold.is_empty(), "no success of {untold:#?}");
        for (name, _) in SILENT {
            assert!(all.contains(name), "{name} is no operation");
        }
        let now = serde_json::to_string_pretty(&t.seen).unwrap() + "\n";
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden/rest_api.json");
        if std::env::var_os("UPDATE_GOLDEN").is_some() && matches!(engine, Engine::Sqlite) {
            std::fs::write(&file, &now).unwrap();
        }
        let before = std::fs::read_to_string(&file).unwrap_or_default();
        let before: BTreeMap<String, Value> = serde_json::from_str(&before).unwrap_or_default();
        for (name, answer) in &t.seen {
            let text = |v: Option<&Value>| serde_json::to_string_pretty(&v).unwrap();
            let (now, before) = (text(Some(answer)), text(before.get(name)));
            let differs = now.lines().zip(before.lines()).find(|(a, b)| a != b);
            assert!(now == before, "{name} on {engine:?}: {differs:?}");
        }
        assert_eq!(
            before.len(),
            t.seen.len(),
            "the file tells of what is no more"
        );
    }
}
