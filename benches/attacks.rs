//! What one organization's members, and strangers, can do to another organization: the p99 of its joins, logins and uploads
//! while they attack, as a multiple of the quiet one, and the server's memory before, during and after.
//!
//! The attackers' own work is done by threads of the lowest priority, since it would be done on other machines: what is measured is what
//! the server does for them.
//!
//! `cargo bench --bench attacks`; `ATTACKS="queries,viewers"` runs some of them, `POSTGRES=1` runs on a throw-away PostgreSQL,
//! `DEVICES=100000` fills the attacker's list, `VERBOSE=1` prints medians and the slowest.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    missing_docs
)]
#![allow(
    dead_code,
    reason = "the tests' support is shared, and a bench needs part of it"
)]

#[path = "../tests/it/support/mod.rs"]
mod support;

use futures_util::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use support::device::{Device, running};
use support::viewer::Viewer;
use support::{Api, Engine, Server, fixtures};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const ROUNDS: usize = 100;

/// The victim: an organization of its own.
struct Victim {
    api: Api,
    login: Value,
    rounds: usize,
}

/// Times in milliseconds, sorted.
#[derive(Default)]
struct Times {
    join: Vec<f64>,
    login: Vec<f64>,
    upload: Vec<f64>,
}

fn p99(times: &[f64]) -> f64 {
    times[(times.len() * 99).div_ceil(100) - 1]
}

impl Times {
    fn p99(&self) -> [f64; 3] {
        [p99(&self.join), p99(&self.login), p99(&self.upload)]
    }
}

async fn timed<T>(times: &mut Vec<f64>, work: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let done = work.await;
    times.push(begun.elapsed().as_secs_f64() * 1_000.0);
    done
}

impl Victim {
    async fn measure(&mut self, server: &Server) -> Times {
        let text = |key: &str| self.login[key].as_str().unwrap().to_owned();
        let (key, secret) = (text("product_key"), text("product_secret"));
        let login = json!({"email": text("email"), "password": text("password"), "note": "bench"});
        let product = "/api/orgs/victim/products/fixture-product";
        let firmware = json!({"uuid": "u", "product": "p", "version": "1.0.0", "platform": "x", "architecture": "y"});
        let image = fixtures::bytes("good/rpi4-1.0.0.fw");
        let mut times = Times::default();
        for _ in 0..ROUNDS {
            self.rounds += 1;
            let name = format!("victim-{}", self.rounds);
            let joined = async {
                let mut d = Device::by_key(server, &key, &secret, &name).await.ok()?;
                d.join(running(&firmware), json!({})).await;
                Some(d)
            };
            timed(&mut times.join, joined)
                .await
                .expect("the victim's device is let in");
            let answer = timed(
                &mut times.login,
                self.api.post("/api/users/auth", login.clone()),
            );
            assert_eq!(answer.await.status, 200);
            let path = format!("{product}/firmwares");
            let answer = timed(&mut times.upload, self.api.upload_to(&path, image.clone())).await;
            assert_eq!(answer.status, 201, "{}", answer.text);
            let uuid = answer.data()["uuid"].as_str().unwrap().to_owned();
            self.api.delete(&format!("{path}/{uuid}")).await;
        }
        for all in [&mut times.join, &mut times.login, &mut times.upload] {
            all.sort_by(f64::total_cmp);
        }
        times
    }
}

