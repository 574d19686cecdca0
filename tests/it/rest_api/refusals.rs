//! What every operation refuses before it looks at what is asked: a body that cannot be read, and one that is too large; made of the
//! document, so that a new route is in it.

use super::matrix::filled;
use crate::support::api::Answer;
use crate::support::{Api, Engine, Server, contract, fixtures};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

/// More than a JSON body may have, and more than an upload.
const LARGE: usize = 8_000_001;
const FILE: usize = 200_100_000;

/// An operation of the document, ready to be asked for.
struct Operation {
    at: String,
    method: Method,
    path: String,
    answers: Value,
    body: Option<String>,
    /// Whether it needs no token, so that a stranger's body is read.
    stranger: bool,
}

async fn operations(api: &Api) -> Vec<Operation> {
    let document = api.get("/api/openapi").await.json();
    let mut all = Vec::new();
    for (template, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let content = operation["requestBody"]["content"].as_object();
            // A stream of events takes no body and has no end; the pieces of an upload need one that has begun (`resume`).
            let stream = &operation["responses"]["200"]["content"]["text/event-stream"];
            let piece = &operation["requestBody"]["content"]["application/octet-stream"];
            // It ends the token that the others are asked with.
            let ends = method == "delete" && template == "/api/session";
            if stream.is_object() || piece.is_object() || ends {
                continue;
            }
            all.push(Operation {
                at: format!("{method} {template}"),
                method: method.to_uppercase().parse().unwrap(),
                path: filled(template, "d"),
                answers: operation["responses"].clone(),
                body: content.map(|c| c.keys().next().unwrap().clone()),
                stranger: operation["x-role"] == "anyone",
            });
        }
    }
    assert!(all.len() > 130, "{}", all.len());
    all
}

impl Operation {
    fn refuses(&self, status: u16) -> bool {
        self.answers[status.to_string()].is_object()
    }

    /// Bytes of this media type in the shape that the operation takes; a file begins, and has no end.
    fn request(&self, api: &Api, bytes: Vec<u8>) -> reqwest::RequestBuilder {
        let request = api.raw(self.method.clone(), &self.path);
        match self.body.as_deref() {
            Some("multipart/form-data") => {
                let part = if self.path.ends_with("archives") {
                    "archive"
                } else {
                    "firmware"
                };
                let head = format!(
                    "--x\r\ncontent-disposition: form-data; name=\"{part}\"; filename=\"a\"\r\n\r\n"
                );
                let body = [head.into_bytes(), bytes].concat();
                request
                    .header(CONTENT_TYPE, "multipart/form-data; boundary=x")
                    .body(body)
            }
            kind => {
                let kind = kind
                    .filter(|k| *k != "text/csv")
                    .unwrap_or("application/json");
                request.header(CONTENT_TYPE, kind).body(bytes)
            }
        }
    }
}

