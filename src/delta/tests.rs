//! Ours against the field's: the real `xdelta3` decodes ours, we decode its, and the reference deltas of the fixtures
//! give the same root file systems.

use super::bundle::{BundleError, bundle};
use super::{decode, encode};
use crate::firmware::check;
use crate::firmware::keys::PrivateKey;
use crate::firmware::write::{self, Recipe, ZipWriter};
use crate::firmware::zip;
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::process::Command;

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("firmware-fixtures")
        .join(name);
    fs::read(path).unwrap()
}

fn resource(firmware: &[u8], name: &str) -> Vec<u8> {
    let mut file = Cursor::new(firmware);
    let members = zip::members(&mut file).unwrap();
    let m = members.iter().find(|m| m.name == name).unwrap();
    zip::unpack_small(&mut file, m, 1 << 30).unwrap()
}

/// Runs xdelta3, or says that the test is skipped.
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

/// Pairs that go through every branch: equal, empty, tiny, shifted, repeated, runs, several windows, nothing in common.
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
        let delta = encode::encode(&source, &target);
        assert_eq!(
            decode::decode(&source, &delta, target.len() as u64),
            Ok(target),
            "{name}"
        );
    }
}

#[test]
fn deltas_are_as_small_as_they_should_be() {
    let size = |name: &str| {
        let (_, source, target) = pairs().into_iter().find(|p| p.0 == name).unwrap();
        encode::encode(&source, &target).len()
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
        fs::write(&d, encode::encode(&source, &target)).unwrap();
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
            let decoded = decode::decode(&source, &theirs, target.len() as u64);
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
            decode::decode(&source, &theirs, target.len() as u64),
            Ok(target),
            "{name}"
        );
    }
}

#[test]
fn the_reference_deltas_give_the_same_root_file_systems_as_ours() {
    for target in ["rpi4", "bbb", "grisp2", "x86_64", "mangopi_mq_pro"] {
        let old = fixture(&format!("good/{target}-1.0.0.fw"));
        let new = fixture(&format!("good/{target}-1.1.0.fw"));
        let reference = fixture(&format!("delta/{target}-1.0.0-to-1.1.0.delta.fw"));
        let mut ours = Vec::new();
        let made = bundle(
            &mut Cursor::new(&old),
            &mut Cursor::new(&new),
            new.len() as u64,
            &mut ours,
        );
        let (size, patched) = made.unwrap();
        assert_eq!((size, patched.len()), (ours.len() as u64, 1), "{target}");
        let rootfs = "data/rootfs.img";
        let (source, wanted) = (resource(&old, rootfs), resource(&new, rootfs));
        for file in [&reference, &ours] {
            let patch = resource(file, rootfs);
            assert_eq!(
                decode::decode(&source, &patch, wanted.len() as u64).as_ref(),
                Ok(&wanted),
                "{target}"
            );
        }
        let names = |f: &[u8]| -> Vec<String> {
            zip::members(&mut Cursor::new(f))
                .unwrap()
                .into_iter()
                .map(|m| m.name)
                .collect()
        };
        assert_eq!(
            names(&ours),
            names(&reference),
            "{target}: same members in the same order"
        );
        for head in ["meta.conf", "meta.conf.ed25519"] {
            assert_eq!(resource(&ours, head), resource(&new, head));
        }
        let limit = reference.len() as f64 * 1.02;
        assert!(
            (ours.len() as f64) < limit,
            "{target}: {} against {}",
            ours.len(),
            reference.len()
        );
        // A device tells the patch by the size in the local header: it is there, and no descriptor follows.
        assert_eq!(&ours[6..8], [0, 0], "no flags");
    }
}

#[test]
fn there_is_no_delta_where_nothing_is_won() {
    let old = fixture("good/rpi4-1.0.0.fw");
    let try_it = |a: &[u8], b: &[u8]| {
        bundle(
            &mut Cursor::new(a),
            &mut Cursor::new(b),
            b.len() as u64,
            Vec::new(),
        )
        .unwrap_err()
    };
    let archive = fixture("good/archive-1.0.0.fw");
    assert!(matches!(try_it(&old, &archive), BundleError::Unsupported));
    let mut rng = StdRng::seed_from_u64(1);
    let key = PrivateKey::from_seed(&[1; 32]);
    let make = |version: &str, rootfs: &[u8]| {
        let recipe = Recipe {
            product: "p",
            version,
            platform: "x",
            architecture: "y",
            slot_a: 2_048,
            slot_b: 4_096,
            blocks: 2_048,
            rootfs,
            boot: b"boot",
        };
        let mut out = Vec::new();
        write::firmware(&mut out, &recipe, &key, 6).unwrap();
        out
    };
    let (a, b) = (noise(&mut rng, 50_000), noise(&mut rng, 50_000));
    let (v1, v2) = (make("1.0.0", &a), make("1.1.0", &b));
    assert!(
        matches!(try_it(&v1, &v2), BundleError::NoChanges),
        "nothing in common"
    );
    // What our writer makes passes our check, and a bundle of it is refused as firmware.
    check::check(&mut Cursor::new(&v1), &[key.public()]).unwrap();
    let v3 = make("1.2.0", &a);
    let mut delta = Vec::new();
    bundle(
        &mut Cursor::new(&v1),
        &mut Cursor::new(&v3),
        v3.len() as u64,
        &mut delta,
    )
    .unwrap();
    assert!(check::check(&mut Cursor::new(&delta), &[key.public()]).is_err());
}

