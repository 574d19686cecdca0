use super::*;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

#[test]
fn suffixes_are_in_their_order() {
    let mut random = StdRng::seed_from_u64(7);
    for letters in [1u8, 2, 4, 255] {
        for n in [0usize, 1, 2, 7, 8, 9, 100, 1_000] {
            let bytes: Vec<u8> = (0..n).map(|_| random.random_range(0..letters)).collect();
            let mut want: Vec<u32> = (0..n as u32).collect();
            want.sort_by_key(|at| &bytes[*at as usize..]);
            assert_eq!(suffixes(&bytes), want, "{n} bytes of {letters} letters");
        }
    }
}

#[test]
fn moved_code_with_other_addresses_is_one_alike_part() {
    let mut random = StdRng::seed_from_u64(8);
    let source: Vec<u8> = (0..4_000).map(|_| random.random()).collect();
    let mut target = source.clone();
    target.splice(1_000..1_000, [7; 50]);
    for at in (1_050..4_050).step_by(40) {
        target[at] ^= 1;
    }
    let steps = steps(&source, &target);
    assert!(steps.len() < 4, "{steps:?}");
    let alike: usize = steps.iter().map(|s| s.alike).sum();
    assert!(alike >= 3_990, "{steps:?}");
}
