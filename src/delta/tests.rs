//! Ours against the field's: the real `xdelta3` decodes ours, we decode its, and the reference deltas of the fixtures
//! give the same root file systems.

use super::bundle;
use fwup::check;
use fwup::delta::DeltaError;
use fwup::keys::PrivateKey;
use fwup::write::{self, Recipe, ZipWriter};
use fwup::zip;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use std::fs;
use std::io::Cursor;
use std::path::Path;

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

fn noise(rng: &mut StdRng, n: usize) -> Vec<u8> {
    let mut bytes = vec![0; n];
    rng.fill_bytes(&mut bytes);
    bytes
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
                vcdiff::decode(&source, &patch, wanted.len() as u64).as_ref(),
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
    assert!(matches!(try_it(&old, &archive), DeltaError::Unsupported));
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
        matches!(try_it(&v1, &v2), DeltaError::NoChanges),
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
