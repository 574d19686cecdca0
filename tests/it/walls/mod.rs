//! The rules of the source tree: which room (top-level module, or one below it that has a row of its own) may use which, and how
//! long a file may be. `rooms.rs` has the tables.

mod bounds;
mod lengths;
mod rooms;
mod rules;
mod sources;
mod store;

use sources::Crate;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The server's own crate, read once for all tests.
fn server() -> &'static Crate {
    static SERVER: LazyLock<Crate> = LazyLock::new(|| Crate::read(&root().join("src/lib.rs")));
    &SERVER
}

/// The crates beside it, if there are any.
fn beside() -> Vec<Crate> {
    let folders = std::fs::read_dir(root().join("crates"))
        .into_iter()
        .flatten();
    let libraries = folders.map(|f| f.unwrap().path().join("src/lib.rs"));
    libraries
        .filter(|l| l.exists())
        .map(|l| Crate::read(&l))
        .collect()
}

/// A path as messages show it.
fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}
