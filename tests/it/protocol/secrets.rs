//! Points 23 to 27 (docs/protocol/device.md, "Conformance points"): shared secrets.

use super::{PATH, secret, server, status};
use crate::support::device::{now_ms, sign, sign_with};
use crate::support::{Api, Server, fixtures};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

async fn code(server: &Server, headers: Vec<(String, String)>) -> u16 {
    status(server, None, PATH, headers).await
}

#[tokio::test]
async fn p23_the_vectors_verify_and_fail_after_90_seconds() {
    // The tests' signer makes the reference's vectors byte for byte; what it signs with the present time is what the
    // server then judges. (The unit tests of `identity::secret` verify the vectors themselves at their own time.)
    let all: Value = serde_json::from_str(&fixtures::text("shared-secret/vectors.json")).unwrap();
    let mut checked = 0;
    for v in all["vectors"].as_array().unwrap() {
        let text = |k: &str| v[k].as_str().unwrap();
        let payload = text("signature").split('.').nth(1).unwrap();
        // Those of clients of today, whose tokens say that they live for a day.
        if !URL_SAFE_NO_PAD
            .decode(payload)
            .unwrap()
            .ends_with(&[0x62, 0, 1, 0x51, 0x80])
        {
            continue;
        }
        let at = v["time"].as_i64().unwrap() * 1_000;
        let (key, word, name) = (text("key"), text("secret"), text("identifier"));
        let signed = sign_with(text("alg"), key, word, name, at);
        assert_eq!(signed[3].1, text("signature"));
        checked += 1;
    }
    assert!(checked >= 3, "{checked} vectors");
    let server = server().await;
    let (key, word) = (server.login("product_key"), server.login("product_secret"));
    for alg in [
        "NH1-HMAC-sha256-1000-32",
        "NH1-HMAC-sha512-2000-64",
        "NH1-HMAC-sha384-1-16",
    ] {
        assert_eq!(
            code(&server, sign_with(alg, key, word, "d", now_ms())).await,
            101,
            "{alg}"
        );
    }
    assert_eq!(
        code(&server, sign(key, word, "d", now_ms() - 80_000)).await,
        101
    );
    assert_eq!(
        code(&server, sign(key, word, "d", now_ms() - 90_001)).await,
        401
    );
    assert_eq!(
        code(&server, sign(key, word, "d", now_ms() + 4_000)).await,
        101,
        "a fast clock"
    );
    assert_eq!(
        code(&server, sign(key, word, "d", now_ms() + 60_000)).await,
        401
    );
}

#[tokio::test]
async fn p24_one_flipped_bit_in_any_of_the_four_headers_is_401() {
    let server = server().await;
    for header in 0..4 {
        let length = secret(&server, "d")[header].1.len();
        for at in [0, length / 2, length - 1] {
            let mut headers = secret(&server, "d");
            let mut bytes = headers[header].1.clone().into_bytes();
            bytes[at] ^= 1;
            headers[header].1 = String::from_utf8(bytes).unwrap();
            let name = headers[header].0.clone();
            assert_eq!(code(&server, headers).await, 401, "{name} at {at}");
        }
    }
    assert_eq!(server.devices("").await, 0);
}

#[tokio::test]
async fn p25_a_product_key_creates_unknown_identifiers_and_no_others() {
    let server = server().await;
    assert_eq!(code(&server, secret(&server, "new")).await, 101);
    let made = server.api().get("/api/devices/new").await.data();
    assert_eq!(
        (&made["product_name"], &made["tags"]),
        (&json!("fixture-product"), &Value::Null)
    );
    let second = server.bootstrap("jane@acme.org", "acme", "second");
    let (key, word) = (
        second["product_key"].as_str().unwrap(),
        second["product_secret"].as_str().unwrap(),
    );
    assert_eq!(
        code(&server, sign(key, word, "new", now_ms())).await,
        401,
        "another product's"
    );
    server.api().delete(&Api::product("/devices/new")).await;
    assert_eq!(code(&server, secret(&server, "new")).await, 401, "deleted");
    assert_eq!(server.devices("").await, 0, "none was created anew");
}

