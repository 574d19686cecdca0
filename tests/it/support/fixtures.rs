//! Files of `firmware-fixtures/`.

use std::path::{Path, PathBuf};

pub const PRODUCT: &str = "fixture-product";

pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("firmware-fixtures")
        .join(name)
}

pub fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

pub fn text(name: &str) -> String {
    String::from_utf8(bytes(name)).unwrap()
}
