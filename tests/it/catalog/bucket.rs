//! Files in a bucket of S3: kept, delivered, removed there; told apart from those of others; and what happens when it is away.

use crate::support::bucket::{Bucket, KEY, NAME, SECRET};
use crate::support::device::{Device, running};
use crate::support::sim::Sim;
use crate::support::{Api, Engine, Server, fixtures, inspect, readings};
use aws_lc_rs::digest::{SHA256, digest};
use fwup::keys::PrivateKey;
use fwup::write::{self, Recipe};
use reqwest::{Client, Method, StatusCode, redirect};
use serde_json::{Value, json};
use std::io;
use std::time::{Duration, Instant};

fn texts(flags: &[String]) -> Vec<&str> {
    flags.iter().map(String::as_str).collect()
}

/// A server with its files in a bucket, for each engine.
async fn servers(more: &[&str]) -> Vec<(Server, Bucket)> {
    let mut all = Vec::new();
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let bucket = Bucket::start().await;
        let flags = bucket.flags("production");
        let flags = [texts(&flags), more.to_vec()].concat();
        if let Some(server) = Server::with(engine, &flags).await {
            all.push((server, bucket));
        }
    }
    all
}

/// Does not follow redirects, as a test wants to see them.
fn http() -> Client {
    let client = Client::builder().redirect(redirect::Policy::none());
    client.build().unwrap()
}

