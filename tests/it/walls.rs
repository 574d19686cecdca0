//! The table of `lib.rs`: which room may not name which.

use std::fs;
use std::path::{Path, PathBuf};

/// Room (a path under `src`) and what it must not use.
const WALLS: [(&str, &[&str]); 9] = [
    ("api", &["store", "device", "jobs", "node", "cli", "sim"]),
    (
        "rollout",
        &[
            "device",
            "api",
            "jobs",
            "node",
            "cli",
            "sim",
            "app",
            "blob::Blobs",
        ],
    ),
    (
        "device/session",
        &[
            "app", "store", "fleet", "rollout", "bus", "access", "blob", "firmware", "delta",
            "node",
        ],
    ),
    (
        "device/wire",
        &[
            "app", "store", "fleet", "rollout", "bus", "access", "blob", "clock", "limits", "ids",
        ],
    ),
    (
        "firmware",
        &[
            "store", "fleet", "blob", "app", "device", "delta", "access", "clock",
        ],
    ),
    (
        "delta",
        &["store", "fleet", "blob", "app", "device", "access", "clock"],
    ),
    (
        "store",
        &[
            "access::token",
            "access::vault",
            "firmware",
            "fleet",
            "rollout",
            "device",
            "api",
            "bus",
            "blob",
            "app",
        ],
    ),
    (
        "sim",
        &[
            "store", "fleet", "rollout", "device", "api", "app", "bus", "blob", "node", "access",
        ],
    ),
    ("fleet", &["api", "device", "jobs", "node", "cli", "sim"]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

#[test]
fn no_room_reaches_through_a_wall() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (room, forbidden) in WALLS {
        let mut files = Vec::new();
        sources(&src.join(room), &mut files);
        assert!(!files.is_empty(), "{room} has no files");
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            for name in forbidden {
                let named = code.contains(&format!("crate::{name}::"))
                    || code.contains(&format!("crate::{name};"))
                    || code.contains(&format!("crate::{name},"));
                assert!(!named, "{} uses crate::{name}", file.display());
            }
        }
    }
}

#[test]
fn files_do_no_input_or_output_where_rooms_are_pure() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for room in ["firmware", "delta", "device/session", "device/wire"] {
        let mut files = Vec::new();
        sources(&src.join(room), &mut files);
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            for word in ["std::fs", "std::net", "tokio::", "std::env", "sqlx"] {
                assert!(!code.contains(word), "{} uses {word}", file.display());
            }
        }
    }
}

/// A statement that takes a right away says so to whoever holds something open (`Write::revokes`).
#[test]
fn every_statement_that_takes_a_right_away_says_so() {
    const TAKES: [&str; 7] = [
        "DELETE FROM tokens",
        "DELETE FROM memberships",
        "INTO memberships",
        "UPDATE memberships",
        "DELETE FROM products ",
        "DELETE FROM devices ",
        "UPDATE devices SET org_id",
    ];
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store"),
        &mut files,
    );
    let mut found = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for function in text.split("\npub async fn ").skip(1) {
            let takes = TAKES.iter().any(|t| function.contains(t))
                || function.contains("SET deleted_at = $");
            if takes {
                found += 1;
                let name = function.split('(').next().unwrap();
                assert!(
                    function.contains("w.revokes()"),
                    "{}: {name}",
                    file.display()
                );
            }
        }
    }
    assert!(found >= 8, "{found} statements");
}
