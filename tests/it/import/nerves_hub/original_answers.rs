//! Replays 163 answers of an original NervesHub. Its rows are imported, each recorded request is sent in the recorded order, and each
//! answer has to be the recorded one, except where `differences` says what else is expected, and why.

use super::differences::{ADDITIONS, Addition, DIFFERENCES, compare};
use super::{SCHEMA, import};
use crate::support::api::Answer;
use crate::support::{Api, Server, fixtures, postgres};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::path::Path;

const ROWS: &str = include_str!("original_rows.sql");
const ANSWERS: &str = include_str!("original_answers.jsonl");

/// The password that the recording logs in with. Its hash in `original_rows.sql` is of another one.
const PASSWORD: &str = "correct horse battery";
/// A token whose hash is stored for Ada, and the same with its last character changed, which breaks its checksum.
const TOKEN: &str = "nhu_17SyR2HeQqfOYQaaT7Jv5BxBid5hrDD9KP13RYr9o6rTb26X";
const BROKEN_TOKEN: &str = "nhu_17SyR2HeQqfOYQaaT7Jv5BxBid5hrDD9KP13RYr9o6rTb26Y";
const TOKEN_ROW: &str = "
INSERT INTO user_tokens (user_id, token, context) VALUES
  (1, sha512(decode('0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20', 'hex')), 'api');
";

/// A recorded request and what the original answered.
#[derive(Deserialize)]
struct Recorded {
    method: String,
    path: String,
    body: Option<Value>,
    /// The fixture that was uploaded.
    file: Option<String>,
    status: u16,
    answer: Value,
}

impl Recorded {
    /// The request on one line, as `differences` names it.
    fn request(&self) -> String {
        let mut words = vec![self.method.clone(), self.path.clone()];
        words.extend(self.file.clone());
        words.extend(self.body.as_ref().map(Value::to_string));
        words.join(" ")
    }

    async fn send(&self, api: &Api) -> Answer {
        if let Some(file) = &self.file {
            let folder = if file.starts_with("bad-") {
                "bad"
            } else {
                "good"
            };
            let bytes = fixtures::bytes(&format!("{folder}/{file}"));
            return api.upload_to(&self.path, bytes).await;
        }
        let method: Method = self.method.parse().unwrap();
        let request = api.raw(method, &self.path);
        match &self.body {
            Some(body) => Api::answer(request.json(body)).await,
            None => Api::answer(request).await,
        }
    }

    /// The clients that the request is repeated with. A login needs no token; elsewhere 401 to a read means that the token was missing
    /// or broken, which is the same.
    fn clients(&self, ada: &Api) -> Vec<Api> {
        if self.status == 401 && self.method == "GET" {
            return vec![ada.anonymous(), ada.with_token(BROKEN_TOKEN)];
        }
        vec![ada.clone()]
    }

    fn expected(&self) -> Value {
        let body = match self.answer.as_str() {
            // The recording leaves the OpenAPI document out.
            Some("") => json!("DOCUMENT"),
            Some(text) => json!(text.strip_prefix("TEXT:").unwrap()),
            None => comparable(&self.answer),
        };
        json!({"status": self.status, "body": body})
    }
}

/// An answer of ours in the form that it is compared in.
fn received(answer: &Answer) -> Value {
    let json: Option<Value> = serde_json::from_str(&answer.text).ok();
    let body = match json {
        Some(json) if json["openapi"].is_string() => json!("DOCUMENT"),
        Some(json) => comparable(&json),
        None => json!(answer.text),
    };
    json!({"status": answer.status, "body": body})
}

/// The value without what differs from run to run. Of a time its format is kept.
fn comparable(value: &Value) -> Value {
    match value {
        Value::String(text) if is_time(text) => json!(digits_as_zeros(text)),
        Value::String(text) if text.starts_with("nhu_") => json!("API TOKEN"),
        Value::Array(all) => all.iter().map(comparable).collect(),
        Value::Object(all) => all
            .iter()
            .map(|(key, value)| match (key.as_str(), value) {
                ("id", Value::Number(_)) => (key.clone(), json!("NUMBER")),
                ("verification_token", Value::String(_)) => (key.clone(), json!("SIGNED TOKEN")),
                _ => (key.clone(), comparable(value)),
            })
            .collect(),
        other => other.clone(),
    }
}

fn digits_as_zeros(text: &str) -> String {
    text.replace(|c: char| c.is_ascii_digit(), "0")
}

/// Whether it is a time in one of the three formats of the API.
fn is_time(text: &str) -> bool {
    matches!(
        digits_as_zeros(text).as_str(),
        "0000-00-00T00:00:00" | "0000-00-00T00:00:00Z" | "0000-00-00 00:00:00.000000Z"
    )
}

