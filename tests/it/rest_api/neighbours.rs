//! A token for one product before everything of another product of the same organization. The routes are those of the document,
//! and each part of their paths is something of the other product that is really there: so a new route is asked for by itself,
//! and a new kind of thing has to be made here before the test passes.

use crate::support::ca::{Leaf, ca};
use crate::support::server::ALL_OPERATIONS;
use crate::support::viewer::Viewer;
use crate::support::{Api, Engine, Server, fixtures};
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

/// The product whose things are asked for.
const FAR: &str = fixtures::PRODUCT;
/// The product that the token is for. A fixture was built for it.
const OWN: &str = "another-product";

/// Something that paths name: the end of the template up to it, what the token's own product has of it, and what the other one
/// has, in each spelling.
struct Thing {
    place: &'static str,
    own: Vec<String>,
    far: Vec<String>,
}

fn in_product(product: &str, rest: &str) -> String {
    format!("/api/orgs/acme/products/{product}{rest}")
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A key of a shared secret as it is written in a path.
fn in_path(key: &Value) -> String {
    text(key).replace('/', "%2F").replace('+', "%2B")
}

/// One of each kind of thing in a product, by the place of its name.
async fn things(api: &Api, product: &str) -> BTreeMap<&'static str, Vec<String>> {
    let p = |rest: &str| in_product(product, rest);
    let post = async |rest: &str, form: Value| api.post(&p(rest), form).await.data();
    let device = format!("{product}-1");
    let of_device = |rest: &str| format!("/devices/{device}/{rest}");
    let form = json!({"identifier": device, "description": "as it was", "tags": ["a"]});
    post("/devices", form).await;
    let pem = ca("any").leaf(&device, Leaf::default()).cert;
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let print = hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &der));
    let cert = json!({"cert": STANDARD.encode(&pem)});
    let cert = post(&of_device("certificates"), cert).await;
    let secret = post(&of_device("shared_secrets"), json!({})).await;
    let product_secret = post("/shared_secrets", json!({})).await;
    let script = json!({"name": format!("script of {product}"), "text": "1"});
    let script = post("/scripts", script).await;
    let hook = json!({"url": "http://127.0.0.1:9/", "events": ["device.online"]});
    let hook = post("/webhooks", hook).await;
    let told = post(&format!("/webhooks/{}/test", hook["id"]), json!({})).await;
    let rule = json!({"email": "jane@acme.org", "events": ["device.online"]});
    let rule = post("/mail_rules", rule).await;
    let view = json!({"name": "at hand", "page": "devices"});
    let view = post("/views", view).await;
    let mut bulk = json!({"identifiers": [device], "action": "tags_add", "args": {"tags": ["b"]}, "dry_run": true});
    let shown = post("/devices/bulk", bulk.clone()).await;
    bulk["dry_run"] = json!(false);
    bulk["confirm"] = shown["confirm"].clone();
    let job = post("/devices/bulk", bulk).await;
    let upload = json!({"size": 1_000_000, "sha256": "0".repeat(64)});
    let upload = post("/uploads", upload).await;
    let name = text(&script["name"]).replace(' ', "%20");
    BTreeMap::from([
        ("devices/{device}", vec![device]),
        (
            "{device}/certificates/{serial}",
            vec![text(&cert["serial"]), print],
        ),
        (
            "{device}/shared_secrets/{key}",
            vec![in_path(&secret["key"])],
        ),
        (
            "shared_secrets/{key}",
            vec![in_path(&product_secret["key"])],
        ),
        ("scripts/{script}", vec![text(&script["id"]), name]),
        ("webhooks/{webhook}", vec![text(&hook["id"])]),
        ("deliveries/{delivery}", vec![text(&told["id"])]),
        ("mail_rules/{rule}", vec![text(&rule["id"])]),
        ("uploads/{upload}", vec![text(&upload["id"])]),
        ("views/{view}", vec![text(&view["id"])]),
        ("jobs/{job}", vec![text(&job["id"])]),
    ])
}

/// The files of the other product, a group on the first firmware, and one of its own.
async fn files(api: &Api, far: &mut BTreeMap<&'static str, Vec<String>>) -> Value {
    api.register_key().await;
    let released = api.upload("good/rpi4-1.0.0.fw").await["uuid"].clone();
    let spare = api.upload("good/rpi4-1.1.0.fw").await["uuid"].clone();
    let archive = api.archive(fixtures::bytes("good/archive-1.0.0.fw")).await;
    let form = json!({"name": "prod", "firmware": released, "conditions": {}});
    let made = api.post(&in_product(FAR, "/deployments"), form).await;
    assert_eq!(made.status, 201, "{}", made.text);
    far.insert("firmwares/{uuid}", vec![text(&spare)]);
    far.insert("archives/{uuid}", vec![text(&archive.data()["uuid"])]);
    far.insert("deployments/{name}", vec!["prod".into()]);
    let own = fixtures::bytes("bad/bad-other-product.fw");
    let own = api.upload_to(&in_product(OWN, "/firmwares"), own).await;
    assert_eq!(own.status, 201, "{}", own.text);
    released
}