/// Bodies that lack their last byte, from strangers.
async fn half_bodies(server: &Server) -> JoinSet<()> {
    let mut all = JoinSet::new();
    let web = server.web.trim_start_matches("http://").to_owned();
    for _ in 0..4_096 {
        let web = web.clone();
        all.spawn(async move {
            loop {
                if let Ok(mut socket) = TcpStream::connect(&web).await {
                    let text = "POST /api/users/auth HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
                    let _ = socket.write_all(text.as_bytes()).await;
                    tokio::time::sleep(Duration::from_secs(8)).await;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        });
    }
    all
}

/// Queries that no index serves, of one token.
async fn queries(api: &Api) -> JoinSet<()> {
    let mut all = JoinSet::new();
    for _ in 0..60 {
        let api = api.clone();
        all.spawn(async move {
            loop {
                let path = Api::product("/devices?filters[search]=no-such-thing");
                let _ = api.raw(Method::GET, &path).send().await;
            }
        });
    }
    all
}

/// Uploads that bring a KiB now and then, of one token.
async fn trickles(api: &Api) -> JoinSet<()> {
    let mut all = JoinSet::new();
    for _ in 0..16 {
        let api = api.clone();
        all.spawn(async move {
            loop {
                let pieces = futures_util::stream::repeat(()).then(|()| async {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    Ok::<_, std::io::Error>(vec![7; 1_024])
                });
                let body = reqwest::Body::wrap_stream(pieces);
                let part = reqwest::multipart::Part::stream(body).file_name("a.fw");
                let form = reqwest::multipart::Form::new().part("firmware", part);
                let request = api.raw(Method::POST, &Api::product("/firmwares"));
                let _ = request.multipart(form).send().await;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
    }
    all
}

/// Sockets of an organization's members that watch a device, which is not there: each is told so after half a second.
async fn viewers(server: &Server, tokens: &[String]) -> JoinSet<()> {
    let one = |n: usize| async move {
        let token = &tokens[n % tokens.len()];
        let viewer = Viewer::connect(server, "/socket/websocket", token).await;
        let (viewer, _) = viewer.ok()?.joined("user:console:identifier-watched").await;
        Some(viewer)
    };
    let mut opened = futures_util::stream::iter((0..1_000).map(one)).buffer_unordered(32);
    let mut all = JoinSet::new();
    while let Some(viewer) = opened.next().await {
        if let Some(mut viewer) = viewer {
            all.spawn(async move { while viewer.frame().await.is_some() {} });
        }
    }
    println!("  {} sockets of viewers are open", all.len());
    all
}

/// Wrong passwords, at once.
async fn logins(api: &Api) -> JoinSet<()> {
    let mut all = JoinSet::new();
    for n in 0..40 {
        let api = api.anonymous();
        all.spawn(async move {
            loop {
                let form = json!({"email": format!("nobody-{n}@x.org"), "password": "wrong"});
                let _ = api.post("/api/users/auth", form).await;
            }
        });
    }
    all
}

async fn run(attackers: tokio::runtime::Handle) {
    let wanted = std::env::var("ATTACKS").ok();
    let postgres = std::env::var("POSTGRES").is_ok();
    let engine = if postgres {
        Engine::Postgres
    } else {
        Engine::Sqlite
    };
    let devices: usize = std::env::var("DEVICES").map_or(100_000, |n| n.parse().unwrap());
    let server = Server::process(engine).await.expect("a server");
    let attacker = server.api();
    let rows: String = (0..devices)
        .map(|n| format!("a-{n},some words {n}\n"))
        .collect();
    let request = attacker.raw(Method::POST, &Api::product("/devices/import"));
    let request = request.header("content-type", "text/csv");
    let done =
        Api::answer(request.body(format!("identifier,description\nwatched,x\n{rows}"))).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let reader = json!({"note": "reader", "access": "read"});
    let reader = attacker.post("/api/users/me/tokens", reader).await.data();
    let reader = attacker.with_token(reader["token"].as_str().unwrap());
    let login = server.bootstrap("vic@victim.org", "victim", fixtures::PRODUCT);
    let api = attacker.with_token(login["token"].as_str().unwrap());
    let key = json!({"name": "k", "key": fixtures::text("keys/devkey.pub").trim()});
    let made = api.post("/api/orgs/victim/keys", key).await;
    assert!(made.status < 300, "{}", made.text);
    let mut tokens = Vec::new();
    for n in 0..20 {
        let member = server.bootstrap(&format!("m{n}@acme.org"), "acme", fixtures::PRODUCT);
        tokens.push(member["token"].as_str().unwrap().to_owned());
    }
    let mut victim = Victim {
        api,
        login,
        rounds: 0,
    };
    victim.measure(&server).await;
    let quiet = victim.measure(&server).await.p99();
    let rest = server.rss_kib();
    println!(
        "{engine:?}: quiet p99 of join, login, upload {quiet:.1?} ms, {} MiB",
        rest / 1_024
    );
    for what in [
        "half bodies",
        "queries",
        "trickled uploads",
        "viewers",
        "wrong passwords",
    ] {
        if !wanted
            .as_ref()
            .is_none_or(|w| w.split(',').any(|w| w == what))
        {
            continue;
        }
        let inside = attackers.enter();
        let mut attack = match what {
            "half bodies" => half_bodies(&server).await,
            "queries" => queries(&reader).await,
            "trickled uploads" => trickles(&attacker).await,
            "viewers" => viewers(&server, &tokens).await,
            _ => logins(&attacker).await,
        };
        drop(inside);
        tokio::time::sleep(Duration::from_secs(2)).await;
        let times = victim.measure(&server).await;
        let under = times.p99();
        if std::env::var("VERBOSE").is_ok() {
            for (name, all) in [
                ("join", &times.join),
                ("login", &times.login),
                ("upload", &times.upload),
            ] {
                println!(
                    "  {name}: median {:.1} ms, the slowest {:.1?}",
                    all[all.len() / 2],
                    &all[all.len() - 5..]
                );
            }
        }
        let during = server.rss_kib();
        attack.shutdown().await;
        tokio::time::sleep(Duration::from_secs(30)).await;
        let times: Vec<String> = under
            .iter()
            .zip(quiet)
            .map(|(u, q)| format!("{:.1}x", u / q))
            .collect();
        println!(
            "{what:<17} p99 {under:.1?} ms, {}; memory {} MiB, afterwards {} MiB ({:+.0} %)",
            times.join(" "),
            during / 1_024,
            server.rss_kib() / 1_024,
            (server.rss_kib() as f64 / rest as f64 - 1.0) * 100.0
        );
    }
}

fn main() {
    let attackers = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .on_thread_start(|| rustix::process::setpriority_process(None, 19).unwrap())
        .build()
        .unwrap();
    let all = run(attackers.handle().clone());
    tokio::runtime::Runtime::new().unwrap().block_on(all);
    attackers.shutdown_background();
}
