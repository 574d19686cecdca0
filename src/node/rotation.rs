//! Rotation of the node key: everything that the old key protects is encrypted and sealed again in one
//! transaction, while no server runs.

use super::{secret_files, setup, shared_ca};
use crate::access::random;
use crate::access::vault::Vault;
use crate::config::Config;
use crate::domain::accounts::second_factor;
use crate::domain::support::{mail_rules, webhooks};
use crate::jobs::health::digest_of;
use crate::store::events::audit::chain;
use crate::store::node::nodes;
use crate::store::node::sealed::{self, Sealed};
use crate::store::{Db, Write};
use anyhow::{Context as _, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// The outcome of a rotation.
#[derive(Debug, Default)]
pub struct Rotated {
    /// Number of ciphertexts that were encrypted again.
    pub secrets: u64,
    /// Number of audit entries that were sealed again.
    pub entries: i64,
}

/// Changes the node key to `new`, or to a random one. The new key is stored where the old one was: in
/// `node.key` or in the database. A key that the configuration gives must be changed there by the caller, who
/// therefore must know the new one.
///
/// # Errors
/// A server that runs, a configured key without a new one, a secret that the present key cannot decrypt, or an
/// audit log that does not verify. Nothing is changed then.
pub async fn rotate(config: &Config, new: Option<[u8; 32]>) -> anyhow::Result<Rotated> {
    if config.node_key.is_some() && new.is_none() {
        bail!(
            "the node key is given by the configuration, so give the new one as well: --new-node-key with 64 hex digits"
        );
    }
    let _lock = setup::lock(&config.data_dir)?;
    let db = setup::database(config).await?;
    secret_files::check(config, &db).await?;
    let node = setup::node_id(&config.data_dir)?;
    setup::claim_database(&db, node).await?;
    let done = change(config, &db, new.unwrap_or_else(random::<32>)).await;
    setup::release_database(&db, node).await?;
    db.close().await;
    done
}

async fn change(config: &Config, db: &Db, new: [u8; 32]) -> anyhow::Result<Rotated> {
    let old_key = setup::node_key(config, db).await?;
    if old_key == new {
        bail!("the new node key is the one that is in use");
    }
    let (old, vault) = (Vault::new(&old_key), Vault::new(&new));
    let mut w = db.write().await?;
    // A node that starts meanwhile waits, and reads the new key.
    nodes::lock_start(&mut w).await?;
    // Under the write lock, so that nothing can be altered between the verification and the new seals.
    let found = chain::verify(&mut w, &|text| old.chain(text), None).await?;
    if let Some(problem) = found.problems.first() {
        bail!(
            "the audit log does not verify, and a new key would hide that: {problem}; see `nervecenter admin verify-audit`"
        );
    }
    let mut done = Rotated::default();
    for kind in Sealed::ALL {
        done.secrets += reseal(&mut w, kind, &old, &vault).await?;
    }
    done.secrets += u64::from(shared_ca::seal_again(&mut w, &old, &vault).await?);
    sealed::end_logins(&mut w).await?;
    done.entries = chain::remake(&mut w, &|text| vault.chain(text)).await?;
    secret_files::keep_node_key(&mut w, &new).await?;
    let file = setup::key_file(config);
    if let Some(file) = &file {
        // The new file is written completely beside the old one before the database changes, and is renamed
        // afterwards. After a crash in between, the next start completes the change (`finish`).
        let text = hex::encode(new);
        let next = beside(file);
        // An earlier try may have left this file.
        let _ = fs::remove_file(&next);
        setup::keep(&next, &text)?;
        secret_files::keep_key_file(&mut w, text.as_bytes()).await?;
    } else if config.node_key.is_none() {
        nodes::set(&mut w, setup::NODE_KEY_ROW, &new).await?;
    }
    w.commit().await?;
    if let Some(file) = file {
        fs::rename(beside(&file), &file).context(
            "the database has the new key, but node.key.new could not be renamed to node.key; the next start does it",
        )?;
    }
    Ok(done)
}

async fn reseal(w: &mut Write, kind: Sealed, old: &Vault, new: &Vault) -> anyhow::Result<u64> {
    let (mut after, mut count) = (0, 0);
    loop {
        let rows = sealed::behind(w, kind, after).await?;
        let Some(last) = rows.last() else {
            return Ok(count);
        };
        after = last.id;
        for row in &rows {
            let label = match kind {
                Sealed::ProductSecrets | Sealed::DeviceSecrets => &*row.label,
                Sealed::Webhooks => webhooks::LABEL,
                Sealed::Mails => mail_rules::LABEL,
                Sealed::SecondFactors => second_factor::LABEL,
            };
            let clear = old.open(&row.sealed, label).with_context(|| {
                format!(
                    "row {} of {kind:?} cannot be opened with the present node key",
                    row.id
                )
            })?;
            sealed::replace(w, kind, row.id, &new.seal(&clear, label)).await?;
            count += 1;
        }
    }
}

/// The path of the new key file until it is renamed.
fn beside(file: &Path) -> PathBuf {
    file.with_extension("key.new")
}

/// Completes a change of the key file that a crash interrupted. The database knows which of the two files is
/// right.
pub(super) fn finish(file: &Path, kept: &[u8]) -> anyhow::Result<()> {
    let next = beside(file);
    match digest_of(&next) {
        Some(found) if found[..] == *kept => {
            fs::rename(&next, file).context("could not rename node.key.new")
        }
        // The database transaction was not committed.
        Some(_) => fs::remove_file(&next).context("could not remove node.key.new"),
        None => Ok(()),
    }
}
