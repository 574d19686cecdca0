//! Compatibility with detools: a patch of the real detools applies here, and our patches are no larger.
//! `.ci/esp_idf` applies ours with the real one.

use super::*;
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("../../firmware-fixtures/esp-idf/{name}")).unwrap()
}

#[test]
fn a_patch_of_the_real_detools_applies() {
    let patch = fixture("app-1.0.0-to-1.1.0.patch");
    let target = apply(&fixture("app-1.0.0.bin"), &patch).unwrap();
    assert!(target == fixture("app-1.1.0.bin"));
}

#[test]
fn our_patch_is_no_larger_than_that_of_the_real_detools() {
    let ours = create(&fixture("app-1.0.0.bin"), &fixture("app-1.1.0.bin")).unwrap();
    let theirs = fixture("app-1.0.0-to-1.1.0.patch");
    assert!(
        ours.len() <= theirs.len(),
        "{} of {}",
        ours.len(),
        theirs.len()
    );
}

#[test]
fn numbers_are_as_detools_writes_them() {
    for (value, bytes) in [
        (0, &[0x00][..]),
        (63, &[0x3f]),
        (-1, &[0x41]),
        (64, &[0x80, 0x01]),
        (60_160, &[0x80, 0xac, 0x07]),
        (-60_160, &[0xc0, 0xac, 0x07]),
    ] {
        let mut out = Vec::new();
        put_size(&mut out, value);
        assert_eq!(out, bytes, "{value}");
        assert_eq!(take_size(&mut out.as_slice()), Ok(value));
    }
}

#[test]
fn every_pair_of_images_gives_the_target_back() {
    let mut random = StdRng::seed_from_u64(3);
    for round in 0..300 {
        let letters = [1u8, 3, 255][round % 3];
        let n = random.random_range(0..3_000);
        let source: Vec<u8> = (0..n).map(|_| random.random_range(0..letters)).collect();
        let mut target = source.clone();
        for _ in 0..random.random_range(0..8) {
            let at = random.random_range(0..=target.len());
            let end = (at + random.random_range(0..200)).min(target.len());
            let put = vec![random.random(); random.random_range(0..200)];
            target.splice(at..end, put);
        }
        target.extend(std::iter::repeat_n(0xff, random.random_range(0..500)));
        match create(&source, &target) {
            Ok(patch) => assert!(apply(&source, &patch).unwrap() == target),
            Err(e) => assert_eq!(e, PatchError::NotSmaller, "round {round}"),
        }
    }
}

#[test]
fn halves_that_change_places_give_the_target_back() {
    let mut random = StdRng::seed_from_u64(5);
    let source: Vec<u8> = (0..4_000).map(|_| random.random()).collect();
    let target = [&source[2_000..], &source[..2_000]].concat();
    let patch = create(&source, &target).unwrap();
    assert!(patch.len() < 700, "{}", patch.len());
    assert!(apply(&source, &patch).unwrap() == target);
}

#[test]
fn a_damaged_patch_is_refused_or_gives_something_else_and_never_panics() {
    let (source, good) = (
        fixture("app-1.0.0.bin"),
        fixture("app-1.0.0-to-1.1.0.patch"),
    );
    let target = fixture("app-1.1.0.bin");
    let mut random = StdRng::seed_from_u64(4);
    for _ in 0..300 {
        let mut patch = good.clone();
        match random.random_range(0..3) {
            0 => patch.truncate(random.random_range(0..good.len() - 2)),
            1 => {
                let at = random.random_range(0..good.len() - 1);
                patch[at] ^= 1 << random.random_range(0..8);
            }
            _ => random.fill_bytes(&mut patch[5..]),
        }
        if let Ok(made) = apply(&source, &patch) {
            assert!(patch != good && (made != target || made.len() == target.len()));
        }
    }
    assert_eq!(apply(&source, &[]), Err(PatchError::Format));
    assert_eq!(apply(&source, &[0x04, 0x00]), Ok(Vec::new()));
    let huge = [&[0x04, 0xbf, 0xff, 0xff, 0xff, 0x7f, 0x44][..], &[0; 100]].concat();
    assert_eq!(apply(&source, &huge), Err(PatchError::TooLarge));
}
