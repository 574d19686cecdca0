//! Which statements of the store the tests run. sqlx logs each at the level `debug`; what was seen is noted in the folder that
//! `NERVECENTER_STATEMENTS` names, where `.ci/statements.py` finds the statements of the ledger that no test runs.

use std::collections::HashSet;
use std::fs::{OpenOptions, create_dir_all};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;

/// The target of sqlx's log lines of statements.
pub const TARGET: &str = "sqlx::query";

static SEEN: Mutex<Option<HashSet<String>>> = Mutex::new(None);

fn folder() -> Option<PathBuf> {
    std::env::var_os("NERVECENTER_STATEMENTS").map(PathBuf::from)
}

/// Whether statements are to be noted.
pub fn wanted() -> bool {
    folder().is_some()
}

/// Notes that an engine ran a statement. Several processes may append to the file at once: a line is one write.
pub fn note(engine: &str, text: &str) {
    let words: Vec<&str> = text.split_whitespace().collect();
    append("ran", &format!("{engine} {}", words.join(" ")));
}

/// Adds a line to a file of the folder, unless this process has added it before.
pub fn append(file: &str, line: &str) {
    let Some(folder) = folder() else {
        return;
    };
    let mut seen = SEEN.lock().unwrap();
    if !seen.get_or_insert_default().insert(line.to_owned()) {
        return;
    }
    create_dir_all(&folder).unwrap();
    let path = folder.join(file);
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}