#[tokio::test]
async fn p26_a_device_key_is_for_its_device_and_a_deactivated_key_for_nobody() {
    let server = server().await;
    let api = server.api();
    api.post(&Api::product("/devices"), json!({"identifier": "d"}))
        .await
        .data();
    let own = api
        .post(&Api::product("/devices/d/shared_secrets"), json!({}))
        .await
        .data();
    let (key, word) = (
        own["key"].as_str().unwrap(),
        own["secret"].as_str().unwrap(),
    );
    assert_eq!(code(&server, sign(key, word, "d", now_ms())).await, 101);
    assert_eq!(code(&server, sign(key, word, "e", now_ms())).await, 401);
    let encoded = server
        .login("product_key")
        .replace('/', "%2F")
        .replace('+', "%2B");
    let path = Api::product(&format!("/shared_secrets/{encoded}"));
    assert_eq!(api.delete(&path).await.status, 204);
    assert_eq!(code(&server, secret(&server, "f")).await, 401);
    assert_eq!(server.devices("").await, 1);
}

#[tokio::test]
async fn p27_a_costly_algorithm_is_refused_fast_and_an_unknown_one_at_all() {
    let server = server().await;
    let with = |at: usize, value: &str| {
        let mut headers = secret(&server, "d");
        headers[at].1 = value.to_owned();
        headers
    };
    let started = Instant::now();
    for bad in [
        "NH1-HMAC-sha256-999999999-32",
        "NH1-HMAC-sha256-1000-999999999",
        "NH1-HMAC-md5-1000-32",
        "NH1-HMAC-sha256-1000",
        "NH1-HMAC-sha256-x-32",
        "NH1-HMAC-sha256-1000-32-1",
        "NH2-HMAC-sha256-1000-32",
        "",
    ] {
        assert_eq!(code(&server, with(0, bad)).await, 401, "{bad}");
    }
    assert_eq!(code(&server, with(2, "yesterday")).await, 401);
    assert!(started.elapsed().as_secs() < 5);
}

/// How long a connect takes whose signature is wrong.
async fn wrong(server: &Server, key: &str) -> Duration {
    let begun = Instant::now();
    let headers = sign(key, "nobody's secret", "d", now_ms());
    assert_eq!(code(server, headers).await, 401);
    begun.elapsed()
}

/// Twenty wrong signatures of a key are judged at once, one more each three seconds; what is beyond that takes a second each.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_fails_often_is_slowed_and_no_other_is() {
    let server = server().await;
    let api = server.api();
    api.post(&Api::product("/devices"), json!({"identifier": "own"}))
        .await
        .data();
    let path = Api::product("/devices/own/shared_secrets");
    let own = api.post(&path, json!({})).await.data();
    let text = |name: &str| own[name].as_str().unwrap();
    let key = server.login("product_key");
    let second = Duration::from_secs(1);
    let mut tries = 0;
    while wrong(&server, key).await < second {
        tries += 1;
        assert!(tries < 60, "it is never slowed");
    }
    // Guesses that come together take their turns of a second, eight at once, and one in three seconds is free.
    let begun = Instant::now();
    let guesses = async {
        futures_util::future::join_all((0..36).map(|_| wrong(&server, key))).await;
        begun.elapsed()
    };
    let others = async {
        tokio::time::sleep(second).await;
        let mut least = Duration::MAX;
        for _ in 0..3 {
            least = least.min(wrong(&server, text("key")).await);
        }
        assert!(least < second, "another key waits for {least:?}");
        let headers = sign(text("key"), text("secret"), "own", now_ms());
        assert_eq!(code(&server, headers).await, 101, "another key");
        assert_eq!(
            code(&server, secret(&server, "d")).await,
            101,
            "who has the secret of the slowed key waits for a turn only"
        );
    };
    let (took, ()) = tokio::join!(guesses, others);
    assert!(took > 3 * second, "36 guesses in {took:?}");
}

/// What nobody looks at is not called wrong: a device behind a crowd of guesses is told to come again.
#[tokio::test(flavor = "multi_thread")]
async fn behind_a_crowd_of_guesses_nobody_is_called_wrong() {
    let server = server().await;
    let key = server.login("product_key").to_owned();
    let answers = futures_util::future::join_all((0..120).map(|_| {
        let headers = sign(&key, "nobody's secret", "d", now_ms());
        code(&server, headers)
    }));
    let owner = async {
        // As long as guesses wait, and then until it is let in.
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(30) {
            match code(&server, secret(&server, "d")).await {
                101 if begun.elapsed() > Duration::from_secs(2) => return,
                101 | 503 => tokio::time::sleep(Duration::from_millis(250)).await,
                other => panic!("who has the secret is answered {other}"),
            }
        }
        panic!("who has the secret is never let in");
    };
    let (answers, ()) = tokio::join!(answers, owner);
    let count = |code| answers.iter().filter(|a| **a == code).count();
    assert_eq!(count(401) + count(503), answers.len());
    // The first twenty are judged at once, eight hold their turns, and some wait for theirs.
    assert!(count(401) > 20 && count(503) > 0, "{answers:?}");
}