#[test]
fn damaged_deltas_are_refused_and_never_panic() {
    let (_, source, target) = pairs().into_iter().find(|p| p.0 == "edited").unwrap();
    let good = encode::encode(&source, &target);
    let limit = target.len() as u64;
    for n in (0..good.len()).step_by(97).chain(0..60) {
        assert_ne!(
            decode::decode(&source, &good[..n], limit).ok().as_ref(),
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
            // A changed delta may still decode, to something of the right length with the right checksum: to the target.
            if let Ok(out) = decode::decode(&source, &bad, limit) {
                assert!(out == target || out.len() < target.len());
            }
        }
    }
    assert_eq!(
        decode::decode(&source, &good, limit - 1),
        Err(decode::DecodeError::TooLarge(limit - 1))
    );
    assert!(decode::decode(&source[..1_000], &good, limit).is_err());
    let mut junk = good.clone();
    junk.push(0);
    assert!(
        decode::decode(&source, &junk, limit).is_err(),
        "bytes after the last window"
    );
    for (at, byte) in [(3, b'S'), (4, 1), (4, 2), (5, 2)] {
        let mut bad = good.clone();
        bad[at] = byte;
        assert!(
            decode::decode(&source, &bad, limit).is_err(),
            "byte {at} = {byte}"
        );
    }
}

#[test]
fn archives_that_a_device_and_a_tool_would_read_differently_are_refused() {
    let good = fixture("good/rpi4-1.0.0.fw");
    assert_eq!(zip::members(&mut Cursor::new(&good)).unwrap().len(), 4);
    let refused = |bytes: Vec<u8>, what: &str| {
        let mut file = Cursor::new(bytes);
        let read = zip::members(&mut file).and_then(|all| {
            all.iter()
                .try_for_each(|m| zip::unpack(&mut file, m, |_| Ok(())))
        });
        assert!(read.is_err(), "{what}");
    };
    let mut longer = good.clone();
    longer.extend_from_slice(b"junk");
    refused(longer, "bytes at the end");
    refused([b"junk".as_slice(), &good].concat(), "bytes in front");
    let archive = |members: &[(&str, &[u8])]| {
        let mut out = Vec::new();
        let mut zip = ZipWriter::new(&mut out);
        for (name, content) in members {
            zip.add(name, content, 6).unwrap();
        }
        zip.finish().unwrap();
        out
    };
    assert!(zip::members(&mut Cursor::new(archive(&[("a", b"x"), ("data/b", b"y")]))).is_ok());
    refused(archive(&[("a", b"x"), ("a", b"y")]), "the same name twice");
    for name in [
        "../x",
        "data/../../x",
        "/etc/passwd",
        "a\\b",
        "a\0b",
        "./a",
        "",
    ] {
        refused(archive(&[(name, b"x")]), name);
    }
    let many: Vec<(String, &[u8])> = (0..1_100)
        .map(|i| (format!("data/{i}"), &b"x"[..]))
        .collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(n, c)| (n.as_str(), *c)).collect();
    refused(archive(&many), "too many members");
    // Every single changed byte of the headers is noticed, or harmless: never a panic, never another content.
    let small = archive(&[
        ("meta.conf", &b"hello hello hello hello"[..]),
        ("data/b", b"0123456789"),
    ]);
    let read = |bytes: &[u8]| -> Option<Vec<Vec<u8>>> {
        let mut file = Cursor::new(bytes);
        let all = zip::members(&mut file).ok()?;
        all.iter()
            .map(|m| zip::unpack_small(&mut file, m, 1 << 20).ok())
            .collect()
    };
    let whole = read(&small).unwrap();
    for at in 0..small.len() {
        for flip in [1u8, 0x80, 0xff] {
            let mut bad = small.clone();
            bad[at] ^= flip;
            assert!(
                read(&bad).is_none_or(|got| got == whole),
                "byte {at} flipped by {flip}"
            );
        }
    }
}
