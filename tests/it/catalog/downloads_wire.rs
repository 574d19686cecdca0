//! Downloads as they look on the wire: several requests on one connection, devices that leave or read slowly, and a stored
//! file that changes while it is sent.

use crate::support::{Api, Engine, Server};
use aws_lc_rs::digest::{SHA256, digest};
use std::fs::{self, File};
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// More than the buffers of both ends of a connection hold.
const SIZE: usize = 40 << 20;

/// A server with one large stored file.
struct Large {
    server: Server,
    stored: PathBuf,
    content: Vec<u8>,
    /// Path and query of the link.
    path: String,
}

impl Large {
    async fn start() -> Self {
        let server = Server::process(Engine::Sqlite).await.unwrap();
        let api = server.api();
        api.register_key().await;
        let firmware = api.upload("good/rpi4-1.0.0.fw").await;
        let content: Vec<u8> = (0..SIZE as u64).map(|n| ((n * n) >> 7 ^ n) as u8).collect();
        let mut folder = fs::read_dir(server.data().join("blobs/firmware")).unwrap();
        let stored = folder.next().unwrap().unwrap().path();
        fs::write(&stored, &content).unwrap();
        let sum = hex::encode_upper(digest(&SHA256, &content));
        let row = format!("UPDATE firmwares SET size = {SIZE}, checksum = '{sum}'");
        server.run(Box::leak(row.into_boxed_str())).await;
        let uuid = firmware["uuid"].as_str().unwrap();
        let download = Api::product(&format!("/firmwares/{uuid}/download"));
        let answer = api.get(&download).await;
        let url = answer.header("location");
        let path = url.strip_prefix("http://").unwrap();
        let path = path[path.find('/').unwrap()..].to_owned();
        let large = Self {
            server,
            stored,
            content,
            path,
        };
        // The first download after a start waits for a look at the whole file.
        let mut first = large.connect().await;
        large.ask(&mut first, "GET", "range: bytes=0-0\r\n").await;
        assert_eq!(answer_of(&mut first, true).await.1, large.content[..1]);
        large
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.server.downloads).await.unwrap()
    }

    /// A request with further header lines.
    fn request(&self, method: &str, fields: &str) -> String {
        format!("{method} {} HTTP/1.1\r\nhost: x\r\n{fields}\r\n", self.path)
    }

    async fn ask(&self, socket: &mut TcpStream, method: &str, fields: &str) {
        let request = self.request(method, fields);
        socket.write_all(request.as_bytes()).await.unwrap();
    }

    fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.server.pid());
        fs::read_dir(folder).unwrap().count()
    }
}

/// The head of an answer, in lower case, read byte by byte so that nothing behind it is taken.
async fn head_of(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap().to_lowercase()
}

fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let line = head.lines().find_map(|l| l.strip_prefix(name));
    line.and_then(|l| l.strip_prefix(": "))
}

/// An answer: its head and, if it has one, its body.
async fn answer_of(socket: &mut TcpStream, has_body: bool) -> (String, Vec<u8>) {
    let head = head_of(socket).await;
    let length = field(&head, "content-length").map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; if has_body { length } else { 0 }];
    socket.read_exact(&mut body).await.unwrap();
    (head, body)
}

/// What still comes; an error is an end like any other.
async fn rest_of(socket: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    let end = timeout(Duration::from_secs(60), socket.read_to_end(&mut rest)).await;
    let _ = end.expect("the connection ends");
    rest
}

#[tokio::test]
async fn one_connection_serves_requests_one_after_the_other_and_all_at_once() {
    let large = Large::start().await;
    let mut socket = large.connect().await;
    large.ask(&mut socket, "GET", "").await;
    let (head, body) = answer_of(&mut socket, true).await;
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert!(body == large.content);
    large.ask(&mut socket, "GET", "range: bytes=7-9\r\n").await;
    let (head, body) = answer_of(&mut socket, true).await;
    assert!(head.starts_with("http/1.1 206 "), "{head}");
    assert_eq!(body, large.content[7..10]);
    // Pipelined: what is refused, what is whole and what is a part, in the order in which it was asked for.
    let beyond = format!("range: bytes={SIZE}-\r\n");
    let all = [
        large.request("GET", "range: bytes=1000-700999\r\n"),
        large.request("GET", &beyond),
        large.request("GET", "range: bytes=0-1,5-6\r\n"),
        large.request("GET", "range: bytes=-3\r\n"),
        large.request("HEAD", ""),
    ];
    socket.write_all(all.concat().as_bytes()).await.unwrap();
    let (head, body) = answer_of(&mut socket, true).await;
    assert!(head.starts_with("http/1.1 206 "), "{head}");
    assert!(body == large.content[1000..701_000]);
    let (head, body) = answer_of(&mut socket, true).await;
    assert!(head.starts_with("http/1.1 416 "), "{head}");
    let whole = format!("bytes */{SIZE}");
    assert_eq!(field(&head, "content-range"), Some(whole.as_str()));
    assert!(body.is_empty());
    let (head, body) = answer_of(&mut socket, true).await;
    assert!(head.starts_with("http/1.1 200 "), "several ranges: {head}");
    assert!(body == large.content);
    let (_, body) = answer_of(&mut socket, true).await;
    assert_eq!(body, large.content[SIZE - 3..]);
    let (head, _) = answer_of(&mut socket, false).await;
    assert_eq!(field(&head, "connection"), Some("close"));
    assert_eq!(field(&head, "content-length"), Some(&*SIZE.to_string()));
    assert!(rest_of(&mut socket).await.is_empty(), "no body follows");
}

