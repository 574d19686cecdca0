//! What a server needs before it can start: the data folder, the database, the keys, and the first login.

use super::secret_files;
use crate::access::scope::Role;
use crate::access::vault::Vault;
use crate::access::{password, random, random_id};
use crate::blob::Blobs;
use crate::config::Config;
use crate::domain::accounts::users;
use crate::domain::catalog::file_store::{self, FileStoreError};
use crate::domain::catalog::products;
use crate::domain::error::name_of;
use crate::ids::NodeId;
use crate::limits::NODE_SILENCE;
use crate::rollout::reconcile;
use crate::store::deployments::server_bandwidth;
use crate::store::node::nodes;
use crate::store::{self, Db};
use anyhow::{Context as _, bail};
use serde::Serialize;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The lock of the data folder, which only one server can hold.
pub struct Lock(#[expect(dead_code, reason = "the file is locked while it is open")] File);

/// Creates the data folder and locks it for this process.
///
/// # Errors
/// An error of the disk, or another server that holds the lock.
pub fn lock(folder: &Path) -> anyhow::Result<Lock> {
    private_folder(folder)
        .with_context(|| format!("could not make the data folder {}", folder.display()))?;
    let path = folder.join("lock");
    let file =
        File::create(&path).with_context(|| format!("could not write {}", path.display()))?;
    if file.try_lock().is_err() {
        bail!(
            "another server runs on the data folder {}; stop it, or give this one its own with --data-dir",
            folder.display()
        );
    }
    Ok(Lock(file))
}

/// Raises the soft limit of open files to the hard one: each device holds a socket, and many systems begin with
/// 1,024 for the sake of programs that use `select`. Returns the new limit.
pub fn raise_descriptor_limit() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let files = |n: Option<u64>| n.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    if limit.current == limit.maximum {
        return files(limit.current);
    }
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => {
            tracing::debug!(files = ?limit.maximum, "limit of open files raised");
            files(limit.maximum)
        }
        Err(e) => {
            tracing::warn!(error = %e, files = ?limit.current, "the limit of open files stays low");
            files(limit.current)
        }
    }
}

/// Opens the configured database.
///
/// # Errors
/// A message without the password of the URL.
pub async fn database(config: &Config) -> anyhow::Result<Db> {
    match &config.database_url {
        Some(url) => Db::open_postgres(url, config.database_connections)
            .await
            .context("could not open the PostgreSQL database"),
        None => {
            private_folder(&config.data_dir).context("could not make the data folder")?;
            let path = config.data_dir.join("nervecenter.db");
            Db::open_sqlite(&path)
                .await
                .with_context(|| format!("could not open the database {}", path.display()))
        }
    }
}

/// Creates a folder that only its owner may read, or removes the rights of others.
fn private_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

/// Claims the database for this server. A second server is refused, because several nodes cannot share the work
/// yet.
///
/// # Errors
/// Another server that was alive within [`NODE_SILENCE`].
pub async fn claim_database(db: &Db, node: NodeId) -> anyhow::Result<()> {
    if let Some(other) = reconcile::claim(db, node, db.now()).await? {
        bail!(
            "another server uses this database: node {} was alive less than {} s ago; stop it, or wait that long after it died (several servers share a database when each has the same --bucket)",
            other.0,
            NODE_SILENCE.as_secs()
        );
    }
    Ok(())
}

/// The file store: the bucket, or a folder of the data folder. Files that are being checked are in the data folder in any case.
///
/// # Errors
/// The disk's, or credentials that cannot be used.
pub fn files(config: &Config) -> anyhow::Result<Blobs> {
    let folder = config.data_dir.join("blobs");
    let opened = match &config.bucket {
        Some(bucket) => Blobs::in_bucket(bucket, folder.join("staging")),
        None => Blobs::local(&folder),
    };
    opened.context("could not open the file store")
}

/// Where machines of a cloud ask for their credentials, as they do when none are given.
const MACHINE_CREDENTIALS: &str = "169.254.169.254";

