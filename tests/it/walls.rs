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
            "app", "store", "domain", "rollout", "bus", "access", "blob", "firmware", "delta",
            "node",
        ],
    ),
    (
        "device/wire",
        &[
            "app", "store", "domain", "rollout", "bus", "access", "blob", "clock", "limits", "ids",
        ],
    ),
    (
        "firmware",
        &[
            "store", "domain", "blob", "app", "device", "delta", "access", "clock",
        ],
    ),
    (
        "delta",
        &[
            "store", "domain", "blob", "app", "device", "access", "clock",
        ],
    ),
    (
        "store",
        &[
            "access::token",
            "access::vault",
            "firmware",
            "domain",
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
            "store", "domain", "rollout", "device", "api", "app", "bus", "blob", "node", "access",
        ],
    ),
    ("domain", &["api", "device", "jobs", "node", "cli", "sim"]),
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
            // Logins that nobody used for long end at the next look.
            let unused =
                function.starts_with("keep_logins(") || function.starts_with("sweep_logins(");
            if takes && !unused {
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

/// Whatever of the store is found by a text or a bare number, without a scope and without an id that a lookup has made, is one of
/// these: a proof that somebody brings, or the work of a job. What people ask for never is.
#[test]
fn nothing_of_a_tenant_is_found_without_a_scope_or_an_id() {
    const BY_A_PROOF: [&str; 15] = [
        "certificates::cas_by_ski",
        "certificates::holder",
        "certificates::holder_of_exactly",
        "certificates::holder_of_key",
        "certificates::used",
        "cli_sessions::fetched",
        "cli_sessions::find",
        "devices::by_identifier",
        "endpoints::known",
        "invites::find",
        "secrets::find",
        "secrets::find_device",
        "users::by_token",
        "users::token_lives",
        "users::token_used",
    ];
    const BY_A_LOGIN_OR_ADMIN: [&str; 5] = [
        "cli_sessions::add",
        "orgs::add",
        "orgs::by_name",
        "users::add",
        "users::by_email",
    ];
    const BY_A_JOB: [&str; 18] = [
        "audit::chain::verify",
        "deltas::completed",
        "deltas::failed",
        "deltas::retry",
        "deltas::row",
        "files::next",
        "imports::complete",
        "imports::some",
        "imports::take_back_some",
        "mails::set_body",
        "mails::take_events",
        "mails::tried",
        "nodes::find_setting",
        "nodes::set",
        "nodes::setting",
        "sealed::behind",
        "sealed::replace",
        "webhooks::tried",
    ];
    let listed: Vec<&str> = [&BY_A_PROOF[..], &BY_A_LOGIN_OR_ADMIN, &BY_A_JOB].concat();
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let mut files = Vec::new();
    sources(&store, &mut files);
    let mut bare = Vec::new();
    for file in files {
        let name = file.strip_prefix(&store).unwrap().with_extension("");
        let name = name.to_string_lossy().replace('/', "::");
        if name.starts_with("engine") || name == "tests" {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for function in text.split("\npub async fn ").skip(1) {
            let (own, rest) = function.split_once('(').unwrap();
            let own = own.split('<').next().unwrap();
            let taken = rest.split(") -> ").next().unwrap();
            if by_text_or_number(taken) && !by_scope_or_id(taken) {
                bare.push(format!("{name}::{own}"));
            }
        }
    }
    bare.sort();
    let unlisted: Vec<_> = bare
        .iter()
        .filter(|b| !listed.contains(&b.as_str()))
        .collect();
    assert!(
        unlisted.is_empty(),
        "without a scope or an id: {unlisted:?}"
    );
    let gone: Vec<_> = listed
        .iter()
        .filter(|l| !bare.iter().any(|b| b == *l))
        .collect();
    assert!(gone.is_empty(), "listed, and not there any more: {gone:?}");
}

/// Whether parameters have a scope, or an id out of `store::ids`, which only the store makes.
fn by_scope_or_id(taken: &str) -> bool {
    taken.contains("Scope<")
        || taken.contains("&Person")
        || taken.contains("InOrg")
        || taken.contains("Blob")
        || taken
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| word.len() > 2 && word.ends_with("Id"))
}

/// Whether parameters have a text, bytes or a number that could name a row.
fn by_text_or_number(taken: &str) -> bool {
    taken
        .split(',')
        .filter_map(|p| p.split_once(':'))
        .any(|(name, kind)| {
            let kind = kind.trim();
            let counts = ["offset", "limit", "most", "tries"].contains(&name.trim());
            kind.contains("&str") || kind.contains("&[u8]") || (kind == "i64" && !counts)
        })
}
