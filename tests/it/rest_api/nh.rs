//! The real `nh`, as it was recorded: each of its requests, byte for byte but for names that the server gives, is answered as
//! that program needs it (docs/protocol/rest.md, "What nh relies on").

use crate::support::ca::{Leaf, ca};
use crate::support::{Api, Engine, Server, fixtures};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

/// A request of the recording.
struct Asked {
    command: String,
    method: Method,
    path: String,
    kind: Option<String>,
    body: String,
}

fn recorded() -> Vec<Asked> {
    let mut all = Vec::new();
    let mut command = String::new();
    let mut now: Option<Asked> = None;
    for line in include_str!("nh-0fdeb8c.txt").lines() {
        if let Some(text) = line.strip_prefix("##### ") {
            text.clone_into(&mut command);
        } else if let Some(head) = line.strip_prefix(">>> ") {
            let mut words = head.split(' ');
            now = Some(Asked {
                command: command.clone(),
                method: words.next().unwrap().parse().unwrap(),
                path: words.next().unwrap().to_owned(),
                kind: None,
                body: String::new(),
            });
        } else if line.starts_with("<<< ") {
            all.extend(now.take());
        } else if let Some(asked) = &mut now {
            if let Some(kind) = line.trim().strip_prefix("content-type: ") {
                asked.kind = Some(kind.to_owned());
            } else if let Some((_, body)) =
                line.split_once("): ").filter(|(k, _)| k.contains("body("))
            {
                body.clone_into(&mut asked.body);
            }
        }
    }
    all
}

/// What the program does with an answer (docs/protocol/rest.md, "What nh relies on").
fn needs(command: &str, status: u16, data: &Value) {
    assert!((200..300).contains(&status), "{command}: {status}");
    let text = |v: &Value, keys: &[&str]| {
        for k in keys {
            assert!(v[k].is_string(), "{command} needs {k} in {v}");
        }
    };
    let words: Vec<&str> = command.split(' ').collect();
    match words[1..3] {
        ["user", "whoami"] => text(data, &["name", "email"]),
        ["product", "list"] => text(&data[0], &["name"]),
        ["org", "user"] => text(&data[0], &["role"]),
        ["key", "list"] => text(&data[0], &["name", "key"]),
        ["key", "create"] => text(data, &["name", "key"]),
        ["firmware", "list"] => {
            text(
                &data[0],
                &["product", "version", "platform", "architecture", "uuid"],
            );
        }
        ["firmware", "publish"] if status == 201 => text(data, &["uuid"]),
        ["deployment", "list"] => {
            text(&data[0], &["name", "state", "firmware_uuid"]);
            text(&data[0]["conditions"], &["version"]);
            assert!(
                data[0]["conditions"]["tags"].is_array(),
                "{command}: {data}"
            );
        }
        ["device", "list"] => {
            text(
                &data[0],
                &["identifier", "version", "last_communication", "status"],
            );
        }
        ["device", "create" | "update"] | ["deployment", "create" | "update"] => {
            assert!(data.is_object(), "{command}: {data}");
        }
        ["device", "cert"] if words[3] == "import" => text(data, &["serial"]),
        ["cacert", "register"] => text(data, &["serial"]),
        _ => {}
    }
}

