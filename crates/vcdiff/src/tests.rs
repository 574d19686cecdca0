//! Compatibility with the real `xdelta3`: it decodes what we encode, and we decode what it encodes.

use crate::{DecodeError, decode, encode};
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use std::fs;
use std::process::Command;

/// Runs xdelta3; false when it is missing and the test is skipped.
fn xdelta3(args: &[&str]) -> bool {
    match Command::new("xdelta3").args(args).status() {
        Ok(status) => {
            assert!(status.success(), "xdelta3 {args:?}");
            true
        }
        Err(_) => {
            assert!(
                std::env::var_os("NERVECENTER_NO_SKIP").is_none(),
                "skipped: xdelta3 is not installed"
            );
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "skipped: xdelta3 is not installed");
            false
        }
    }
}

fn noise(rng: &mut StdRng, n: usize) -> Vec<u8> {
    let mut bytes = vec![0; n];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// Pairs for every branch: equal, empty, tiny, shifted, repeated, runs, several windows, nothing in common.
fn pairs() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let mut rng = StdRng::seed_from_u64(3);
    let base = noise(&mut rng, 300_000);
    let mut edited = base.clone();
    for _ in 0..200 {
        let at = rng.random_range(0..edited.len());
        match rng.random_range(0..3) {
            0 => edited[at] ^= 1,
            1 => drop(edited.drain(at..(at + 37).min(base.len() - 400).max(at))),
            _ => {
                let extra = noise(&mut rng, 21);
                edited.splice(at..at, extra);
            }
        }
    }
    let text = b"the quick brown fox jumps over the lazy dog. ".repeat(4_000);
    let mut code: Vec<u8> = (0..400_000u32)
        .flat_map(|i| [(i % 7) as u8, (i / 911) as u8])
        .collect();
    let old_code = code.clone();
    code.splice(1_000..1_000, [9; 100]);
    let big = noise(&mut rng, 9 << 20);
    let mut moved = big[4 << 20..].to_vec();
    moved.extend_from_slice(&big[..4 << 20]);
    moved.extend_from_slice(&vec![0; 100_000]);
    vec![
        ("equal", base.clone(), base.clone()),
        ("edited", base.clone(), edited),
        ("from nothing", Vec::new(), text.clone()),
        ("to nothing", base.clone(), Vec::new()),
        ("tiny", b"abc".to_vec(), b"abd".to_vec()),
        ("a byte", base.clone(), vec![7]),
        ("zeroes", vec![0; 50_000], vec![0; 70_000]),
        (
            "text",
            text.clone(),
            [&text[..5_000], b"x", &text[2_000..]].concat(),
        ),
        ("code", old_code, code),
        (
            "strangers",
            noise(&mut rng, 100_000),
            noise(&mut rng, 100_000),
        ),
        ("blocks swapped over windows", big, moved),
    ]
}

#[test]
fn what_is_encoded_is_decoded() {
    for (name, source, target) in pairs() {
        let delta = encode(&source, &target);
        assert_eq!(
            decode(&source, &delta, target.len() as u64),
            Ok(target),
            "{name}"
        );
    }
}

#[test]
fn deltas_are_as_small_as_they_should_be() {
    let size = |name: &str| {
        let (_, source, target) = pairs().into_iter().find(|p| p.0 == name).unwrap();
        encode(&source, &target).len()
    };
    assert!(size("equal") < 40);
    assert!(size("edited") < 9_000, "{}", size("edited"));
    assert!(size("from nothing") < 200);
    assert!(size("zeroes") < 60);
    assert!(size("blocks swapped over windows") < 200);
    assert!(size("strangers") < 100_200);
}

#[test]
fn xdelta3_decodes_ours_and_we_decode_its() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (a, b, d, out) = (at("a"), at("b"), at("d"), at("out"));
    for (name, source, target) in pairs() {
        if target.is_empty() {
            continue;
        }
        fs::write(&a, &source).unwrap();
        fs::write(&b, &target).unwrap();
        fs::write(&d, encode(&source, &target)).unwrap();
        if !xdelta3(&["-d", "-q", "-f", "-s", &a, &d, &out]) {
            return;
        }
        assert_eq!(
            fs::read(&out).unwrap(),
            target,
            "{name}: xdelta3 decodes ours"
        );
        for level in ["-1", "-9"] {
            xdelta3(&["-e", "-A", "-S", "-q", "-f", level, "-s", &a, &b, &d]);
            let theirs = fs::read(&d).unwrap();
            let decoded = decode(&source, &theirs, target.len() as u64);
            assert_eq!(
                decoded.as_ref(),
                Ok(&target),
                "{name}: we decode its {level}"
            );
        }
        // With an application header, which devices skip, and without checksums.
        xdelta3(&["-e", "-S", "-n", "-q", "-f", "-s", &a, &b, &d]);
        let theirs = fs::read(&d).unwrap();
        assert_eq!(
            decode(&source, &theirs, target.len() as u64),
            Ok(target),
            "{name}"
        );
    }
}

#[test]
fn damaged_deltas_are_refused_and_never_panic() {
    let (_, source, target) = pairs().into_iter().find(|p| p.0 == "edited").unwrap();
    let good = encode(&source, &target);
    let limit = target.len() as u64;
    for n in (0..good.len()).step_by(97).chain(0..60) {
        assert_ne!(
            decode(&source, &good[..n], limit).ok().as_ref(),
            Some(&target),
            "cut at {n}"
        );
    }
    let mut rng = StdRng::seed_from_u64(5);
    for _ in 0..2_000 {
        let mut bad = good.clone();
        for _ in 0..rng.random_range(1..4) {
            let at = if rng.random_bool(0.5) {
                rng.random_range(0..80)
            } else {
                rng.random_range(0..bad.len())
            };
            bad[at] = rng.random();
        }
        if bad != good {
            // A changed delta may still decode, but then only to the target: the length and checksum are right.
            if let Ok(out) = decode(&source, &bad, limit) {
                assert!(out == target || out.len() < target.len());
            }
        }
    }
    assert_eq!(
        decode(&source, &good, limit - 1),
        Err(DecodeError::TooLarge(limit - 1))
    );
    assert!(decode(&source[..1_000], &good, limit).is_err());
    let mut junk = good.clone();
    junk.push(0);
    assert!(
        decode(&source, &junk, limit).is_err(),
        "bytes after the last window"
    );
    for (at, byte) in [(3, b'S'), (4, 1), (4, 2), (5, 2)] {
        let mut bad = good.clone();
        bad[at] = byte;
        assert!(decode(&source, &bad, limit).is_err(), "byte {at} = {byte}");
    }
}
