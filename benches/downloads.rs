//! Downloads of a file of 24 MB, many at a time, beside nginx with `sendfile` on the same machine and the same file:
//! megabytes a second, CPU time a file and the most memory, in turns, so that what else the machine does meets both.
//!
//! `cargo bench --bench downloads`; needs Debian's `nginx-light`. `FILES=480` is the number of downloads a turn,
//! `AT_ONCE=16` how many of them run at the same time, `TURNS=3` the number of turns. nginx runs with a worker a core.
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

use aws_lc_rs::digest::{SHA256, digest};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::{Api, Engine, Server};

const SIZE: usize = 24_000_000;

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |n| n.parse().unwrap())
}

/// Bytes that do not repeat.
fn content() -> Vec<u8> {
    let mut state = 1u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(SIZE / 8).flatten().collect()
}

/// A server whose one firmware is this file, and the link to it.
async fn ours(content: &[u8]) -> (Server, String) {
    let server = Server::process(Engine::Sqlite).await.unwrap();
    let api = server.api();
    api.register_key().await;
    let firmware = api.upload("good/rpi4-1.0.0.fw").await;
    let mut stored = fs::read_dir(server.data().join("blobs/firmware")).unwrap();
    fs::write(stored.next().unwrap().unwrap().path(), content).unwrap();
    let sum = hex::encode_upper(digest(&SHA256, content));
    let row = format!("UPDATE firmwares SET size = {SIZE}, checksum = '{sum}'");
    server.run(Box::leak(row.into_boxed_str())).await;
    let uuid = firmware["uuid"].as_str().unwrap();
    let answer = api
        .get(&Api::product(&format!("/firmwares/{uuid}/download")))
        .await;
    let url = answer.header("location").to_owned();
    (server, url)
}

struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        let pid = self.0.id().to_string();
        // Its workers end with the master, which must therefore not be killed outright.
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.0.wait();
    }
}

/// nginx with the same file.
fn nginx(folder: &Path, content: &[u8]) -> (Nginx, String) {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = free.local_addr().unwrap();
    drop(free);
    fs::create_dir(folder.join("files")).unwrap();
    fs::write(folder.join("files/file.fw"), content).unwrap();
    let at_home = folder.display();
    let config = format!(
        "daemon off;\nworker_processes auto;\nuser root;\npid {at_home}/pid;\nerror_log {at_home}/error.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n access_log off;\n sendfile on;\n tcp_nopush on;\n client_body_temp_path {at_home}/body;\n\
         proxy_temp_path {at_home}/proxy;\n fastcgi_temp_path {at_home}/fastcgi;\n uwsgi_temp_path {at_home}/uwsgi;\n\
         scgi_temp_path {at_home}/scgi;\n\
         server {{ listen {at}; root {at_home}/files; }}\n}}\n"
    );
    fs::write(folder.join("nginx.conf"), config).unwrap();
    let mut command = Command::new("/usr/sbin/nginx");
    command.arg("-p").arg(folder).arg("-c");
    command
        .arg(folder.join("nginx.conf"))
        .stderr(Stdio::inherit());
    let child = command.spawn().expect("nginx-light is installed");
    let begun = Instant::now();
    while TcpStream::connect(at).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(10), "nginx is silent");
        std::thread::sleep(Duration::from_millis(20));
    }
    (Nginx(child), format!("http://{at}/file.fw"))
}

/// A process and its children, nginx's workers.
fn family(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let children = children.split_whitespace().map(|p| p.parse().unwrap());
    std::iter::once(pid).chain(children).collect()
}

/// CPU time that the processes have used; the kernel counts in hundredths of a second.
fn cpu(pids: &[u32]) -> Duration {
    let one = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        // The name, in brackets, may contain blanks; user and system time are the 12th and 13th field behind it.
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    Duration::from_millis(pids.iter().map(one).sum::<u64>() * 10)
}

/// The most resident memory that the processes have had, in MiB.
fn peak(pids: &[u32]) -> u64 {
    let one = |pid: &u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
        let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib
    };
    pids.iter().map(one).sum::<u64>() / 1024
}

/// Downloads once, on a connection of its own, into nothing.
fn download(url: &str, buffer: &mut [u8]) {
    let (host, path) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let mut socket = TcpStream::connect(host).unwrap();
    let ask = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    socket.write_all(ask.as_bytes()).unwrap();
    let mut received = 0;
    loop {
        match socket.read(buffer).unwrap() {
            0 => break,
            n => received += n,
        }
    }
    assert!(
        (SIZE..SIZE + 2_000).contains(&received),
        "{received} bytes came"
    );
}

/// One turn: megabytes a second, CPU milliseconds a file.
fn turn(url: &str, pids: &[u32], files: usize, at_once: usize) -> (f64, f64) {
    let (before, begun) = (cpu(pids), Instant::now());
    let taken = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        for _ in 0..at_once {
            threads.spawn(|| {
                let mut buffer = vec![0; 256 * 1024];
                while taken.fetch_add(1, Ordering::Relaxed) < files {
                    download(url, &mut buffer);
                }
            });
        }
    });
    let took = begun.elapsed().as_secs_f64();
    let used = cpu(pids).saturating_sub(before).as_secs_f64();
    let all = files as f64;
    (all * SIZE as f64 / 1e6 / took, used * 1e3 / all)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[tokio::main(flavor = "multi_thread")]
async fn main() {
    let (files, at_once) = (number("FILES", 480), number("AT_ONCE", 16));
    let turns = number("TURNS", 3).max(1);
    let content = content();
    let (server, our_url) = ours(&content).await;
    let folder: PathBuf = server.folder.path().join("nginx");
    fs::create_dir(&folder).unwrap();
    let (nginx, nginx_url) = nginx(&folder, &content);
    for url in [&our_url, &nginx_url] {
        let got = reqwest::get(url).await.unwrap().bytes().await.unwrap();
        assert!(got == content, "another file came");
    }
    println!("{files} downloads of {SIZE} bytes a turn, {at_once} at a time");
    let both = [
        ("nervecenter", &our_url, family(server.pid())),
        ("nginx", &nginx_url, family(nginx.0.id())),
    ];
    let mut results = [Vec::new(), Vec::new()];
    for _ in 0..turns {
        for ((name, url, pids), results) in both.iter().zip(&mut results) {
            let (rate, used) = turn(url, pids, files, at_once);
            println!("{name:>12}: {rate:6.0} MB/s, {used:6.2} ms CPU a file");
            results.push((rate, used));
        }
    }
    println!("medians:");
    let medians = results.each_ref().map(|r| {
        let of = |part: fn(&(f64, f64)) -> f64| median(r.iter().map(part));
        (of(|r| r.0), of(|r| r.1))
    });
    for ((name, _, pids), (rate, used)) in both.iter().zip(medians) {
        let most = peak(pids);
        println!("{name:>12}: {rate:6.0} MB/s, {used:6.2} ms CPU a file, at most {most} MiB");
    }
    let [ours, theirs] = medians;
    println!(
        "nervecenter to nginx: {:.2} of the rate, {:.1} times the CPU",
        ours.0 / theirs.0,
        ours.1 / theirs.1
    );
}
