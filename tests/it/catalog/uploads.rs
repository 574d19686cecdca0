//! Every firmware of the fixtures, and what the server answers to it.

use crate::support::{Api, Engine, Server, fixtures};
use serde_json::json;

/// The words that an answer to each bad file must hold.
const BAD: [(&str, &[&str]); 14] = [
    ("bad/bad-unsigned.fw", &["not signed", "fwup -S"]),
    (
        "bad/bad-unknown-key.fw",
        &["signature does not match", "unregistered key"],
    ),
    (
        "bad/bad-other-product.fw",
        &["another-product", "fixture-product"],
    ),
    ("bad/bad-no-version.fw", &["meta-version", "missing"]),
    ("bad/bad-no-platform.fw", &["meta-platform", "missing"]),
    ("bad/bad-no-product.fw", &["meta-product", "missing"]),
    (
        "bad/bad-version-not-semver.fw",
        &["version", "must be a valid semantic version"],
    ),
    ("bad/bad-tampered-meta.fw", &["signature does not match"]),
    (
        "bad/bad-tampered-resource.fw",
        &["data/rootfs.img", "does not match", "blake2b"],
    ),
    (
        "bad/bad-missing-resource.fw",
        &["data/rootfs.img", "missing"],
    ),
    ("bad/bad-truncated.fw", &["truncated"]),
    ("bad/bad-not-a-zip.fw", &["Unrecognised firmware format"]),
    ("bad/bad-empty.fw", &["empty"]),
    ("bad/bad-zip-bomb.fw", &["meta.conf", "49999"]),
];

crate::both_engines_as_process! {
    p54_every_fixture_gets_its_answer
    a_key_is_needed_and_versions_are_unique
}

async fn p54_every_fixture_gets_its_answer(server: Server) {
    let api = server.api();
    api.register_key().await;
    for target in ["rpi4", "bbb", "grisp2", "x86_64", "mangopi_mq_pro"] {
        for version in ["1.0.0", "1.1.0"] {
            let data = api.upload(&format!("good/{target}-{version}.fw")).await;
            assert_eq!(data["platform"], target);
            assert_eq!(data["version"], version);
            assert_eq!(
                (&data["product"], &data["tool"]),
                (&json!("fixture-product"), &json!("fwup"))
            );
        }
        let delta = fixtures::bytes(&format!("delta/{target}-1.0.0-to-1.1.0.delta.fw"));
        let answer = api.upload_bytes(delta).await;
        assert_eq!(
            answer.status, 422,
            "a delta is no firmware: {}",
            answer.text
        );
    }
    let first = api.get(&Api::product("/firmwares")).await.data();
    assert_eq!(first.as_array().unwrap().len(), 10);
    assert_eq!(first[0]["version"], "1.1.0");
    assert_eq!(first[9]["version"], "1.0.0");
    for (name, words) in BAD {
        let answer = api.upload_bytes(fixtures::bytes(name)).await;
        assert_eq!(answer.status, 422, "{name}: {}", answer.text);
        for word in words {
            assert!(
                answer.text.contains(word),
                "{name} says {word:?}: {}",
                answer.text
            );
        }
    }
    // The product is asked for before the version.
    let other = json!({"name": "other"});
    api.post("/api/orgs/acme/products", other).await.data();
    let file = fixtures::bytes("bad/bad-version-not-semver.fw");
    let path = "/api/orgs/acme/products/other/firmwares";
    let answer = api.upload_to(path, file).await;
    assert!(
        answer.text.contains("built for the product"),
        "{}",
        answer.text
    );
    assert_eq!(server.firmwares().await, 10);
    let staging = server.folder.path().join("data/blobs/staging");
    assert_eq!(
        std::fs::read_dir(staging).unwrap().count(),
        0,
        "refused uploads leave nothing"
    );
    assert!(server.rss_kib() < 200_000, "{} KiB", server.rss_kib());
}

