//! The secret files that a server may create only once: its node key and the CA of the device endpoint. The
//! database keeps a fingerprint of each from when it was first seen. From then on a missing or changed file
//! prevents the start: with a new key no secret could be decrypted, and with a new CA no device in the field
//! would trust the server.

use super::{rotation, setup};
use crate::access::sha256;
use crate::config::Config;
use crate::jobs::health::digest_of;
use crate::store::node::nodes;
use crate::store::{self, Db, Write};
use anyhow::{Context as _, bail};
use std::path::PathBuf;

/// A secret file and the name of the setting that holds its fingerprint.
struct SecretFile {
    name: &'static str,
    path: PathBuf,
    /// What is lost without the file.
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

/// Refuses to go on when a file that belongs to this database is missing or was replaced. Called before
/// anything is created.
///
/// # Errors
/// A message that names the file and the remedy.
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

/// Stores the fingerprints of files that have none yet. Called when they are known to be right.
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

/// Checks that a node key is the one that the database's secrets were encrypted with. Stores the fingerprint of
/// the first key.
///
/// # Errors
/// A message that explains the mismatch.
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

/// Stores the fingerprint of a new node key.
pub(super) async fn keep_node_key(w: &mut Write, key: &[u8; 32]) -> store::Result<()> {
    nodes::set(w, NODE_KEY, &node_key_digest(key)).await
}

/// Stores the fingerprint of a new key file.
pub(super) async fn keep_key_file(w: &mut Write, content: &[u8]) -> store::Result<()> {
    nodes::set(w, KEY_FILE, &sha256(content)).await
}

/// The setting that holds the fingerprint of the file `node.key`.
const KEY_FILE: &str = "fingerprint node.key";

/// The setting that holds the fingerprint of the node key.
const NODE_KEY: &str = "fingerprint of the node key";

/// The fingerprint of a node key. SHA-256 of 32 random bytes reveals nothing about them.
fn node_key_digest(key: &[u8; 32]) -> [u8; 32] {
    let mut named = b"nervecenter node key\n".to_vec();
    named.extend_from_slice(key);
    sha256(&named)
}

/// The files whose content must not change while the server runs, with their present digests.
pub(super) fn watched(config: &Config) -> Vec<(PathBuf, [u8; 32])> {
    let digest = |f: SecretFile| digest_of(&f.path).map(|d| (f.path, d));
    files(config).into_iter().filter_map(digest).collect()
}

fn short(digest: &[u8]) -> String {
    hex::encode(digest.get(..6).unwrap_or_default())
}

/// Whether the database holds any account, so that a key must exist and may not be created.
pub(super) async fn in_use(db: &Db) -> store::Result<bool> {
    let mut r = db.read().await?;
    crate::store::accounts::users::any(&mut r).await
}
