//! Each field of each body of the document as each wrong JSON type, and bodies that say nothing that is known: never done,
//! nothing changed, and the path named. Made of the document, so that a new field is in it.

use super::matrix::filled;
use crate::support::{Api, Engine, Server, contract};
use reqwest::Method;
use serde_json::{Map, Value, json};

/// A field of a body: its path, and its schema.
fn fields(schema: &Value, at: &[String], found: &mut Vec<(Vec<String>, Value)>) {
    let Some(properties) = schema["properties"].as_object() else {
        for inner in schema["anyOf"].as_array().into_iter().flatten() {
            fields(inner, at, found);
        }
        return;
    };
    for (name, inner) in properties {
        let path = [at, std::slice::from_ref(name)].concat();
        found.push((path.clone(), inner.clone()));
        fields(inner, &path, found);
    }
}

/// Whether a schema of the document takes a value.
fn takes(schema: &Value, value: &Value) -> bool {
    let validator = jsonschema::validator_for(schema).unwrap();
    validator.is_valid(value)
}

/// A body that has this value at this path.
fn body(path: &[String], value: &Value) -> Value {
    path.iter().rev().fold(value.clone(), |inner, name| {
        let mut map = Map::new();
        map.insert(name.clone(), inner);
        map.into()
    })
}

/// What is said at a path of the errors.
fn named<'v>(errors: &'v Value, path: &[String]) -> &'v Value {
    path.iter().fold(errors, |inner, name| &inner[name])
}

/// What the organization holds, as far as its administrator sees it.
async fn held(api: &Api) -> String {
    let mut all = String::new();
    for rest in [
        "/devices/d",
        "/deployments",
        "/scripts",
        "/webhooks",
        "/mail_rules",
        "",
    ] {
        all += &api.get(&Api::product(rest)).await.text;
    }
    for rest in [
        "keys",
        "users",
        "ca_certificates",
        "products",
        "service_accounts",
        "invites",
    ] {
        all += &api.get(&format!("/api/orgs/acme/{rest}")).await.text;
    }
    all + &api.get("/api/users/me/tokens").await.text
}

/// The same without when tokens were last used.
fn still(text: &str) -> String {
    let parts: Vec<&str> = text.split("\"last_used_at\"").collect();
    let rest = |p: &&str| {
        p.split_once([',', '}'])
            .map_or("", |(_, rest)| rest)
            .to_owned()
    };
    let tail: Vec<String> = parts.iter().skip(1).map(rest).collect();
    format!("{}{}", parts[0], tail.concat())
}

