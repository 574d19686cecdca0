//! The firmware of the demo: real containers with real signatures, around root file systems of random bytes.

use crate::access::random;
use fwup::keys::PrivateKey;
use fwup::write::{self, Recipe};
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// Platform, architecture, first blocks of slots a and b, and blocks of a slot, as in the Nerves systems.
pub(super) const TARGETS: [(&str, &str, u64, u64, u64); 5] = [
    ("rpi4", "arm", 110_080, 382_746, 272_666),
    ("bbb", "arm", 63_488, 350_208, 286_720),
    ("grisp2", "arm", 8_192, 532_480, 524_288),
    ("x86_64", "x86_64", 35_328, 559_616, 524_288),
    ("mangopi_mq_pro", "riscv", 43_008, 329_728, 286_720),
];

/// The versions of each target's firmware, from the oldest.
pub(super) const VERSIONS: [&str; 3] = ["1.0.0", "1.1.0", "1.2.0"];

/// The firmware files: three versions for each target.
pub(super) struct Made {
    pub product: String,
    pub public: String,
    /// The files of each target, by version.
    pub files: Vec<[PathBuf; VERSIONS.len()]>,
    /// The size of each target's second version.
    pub full: Vec<u64>,
}

pub(super) fn make_firmware(folder: &Path, product: &str, mb: u64) -> anyhow::Result<Made> {
    let key = PrivateKey::from_seed(&random::<32>());
    let mut made = Made {
        product: product.to_owned(),
        public: key.public().text(),
        files: Vec::new(),
        full: Vec::new(),
    };
    let boot = vec![0x5a; 4_096];
    for (n, (platform, architecture, slot_a, slot_b, blocks)) in TARGETS.iter().enumerate() {
        let mut rng = StdRng::seed_from_u64(n as u64);
        let old = image(&mut rng, mb);
        let new = changed(&mut rng, &old);
        let newest = changed(&mut rng, &new);
        let (mut paths, mut sizes) = (Vec::new(), Vec::new());
        for (version, rootfs) in VERSIONS.iter().zip([&old, &new, &newest]) {
            let recipe = Recipe {
                product,
                version,
                platform,
                architecture,
                slot_a: *slot_a,
                slot_b: *slot_b,
                blocks: *blocks,
                rootfs,
                boot: &boot,
            };
            let path = folder.join(format!("{platform}-{version}.fw"));
            let file = BufWriter::new(File::create(&path)?);
            sizes.push(write::firmware(file, &recipe, &key, 1)?);
            paths.push(path);
        }
        let files = <[PathBuf; VERSIONS.len()]>::try_from(paths);
        made.files
            .push(files.map_err(|_| anyhow::anyhow!("a version is missing"))?);
        made.full.push(sizes[1]);
    }
    Ok(made)
}

/// Incompressible bytes, like those of a compressed root file system.
fn image(rng: &mut StdRng, mb: u64) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(mb).unwrap_or(1) * 1_000_000];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// The next version of an image: about 5 % of the blocks are new, and a few are inserted or removed, so that
/// the rest moves.
fn changed(rng: &mut StdRng, old: &[u8]) -> Vec<u8> {
    let mut new = Vec::with_capacity(old.len() + 65_536);
    for block in old.chunks(8_192) {
        match rng.random_range(0..100) {
            0..5 => {
                let mut fresh = vec![0; block.len()];
                rng.fill_bytes(&mut fresh);
                new.extend_from_slice(&fresh);
            }
            5 => {
                let mut extra = [0; 777];
                rng.fill_bytes(&mut extra);
                new.extend_from_slice(&extra);
                new.extend_from_slice(block);
            }
            6 if new.len() > 100 => {}
            _ => new.extend_from_slice(block),
        }
    }
    new
}