async fn a_key_is_needed_and_versions_are_unique(server: Server) {
    let api = server.api();
    let file = fixtures::bytes("good/rpi4-1.0.0.fw");
    let answer = api.upload_bytes(file.clone()).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("no signing key"), "{}", answer.text);
    api.register_key().await;
    let answer = api.upload_bytes(file.clone()).await;
    assert_eq!(answer.status, 201);
    let uuid = "1634bad8-5fab-52c9-5b0b-471e6a50bc0a";
    assert_eq!(
        answer.header("location"),
        Api::product(&format!("/firmwares/{uuid}"))
    );
    let mut made = answer.data();
    let at = made.as_object_mut().unwrap().remove("inserted_at");
    assert!(at.unwrap().as_str().unwrap().ends_with('Z'));
    let sha256 = "9B62F9832DAF2C0863532A0C5456DD74AC84D66BBD9658A6677A52EF2E5BB388";
    assert_eq!(
        made,
        json!({"uuid": uuid, "version": "1.0.0", "architecture": "arm", "platform": "rpi4",
               "product": "fixture-product", "author": "Nervecenter", "tool": "fwup",
               "description": "Nervecenter fixture", "misc": "fixture", "vcs_identifier": "0123abc",
               "size": file.len(), "sha256": sha256, "signed_by": "devkey", "damaged": false})
    );
    let answer = api.upload_bytes(file).await;
    assert_eq!(
        (answer.status, answer.errors()),
        (422, json!({"uuid": ["has already been taken"]}))
    );
    // Another build of the same version: what is signed differs, so the uuid does.
    let key = "/api/orgs/acme/keys/devkey";
    let answer = api.delete(key).await;
    assert_eq!(answer.status, 409);
    assert_eq!(
        answer.errors(),
        json!({"firmwares": ["Firmware exists which uses the Signing Key"]})
    );
    let path = Api::product(&format!("/firmwares/{uuid}"));
    assert_eq!(api.get(&path).await.status, 200);
    assert_eq!(api.delete(&path).await.status, 204);
    assert_eq!(api.get(&path).await.status, 404);
    assert_eq!(api.delete(key).await.status, 204);
}

#[tokio::test]
async fn a_request_without_the_part_says_so() {
    let server = Server::process(Engine::Sqlite).await.unwrap();
    let api = server.api();
    let form = reqwest::multipart::Form::new().text("other", "1");
    let path = Api::product("/firmwares");
    let answer = Api::answer(api.raw(reqwest::Method::POST, &path).multipart(form)).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("No firmware uploaded"));
    assert_eq!(api.post(&path, json!({})).await.status, 422);
    assert_eq!(api.anonymous().post(&path, json!({})).await.status, 401);
}

#[tokio::test]
async fn an_upload_above_the_limit_is_cut_off_and_leaves_nothing() {
    let server = Server::process(Engine::Sqlite).await.unwrap();
    let api = server.api();
    api.register_key().await;
    let before = server.rss_kib();
    let chunk = vec![0x50u8; 1 << 20];
    let chunks =
        futures_util::stream::iter((0..210).map(move |_| Ok::<_, std::io::Error>(chunk.clone())));
    let part =
        reqwest::multipart::Part::stream(reqwest::Body::wrap_stream(chunks)).file_name("big.fw");
    let form = reqwest::multipart::Form::new().part("firmware", part);
    // The server answers before it has read all of it; a client may see the answer or the closed connection.
    match api
        .raw(reqwest::Method::POST, &Api::product("/firmwares"))
        .multipart(form)
        .send()
        .await
    {
        Ok(answer) => assert_eq!(answer.status().as_u16(), 413),
        Err(e) => assert!(e.is_request() || e.is_body(), "{e}"),
    }
    let staging = server.folder.path().join("data/blobs/staging");
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(std::fs::read_dir(staging).unwrap().count(), 0);
    let grown = server.rss_kib().saturating_sub(before);
    assert!(
        grown < 64_000,
        "grew by {grown} KiB for an upload of 200 MB"
    );
}

/// A parser keeps the head of a part, and what is before the first one, until it has all of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_whose_head_does_not_end_is_cut_off_and_takes_no_memory() {
    let server = Server::process(Engine::Sqlite).await.unwrap();
    for path in ["/firmwares", "/archives"] {
        for beginning in ["--b\r\nx: ", "no boundary "] {
            let chunks = (0..150).map(|_| Ok::<_, std::io::Error>(vec![0x50; 1 << 20]));
            let first = Ok(beginning.as_bytes().to_vec());
            let body = futures_util::stream::iter(std::iter::once(first).chain(chunks));
            let request = server
                .api()
                .raw(reqwest::Method::POST, &Api::product(path))
                .header("content-type", "multipart/form-data; boundary=b")
                .body(reqwest::Body::wrap_stream(body));
            // The server answers before it has read all of it; a client may see the answer or the closed connection.
            match request.send().await {
                Ok(answer) => assert!(answer.status().is_client_error(), "{}", answer.status()),
                Err(e) => assert!(e.is_request() || e.is_body(), "{e}"),
            }
        }
    }
    let peak = server.peak_rss_kib();
    assert!(peak < 200_000, "{peak} KiB at its most");
}
