//! Who may do what: every route of the document by everybody, made of the document itself, so that a new route is in it.

use crate::support::{Api, Engine, Server, fixtures};
use reqwest::Method;
use serde_json::{Value, json};

const ROLES: [&str; 3] = ["view", "manage", "admin"];

/// Fills a path of the document. What an action could destroy is named so that it is not there.
pub(super) fn filled(template: &str, device: &str) -> String {
    let mut path = template.to_owned();
    for (part, value) in [
        ("{org}", "acme"),
        ("{product}", fixtures::PRODUCT),
        ("{device}", device),
        ("{email}", "nobody@acme.org"),
        ("{name}", "nothing"),
        ("{serial}", "1"),
        ("{uuid}", "00000000-0000-0000-0000-000000000000"),
        ("{key}", "nothing"),
        ("{script}", "999999"),
        ("{token}", "999999"),
        ("{session}", "999999"),
        ("{passkey}", "999999"),
        ("{identity}", "999999"),
        ("{view}", "999999"),
        ("{job}", "999999"),
        ("{link}", "1.2.forged"),
        ("{account}", "nothing"),
        ("{identifier}", "nothing"),
        ("{webhook}", "999999"),
        ("{rule}", "999999"),
        ("{delivery}", "999999"),
        ("{upload}", "nothing"),
        ("{session}", "nothing"),
    ] {
        path = path.replace(part, value);
    }
    assert!(
        !path.contains('{'),
        "{template}: say here what to put for its parts"
    );
    path
}

struct Asker {
    name: &'static str,
    api: Api,
    /// The role in `acme`; none for strangers.
    role: Option<&'static str>,
    /// What its token grants: `full`, `read`, `publish`, `product` or `other product`.
    grant: &'static str,
}

/// What the answer must be: `Some(status)`, or any but 401 and 5xx.
fn expected(asker: &Asker, operation: &Value, method: &str, template: &str) -> Option<u16> {
    let needed = operation["x-role"].as_str().unwrap();
    if needed == "anyone" {
        return None;
    }
    if asker.name == "nobody" || asker.name == "a forger" || asker.name == "an expired token" {
        return Some(401);
    }
    let publishes = operation["x-publish"] == true;
    let covered = match asker.grant {
        "read" => method == "get",
        "publish" => publishes,
        _ => true,
    };
    if !covered {
        return Some(401);
    }
    if needed == "person" {
        // Only a whole token handles tokens.
        let own = [
            "/api/users/me/tokens",
            "/api/users/me/sessions",
            "/api/users/me/identities",
            "/api/users/me/password",
            "/api/users/me/totp",
            "/api/users/me/passkeys",
            "/api/users/me/preferences",
        ];
        let tokens = own.iter().any(|path| template.starts_with(path))
            || (matches!(template, "/api/users/me" | "/api/orgs") && method != "get");
        return (tokens && asker.grant != "full").then_some(401);
    }
    let of_org = template.starts_with("/api/orgs/{org}") && !template.contains("{product}");
    let hidden = match asker.grant {
        "product" => of_org,
        "other product" => true,
        _ => false,
    };
    let Some(role) = asker.role.filter(|_| !hidden) else {
        return Some(404);
    };
    let rank = |r: &str| ROLES.iter().position(|x| *x == r).unwrap();
    (rank(role) < rank(needed)).then_some(401)
}

async fn token(api: &Api, more: Value) -> String {
    let mut form = json!({"note": "matrix"});
    for (k, v) in more.as_object().unwrap() {
        form[k] = v.clone();
    }
    let made = api.post("/api/users/me/tokens", form).await.data();
    made["token"].as_str().unwrap().to_owned()
}

async fn askers(server: &Server) -> Vec<Asker> {
    let root = server.api();
    let stranger = server.bootstrap("eve@else.org", "else", "thing");
    let stranger = root.with_token(stranger["token"].as_str().unwrap());
    let expired = token(&root, json!({"expires_in_days": 1})).await;
    server
        .run("UPDATE tokens SET expires_at = 1 WHERE expires_at IS NOT NULL")
        .await;
    let asker = |name, api, role, grant| Asker {
        name,
        api,
        role,
        grant,
    };
    let mut all = vec![
        asker("nobody", root.anonymous(), None, "full"),
        asker(
            "a forger",
            root.with_token("nhu_17SyR2HeQqfOYQaaT7Jv5BxBid5hrDD9KP13RYr9o6rTb26X"),
            None,
            "full",
        ),
        asker(
            "an expired token",
            root.with_token(&expired),
            Some("admin"),
            "full",
        ),
        asker("a stranger", stranger, None, "full"),
    ];
    for role in ["view", "manage"] {
        all.push(asker(role, server.member(role).await, Some(role), "full"));
    }
    let product = format!("acme/{}", fixtures::PRODUCT);
    root.post("/api/orgs/acme/products", json!({"name": "second"}))
        .await
        .data();
    for (name, grant, form) in [
        ("a reader", "read", json!({"access": "read"})),
        ("a publisher", "publish", json!({"access": "publish"})),
        (
            "a token of the product",
            "product",
            json!({"product": product}),
        ),
        (
            "a token of another product",
            "other product",
            json!({"product": "acme/second"}),
        ),
    ] {
        let api = root.with_token(&token(&root, form).await);
        all.push(asker(name, api, Some("admin"), grant));
    }
    all.push(asker("the administrator", root, Some("admin"), "full"));
    all
}

