//! What somebody has open ends when the right to it ends, at once: the looks now and then are ten seconds apart.

use crate::support::device::{Device, running};
use crate::support::viewer::Viewer;
use crate::support::{Api, Server, contract};
use futures_util::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;

crate::both_engines! {
    a_right_that_ends_closes_what_it_had_opened
    a_product_key_that_ends_closes_the_sockets_that_it_opened
}

crate::across_nodes! {
    a_right_that_ends_closes_what_it_had_opened
    a_product_key_that_ends_closes_the_sockets_that_it_opened
}

/// Less than a look, and room for a slow machine.
const AT_ONCE: Duration = Duration::from_secs(6);

/// All that a person can have open at a device's product.
struct Open {
    seat: Viewer,
    stream: JoinHandle<()>,
    script: JoinHandle<u16>,
    upload: JoinHandle<()>,
}

async fn open(server: &Server, api: &Api, token: &str, device: &mut Device) -> Open {
    let topic = "user:console:identifier-one";
    let (seat, reply) = Viewer::join_as(server, topic, token).await;
    assert_eq!(reply["status"], "ok");
    let events = api.raw(Method::GET, &Api::product("/devices/one/events"));
    let answer = events.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    contract::note("get /api/orgs/{org}/products/{product}/devices/{device}/events 200");
    let stream = tokio::spawn(async move {
        let mut parts = answer.bytes_stream();
        while parts.next().await.is_some_and(|part| part.is_ok()) {}
    });
    let path = Api::product("/devices/one/scripts/wait?timeout=60000");
    let asker = api.clone();
    let script = tokio::spawn(async move { asker.post(&path, json!({})).await.status });
    device.event("scripts/run").await;
    let first = futures_util::stream::iter([Ok::<_, std::io::Error>(vec![1; 1_000])]);
    let body = reqwest::Body::wrap_stream(first.chain(futures_util::stream::pending()));
    let part = reqwest::multipart::Part::stream(body).file_name("a.fw");
    let form = reqwest::multipart::Form::new().part("firmware", part);
    let request = api
        .raw(Method::POST, &Api::product("/firmwares"))
        .multipart(form);
    let upload = tokio::spawn(async move {
        if let Ok(answer) = request.send().await {
            assert_eq!(answer.status(), 401);
        }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    Open {
        seat,
        stream,
        script,
        upload,
    }
}

async fn ended<T>(what: &str, task: JoinHandle<T>) -> T {
    let done = timeout(AT_ONCE, task).await;
    done.unwrap_or_else(|_| panic!("still open: {what}"))
        .unwrap()
}

/// The seat is gone: its topic is closed, or the whole socket.
async fn left(way: &str, mut seat: Viewer) {
    let gone = async {
        while let Some(frame) = seat.frame().await {
            if frame.to_string().contains("phx_error") {
                return;
            }
        }
    };
    let done = timeout(AT_ONCE, gone).await;
    assert!(done.is_ok(), "{way}: the console is still open");
}

async fn script_device(server: &Server) -> Device {
    let mut d = Device::secret(server, "one").await.unwrap();
    let firmware = json!({"uuid": "u", "product": "p", "version": "1.0.0", "platform": "x", "architecture": "y"});
    d.join(running(&firmware), json!({"console_version": "2.0.0"}))
        .await;
    d
}

async fn a_right_that_ends_closes_what_it_had_opened(server: Server) {
    let admin = server.api();
    let form = json!({"name": "wait", "text": "wait()"});
    admin.post(&Api::product("/scripts"), form).await.data();
    let mut d = script_device(&server).await;
    let joe = server.member_called("joe", "manage").await;
    for way in ["token", "role", "member", "leaves", "device"] {
        let email = "/api/orgs/acme/users/joe@acme.org";
        let form = json!({"role": "manage", "email": "joe@acme.org"});
        // What the turn before took away is given again.
        admin.post("/api/orgs/acme/users", form.clone()).await;
        admin.put(email, form).await;
        let made = joe
            .post("/api/users/me/tokens", json!({"note": way}))
            .await
            .data();
        let token = made["token"].as_str().unwrap();
        let open = open(&server, &joe.with_token(token), token, &mut d).await;
        let answer = match way {
            "token" => {
                joe.delete(&format!("/api/users/me/tokens/{}", made["id"]))
                    .await
            }
            "role" => admin.put(email, json!({"role": "view"})).await,
            "member" => admin.delete(email).await,
            "leaves" => joe.delete("/api/orgs/acme/membership").await,
            _ => admin.delete(&Api::product("/devices/one")).await,
        };
        assert!(answer.status < 300, "{way}: {}", answer.text);
        left(way, open.seat).await;
        ended(way, open.stream).await;
        assert_eq!(ended(way, open.script).await, 404, "{way}");
        if way == "device" {
            // The product is still there to be uploaded to.
            open.upload.abort();
        } else {
            ended(way, open.upload).await;
        }
    }
}

async fn a_product_key_that_ends_closes_the_sockets_that_it_opened(server: Server) {
    let api = server.api();
    let path = Api::product("/shared_secrets");
    let other: Value = api.post(&path, json!({})).await.data();
    let text = |key: &str| other[key].as_str().unwrap().to_owned();
    let mut stays = Device::by_key(&server, &text("key"), &text("secret"), "stays")
        .await
        .unwrap();
    stays.join(json!({}), json!({})).await;
    let mut goes = Device::secret(&server, "goes").await.unwrap();
    goes.join(json!({}), json!({})).await;
    let path = format!("{path}/{}", server.login("product_key"));
    assert_eq!(api.delete(&path).await.status, 204);
    assert!(goes.closed_within(AT_ONCE).await.is_some());
    assert!(Device::secret(&server, "goes").await.is_err());
    assert!(stays.silent(500).await, "another key opened it");
}