#[tokio::test]
async fn a_resumed_download_is_whole_again_when_the_file_is_another_one() {
    let large = Large::start().await;
    let mut socket = large.connect().await;
    large.ask(&mut socket, "GET", "range: bytes=5-5\r\n").await;
    let (head, _) = answer_of(&mut socket, true).await;
    let etag = field(&head, "etag").unwrap().to_owned();
    let same = format!("range: bytes=9-\r\nif-range: {etag}\r\n");
    large.ask(&mut socket, "GET", &same).await;
    let (head, body) = answer_of(&mut socket, true).await;
    assert!(head.starts_with("http/1.1 206 "), "{head}");
    assert!(body == large.content[9..]);
    let other = "range: bytes=9-\r\nif-range: \"other\"\r\n";
    large.ask(&mut socket, "GET", other).await;
    let (head, body) = answer_of(&mut socket, true).await;
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert!(body == large.content);
}

#[tokio::test]
async fn devices_that_leave_in_the_middle_leave_nothing_open() {
    let large = Large::start().await;
    let before = large.descriptors();
    for _ in 0..40 {
        let mut socket = large.connect().await;
        large.ask(&mut socket, "GET", "").await;
        let mut some = vec![0; 100_000];
        socket.read_exact(&mut some).await.unwrap();
    }
    for _ in 0..400 {
        if large.descriptors() <= before {
            break;
        }
        sleep(Duration::from_millis(25)).await;
    }
    assert!(large.descriptors() <= before, "files or sockets stay open");
    let mut socket = large.connect().await;
    large.ask(&mut socket, "GET", "").await;
    assert!(answer_of(&mut socket, true).await.1 == large.content);
}

/// Each could hold a piece of the file, or as much as hyper gathers for a socket that takes nothing.
#[tokio::test]
async fn slow_downloads_hold_no_memory() {
    const SLOW: usize = 200;
    let large = Large::start().await;
    let mut sockets = Vec::new();
    for _ in 0..SLOW / 10 {
        sockets.push(large.connect().await);
    }
    drop(sockets.split_off(0));
    let before = large.server.rss_kib();
    for _ in 0..SLOW {
        let mut socket = large.connect().await;
        large.ask(&mut socket, "GET", "").await;
        head_of(&mut socket).await;
        sockets.push(socket);
    }
    sleep(Duration::from_secs(1)).await;
    let each = large.server.rss_kib().saturating_sub(before) / SLOW as u64;
    assert!(each < 64, "{each} KiB a download");
    // They are served all the same, when they read on.
    let mut last = sockets.pop().unwrap();
    let mut body = vec![0; SIZE];
    last.read_exact(&mut body).await.unwrap();
    assert!(body == large.content);
}

#[tokio::test]
async fn a_file_that_is_cut_while_it_is_sent_breaks_off_and_one_that_is_removed_comes_whole() {
    let large = Large::start().await;
    let mut removed = large.connect().await;
    large.ask(&mut removed, "GET", "").await;
    head_of(&mut removed).await;
    let copy = large.stored.with_extension("copy");
    fs::write(&copy, &large.content).unwrap();
    // Another file takes the name; the one that is being sent has none any more.
    fs::rename(&copy, &large.stored).unwrap();
    let mut body = vec![0; SIZE];
    removed.read_exact(&mut body).await.unwrap();
    assert!(body == large.content);
    let mut cut = large.connect().await;
    large.ask(&mut cut, "GET", "").await;
    head_of(&mut cut).await;
    let stored = File::options().write(true).open(&large.stored).unwrap();
    stored.set_len(SIZE as u64 / 4).unwrap();
    let got = rest_of(&mut cut).await;
    assert!(got.len() < SIZE, "{} bytes came", got.len());
    // What was in the kernel's buffers when the file was cut may be zeros by then; what came before is the file's.
    assert!(got[..100_000] == large.content[..100_000]);
    let mut next = large.connect().await;
    large.ask(&mut next, "GET", "").await;
    let answer = rest_of(&mut next).await;
    let text = String::from_utf8_lossy(&answer).to_lowercase();
    assert!(
        text.is_empty() || text.ends_with("\r\n\r\n"),
        "no byte of it: {text}"
    );
}