/// The uuid of a firmware of a registered key.
async fn firmware(api: &Api) -> String {
    api.register_key().await;
    let made = api.upload("good/rpi4-1.0.0.fw").await;
    made["uuid"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn p70_and_p71_each_request_of_the_real_program_is_answered_as_it_needs() {
    // That program cannot prove that a CA is its owner's, so that its operator must allow it.
    let flags = ["--unproven-cas", "on"];
    let server = Server::with(Engine::Sqlite, &flags).await.unwrap();
    let api = server.api();
    let uuid = firmware(&api).await;
    // The recording's server had one of each.
    api.group("seed", &uuid, json!({})).await;
    let seed = json!({"identifier": "seed"});
    api.post(&Api::product("/devices"), seed).await.data();
    let ca = ca("Rig CA");
    let leaf = ca.leaf("d1", Leaf::default());
    let all = recorded();
    assert!(all.len() >= 18, "{}", all.len());
    for asked in all {
        let path = asked
            .path
            .replace("/orgs/bar", "/orgs/acme")
            .replace("1634bad8-5fab-52c9-5b0b-471e6a50bc0a", &uuid);
        let mut request = api
            .raw(asked.method.clone(), &path)
            .header("user-agent", "mint/1.9.3");
        if path.ends_with("/devices/d1") && asked.method == Method::DELETE {
            // The recording goes on with the device after its end.
            let answer = Api::answer(request).await;
            assert_eq!((answer.status, answer.text.as_str()), (204, ""));
            let restored = json!({"deleted_at": null});
            assert_eq!(api.put(&path, restored).await.status, 201);
            continue;
        }
        if asked.method == Method::POST && path.ends_with("/firmwares") {
            // The same image again is refused with a sentence that it prints.
            let answer = api
                .upload_bytes(fixtures::bytes("good/rpi4-1.0.0.fw"))
                .await;
            assert_eq!(answer.status, 422, "{}", answer.text);
            assert!(
                answer.json()["errors"]["detail"].is_string(),
                "{}",
                answer.text
            );
            let other = api
                .upload_bytes(fixtures::bytes("good/rpi4-1.1.0.fw"))
                .await;
            needs(&asked.command, other.status, &other.data());
            continue;
        }
        if asked.method == Method::DELETE && path.contains("/firmwares/") {
            let other = api.get(&Api::product("/firmwares")).await.data();
            let unused = other
                .as_array()
                .unwrap()
                .iter()
                .find(|f| f["uuid"] != *uuid)
                .unwrap();
            let path = Api::product(&format!("/firmwares/{}", unused["uuid"].as_str().unwrap()));
            let answer = api.delete(&path).await;
            assert_eq!((answer.status, answer.text.as_str()), (204, ""));
            continue;
        }
        let mut body = asked
            .body
            .replace("1634bad8-5fab-52c9-5b0b-471e6a50bc0a", &uuid);
        if body.starts_with("{\"cert\":") {
            // The recording cuts long bodies; the certificates of this test stand in their place.
            let device = path.contains("/devices/");
            let pem = if device { &leaf.cert } else { &ca.cert };
            let mut whole = json!({"cert": STANDARD.encode(pem)});
            if device {
                whole["identifier"] = json!("d1");
            }
            body = whole.to_string();
        }
        if let Some(kind) = &asked.kind {
            request = request.header("content-type", kind);
        } else {
            request = request.header("content-length", "0");
        }
        if !body.is_empty() {
            request = request.body(body);
        }
        let answer = Api::answer(request).await;
        assert!(
            answer.status < 300,
            "{}: {} {}",
            asked.command,
            answer.status,
            answer.text
        );
        needs(&asked.command, answer.status, &answer.json()["data"]);
    }
}

/// What that program asks for and cannot have is refused with the way out in `detail`, the only part of an answer's errors that
/// it prints; what has another name today is understood.
#[tokio::test(flavor = "multi_thread")]
async fn what_nh_cannot_do_is_refused_with_the_way_out() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let api = server.api();
    let uuid = firmware(&api).await;
    api.group("g", &uuid, json!({})).await;
    let detail = |answer: &crate::support::api::Answer| {
        assert_eq!(answer.status, 422, "{}", answer.text);
        answer.json()["errors"]["detail"]
            .as_str()
            .unwrap()
            .to_owned()
    };

    let pem = STANDARD.encode(&ca("Rig CA").cert);
    let form = json!({"cert": pem, "description": null});
    let refused = api.post("/api/orgs/acme/ca_certificates", form).await;
    assert!(detail(&refused).contains("--unproven-cas on"));

    let device = json!({"identifier": "gone"});
    api.post(&Api::product("/devices"), device.clone())
        .await
        .data();
    api.delete(&Api::product("/devices/gone")).await;
    let refused = api.post(&Api::product("/devices"), device).await;
    assert_eq!(refused.errors()["identifier"][0], "has already been taken");
    assert!(detail(&refused).contains("/destroy"), "{}", refused.text);

    let before = api.get(&Api::product("/deployments/g")).await.data();
    for (word, value) in [("version", "1.1.0"), ("sate", "on"), ("state", "maybe")] {
        let form = json!({"deployment": {word: value}});
        let refused = api.put(&Api::product("/deployments/g"), form).await;
        assert!(detail(&refused).contains(word), "{}", refused.text);
    }
    let after = api.get(&Api::product("/deployments/g")).await.data();
    assert_eq!(before, after);

    server.bootstrap("joe@acme.org", "other", "p");
    let form = json!({"username": "joe@acme.org", "role": "read"});
    let added = api.post("/api/orgs/acme/users", form).await.data();
    assert_eq!(added["role"], "view");
    for (word, role) in [("write", "manage"), ("delete", "admin"), ("read", "view")] {
        let form = json!({"role": word});
        let set = api.put("/api/orgs/acme/users/joe@acme.org", form).await;
        assert_eq!(set.data()["role"], role);
    }
}