async fn filled_server() -> (Server, Api) {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let api = server.api();
    api.register_key().await;
    let firmware = api.upload("good/rpi4-1.0.0.fw").await;
    api.group("nothing", firmware["uuid"].as_str().unwrap(), json!({}))
        .await;
    let device = json!({"identifier": "d", "description": "as it was", "tags": ["a"]});
    api.post(&Api::product("/devices"), device).await.data();
    (server, api)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_of_another_type_and_a_body_of_unknown_fields_are_refused_by_name() {
    let (_server, api) = filled_server().await;
    let document = api.get("/api/openapi").await.json();
    let before = still(&held(&api).await);
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for (template, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            if !schema["properties"].is_object() {
                continue;
            }
            let at = format!("{method} {template}");
            let path = filled(template, "d");
            let method: Method = method.to_uppercase().parse().unwrap();
            let mut all = Vec::new();
            fields(schema, &[], &mut all);
            let stranger = vec!["no_such_field".to_owned()];
            let mut cases = vec![(stranger, json!(1))];
            for (path, inner) in all {
                for value in [
                    json!(null),
                    json!(true),
                    json!(1.5),
                    json!(7),
                    json!("x"),
                    json!([1]),
                    json!({"x": 1}),
                ] {
                    // Null where a value is needed is like none, which the action itself refuses.
                    if !takes(&inner, &value) && !value.is_null() {
                        cases.push((path.clone(), value));
                    }
                }
            }
            for (field, value) in cases {
                // Words, and numbers as texts, are looked at by the action, which is not there to be done.
                let by_action = value.is_string();
                let sent = body(&field, &value);
                let request = api.raw(method.clone(), &path).json(&sent);
                let answer = Api::answer(request).await;
                tried += 1;
                contract::note(&format!("{at} {}", answer.status));
                let told =
                    answer.status == 422 && !named(&answer.json()["errors"], &field).is_null();
                let refused = (400..500).contains(&answer.status);
                if !(told || by_action && refused) {
                    wrong.push(format!("{at} {sent}: {} {}", answer.status, answer.text));
                }
            }
        }
    }
    assert!(tried > 700, "{tried}");
    assert_eq!(wrong, [""; 0]);
    assert_eq!(still(&held(&api).await), before, "nothing has changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_conditions_and_settings_is_known_or_refused() {
    let (_server, api) = filled_server().await;
    let group = Api::product("/deployments/nothing");
    let set = async |settings: Value| {
        let answer = api.put(&group, json!({"deployment": settings})).await;
        (answer.status, answer.json()["errors"].clone())
    };
    let good = json!({"conditions": {"version": ">= 1.0.0", "tags": ["a"]}, "notes": "n"});
    assert_eq!(set(good).await.0, 200);
    for (settings, path) in [
        (
            json!({"conditions": {"vresion": ">= 2.0.0"}}),
            ["conditions", "vresion"],
        ),
        (
            json!({"conditions": {"version": 2.0}}),
            ["conditions", "version"],
        ),
        (json!({"conditions": {"tags": [1]}}), ["conditions", "tags"]),
        (json!({"archive_uuid": "x"}), ["archive_uuid", ""]),
        (json!({"notes": 5}), ["notes", ""]),
        (json!({"state": "maybe"}), ["state", ""]),
        (json!({"firmware_id": 3}), ["firmware_id", ""]),
    ] {
        let (status, errors) = set(settings.clone()).await;
        assert_eq!(status, 422, "{settings}");
        let whole = if path[0] == "state" || path[0] == "firmware_id" {
            errors.clone()
        } else {
            errors["deployment"].clone()
        };
        let told = path
            .iter()
            .filter(|p| !p.is_empty())
            .fold(&whole, |e, p| &e[*p]);
        assert!(told[0].is_string(), "{settings}: {errors}");
    }
    let now = api.get(&group).await.data();
    assert_eq!(now["conditions"]["version"], ">= 1.0.0");
    assert_eq!(now["notes"], "n");
    // What is not known beside what is: as scripts for NervesHub rely on.
    let more = json!({"name": "s", "text": "1", "nobody_knows": true});
    assert_eq!(api.post(&Api::product("/scripts"), more).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_words_of_routes_but_no_dots_and_forms_name_their_method() {
    let (_server, api) = filled_server().await;
    for name in ["auth", "import"] {
        let device = json!({ "identifier": name });
        api.post(&Api::product("/devices"), device).await.data();
        let path = Api::product(&format!("/devices/{name}"));
        assert_eq!(api.get(&path).await.data()["identifier"], name);
        let change = api.put(&path, json!({"description": "x"})).await;
        assert_eq!(change.status, 201, "{}", change.text);
        assert_eq!(api.delete(&path).await.status, 204);
    }
    for name in [".", ".."] {
        let device = api
            .post(&Api::product("/devices"), json!({ "identifier": name }))
            .await;
        assert_eq!(device.status, 422);
        assert!(
            device.errors()["identifier"][0].is_string(),
            "{}",
            device.text
        );
        let product = api
            .post("/api/orgs/acme/products", json!({ "name": name }))
            .await;
        assert_eq!(
            (product.status, product.errors()["name"].is_array()),
            (422, true)
        );
    }
    let request = api
        .raw(Method::POST, &Api::product("/devices/d"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("_method=put&description=by+a+form");
    assert_eq!(Api::answer(request).await.status, 201);
    let shown = api.get(&Api::product("/devices/d")).await.data();
    assert_eq!(shown["description"], "by a form");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_kept_in_one_spelling_and_a_firmware_is_deleted_after_its_push() {
    let (server, api) = filled_server().await;
    let bytes = [7_u8; 32];
    let key = ed25519_dalek::SigningKey::from_bytes(&bytes).verifying_key();
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(key.as_bytes());
    for (name, given) in [
        ("a", format!("  {text}\r\n")),
        ("b", text.trim_end_matches('=').to_owned()),
    ] {
        let made = api
            .post("/api/orgs/acme/keys", json!({"name": name, "key": given}))
            .await;
        assert_eq!(made.data()["key"], text.as_str(), "{given:?}");
        assert_eq!(
            api.delete(&format!("/api/orgs/acme/keys/{name}"))
                .await
                .status,
            204
        );
    }
    let zero = base64::engine::general_purpose::STANDARD.encode([0_u8; 32]);
    let weak = api
        .post("/api/orgs/acme/keys", json!({"name": "z", "key": zero}))
        .await;
    assert_eq!(weak.status, 422);
    let letters = json!({"name": "z", "key": "x".repeat(32)});
    assert_eq!(api.post("/api/orgs/acme/keys", letters).await.status, 422);
    // A push that the device has installed does not hold its firmware.
    let new = api.upload("good/rpi4-1.1.0.fw").await;
    let uuid = new["uuid"].as_str().unwrap();
    let push = json!({ "uuid": uuid });
    let pushed = api.post(&Api::product("/devices/d/upgrade"), push).await;
    assert_eq!(pushed.status, 204, "{}", pushed.text);
    let firmware = Api::product(&format!("/firmwares/{uuid}"));
    assert_eq!(api.delete(&firmware).await.status, 422, "it is under way");
    server
        .run("UPDATE inflight SET status = 'completed', sent_at = 1")
        .await;
    assert_eq!(api.delete(&firmware).await.status, 204);
}