/// Claims the file store for this installation. One that does not answer now is used all the same: devices are served without it, and
/// nothing is removed from it before it was claimed.
///
/// # Errors
/// The bucket is another installation's, or the wrong one, or refuses what the credentials ask.
pub async fn claim_files(db: &Db, blobs: &Blobs, bucket: &str) -> anyhow::Result<()> {
    match file_store::claim(db, blobs).await {
        Ok(()) => Ok(()),
        Err(FileStoreError::Files(e)) if e.is_silent() => {
            let error = e.to_string();
            let advice = if error.contains(MACHINE_CREDENTIALS) {
                "this machine has no credentials of its own; give some with --bucket-credentials, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            } else {
                "uploads and downloads fail until it does"
            };
            tracing::error!(error, bucket, advice, "the bucket does not answer");
            Ok(())
        }
        Err(e) => Err(e).with_context(|| format!("--bucket {bucket:?}")),
    }
}

/// Stores what all deployment groups together may send, so that each server of the database goes by the same.
///
/// # Errors
/// The database fails.
pub async fn bandwidth(config: &Config, db: &Db) -> store::Result<()> {
    let mut w = db.write().await?;
    server_bandwidth::set(&mut w, config.bytes_per_second).await?;
    w.commit().await
}

/// Releases the database for the next server.
pub async fn release_database(db: &Db, node: NodeId) -> store::Result<()> {
    let mut w = db.write().await?;
    nodes::forget(&mut w, node).await?;
    w.commit().await
}

/// Writes a small secret file that only its owner may read. An existing file is never overwritten.
pub(super) fn keep(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)
        .with_context(|| format!("could not write {}", path.display()))?;
    Ok(())
}

/// This node's id, which is created once for a data folder.
///
/// # Errors
/// An error of the disk, or a file that was changed.
pub fn node_id(folder: &Path) -> anyhow::Result<NodeId> {
    let path = folder.join("node-id");
    if !path.exists() {
        keep(&path, &random_id().to_string())?;
    }
    let text = fs::read_to_string(&path)?;
    let id = text
        .trim()
        .parse()
        .with_context(|| format!("{} is no number", path.display()))?;
    Ok(NodeId(id))
}

/// The node key: the configured one; otherwise, with SQLite, that of a file in the data folder, and with
/// PostgreSQL that of a row in the database, where all nodes find the same one.
///
/// # Errors
/// An error of the disk or the database, or a file that was changed.
pub async fn node_key(config: &Config, db: &Db) -> anyhow::Result<[u8; 32]> {
    let key = read_node_key(config, db).await?;
    secret_files::check_node_key(db, &key).await?;
    Ok(key)
}

/// The file that holds the node key, unless the key is configured or is a row in PostgreSQL.
pub(super) fn key_file(config: &Config) -> Option<PathBuf> {
    let in_a_file = config.node_key.is_none() && config.database_url.is_none();
    in_a_file.then(|| config.data_dir.join("node.key"))
}

/// The setting that holds the node key on PostgreSQL.
pub(super) const NODE_KEY_ROW: &str = "node_key";

async fn read_node_key(config: &Config, db: &Db) -> anyhow::Result<[u8; 32]> {
    if let Some(key) = config.node_key {
        return Ok(key);
    }
    let Some(path) = key_file(config) else {
        let mut w = db.write().await?;
        let kept = nodes::setting(&mut w, NODE_KEY_ROW, &random::<32>()).await?;
        w.commit().await?;
        return kept
            .try_into()
            .map_err(|_| anyhow::anyhow!("the stored node key is damaged"));
    };
    if !path.exists() {
        if secret_files::in_use(db).await? {
            bail!(
                "{} is missing, and the database beside it is in use; put the key back from a backup: the secrets in the database are encrypted with it",
                path.display()
            );
        }
        keep(&path, &hex::encode(random::<32>()))?;
    }
    let text = fs::read_to_string(&path)?;
    let raw = hex::decode(text.trim())
        .ok()
        .and_then(|raw| raw.try_into().ok());
    raw.with_context(|| format!("{} does not hold 64 hex digits", path.display()))
}

