//! The certificate authority of the device endpoint, for all nodes of an installation: devices trust one, and may come to any node.
//! The database has it, its key encrypted with the node key, so that a new node needs nothing but the database's address.

use super::setup;
use crate::access::sha256;
use crate::access::vault::{Secret, Vault};
use crate::config::Config;
use crate::device::tls;
use crate::store::node::nodes;
use crate::store::{self, Db, Write};
use anyhow::{Context as _, bail};

/// The setting with the CA's certificate.
const CERTIFICATE: &str = "device CA certificate";

/// The setting with the CA's key, encrypted.
pub(super) const KEY: &str = "device CA key";

/// What the key is encrypted as.
pub(super) const LABEL: &str = "device CA key";

/// Writes the CA of the installation into a data folder that has none.
///
/// # Errors
/// The database fails, the node key is another one, or the disk does not take it.
pub(super) async fn fetch(config: &Config, db: &Db) -> anyhow::Result<()> {
    if tls::read_ca(&config.data_dir).is_ok() {
        return Ok(());
    }
    let mut r = db.read().await?;
    let certificate = nodes::find_setting(&mut r, CERTIFICATE).await?;
    let key = nodes::find_setting(&mut r, KEY).await?;
    drop(r);
    let (Some(certificate), Some(key)) = (certificate, key) else {
        return Ok(());
    };
    let vault = Vault::new(&setup::node_key(config, db).await?);
    let key = vault.open(&key, LABEL)?;
    let certificate = String::from_utf8(certificate)
        .context("the stored certificate of the device CA is damaged")?;
    tls::write_ca(&config.data_dir, &certificate, key.reveal())?;
    tracing::info!("the device CA of the other nodes is in the data folder now");
    Ok(())
}

/// Stores the CA of a data folder, unless the installation has one.
///
/// # Errors
/// The disk or the database fails.
pub(super) async fn keep(config: &Config, w: &mut Write, vault: &Vault) -> anyhow::Result<()> {
    let (certificate, key) = tls::read_ca(&config.data_dir)?;
    if nodes::find_setting(w, KEY).await?.is_none() {
        let sealed = vault.seal(&Secret::new(key), LABEL);
        nodes::setting(w, KEY, &sealed).await?;
    }
    let kept = nodes::setting(w, CERTIFICATE, certificate.as_bytes()).await?;
    if kept != certificate.as_bytes() {
        let print = |pem: &[u8]| hex::encode(&sha256(pem)[..6]);
        bail!(
            "{} holds another certificate authority (SHA-256 {}…) than the other nodes have ({}…), and devices trust theirs; \
             remove ca.pem and ca.key there to take it over, unless this is the wrong database",
            config.data_dir.join("tls").display(),
            print(certificate.as_bytes()),
            print(&kept)
        );
    }
    Ok(())
}

/// Encrypts the stored key with another node key.
///
/// # Errors
/// The old node key does not open it, or the database fails.
pub(super) async fn seal_again(w: &mut Write, old: &Vault, new: &Vault) -> anyhow::Result<bool> {
    let kept: store::Result<_> = nodes::find_setting(w, KEY).await;
    let Some(sealed) = kept? else {
        return Ok(false);
    };
    let key = old.open(&sealed, LABEL)?;
    nodes::set(w, KEY, &new.seal(&key, LABEL)).await?;
    Ok(true)
}
