//! Bodies of uploads that come too slowly or do not end: each is given up within its time, and its place is free again.

use crate::support::{Api, Engine, Server, fixtures};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What an upload may do nothing for, or be below the least rate for.
const PATIENCE: Duration = Duration::from_secs(60);

/// The beginning of a part of a multipart body.
fn part(name: &str) -> String {
    format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"a.fw\"\r\n\r\n")
}

/// A request whose body begins with `first`, goes on with one more `next` each second and says that it is `length` long.
struct Slow<'s> {
    server: &'s Server,
    token: String,
    method: &'static str,
    path: String,
    kind: &'static str,
    length: usize,
    first: Vec<u8>,
    next: Vec<u8>,
}

impl<'s> Slow<'s> {
    /// A multipart body for the list of firmwares, by the administrator.
    fn form(server: &'s Server, first: Vec<u8>, next: &str) -> Self {
        Self {
            server,
            token: server.login("token").to_owned(),
            method: "POST",
            path: Api::product("/firmwares"),
            kind: "multipart/form-data; boundary=b",
            length: 1_000_000,
            first,
            next: next.into(),
        }
    }

    /// The answer, and when it came; the connection must end in time.
    async fn answer(self) -> (String, Duration) {
        let begun = Instant::now();
        let socket = TcpStream::connect(&self.server.web).await.unwrap();
        let (mut from, mut to) = socket.into_split();
        let head = format!(
            "{} {} HTTP/1.1\r\nhost: x\r\nauthorization: token {}\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n",
            self.method, self.path, self.token, self.kind, self.length
        );
        to.write_all(head.as_bytes()).await.unwrap();
        to.write_all(&self.first).await.unwrap();
        let sent = async {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                if to.write_all(&self.next).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let mut answer = Vec::new();
        let read = from.read_to_end(&mut answer);
        let late = PATIENCE + Duration::from_secs(20);
        tokio::select! {
            read = tokio::time::timeout(late, read) => {
                assert!(read.is_ok(), "{} {} is not given up", self.method, self.path);
            }
            () = sent => unreachable!("it goes on for ever"),
        }
        let text = String::from_utf8_lossy(&answer).into_owned();
        (text, begun.elapsed())
    }
}

/// What each of the requests must come to: 400, with this sentence, once the patience is over and not before.
fn given_up((answer, after): &(String, Duration), why: &str) {
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains(why), "{answer}");
    assert!(*after >= PATIENCE, "after {after:?}");
}

/// A new upload in pieces; its address.
async fn session(api: &Api, file: &[u8]) -> String {
    let sum = hex::encode(digest(&SHA256, file));
    let form = json!({"size": file.len(), "sha256": sum});
    let begun = api.post(&Api::product("/uploads"), form).await;
    begun.header("location").to_owned()
}

/// While all four places of a person are held, that person waits in vain and another one does not wait.
async fn places_are_held(own: &Api, other: &Api) {
    tokio::time::sleep(Duration::from_secs(5)).await;
    let begun = Instant::now();
    let free = other
        .upload_bytes(fixtures::bytes("good/rpi4-1.0.0.fw"))
        .await;
    assert_eq!(free.status, 201, "{}", free.text);
    assert!(begun.elapsed() < Duration::from_secs(15));
    let refused = own
        .upload_bytes(fixtures::bytes("good/rpi4-1.1.0.fw"))
        .await;
    assert_eq!(refused.status, 429, "{}", refused.text);
    assert_eq!(refused.header("retry-after"), "5");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_and_endless_uploads_are_given_up_and_their_places_are_free_again() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let (api, other) = (server.api(), server.member("manage").await);
    api.register_key().await;
    let file = fixtures::bytes("good/bbb-1.0.0.fw");
    let whole = [part("firmware").as_bytes(), &file, b"\r\n--b--"].concat();
    // All but the last byte, and nothing more.
    let short = Slow {
        length: whole.len(),
        ..Slow::form(&server, whole[..whole.len() - 1].to_vec(), "")
    };
    let trickles = Slow::form(&server, part("firmware").into_bytes(), "x");
    let piece = |path: &str, first: &[u8], next: &str| Slow {
        method: "PATCH",
        path: format!("{path}?offset=0"),
        kind: "application/octet-stream",
        length: file.len(),
        ..Slow::form(&server, first.to_vec(), next)
    };
    let one = session(&api, &file).await;
    let another = session(&api, &whole).await;
    let piece_short = piece(&one, &file[..file.len() - 1], "");
    let piece_trickles = piece(&another, b"", "x");
    let (a, b, c, d, ()) = tokio::join!(
        short.answer(),
        trickles.answer(),
        piece_short.answer(),
        piece_trickles.answer(),
        places_are_held(&api, &other),
    );
    given_up(&a, "the upload broke off");
    given_up(&b, "the upload broke off");
    given_up(&c, "what came is kept");
    given_up(&d, "what came is kept");
    let stands = api.get(&one).await.data();
    assert_eq!(stands["offset"], file.len() - 1);
    // Four places again, at once.
    let begun = Instant::now();
    let files = ["bbb-1.0.0", "rpi4-1.1.0", "grisp2-1.0.0", "x86_64-1.0.0"];
    let uploads = files.map(|name| api.upload_bytes(fixtures::bytes(&format!("good/{name}.fw"))));
    for answer in futures_util::future::join_all(uploads).await {
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
    assert!(begun.elapsed() < Duration::from_secs(15));
}

/// What is not a file that is looked for has the same time: a list of devices, and a part that nobody reads.
#[tokio::test(flavor = "multi_thread")]
async fn lists_of_devices_and_a_part_that_nobody_reads_are_given_up_as_well() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let list = Slow {
        path: Api::product("/devices/import"),
        kind: "text/csv",
        ..Slow::form(&server, b"identifier\n".to_vec(), "x")
    };
    let other_part = Slow::form(&server, part("other").into_bytes(), "x");
    let (a, b) = tokio::join!(list.answer(), other_part.answer());
    given_up(&a, "the file broke off");
    given_up(&b, "the upload broke off");
}

/// Each part that nobody reads is small and comes at once: together they are as slow as a file that trickles.
#[tokio::test(flavor = "multi_thread")]
async fn many_parts_that_nobody_reads_do_not_keep_a_place() {
    let server = Server::start(Engine::Sqlite).await.unwrap();
    let parts = Slow::form(&server, Vec::new(), &format!("{}x\r\n", part("other")));
    given_up(&parts.answer().await, "the upload broke off");
}