/// Takes an addition out of every object of the answer, and counts how often it was there.
fn remove(addition: &Addition, value: &mut Value) -> usize {
    match value {
        Value::Array(all) => all.iter_mut().map(|v| remove(addition, v)).sum(),
        Value::Object(all) => {
            let here = usize::from((addition.remove)(all));
            here + all.values_mut().map(|v| remove(addition, v)).sum::<usize>()
        }
        _ => 0,
    }
}

/// The places where an answer is not the expected one, below the request.
fn fault(request: &str, expected: &Value, ours: &Value) -> Option<String> {
    let mut lines = Vec::new();
    compare(expected, ours, "", &mut lines);
    (!lines.is_empty()).then(|| format!("{request}\n  {}", lines.join("\n  ")))
}

/// Compares answers and remembers which of the allowed differences occurred.
#[derive(Default)]
struct Comparison {
    added: [usize; ADDITIONS.len()],
    occurred: Vec<String>,
    faults: Vec<String>,
}

impl Comparison {
    fn judge(&mut self, recorded: &Recorded, answer: &Answer) {
        let request = recorded.request();
        let expected = recorded.expected();
        let mut ours = received(answer);
        for (addition, count) in ADDITIONS.iter().zip(&mut self.added) {
            *count += remove(addition, &mut ours);
        }
        let Some(fault_found) = fault(&request, &expected, &ours) else {
            return;
        };
        let allowed = DIFFERENCES.iter().find(|d| d.requests.contains(&&*request));
        match allowed.map(|d| fault(&request, &d.instead_of(&expected), &ours)) {
            Some(None) => self.occurred.push(request),
            Some(Some(other)) => self.faults.push(other),
            None => self.faults.push(fault_found),
        }
    }

    /// Everything that is wrong: answers that differ, and allowed differences that do not occur any more.
    fn end(mut self) -> Vec<String> {
        for (addition, count) in ADDITIONS.iter().zip(self.added) {
            if count == 0 {
                self.faults
                    .push(format!("does not occur any more: {}", addition.why));
            }
        }
        for difference in DIFFERENCES {
            for request in difference.requests {
                if !self.occurred.iter().any(|o| o == request) {
                    let why = difference.why;
                    self.faults
                        .push(format!("{request}\n  does not differ any more: {why}"));
                }
            }
        }
        self.faults
    }
}

/// The files of the two imported firmwares, where the original's local store has them.
fn store_files(folder: &Path) {
    let at = folder.join("firmware/1");
    std::fs::create_dir_all(&at).unwrap();
    for (fixture, uuid) in [
        ("good/rpi4-1.0.0.fw", "1634bad8-5fab-52c9-5b0b-471e6a50bc0a"),
        ("good/rpi4-1.1.0.fw", "f9299fc4-5039-5f67-ac18-2492ae6aa0a6"),
    ] {
        std::fs::copy(fixtures::path(fixture), at.join(format!("{uuid}.fw"))).unwrap();
    }
}

/// Fills a database as the recorded one was filled, and imports it.
async fn import_recorded_rows(server: &Server, source: &str) {
    let hash = bcrypt::hash(PASSWORD, 4).unwrap();
    let password = format!("UPDATE users SET password_hash = '{hash}' WHERE id = 1");
    let mut c = PgConnection::connect(source).await.unwrap();
    for sql in [SCHEMA, ROWS, TOKEN_ROW, &password] {
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut c)
            .await
            .unwrap();
    }
    c.close().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    store_files(folder.path());
    let files = folder.path().display().to_string();
    let report = import(server, source, &["--commit", "--files", &files]);
    assert_eq!(report["imported"]["firmwares"], 2, "{report}");
    assert_eq!(report["skipped"], json!([]), "{report}");
}

crate::both_engines! {
    each_recorded_answer_is_ours_or_differs_for_a_reason
}

async fn each_recorded_answer_is_ours_or_differs_for_a_reason(server: Server) {
    let Some(source) = postgres::database().await else {
        return;
    };
    import_recorded_rows(&server, &source).await;
    let ada = server.api().with_token(TOKEN);
    let mut comparison = Comparison::default();
    let mut replayed = 0;
    for line in ANSWERS.lines() {
        let recorded: Recorded = serde_json::from_str(line).unwrap();
        for client in recorded.clients(&ada) {
            let answer = recorded.send(&client).await;
            comparison.judge(&recorded, &answer);
        }
        replayed += 1;
    }
    assert_eq!(replayed, 163);
    let faults = comparison.end();
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}