/// Asks for each of these and says where the answer is not the wanted one, or where it is and the document does not have it.
async fn wrong(
    status: u16,
    of: impl Fn(&Operation) -> bool,
    bytes: impl Fn(&Operation) -> Vec<u8>,
) -> Vec<String> {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let api = server.api();
    api.register_key().await;
    let device = json!({"identifier": "d"});
    api.post(&Api::product("/devices"), device).await.data();
    let mut wrong = Vec::new();
    for o in operations(&api).await {
        if of(&o) {
            let answer = o.request(&api, bytes(&o)).send().await.unwrap();
            let got = answer.status().as_u16();
            if (got == status) == o.refuses(status) && o.refuses(got) {
                contract::note(&format!("{} {got}", o.at));
            } else {
                wrong.push(format!("{} {got} {}", o.at, answer.text().await.unwrap()));
            }
        }
    }
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_cannot_be_read_is_a_bad_request_wherever_a_body_is_read() {
    let wrong = wrong(400, |_| true, |_| b"{\"a\": ".to_vec()).await;
    assert_eq!(wrong, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_refused_wherever_a_body_is_read() {
    let large = |o: &Operation| match o.body.as_deref() {
        Some("multipart/form-data") => [&vec![b' '; FILE][..], b"\r\n--x--\r\n"].concat(),
        // A stranger's is bounded by what a login needs.
        _ if o.stranger => vec![b' '; 4 * 1024 + 1],
        _ => vec![b' '; LARGE],
    };
    let wrong = wrong(413, |o| o.refuses(413), large).await;
    assert_eq!(wrong, [""; 0]);
}

/// A product with one of each: device, group, script, webhook, service account.
async fn filled_product(server: &Server) -> Api {
    let api = server.api();
    api.register_key().await;
    let firmware = api.upload("good/rpi4-1.0.0.fw").await;
    api.group("g", firmware["uuid"].as_str().unwrap(), json!({}))
        .await;
    for name in ["d", "gone"] {
        let device = json!({"identifier": name});
        api.post(&Api::product("/devices"), device).await.data();
    }
    let gone = api.delete(&Api::product("/devices/gone")).await;
    assert_eq!(gone.status, 204);
    api
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_refused_by_their_field_wherever_they_are_read() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let api = filled_product(&server).await;
    let refused = |answer: Answer, at: &str, field: &str| {
        if at.ends_with("/devices/auth") {
            // What cannot be read is nobody's certificate, in the original's own shape.
            assert_eq!(answer.status, 403, "{at}");
            assert_eq!(answer.text, r#"{"status":"Unauthorized"}"#);
            return;
        }
        let errors = &answer.json()["errors"];
        assert!(
            answer.status == 422 && (field.is_empty() || errors[field].is_array()),
            "{at}: {} {}",
            answer.status,
            answer.text
        );
        assert!(errors["detail"].is_string(), "{at}: {}", answer.text);
    };
    for (path, field) in [
        (
            "/api/orgs/acme/audit_logs/export?since=soon".into(),
            "since",
        ),
        (Api::product("/audit_logs?since=soon"), "since"),
        (Api::product("/devices/d/audit_logs?since=soon"), "since"),
        (
            Api::product("/deployments/g/audit_logs?since=soon"),
            "since",
        ),
        (Api::product("/devices/d/connections?limit=0"), "limit"),
        (Api::product("/devices/d/firmwares?limit=1001"), "limit"),
        (Api::product("/devices/d/updates?limit=x"), "limit"),
        (Api::product("/devices/d/logs?limit=-1"), "limit"),
    ] {
        refused(api.get(&path).await, &path, field);
    }
    let firmware = api.get(&Api::product("/firmwares")).await.data()[0]["uuid"].take();
    let upgrade = json!({ "uuid": firmware });
    let begun = api.post("/api/devices/d/upgrade", upgrade.clone()).await;
    assert_eq!(begun.status, 204, "{}", begun.text);
    let code = json!({"code": "x".repeat(16_385)});
    let target = json!({"new_org_name": "acme", "new_product_name": fixtures::PRODUCT});
    for device in ["/api/devices".to_owned(), Api::product("/devices")] {
        let ask = async |rest: &str, body: &Value| {
            let path = format!("{device}/{rest}");
            (api.post(&path, body.clone()).await, path)
        };
        let (answer, at) = ask("d/upgrade", &upgrade).await;
        refused(answer, &at, "");
        let (answer, at) = ask("d/code", &code).await;
        refused(answer, &at, "code");
        let (answer, at) = ask("gone/move", &target).await;
        refused(answer, &at, "deleted_at");
    }
    let path = Api::product("/devices/auth");
    let none = json!({"certificate": "AA=="});
    refused(api.post(&path, none).await, &path, "");
    let script = json!({"name": "s", "text": "1"});
    let script = api.post(&Api::product("/scripts"), script).await.data()["id"].clone();
    let path = Api::product(&format!("/scripts/{script}"));
    refused(api.put(&path, json!({"name": " "})).await, &path, "name");
    let hook = json!({"url": "https://example.org/h", "events": ["device.online"]});
    let hook = api.post(&Api::product("/webhooks"), hook).await.data()["id"].clone();
    let path = Api::product(&format!("/webhooks/{hook}"));
    let other = json!({"url": "ftp://example.org"});
    refused(api.put(&path, other).await, &path, "url");
    let account = json!({"name": "ci", "role": "manage"});
    let accounts = "/api/orgs/acme/service_accounts";
    api.post(accounts, account).await.data();
    let path = format!("{accounts}/ci/tokens");
    let never = json!({"note": "ci", "expires_in_days": 0});
    refused(api.post(&path, never).await, &path, "expires_in_days");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_strangers_and_programs_can_pile_up_has_an_end() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let api = server.api();
    let uploads = Api::product("/uploads");
    let begin = |n: usize| json!({"size": 5, "sha256": format!("{n:064x}")});
    for n in 0..16 {
        api.post(&uploads, begin(n)).await.data();
    }
    let share = api.post(&uploads, begin(99)).await;
    assert_eq!(share.status, 429, "one person's share: {}", share.text);
    let other = server.member("manage").await;
    for n in 16..32 {
        other.post(&uploads, begin(n)).await.data();
    }
    let third = server.member("admin").await;
    let full = third.post(&uploads, begin(32)).await;
    assert!(
        full.status == 503 && full.text.contains("Too many uploads"),
        "{}",
        full.text
    );
    // One that ends makes room.
    let one = api.post(&uploads, begin(0)).await.data()["id"].clone();
    let gone = api
        .delete(&format!("{uploads}/{}", one.as_str().unwrap()))
        .await;
    assert_eq!(gone.status, 204);
    api.post(&uploads, begin(32)).await.data();
    server
        .run(
            "INSERT INTO cli_sessions (token, code, note, inserted_at)
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
             SELECT 't' || i, 1, '', CAST(unixepoch() AS INTEGER) * 1000000 FROM n",
        )
        .await;
    let full = api
        .anonymous()
        .post("/api/auth/cli_session", json!({}))
        .await;
    assert!(
        full.status == 503 && full.text.contains("Too many logins"),
        "{}",
        full.text
    );
}