async fn link(api: &Api, firmware: &Value) -> String {
    let uuid = firmware["uuid"].as_str().unwrap();
    let path = Api::product(&format!("/firmwares/{uuid}/download"));
    api.get(&path).await.header("location").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_kept_delivered_and_removed_there() {
    for (server, bucket) in servers(&[]).await {
        let api = server.api();
        let (_, new) = api
            .two_versions("prod", json!({"delta_updatable": true}))
            .await;
        let stored = bucket.files("production", "firmware");
        assert_eq!(stored.len(), 2);
        let local = server.data().join("blobs");
        assert!(!local.join("firmware").exists(), "nothing on this machine");
        // The bytes go through the server, whole and in parts.
        let whole = fixtures::bytes("good/rpi4-1.1.0.fw");
        let url = link(&api, &new).await;
        let all = http().get(&url).send().await.unwrap();
        assert_eq!(all.status(), 200);
        assert_eq!(all.bytes().await.unwrap(), whole);
        let part = http().get(&url).header("range", "bytes=100-199");
        let part = part.send().await.unwrap();
        assert_eq!(part.status(), 206);
        assert_eq!(part.bytes().await.unwrap(), whole[100..200]);
        // Devices are updated from it, by deltas that are made of what is there and kept there.
        api.release("prod", new["uuid"].as_str().unwrap()).await;
        let sim = Sim::start(&server, 3, &[]);
        server.until_updates_of_kind("delta", 3).await;
        sim.finish();
        assert_eq!(bucket.files("production", "deltas").len(), 1);
        let local = std::fs::read_dir(local.join("staging")).unwrap();
        assert_eq!(local.count(), 0, "what was checked here is gone");
        // What is deleted is deleted there.
        let archive = api.archive(fixtures::bytes("good/rpi4-1.0.0.fw")).await;
        assert_eq!(archive.status, 201, "{}", archive.text);
        assert_eq!(bucket.files("production", "archives").len(), 1);
        let uuid = archive.data()["uuid"].as_str().unwrap().to_owned();
        let path = Api::product(&format!("/archives/{uuid}"));
        assert_eq!(api.delete(&path).await.status, 204);
        assert_eq!(bucket.files("production", "archives").len(), 0);
    }
}

/// What the server gives to a bucket at a time.
const PART: usize = 5 << 20;

/// A firmware of several parts.
fn large() -> Vec<u8> {
    let rootfs: Vec<u8> = (0..12u64 << 20).map(|n| ((n * n) >> 7 ^ n) as u8).collect();
    let key = PrivateKey::parse(&fixtures::bytes("keys/devkey.priv")).unwrap();
    let recipe = Recipe {
        product: fixtures::PRODUCT,
        version: "3.0.0",
        platform: "rpi4",
        architecture: "arm",
        slot_a: 1 << 12,
        slot_b: 1 << 16,
        blocks: 1 << 15,
        rootfs: &rootfs,
        boot: b"boot",
    };
    let mut file = Vec::new();
    write::firmware(&mut file, &recipe, &key, 0).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn large_files_go_there_in_parts() {
    for (server, bucket) in servers(&[]).await {
        let api = server.api();
        api.register_key().await;
        let large = large();
        assert!(large.len() > 2 * PART, "{} bytes", large.len());
        let firmware = api.upload_bytes(large.clone()).await;
        assert_eq!(firmware.status, 201, "{}", firmware.text);
        let url = link(&api, &firmware.data()).await;
        let all = http().get(&url).send().await.unwrap();
        assert_eq!(all.bytes().await.unwrap(), large);
        assert_eq!(bucket.files("production", "firmware").len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_download_there_by_presigned_links() {
    for (server, bucket) in servers(&["--bucket-downloads", "on"]).await {
        let api = server.api();
        let (_, new) = api.two_versions("prod", json!({})).await;
        let whole = fixtures::bytes("good/rpi4-1.1.0.fw");
        let url = link(&api, &new).await;
        let sent = http().get(&url).send().await.unwrap();
        assert_eq!(sent.status(), StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(sent.headers()["cache-control"], "no-store");
        let there = sent.headers()["location"].to_str().unwrap().to_owned();
        let at = format!("{}/{NAME}/production/firmware/", bucket.endpoint);
        assert!(there.starts_with(&at), "{there}");
        assert!(there.contains("X-Amz-Expires=172800"), "48 hours: {there}");
        assert!(!there.contains(SECRET));
        let all = http().get(&there).send().await.unwrap();
        assert_eq!(all.status(), 200);
        assert_eq!(all.headers()["content-length"], whole.len().to_string());
        assert!(all.headers().contains_key("etag"));
        assert_eq!(all.bytes().await.unwrap(), whole);
        // A download that was cut goes on there; its end is one past the last byte.
        let rest = http()
            .get(&there)
            .header("range", format!("bytes=100-{}", whole.len()));
        let rest = rest.send().await.unwrap();
        assert_eq!(rest.status(), 206);
        assert_eq!(rest.bytes().await.unwrap(), whole[100..]);
        // Nobody can make one for another file of it.
        let other = there.replacen("/firmware/0", "/firmware/1", 1);
        assert_eq!(http().get(&other).send().await.unwrap().status(), 403);
        // A client that asks how long the file is first is answered here: the link there is good for GET alone.
        let head = http().request(Method::HEAD, &url).send().await.unwrap();
        assert_eq!(head.status(), 200);
        assert_eq!(head.headers()["content-length"], whole.len().to_string());
        for (name, value, status) in [
            ("range", "bytes=100-", 307),
            ("range", "bytes=100-199", 307),
            ("x-retry-number", "0", 307),
            // One that goes on here stays here: a client that follows a redirect forgets what it has got.
            ("range", &format!("bytes=100-{}", whole.len()), 206),
            ("x-retry-number", "1", 200),
        ] {
            let asked = http().get(&url).header(name, value).send().await.unwrap();
            assert_eq!(asked.status().as_u16(), status, "{name}: {value}");
        }
        // Devices are updated by it.
        api.release("prod", new["uuid"].as_str().unwrap()).await;
        let sim = Sim::start(&server, 3, &[]);
        server.until_updates(3).await;
        sim.finish();
    }
}

/// A new upload of these bytes that can go on; its address.
async fn begun(api: &Api, file: &[u8]) -> String {
    let sum = hex::encode(digest(&SHA256, file));
    let form = json!({"size": file.len(), "sha256": sum});
    let begun = api.post(&Api::product("/uploads"), form).await;
    assert_eq!(begun.status, 201, "{}", begun.text);
    begun.header("location").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_of_an_upload_stays_when_it_goes_away() {
    for (server, bucket) in servers(&[]).await {
        let api = server.api();
        api.register_key().await;
        let file = large();
        let one = begun(&api, &file).await;
        let (chunks, mut body) = tokio::sync::mpsc::channel::<io::Result<Vec<u8>>>(1);
        let body = futures_util::stream::poll_fn(move |cx| body.poll_recv(cx));
        let request = api
            .raw(Method::PATCH, &format!("{one}?offset=0"))
            .header("content-type", "application/octet-stream")
            .body(reqwest::Body::wrap_stream(body));
        let answer = tokio::spawn(Api::answer(request));
        chunks
            .send(Ok(file[..PART + 1_000].to_vec()))
            .await
            .unwrap();
        server.until(inspect::UPLOAD_PARTS, 1).await;
        bucket.set_away(true);
        let rest = chunks.send(Ok(file[PART + 1_000..].to_vec()));
        rest.await.unwrap();
        drop(chunks);
        let answer = answer.await.unwrap();
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert!(answer.text.contains("file store"), "{}", answer.text);
        // What was stored is known, though the bucket is still away.
        assert_eq!(api.get(&one).await.data()["offset"], PART);
        bucket.set_away(false);
        assert_eq!(bucket.files("production", "uploads").len(), 1);
        let rest = api
            .raw(Method::PATCH, &format!("{one}?offset={PART}"))
            .header("content-type", "application/octet-stream")
            .body(file[PART..].to_vec());
        assert_eq!(Api::answer(rest).await.data()["offset"], file.len());
        // A complete one stays complete when nothing could be made of it.
        bucket.set_away(true);
        let refused = api.post(&format!("{one}/firmware"), json!({})).await;
        assert_eq!(refused.status, 503, "{}", refused.text);
        bucket.set_away(false);
        let made = api.post(&format!("{one}/firmware"), json!({})).await;
        assert_eq!(made.status, 201, "{}", made.text);
        assert_eq!(bucket.files("production", "firmware").len(), 1);
        let began = Instant::now();
        while !bucket.files("production", "uploads").is_empty() {
            assert!(began.elapsed() < Duration::from_secs(20), "parts are left");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_is_away_devices_stay_and_people_are_told() {
    for (server, bucket) in servers(&[]).await {
        let api = server.api();
        let (_, new) = api.two_versions("prod", json!({})).await;
        let url = link(&api, &new).await;
        let unknown = json!({"uuid": "x", "product": "fixture-product", "version": "0.9.0", "platform": "rpi4", "architecture": "arm"});
        let mut device = Device::secret(&server, "dev-1").await.unwrap();
        device.join(running(&unknown), json!({})).await;
        bucket.set_away(true);
        let upload = api.upload_bytes(fixtures::bytes("good/bbb-1.0.0.fw")).await;
        assert_eq!(upload.status, 503, "{}", upload.text);
        assert!(upload.text.contains("file store"), "{}", upload.text);
        assert_eq!(server.firmwares().await, 2, "nothing half");
        // A download breaks off, which a device takes for a lost connection: any status of 400 or more would be its end.
        let broken = http().get(&url).send().await;
        if let Ok(answer) = broken {
            let status = answer.status();
            let body = answer.bytes().await;
            assert!(status == 200 && body.is_err(), "{status} {body:?}");
        }
        let mut other = Device::secret(&server, "dev-2").await.unwrap();
        other.join(running(&unknown), json!({})).await;
        server.until_devices(readings::ONLINE, 2).await;
        bucket.set_away(false);
        let upload = api.upload_bytes(fixtures::bytes("good/bbb-1.0.0.fw")).await;
        assert_eq!(upload.status, 201, "{}", upload.text);
        let all = http().get(&url).send().await.unwrap();
        assert_eq!(
            all.bytes().await.unwrap(),
            fixtures::bytes("good/rpi4-1.1.0.fw")
        );
        assert_eq!(server.connected().await, 2, "nobody was cut");
    }
}

/// A release whose file is in a bucket that is away waits for it: claims are not made and taken back over and over.
#[tokio::test(flavor = "multi_thread")]
async fn while_it_is_away_a_release_waits() {
    for (server, bucket) in servers(&[]).await {
        let api = server.api();
        let settings = json!({"delta_updatable": false});
        let (old, new) = api.two_versions("g", settings).await;
        let mut fleet = Vec::new();
        for n in 0..5 {
            fleet.push(Device::joined(&server, &format!("d{n}"), &old).await);
        }
        server.until_devices(readings::ONLINE, 5).await;
        bucket.set_away(true);
        // For so long a file that was looked at is not looked at again.
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        api.release("g", new["uuid"].as_str().unwrap()).await;
        tokio::time::sleep(Duration::from_secs(7)).await;
        for device in &mut fleet {
            let moment = Duration::from_millis(50);
            while let Ok(Some(frame)) = tokio::time::timeout(moment, device.next()).await {
                assert_ne!(frame[3], "update", "nobody is told: {frame}");
            }
        }
        // Each device may have been the first to find out.
        let offered = server.audited("offered the update").await;
        assert!((1..=7).contains(&offered), "{offered} claims in 7 s");
        bucket.set_away(false);
        for device in &mut fleet {
            let offer = device.event_within("update", Duration::from_secs(40)).await;
            let file = reqwest::get(offer["firmware_url"].as_str().unwrap()).await;
            assert_eq!(file.unwrap().status(), 200);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_of_others_or_without_the_files_is_refused() {
    let bucket = Bucket::start().await;
    let flags = bucket.flags("production");
    let mut first = Server::inside(Engine::Sqlite, tempfile::tempdir().unwrap(), &texts(&flags))
        .await
        .unwrap();
    let api = first.api();
    api.register_key().await;
    api.upload("good/rpi4-1.0.0.fw").await;
    assert_eq!(first.terminate(), Some(0));
    // Another installation.
    let mut second = Server::process(Engine::Sqlite).await.unwrap();
    assert_eq!(second.terminate(), Some(0));
    let (_, said) = second.refused(&texts(&flags));
    assert!(
        said.contains("another installation") && said.contains("s3://firmware/production"),
        "{said}"
    );
    // The wrong prefix: none of its files is there.
    let (_, said) = first.refused(&texts(&bucket.flags("prodction")));
    assert!(said.contains("none of the files"), "{said}");
    // Keys that are not let in, a file without them, and no bucket.
    let wrong = bucket.credentials(KEY, "guessed");
    let mut flags = bucket.flags("other");
    bucket.credentials(KEY, "guessed");
    let (_, said) = first.refused(&texts(&flags));
    assert!(
        said.contains("--bucket") && !said.contains("guessed"),
        "{said}"
    );
    std::fs::write(&wrong, "aws_access_key_id = x\n").unwrap();
    let (_, said) = first.refused(&texts(&flags));
    assert!(said.contains("aws_secret_access_key"), "{said}");
    bucket.credentials(KEY, SECRET);
    flags[1] = "s3://nowhere/other".into();
    let (_, said) = first.refused(&texts(&flags));
    assert!(said.contains("s3://nowhere/other"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_were_copied_there_are_found_and_the_key_is_exchanged_without_a_stop() {
    let bucket = Bucket::start().await;
    let mut server = Server::process(Engine::Sqlite).await.unwrap();
    let api = server.api();
    api.register_key().await;
    let firmware = api.upload("good/rpi4-1.0.0.fw").await;
    assert_eq!(server.terminate(), Some(0));
    for folder in ["firmware", "archives", "deltas"] {
        let to = bucket.folder().join(NAME).join("moved").join(folder);
        std::fs::create_dir_all(&to).unwrap();
        for file in std::fs::read_dir(server.data().join("blobs").join(folder)).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
    let flags = bucket.flags("moved");
    server.restart_with(&texts(&flags));
    let api = server.api();
    let url = link(&api, &firmware).await;
    let all = http().get(&url).send().await.unwrap();
    assert_eq!(
        all.bytes().await.unwrap(),
        fixtures::bytes("good/rpi4-1.0.0.fw")
    );
    // The old key ends, the file has the new one.
    bucket.credentials(KEY, "not-any-more");
    tokio::time::sleep(Duration::from_millis(20)).await;
    let refused = api
        .upload_bytes(fixtures::bytes("good/rpi4-1.1.0.fw"))
        .await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    bucket.credentials(KEY, SECRET);
    let taken = api
        .upload_bytes(fixtures::bytes("good/rpi4-1.1.0.fw"))
        .await;
    assert_eq!(taken.status, 201, "{}", taken.text);
}
