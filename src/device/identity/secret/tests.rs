use super::*;
use crate::clock::Clock;
use crate::config::Options;
use crate::limits::KDF_ROUNDS;
use crate::node::Node;
use futures_util::FutureExt as _;

fn headers(v: &serde_json::Value) -> (Headers, String, String) {
    let s = |k: &str| v[k].as_str().unwrap().to_owned();
    let h = Headers {
        algorithm: s("alg"),
        key: s("key"),
        time: v["time"].to_string(),
        signature: s("signature"),
    };
    (h, s("secret"), s("identifier"))
}

fn vectors() -> Vec<(Headers, String, String)> {
    let text = include_str!("../../../../firmware-fixtures/shared-secret/vectors.json");
    let all: serde_json::Value = serde_json::from_str(text).unwrap();
    all["vectors"]
        .as_array()
        .unwrap()
        .iter()
        .map(headers)
        .collect()
}

fn check(h: &Headers, secret: &str) -> Option<Claim> {
    signed(h, &derive(&kdf(&h.algorithm)?, &salt(h)?, secret))
}

#[test]
fn every_vector_verifies_and_one_flipped_letter_does_not() {
    let all = vectors();
    assert_eq!(all.len(), 6);
    for (h, secret, identifier) in all {
        assert_eq!(check(&h, &secret).map(|c| c.identifier), Some(identifier));
        let flip = |t: &str| format!("{}{}", if t.starts_with('0') { '1' } else { '0' }, &t[1..]);
        for bad in [
            Headers {
                key: flip(&h.key),
                ..h.clone()
            },
            Headers {
                time: format!("{}1", h.time),
                ..h.clone()
            },
            Headers {
                signature: flip(&h.signature),
                ..h.clone()
            },
            Headers {
                signature: h.signature.replace('A', "B"),
                ..h.clone()
            },
            Headers {
                algorithm: h.algorithm.replace("00", "01"),
                ..h.clone()
            },
        ] {
            assert_eq!(check(&bad, &secret), None, "{bad:?}");
        }
        assert_eq!(check(&h, &flip(&secret)), None);
    }
}

#[test]
fn a_signature_is_good_for_ninety_seconds_and_five_ahead() {
    let signed = 1_700_000_000_000;
    let at = |ms: i64| timely(signed, Micros((signed + ms) * 1_000));
    assert!(at(0) && at(90_000) && at(-5_000));
    assert!(!at(90_001) && !at(-5_001));
}

#[test]
fn costly_and_unknown_algorithms_are_refused_before_any_work() {
    for bad in [
        "NH1-HMAC-sha256-999999999-32",
        "NH1-HMAC-sha256-0-32",
        "NH1-HMAC-md5-1000-32",
        "NH1-HMAC-sha256-1000-9",
        "NH1-HMAC-sha256-1000-65",
        "NH1-HMAC-sha256-1000",
        "NH1-HMAC-sha256-1000-32-1",
        "",
        "NH2-HMAC-sha256-1000-32",
        "NH1-HMAC-sha256-x-32",
    ] {
        assert!(kdf(bad).is_none(), "{bad}");
    }
    assert!(kdf("NH1-HMAC-SHA384-100000-64").is_some());
}

#[test]
fn terms_that_are_not_the_tuple_are_refused() {
    let good = hex::decode("8368036d000000086465766963652d316e06000068e5cf8b016200015180").unwrap();
    assert!(term(&good).is_some());
    for n in 0..good.len() {
        assert_eq!(term(&good[..n]), None, "cut at {n}");
    }
    let long = hex::decode("8368026d7fffffff00").unwrap();
    assert_eq!(term(&long), None);
    assert_eq!(term(&[0x83, 0x50, 0, 0, 0, 1]), None);
    let mut two = good.clone();
    two[2] = 2;
    two.truncate(two.len() - 5);
    assert_eq!(term(&two).map(|c| c.signed_ms), Some(1_700_000_000_000));
}

/// A server whose data is in this folder, on ports of its own.
async fn node(folder: &std::path::Path) -> Node {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let listen = || Some("127.0.0.1:0".to_owned());
    let options = Options {
        data_dir: Some(folder.to_owned()),
        web_listen: listen(),
        device_listen: listen(),
        download_listen: listen(),
        ..Options::default()
    };
    Node::start(&options.resolve().unwrap(), Clock::default())
        .await
        .unwrap()
}

/// A check that is done where it is asked for ends with the first poll, and nothing else of its thread goes on meanwhile.
#[tokio::test]
async fn a_long_check_leaves_the_thread_of_the_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path()).await;
    let (first, word, _) = vectors().remove(0);
    let from = "203.0.113.7".parse().unwrap();
    for (rounds, elsewhere) in [(KDF_ROUNDS_INLINE, false), (*KDF_ROUNDS.end(), true)] {
        let headers = Headers {
            algorithm: format!("NH1-HMAC-sha256-{rounds}-32"),
            ..first.clone()
        };
        let secret = Secret::new(word.clone());
        let kdf = kdf(&headers.algorithm).unwrap();
        let mut check = Box::pin(verified(&node.app, &headers, from, kdf, secret));
        let pending = check.as_mut().now_or_never().is_none();
        assert_eq!(pending, elsewhere, "{rounds} rounds");
        if pending {
            assert!(check.await.is_err());
        }
    }
    node.stop().await;
}

/// The second device of a second has its key without deriving it, and nobody gets by with a wrong signature because of that.
#[tokio::test]
async fn a_key_that_was_derived_lately_checks_signatures_as_one_that_is_derived() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path()).await;
    let (right, word, identifier) = vectors().remove(0);
    let wrong = Headers {
        signature: right.signature.replace('A', "B"),
        ..right.clone()
    };
    let from = "203.0.113.7".parse().unwrap();
    let origin = Origin::new(&salt(&right).unwrap(), &word);
    let check = async |headers: &Headers| {
        let kdf = kdf(&headers.algorithm).unwrap();
        let secret = Secret::new(word.clone());
        let claim = verified(&node.app, headers, from, kdf, secret).await;
        claim.ok().map(|c| c.identifier)
    };
    assert_eq!(check(&wrong).await, None);
    assert!(node.app.derived_keys.get(origin).is_none(), "of a stranger");
    for _ in 0..2 {
        assert_eq!(check(&right).await.as_ref(), Some(&identifier));
        assert!(node.app.derived_keys.get(origin).is_some());
    }
    assert_eq!(check(&wrong).await, None);
    node.stop().await;
}