/// What every route that takes something would take: what is not known to it is ignored.
fn body(firmware: &Value) -> Value {
    let cert = ca("new").leaf("new", Leaf::default()).cert;
    json!({
        "identifier": "taken-1", "description": "taken over", "tags": ["taken"], "updates_enabled": false,
        "connecting_code": "1", "code": "1", "uuid": firmware, "firmware": firmware, "name": "taken", "text": "taken()",
        "new_org_name": "acme", "new_product_name": OWN, "reason": "x", "devices": [], "from": null, "workflow": {}, "cert": STANDARD.encode(&cert),
        "certificate": STANDARD.encode(&cert), "url": "http://127.0.0.1:9/taken", "events": ["device.offline"],
        "email": "jane@acme.org", "latitude": 1.5, "longitude": 2.5, "extensions": {"health": false}, "conditions": {},
        "deployment": {"firmware": firmware, "notes": "taken over"}, "size": 3, "sha256": "1".repeat(64),
    })
}

struct World {
    server: Server,
    root: Api,
    narrow: Api,
    things: Vec<Thing>,
    body: Value,
    routes: Vec<(Method, String)>,
}

async fn world(server: Server) -> (World, String) {
    let root = server.api();
    let products = "/api/orgs/acme/products";
    root.post(products, json!({ "name": OWN })).await.data();
    let (mut far, own) = (things(&root, FAR).await, things(&root, OWN).await);
    let firmware = files(&root, &mut far).await;
    let own_of = |place| own.get(place).cloned().unwrap_or_default();
    let mut things: Vec<Thing> = far
        .into_iter()
        .map(|(place, far)| Thing {
            own: own_of(place),
            place,
            far,
        })
        .collect();
    // The longer one is meant where both fit.
    things.sort_by_key(|t| Reverse(t.place.len()));
    let form = json!({"note": "narrow", "product": format!("acme/{OWN}")});
    let token = root.post("/api/users/me/tokens", form).await.data();
    let narrow = root.with_token(token["token"].as_str().unwrap());
    let document = root.get("/api/openapi").await.json();
    let below = |t: &String| t.contains("/products/{product}/") || t.starts_with("/api/devices/");
    let of_product = |t: &String| t.ends_with("/products/{product}") || below(t);
    let mut routes = Vec::new();
    for (template, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            if of_product(template) {
                routes.push((method, template.clone()));
            }
        }
    }
    // Things end last, and what is in a thing before the thing itself; a device that was moved has left its product.
    routes.sort_by_key(|(method, t)| {
        let ends = *method == Method::DELETE;
        (ends, t.ends_with("/move"), Reverse(t.len()))
    });
    let world = World {
        body: body(&firmware),
        server,
        root,
        narrow,
        things,
        routes,
    };
    (world, text(&token["token"]))
}

impl World {
    /// What a part of a template is in paths: of the other product, and of the token's own or nobody's.
    fn values(&self, seen: &str, part: &str, product: &str) -> (Vec<String>, Vec<String>) {
        match part {
            "{org}" => (Vec::new(), vec!["acme".into()]),
            "{product}" => (Vec::new(), vec![product.into()]),
            part if part.starts_with('{') => {
                let found = self.things.iter().find(|t| seen.ends_with(t.place));
                let thing = found.unwrap_or_else(|| panic!("{seen}: make one in `things`"));
                (thing.far.clone(), thing.own.clone())
            }
            word => (Vec::new(), vec![word.into()]),
        }
    }

    /// Each path of a template, with the number of things of the other product in it; the first has nothing else.
    fn paths(&self, template: &str, product: &str) -> Vec<(String, usize)> {
        let mut paths = vec![(String::new(), 0)];
        let mut seen = String::new();
        for part in template.split('/').skip(1) {
            seen = format!("{seen}/{part}");
            let (far, own) = self.values(&seen, part, product);
            let longer = |(path, n): &(String, usize)| {
                let far = far.iter().map(|value| (format!("{path}/{value}"), n + 1));
                let own = own.iter().map(|value| (format!("{path}/{value}"), *n));
                far.chain(own).collect::<Vec<_>>()
            };
            paths = paths.iter().flat_map(longer).collect();
        }
        paths
    }

    /// What a token for one product must not reach: everything under the path of the other product, and things of that one under
    /// the path of its own and by the short address.
    fn forbidden(&self, template: &str) -> Vec<String> {
        let elsewhere = self.paths(template, FAR);
        let near = self.paths(template, OWN).into_iter().filter(|p| p.1 > 0);
        let all = if template.contains("{product}") {
            elsewhere.into_iter().chain(near).collect()
        } else {
            near.collect::<Vec<_>>()
        };
        all.into_iter().map(|(path, _)| path).collect()
    }

