//! The files that a server may make only once: its node key and the certificate authority of its devices. A fingerprint of
//! each is kept in the database when it is first seen. From then on a file that is missing or that changed stops the start:
//! with a new key nothing encrypted could be read, and with a new CA no device in the field would trust the server.

use super::{rotation, setup};
use crate::access::sha256;
use crate::config::Config;
use crate::jobs::health::digest_of;
use crate::store::node::nodes;
use crate::store::{self, Db, Write};
use anyhow::{Context as _, bail};
use std::path::PathBuf;

/// A secret file and the name under which its fingerprint is kept.
struct SecretFile {
    name: &'static str,
    path: PathBuf,
    /// What is lost without it.
    why: &'static str,
}

fn files(config: &Config) -> Vec<SecretFile> {
    let tls = config.data_dir.join("tls");
    let mut files = vec![
        SecretFile {
            name: "fingerprint ca.pem",
            path: tls.join("ca.pem"),
            why: "devices trust this certificate authority and no other",
        },
        SecretFile {
            name: "fingerprint ca.key",
            path: tls.join("ca.key"),
            why: "devices trust only certificates that this key signed",
        },
    ];
    if let Some(path) = setup::key_file(config) {
        files.push(SecretFile {
            name: KEY_FILE,
            path,
            why: "the secrets in the database are encrypted with it",
        });
    }
    files
}

/// Refuses to go on when a file that this database began with is missing or another one. Called before anything is made.
///
/// # Errors
/// A sentence that names the file and says what to do; the database's.
pub(super) async fn check(config: &Config, db: &Db) -> anyhow::Result<()> {
    let mut r = db.read().await?;
    for file in files(config) {
        let Some(kept) = nodes::find_setting(&mut r, file.name).await? else {
            continue;
        };
        if file.name == KEY_FILE {
            rotation::finish(&file.path, &kept)?;
        }
        let path = file.path.display();
        match digest_of(&file.path) {
            Some(found) if found[..] == kept[..] => {}
            Some(_) => bail!(
                "{path} is not the file that this database began with (SHA-256 {}…); put that one back from a backup: {}",
                short(&kept),
                file.why
            ),
            None => bail!(
                "{path} is missing (SHA-256 {}…); put it back from a backup: {}. Nothing was made in its place",
                short(&kept),
                file.why
            ),
        }
    }
    Ok(())
}

/// Keeps the fingerprints of files that have none yet. Called when they are known to be good.
///
/// # Errors
/// The disk's or the database's.
pub(super) async fn keep(config: &Config, db: &Db) -> anyhow::Result<()> {
    let mut w = db.write().await?;
    for file in files(config) {
        let digest = digest_of(&file.path)
            .with_context(|| format!("could not read {}", file.path.display()))?;
        nodes::setting(&mut w, file.name, &digest).await?;
    }
    w.commit().await?;
    Ok(())
}

/// Checks that a node key is the one that the database's secrets were encrypted with, and keeps its fingerprint when it
/// is the first.
///
/// # Errors
/// A sentence; the database's.
pub(super) async fn check_node_key(db: &Db, key: &[u8; 32]) -> anyhow::Result<()> {
    let digest = node_key_digest(key);
    let mut r = db.read().await?;
    let mut kept = nodes::find_setting(&mut r, NODE_KEY).await?;
    drop(r);
    if kept.is_none() {
        let mut w = db.write().await?;
        kept = Some(nodes::setting(&mut w, NODE_KEY, &digest).await?);
        w.commit().await?;
    }
    if kept.as_deref() == Some(&digest[..]) {
        return Ok(());
    }
    bail!(
        "the node key is not the one that this database's secrets are encrypted with (fingerprint {}…); give that one by \
         --node-key, or put node.key back",
        short(&kept.unwrap_or_default())
    )
}

/// Keeps the fingerprint of another node key.
pub(super) async fn keep_node_key(w: &mut Write, key: &[u8; 32]) -> store::Result<()> {
    nodes::set(w, NODE_KEY, &node_key_digest(key)).await
}

/// Keeps the fingerprint of another key file.
pub(super) async fn keep_key_file(w: &mut Write, content: &[u8]) -> store::Result<()> {
    nodes::set(w, KEY_FILE, &sha256(content)).await
}

/// The name under which the fingerprint of the file `node.key` is kept.
const KEY_FILE: &str = "fingerprint node.key";

/// The name under which the fingerprint of the node key is kept.
const NODE_KEY: &str = "fingerprint of the node key";

/// The fingerprint of a node key: SHA-256 of 32 random bytes tells nothing of them.
fn node_key_digest(key: &[u8; 32]) -> [u8; 32] {
    let mut named = b"nervecenter node key\n".to_vec();
    named.extend_from_slice(key);
    sha256(&named)
}

/// The files whose content must not change while the server runs, with what they hold now.
pub(super) fn watched(config: &Config) -> Vec<(PathBuf, [u8; 32])> {
    let digest = |f: SecretFile| digest_of(&f.path).map(|d| (f.path, d));
    files(config).into_iter().filter_map(digest).collect()
}

fn short(digest: &[u8]) -> String {
    hex::encode(digest.get(..6).unwrap_or_default())
}

/// Whether the database holds people, so that a key cannot be made as if it were new.
pub(super) async fn in_use(db: &Db) -> store::Result<bool> {
    let mut r = db.read().await?;
    crate::store::accounts::users::any(&mut r).await
}