async fn ask(api: &Api, method: &str, path: &str) -> (u16, String) {
    let verb = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
    let request = api.raw(verb, path);
    let request = if method == "get" || method == "delete" {
        request
    } else {
        request.json(&json!({}))
    };
    let answer = Api::answer(request).await;
    (answer.status, answer.text)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_by_everybody() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let document = server.api().get("/api/openapi").await.json();
    let askers = askers(&server).await;
    let mut rows = 0;
    for (i, asker) in askers.iter().enumerate() {
        // A device of its own: some of the actions end it.
        let device = format!("matrix-{i}");
        let form = json!({"identifier": device});
        server
            .api()
            .post(&Api::product("/devices"), form)
            .await
            .data();
        let mut routes: Vec<(&String, &String, &Value)> = Vec::new();
        for (template, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                routes.push((template, method, operation));
            }
        }
        // What ends things comes last.
        routes.sort_by_key(|(template, method, _)| (*method == "delete", template.len()));
        for (template, method, operation) in routes {
            if template.ends_with("/events")
                && operation["x-role"] != "anyone"
                && asker.role.is_some()
            {
                // It would not end.
                continue;
            }
            let wanted = expected(asker, operation, method, template);
            let ends = matches!(
                template.as_str(),
                "/api/session" | "/api/orgs/{org}/membership"
            );
            if ends && method == "delete" && wanted.is_none() {
                // It would end what the asker asks the rest with, or as whom.
                continue;
            }
            let path = filled(template, &device);
            let (status, text) = ask(&asker.api, method, &path).await;
            rows += 1;
            let at = format!("{} asks {method} {template}: {status} {text}", asker.name);
            assert!(status < 500, "{at}");
            match wanted {
                Some(wanted) => assert_eq!(status, wanted, "{at}"),
                // A login without a password.
                None if operation["x-role"] == "anyone" => {}
                None => assert_ne!(status, 401, "{at}"),
            }
        }
    }
    assert!(rows > 700, "only {rows} rows");
}

/// A token for one product against a device of another: each route that names a device, under the path of the token's own
/// product and by the short address.
#[tokio::test(flavor = "multi_thread")]
async fn a_narrowed_token_reaches_no_device_of_another_product() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let root = server.api();
    root.post("/api/orgs/acme/products", json!({"name": "second"}))
        .await
        .data();
    let form = json!({"identifier": "first-1", "description": "of the first product"});
    root.post(&Api::product("/devices"), form).await.data();
    let narrow = root.with_token(&token(&root, json!({"product": "acme/second"})).await);
    let state = async || {
        let device = root.get("/api/devices/first-1").await.data();
        let secrets = Api::product("/devices/first-1/shared_secrets");
        let secrets = root.get(&secrets).await.data();
        let entries = server.audit_entries().await;
        (device, secrets, entries)
    };
    let before = state().await;
    let document = root.get("/api/openapi").await.json();
    let mut asked = 0;
    for (template, methods) in document["paths"].as_object().unwrap() {
        if !template.contains("{device}") || template.ends_with("/events") {
            continue;
        }
        let path = filled(template, "first-1").replace(fixtures::PRODUCT, "second");
        for method in methods.as_object().unwrap().keys() {
            let verb = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let body = json!({
                "description": "taken over", "connecting_code": "IO.puts(1)", "code": "1", "uuid": "x",
                "org": "acme", "product": "second", "name": "x", "cert": "x", "reason": "x", "workflow": {}, "tags": ["x"],
            });
            let mut request = narrow.raw(verb, &path);
            if method != "get" && method != "delete" {
                request = request.json(&body);
            }
            let answer = Api::answer(request).await;
            asked += 1;
            let at = format!("{method} {path}: {} {}", answer.status, answer.text);
            assert!(
                (400..500).contains(&answer.status)
                    && !answer.text.contains("of the first product"),
                "{at}"
            );
        }
    }
    assert!(asked > 25, "only {asked}");
    assert_eq!(state().await, before, "nothing was changed or noted");
    // What the organization lists for it is its own product alone.
    let orgs = narrow.get("/api/orgs?include=products").await.data();
    let products: Vec<_> = orgs[0]["products"].as_array().unwrap().iter().collect();
    assert_eq!(products.len(), 1, "{orgs}");
    assert_eq!(products[0]["name"], "second");
}