    async fn ask(&self, api: &Api, method: &Method, path: &str) -> (u16, String) {
        let bytes = *method == Method::PATCH && path.contains("/uploads/");
        let query = if bytes { "?offset=0" } else { "" };
        let mut request = api.raw(method.clone(), &format!("{path}{query}"));
        if bytes {
            let kind = "application/octet-stream";
            request = request.header("content-type", kind).body("taken over");
        } else if !matches!(*method, Method::GET | Method::DELETE) {
            request = request.json(&self.body);
        }
        // A stream of events has no end.
        let answer = tokio::time::timeout(Duration::from_secs(20), Api::answer(request));
        let answer = answer.await.unwrap_or_else(|_| panic!("{method} {path}"));
        (answer.status, answer.text)
    }

    /// All that is kept, but what the server's own jobs write.
    async fn state(&self) -> (BTreeMap<String, Vec<String>>, Value, usize) {
        let mut rows = self.server.dump().await;
        for table in ["settings", "nodes", "group_leases", "tokens"] {
            assert!(rows.remove(table).is_some());
        }
        let upload = "/api/orgs/{org}/products/{product}/uploads/{upload}";
        let (upload, _) = &self.paths(upload, FAR)[0];
        let upload = self.root.get(upload).await.data();
        let mut files = 0;
        for folder in ["firmware", "archives", "deltas", "staging"] {
            let folder = self.server.data().join("blobs").join(folder);
            files += std::fs::read_dir(folder).unwrap().count();
        }
        (rows, upload, files)
    }
}

/// Nothing is written by jobs any more.
async fn settled(server: &Server) {
    let running = "SELECT COUNT(*) FROM jobs WHERE state = 'running'";
    server.until(running, 0).await;
    server.until_sealed().await;
    server.until_tried(2).await;
    // The next attempt is far away.
    let later = "UPDATE webhook_deliveries SET due_at = 4102444800000000";
    server.run(later).await;
}

/// Where somebody who may do it is refused for another reason: the end of the template, the status, and a word of the reason.
const IN_VAIN: [(&str, u16, &str); 13] = [
    ("/cancel", 409, "has ended already"),
    ("/dry_run", 422, "workflow version must be 1"),
    ("/deployment_preview", 422, "workflow version must be 1"),
    ("/rollback", 409, "No earlier release"),
    ("/approve", 409, "not waiting for an approval"),
    ("/pause", 409, "The rollout is"),
    ("/resume", 409, "The rollout is"),
    ("/scripts/{script}", 403, "not available"),
    ("/upgrade", 422, "is under way"),
    ("/destroy", 409, ""),
    ("/uploads/{upload}/firmware", 409, "send the rest"),
    ("/uploads/{upload}/archive", 409, "send the rest"),
    ("/move", 422, "already"),
];

/// What the other product's administrator is answered: never that there is no such thing or that the request is wrong, so that what
/// refuses the narrow token is that the thing is not its own.
async fn root_is_served(w: &World) {
    for (method, template) in &w.routes {
        let (path, things) = &w.paths(template, FAR)[0];
        if *things == 0 || template.ends_with("/events") {
            continue;
        }
        let (status, text) = w.ask(&w.root, method, path).await;
        let mut in_vain = IN_VAIN.iter().filter(|v| template.ends_with(v.0));
        let excused = in_vain.any(|v| status == v.1 && text.contains(v.2));
        assert!(
            (200..400).contains(&status) || excused,
            "{method} {path}: {status} {text}"
        );
    }
}

/// Terminals and news of a device, which are no routes of the document.
async fn sockets_are_closed(w: &World, token: &str) {
    let device = format!("{FAR}-1");
    for (path, topic) in [
        (
            "/api/socket/websocket",
            format!("user:console:identifier-{device}"),
        ),
        (
            "/api/socket/websocket",
            format!("user:local_shell:identifier-{device}"),
        ),
        ("/events-socket/websocket", format!("device:{device}")),
    ] {
        let joined = async |token: &str| {
            let viewer = Viewer::connect(&w.server, path, token).await.unwrap();
            viewer.joined(&topic).await.1["status"].clone()
        };
        assert_eq!(joined(token).await, "error", "{topic}");
        assert_eq!(joined(w.server.login("token")).await, "ok", "{topic}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_narrowed_token_reaches_nothing_of_another_product() {
    let server = Server::with(Engine::Sqlite, &ALL_OPERATIONS).await.unwrap();
    let (w, token) = world(server).await;
    settled(&w.server).await;
    let before = w.state().await;
    let mut asked = 0;
    for (method, template) in &w.routes {
        for path in w.forbidden(template) {
            let (status, text) = w.ask(&w.narrow, method, &path).await;
            asked += 1;
            let refused = matches!(status, 401 | 404) && !text.contains("as it was");
            assert!(refused, "{method} {path}: {status} {text}");
        }
    }
    assert!(asked > 250, "only {asked}");
    let after = w.state().await;
    for (table, rows) in &before.0 {
        assert_eq!(after.0.get(table), Some(rows), "{table}");
    }
    assert_eq!((before.1, before.2), (after.1, after.2));
    sockets_are_closed(&w, &token).await;
    root_is_served(&w).await;
}
