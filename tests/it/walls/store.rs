//! What each function of the store must say of rights and tenants.

use std::fs;
use std::path::{Path, PathBuf};

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
            // Logins and sessions that nobody used for long end at the next look.
            let unused = ["keep_logins(", "sweep_logins(", "keep(", "sweep("];
            let unused = unused.iter().any(|name| function.starts_with(name));
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
    const BY_A_PROOF: [&str; 24] = [
        "ingest::bearers::holders_of_keys",
        "ingest::bearers::registered",
        "devices::certificates::cas_by_ski",
        "devices::certificates::holder",
        "devices::certificates::holder_of_exactly",
        "devices::certificates::holder_of_key",
        "devices::certificates::used",
        "accounts::cli_sessions::fetched",
        "accounts::cli_sessions::find",
        "accounts::passkeys::find",
        "accounts::passkeys::spend",
        "devices::by_identifier",
        "devices::iroh_endpoints::known",
        "accounts::identities::owner",
        "accounts::invites::find",
        "accounts::invites::of_address",
        "devices::secrets::find",
        "devices::secrets::find_device",
        "accounts::users::addresses::by_number",
        "accounts::membership::org_scope",
        "accounts::membership::product_scope",
        "accounts::users::tokens::by_token",
        "accounts::users::tokens::token_lives",
        "accounts::users::tokens::token_used",
    ];
    const BY_A_LOGIN_OR_ADMIN: [&str; 5] = [
        "accounts::cli_sessions::add",
        "accounts::orgs::add",
        "accounts::orgs::by_name",
        "accounts::users::add",
        "accounts::users::addresses::by_email",
    ];
    const BY_A_JOB: [&str; 18] = [
        "events::audit::chain::verify",
        "catalog::deltas::withdraw",
        "catalog::deltas::row",
        "catalog::files::next",
        "devices::imports::complete",
        "devices::imports::lock",
        "devices::imports::some",
        "devices::imports::take_back_some",
        "support::mail::set_body",
        "support::mail::rules::take_events",
        "support::mail::tried",
        "node::nodes::begin",
        "node::nodes::find_setting",
        "node::nodes::set",
        "node::nodes::setting",
        "node::sealed::behind",
        "node::sealed::replace",
        "support::webhooks::deliveries::tried",
    ];
    let listed: Vec<&str> = [&BY_A_PROOF[..], &BY_A_LOGIN_OR_ADMIN, &BY_A_JOB].concat();
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let mut files = Vec::new();
    sources(&store, &mut files);
    let mut bare = Vec::new();
    for file in files {
        let name = file.strip_prefix(&store).unwrap().with_extension("");
        let name = name.to_string_lossy().replace('/', "::");
        if name.starts_with("engine") || name.starts_with("tests") {
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
