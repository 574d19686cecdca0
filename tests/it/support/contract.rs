//! Holds each answer of the API against the server's own OpenAPI document.

use super::api::Answer;
use jsonschema::Validator;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::sync::OnceCell;

static DOCUMENT: OnceCell<Value> = OnceCell::const_new();
static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
static VALIDATORS: Mutex<Option<HashMap<String, Arc<Validator>>>> = Mutex::new(None);

/// The document; all servers of one build have the same.
pub async fn document(http: &reqwest::Client, base: &Url) -> &'static Value {
    let read = || async {
        let url = base.join("/api/openapi").unwrap();
        let text = http.get(url).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    };
    DOCUMENT.get_or_init(read).await
}

/// The path of the document that this address is of, the most literal one first.
pub fn template<'d>(document: &'d Value, path: &str) -> Option<&'d str> {
    let wanted: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let parts: Vec<&str> = template.split('/').collect();
        let last = parts.last().copied().unwrap_or_default();
        // Keys of shared secrets may hold slashes.
        let open = last == "{key}" && wanted.len() >= parts.len();
        (parts.len() == wanted.len() || open)
            && parts
                .iter()
                .zip(&wanted)
                .all(|(p, w)| p.starts_with('{') || p == w)
    };
    document["paths"]
        .as_object()
        .unwrap()
        .keys()
        .filter(|t| fits(t))
        .min_by_key(|t| t.matches('{').count())
        .map(String::as_str)
}

/// Fails when the document does not know such an answer.
pub async fn hold(http: &reqwest::Client, method: &Method, url: &Url, answer: &Answer) {
    if !url.path().starts_with("/api/") || matches!(answer.status, 101 | 405 | 406) {
        return;
    }
    let document = document(http, url).await;
    let Some(template) = template(document, url.path()) else {
        assert_eq!(answer.status, 404, "{method} {url} is not in the document");
        return;
    };
    let method = method.as_str().to_lowercase();
    let operation = &document["paths"][template][&method];
    if operation.is_null() {
        return;
    }
    let at = format!("{method} {template} {}", answer.status);
    // What any operation may answer stands at the document's head: these two, with the time to wait.
    if matches!(answer.status, 429 | 503) && !answer.header("retry-after").is_empty() {
        note(&at);
        return;
    }
    let said = &operation["responses"][answer.status.to_string()];
    assert!(
        said.is_object(),
        "{at} is not in the document: {}",
        answer.text
    );
    note(&at);
    let kind = answer.header("content-type");
    let Some(content) = said["content"].as_object() else {
        return;
    };
    let media = kind.split(';').next().unwrap_or_default();
    assert!(content.contains_key(media), "{at} has the type {kind:?}");
    if media != "application/json" {
        return;
    }
    let body: Value = serde_json::from_str(&answer.text)
        .unwrap_or_else(|e| panic!("{at} is no JSON, {e}: {}", answer.text));
    let validator = validator(document, template, &method, answer.status, &at);
    let mistakes: Vec<String> = validator
        .iter_errors(&body)
        .map(|e| format!("{} at {}", e, e.instance_path()))
        .collect();
    assert!(mistakes.is_empty(), "{at}: {mistakes:?}\n{body:#}");
}

/// Notes an answer that was seen in the folder that `NERVECENTER_ANSWERS` names, beside the document: `.ci/answers.py` finds what
/// no test saw.
pub fn note(at: &str) {
    let Some(folder) = std::env::var_os("NERVECENTER_ANSWERS").map(PathBuf::from) else {
        return;
    };
    let mut seen = SEEN.lock().unwrap();
    if !seen.insert(at.to_owned()) {
        return;
    }
    std::fs::create_dir_all(&folder).unwrap();
    let document = DOCUMENT.get().map(Value::to_string);
    std::fs::write(folder.join("document.json"), document.unwrap_or_default()).unwrap();
    let all: Vec<&str> = seen.iter().map(String::as_str).collect();
    std::fs::write(folder.join("seen"), all.join("\n")).unwrap();
}

fn validator(
    document: &Value,
    template: &str,
    method: &str,
    status: u16,
    at: &str,
) -> Arc<Validator> {
    let mut all = VALIDATORS.lock().unwrap();
    all.get_or_insert_default()
        .entry(at.to_owned())
        .or_insert_with(|| {
            let response = &document["paths"][template][method]["responses"][status.to_string()];
            let mut schema = response["content"]["application/json"]["schema"].clone();
            if let Value::Object(map) = &mut schema {
                map.insert("components".into(), document["components"].clone());
            }
            let schema = json!(schema);
            Arc::new(jsonschema::validator_for(&schema).unwrap())
        })
        .clone()
}