/// The first login of a new server.
pub struct FirstLogin {
    /// Email address, the login name.
    pub email: String,
    /// The password, shown only once.
    pub password: String,
}

/// Creates the first person and organization if there is no account yet.
pub async fn first_login(db: &Db) -> anyhow::Result<Option<FirstLogin>> {
    let mut w = db.write().await?;
    if crate::store::accounts::users::any(&mut w).await? {
        return Ok(None);
    }
    let now = db.now();
    let (email, password) = ("admin@localhost".to_owned(), password::generate());
    let org = match crate::store::accounts::orgs::add(&mut w, "home", now).await? {
        Some(id) => id,
        None => {
            crate::store::accounts::orgs::by_name(&mut w, "home")
                .await?
                .context("the organization home is gone")?
                .id
        }
    };
    // Another node that starts at this moment may have been first.
    let added = users::add_admin(&mut w, &email, &password, org, now).await?;
    w.commit().await?;
    Ok(added.map(|_| FirstLogin { email, password }))
}

/// What `admin bootstrap` prints.
#[derive(Debug, Serialize)]
pub struct Bootstrap {
    /// Email address, the login name.
    pub email: String,
    /// The new person's password; `None` when the person existed.
    pub password: Option<String>,
    /// Name of the organization.
    pub org: String,
    /// Name of the product.
    pub product: String,
    /// A new API token.
    pub token: String,
    /// The product's shared key.
    pub product_key: String,
    /// The secret of the product's shared key.
    pub product_secret: String,
}

/// Creates or finds a person, an organization, a product, and a shared secret. The person becomes an
/// administrator of the organization.
///
/// # Errors
/// A name that is not acceptable.
pub async fn bootstrap(
    db: &Db,
    vault: &Vault,
    email: &str,
    org: &str,
    product: &str,
) -> anyhow::Result<Bootstrap> {
    let email = email.trim();
    if !email.contains('@') || email.chars().any(|c| c.is_whitespace() || c.is_control()) {
        bail!("--email {email:?}: not an email address");
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if org.is_empty() || !org.chars().all(plain) {
        bail!("--org {org:?}: a name has letters, digits, '-' and '_' only");
    }
    let product = name_of(Some(product)).map_err(|e| anyhow::anyhow!("--product: {e}"))?;
    let now = db.now();
    let password = password::generate();
    let mut w = db.write().await?;
    let org_id = match crate::store::accounts::orgs::add(&mut w, org, now).await? {
        Some(id) => id,
        None => {
            crate::store::accounts::orgs::by_name(&mut w, org)
                .await?
                .context("the organization is gone")?
                .id
        }
    };
    let added = users::add_admin(&mut w, email, &password, org_id, now).await?;
    let user = crate::store::accounts::users::by_email(&mut w, email)
        .await?
        .context("the user is gone")?;
    crate::store::accounts::orgs::set_member(&mut w, org_id, user.id, Role::Admin.word(), now)
        .await?;
    let product_id = match crate::store::catalog::products::add(&mut w, org_id, &product, now)
        .await?
    {
        Some(id) => id,
        None => {
            let found = crate::store::catalog::products::by_name(&mut w, org_id, &product).await?;
            found.context("the product is gone")?.id
        }
    };
    let held = crate::store::devices::secrets::of_product(&mut w, product_id).await?;
    let (product_key, secret) = match held.into_iter().find(|s| s.deactivated_at.is_none()) {
        Some(s) => (s.key.clone(), vault.open(&s.secret, &s.key)?),
        None => products::new_secret(&mut w, vault, product_id, now).await?,
    };
    let token = users::mint(&mut w, user.id, "admin bootstrap", now).await?;
    w.commit().await?;
    Ok(Bootstrap {
        email: email.to_owned(),
        password: added.map(|_| password),
        org: org.to_owned(),
        product,
        token,
        product_key,
        product_secret: secret.reveal().to_owned(),
    })
}
