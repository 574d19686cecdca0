//! Uploads that go on after a cut: piece by piece, and by the command line through a line that breaks.

use crate::support::api::Answer;
use crate::support::server::BINARY;
use crate::support::{Api, Engine, Server, contract, fixtures, inspect};
use aws_lc_rs::digest::{SHA256, digest};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const FILE: &str = "good/rpi4-1.0.0.fw";

fn sum(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

async fn piece(api: &Api, id: &Value, offset: usize, bytes: &[u8]) -> Answer {
    let id = id.as_str().unwrap();
    let path = Api::product(&format!("/uploads/{id}?offset={offset}"));
    let request = api
        .raw(Method::PATCH, &path)
        .header("content-type", "application/octet-stream")
        .body(bytes.to_vec());
    Api::answer(request).await
}

/// What a body whose chunks have no length is answered with.
async fn broken_piece(server: &Server, path: &str) -> String {
    let mut socket = TcpStream::connect(&server.web).await.unwrap();
    let request = format!(
        "PATCH {path} HTTP/1.1\r\nhost: {}\r\nauthorization: token {}\r\ncontent-type: application/octet-stream\r\ntransfer-encoding: chunked\r\n\r\nlong\r\n",
        server.web,
        server.login("token"),
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_in_pieces() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let api = server.api();
    api.register_key().await;
    let (uploads, file) = (Api::product("/uploads"), fixtures::bytes(FILE));
    for (form, field) in [
        (json!({"sha256": sum(&file)}), "size"),
        (json!({"size": 0, "sha256": sum(&file)}), "size"),
        (json!({"size": 200_000_001, "sha256": sum(&file)}), "size"),
        (json!({"size": 5, "sha256": "abc"}), "sha256"),
        (json!({"size": 5}), "sha256"),
    ] {
        let answer = api.post(&uploads, form).await;
        assert!(
            answer.status == 422 && answer.errors()[field].is_array(),
            "{}",
            answer.text
        );
    }
    let form = json!({"size": file.len(), "sha256": sum(&file)});
    let begun = api.post(&uploads, form.clone()).await;
    assert_eq!(begun.status, 201);
    let one = begun.header("location").to_owned();
    let id = begun.data()["id"].clone();
    let half = file.len() / 2;
    assert_eq!(
        piece(&api, &id, 0, &file[..half]).await.data()["offset"],
        half
    );
    // Whoever asks again for the same file goes on; nobody else does.
    let again = api.post(&uploads, form.clone()).await.data();
    assert_eq!((&again["id"], &again["offset"]), (&id, &json!(half)));
    let other = server.member("manage").await;
    assert_eq!(other.get(&one).await.status, 404);
    assert_ne!(other.post(&uploads, form.clone()).await.data()["id"], id);
    let wrong = piece(&api, &id, 7, &file[7..]).await;
    assert!(
        wrong.status == 409 && wrong.text.contains(&half.to_string()),
        "{}",
        wrong.text
    );
    let early = api.post(&format!("{one}/firmware"), json!({})).await;
    assert_eq!(early.status, 409, "{}", early.text);
    let early = api.post(&format!("{one}/archive"), json!({})).await;
    assert_eq!(early.status, 409, "{}", early.text);
    let broken = broken_piece(&server, &format!("{one}?offset={half}")).await;
    assert!(
        broken.contains(" 400 ") && broken.contains("what came is kept"),
        "{broken}"
    );
    contract::note("patch /api/orgs/{org}/products/{product}/uploads/{upload} 400");
    let more = [&file[half..], b"x"].concat();
    assert_eq!(piece(&api, &id, half, &more).await.status, 413);
    let at = api.get(&one).await.data()["offset"].as_u64().unwrap();
    let at = usize::try_from(at).unwrap();
    piece(&api, &id, at, &file[at..]).await.data();
    let made = api.post(&format!("{one}/firmware"), json!({})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let uuid = made.data()["uuid"].as_str().unwrap().to_owned();
    assert!(made.header("location").ends_with(&uuid));
    assert_eq!(api.get(&one).await.status, 404, "it is over");
    // A sum that is another's, and giving up.
    let form = json!({"size": 3, "sha256": sum(b"abd")});
    let id = api.post(&uploads, form.clone()).await.data()["id"].clone();
    piece(&api, &id, 0, b"abc").await.data();
    let path = format!("{uploads}/{}/archive", id.as_str().unwrap());
    let refused = api.post(&path, json!({})).await;
    assert!(refused.errors()["sha256"].is_array(), "{}", refused.text);
    let id = api.post(&uploads, form).await.data()["id"].clone();
    let path = format!("{uploads}/{}", id.as_str().unwrap());
    assert_eq!(api.delete(&path).await.status, 204);
    assert_eq!(api.get(&path).await.status, 404);
}

crate::both_engines_as_process! {
    an_upload_goes_on_after_a_restart
}

crate::behind_proxy! {
    &[];
    each_piece_may_come_to_another_node
}

async fn each_piece_may_come_to_another_node(server: Server) {
    let api = server.api();
    api.register_key().await;
    let (uploads, file) = (Api::product("/uploads"), fixtures::bytes(FILE));
    let form = json!({"size": file.len(), "sha256": sum(&file)});
    let begun = api.post(&uploads, form.clone()).await.data();
    let mut at = 0;
    for part in file.chunks(file.len() / 7) {
        let answer = piece(&api, &begun["id"], at, part).await;
        at += part.len();
        assert_eq!(answer.data()["offset"], at);
        let again = api.post(&uploads, form.clone()).await.data();
        assert_eq!((&again["id"], &again["offset"]), (&begun["id"], &json!(at)));
    }
    let path = format!("{uploads}/{}/firmware", begun["id"].as_str().unwrap());
    let made = api.post(&path, json!({})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    // Whichever node is asked has the file.
    let uuid = made.data()["uuid"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        let path = Api::product(&format!("/firmwares/{uuid}"));
        assert_eq!(api.get(&path).await.data()["uuid"], uuid);
    }
}

/// The beginning of a request that goes on and never does.
async fn stuck_piece(server: &Server, path: &str, length: usize, first: &[u8]) -> TcpStream {
    let mut socket = TcpStream::connect(&server.web).await.unwrap();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nhost: {}\r\nauthorization: token {}\r\ncontent-type: application/octet-stream\r\ncontent-length: {length}\r\n\r\n",
        server.web,
        server.login("token"),
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(first).await.unwrap();
    socket
}

async fn an_upload_goes_on_after_a_restart(mut server: Server) {
    let api = server.api();
    api.register_key().await;
    let (uploads, file) = (Api::product("/uploads"), fixtures::bytes(FILE));
    let form = json!({"size": file.len(), "sha256": sum(&file)});
    let begun = api.post(&uploads, form.clone()).await;
    let (one, id) = (
        begun.header("location").to_owned(),
        begun.data()["id"].clone(),
    );
    let half = file.len() / 2;
    let sent = piece(&api, &id, 0, &file[..half]).await.data();
    assert_eq!(sent["offset"], half);
    server.crash_and_restart();
    let api = server.api();
    let stands = api.get(&one).await.data();
    assert_eq!(
        stands,
        json!({"id": id, "size": file.len(), "offset": half})
    );
    // A server that is stopped keeps what came of a request that goes on.
    let path = format!("{one}?offset={half}");
    let open = stuck_piece(&server, &path, file.len() - half, &file[half..half + 1_000]).await;
    server.until(inspect::UPLOADS_HELD, 1).await;
    // What is in the socket has come.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(server.terminate(), Some(0));
    drop(open);
    server.restart();
    let api = server.api();
    let again = api.post(&uploads, form).await.data();
    assert_eq!(
        (&again["id"], &again["offset"]),
        (&id, &json!(half + 1_000))
    );
    piece(&api, &id, half + 1_000, &file[half + 1_000..])
        .await
        .data();
    server.crash_and_restart();
    let api = server.api();
    let made = api.post(&format!("{one}/firmware"), json!({})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(api.get(&one).await.status, 404);
    assert_eq!(server.count(inspect::UPLOAD_PARTS).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_nobody_goes_on_with_is_removed() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let Some(server) = Server::start(engine).await else {
            continue;
        };
        let (api, file) = (server.api(), fixtures::bytes(FILE));
        let form = json!({"size": file.len(), "sha256": sum(&file)});
        let begun = api.post(&Api::product("/uploads"), form).await;
        let one = begun.header("location").to_owned();
        piece(&api, &begun.data()["id"], 0, &file[..1_000])
            .await
            .data();
        let parts = || {
            let folder = server.data().join("blobs/uploads");
            std::fs::read_dir(folder).unwrap().count()
        };
        assert_eq!(parts(), 1);
        server.advance(Duration::from_secs(6 * 3_600 + 1));
        server.until(inspect::UPLOAD_PARTS, 0).await;
        let began = Instant::now();
        while parts() > 0 {
            assert!(began.elapsed() < Duration::from_secs(20), "it stays");
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        assert_eq!(api.get(&one).await.status, 404);
    }
}

/// Passes connections on, but breaks the first three that bring this many bytes.
async fn breaking_line(to: String, most: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    let (cuts, kept) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counted = cuts.clone();
    kept.store(3, Ordering::Relaxed);
    tokio::spawn(async move {
        loop {
            let (near, _) = listener.accept().await.unwrap();
            let far = TcpStream::connect(&to).await.unwrap();
            let (cuts, left) = (counted.clone(), kept.clone());
            tokio::spawn(async move {
                let (mut from, mut back) = near.into_split();
                let (mut answers, mut on) = far.into_split();
                let up = async {
                    let (mut passed, mut buffer) = (0, vec![0; 4_096]);
                    while let Ok(n) = from.read(&mut buffer).await
                        && n > 0
                        && on.write_all(&buffer[..n]).await.is_ok()
                    {
                        passed += n;
                        if passed > most && left.load(Ordering::Relaxed) > 0 {
                            left.fetch_sub(1, Ordering::Relaxed);
                            cuts.fetch_add(1, Ordering::Relaxed);
                            return;
                        }
                    }
                };
                tokio::select! {
                    () = up => {}
                    _ = tokio::io::copy(&mut answers, &mut back) => {}
                }
            });
        }
    });
    (at, cuts)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_goes_on_after_cuts() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let api = server.api();
    api.register_key().await;
    let (line, cuts) = breaking_line(server.web.clone(), 30_000).await;
    let file = fixtures::path(FILE);
    let token = server.login("token").to_owned();
    let out = tokio::process::Command::new(BINARY)
        .args(["firmware", "publish", "--json", "--server", &line])
        .arg(&file)
        .env("NERVECENTER_TOKEN", token)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{said}");
    assert_eq!(cuts.load(Ordering::Relaxed), 3);
    let made: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(made["version"], "1.0.0");
    let all = api.get(&Api::product("/firmwares")).await.data();
    assert_eq!(all.as_array().unwrap().len(), 1);
}

/// A server that knows no such uploads, as the original: it has `firmwares` alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_pieces_gets_the_file_at_once() {
    use axum::extract::{DefaultBodyLimit, Multipart};
    use axum::http::StatusCode;
    use axum::routing::post;
    let taken = |mut form: Multipart| async move {
        let part = form.next_field().await.unwrap().unwrap();
        assert_eq!(part.name(), Some("firmware"));
        let bytes = part.bytes().await.unwrap();
        let made = json!({"data": {"uuid": "u", "size": bytes.len()}});
        (StatusCode::CREATED, axum::Json(made))
    };
    let route = "/api/orgs/acme/products/fixture-product/firmwares";
    let routes = axum::Router::new()
        .route(route, post(taken))
        .layer(DefaultBodyLimit::disable());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    let out = tokio::process::Command::new(BINARY)
        .args(["firmware", "publish", "--json", "--server", &at])
        .args(["--org", "acme", "--token", "t"])
        .arg(fixtures::path(FILE))
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{said}");
    let made: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(made["size"], fixtures::bytes(FILE).len());
}
