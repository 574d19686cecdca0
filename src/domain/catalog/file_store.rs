//! Whose files a bucket holds. Files that no row names are removed from the file store, so two installations that share a bucket, or a
//! server that looks into the wrong one, would remove or miss each other's files: the bucket says who it belongs to.

use crate::access::random;
use crate::blob::{BlobError, Blobs};
use crate::store::catalog::files::{self, FileKind};
use crate::store::node::nodes;
use crate::store::{self, Db};

/// Why the file store is not this installation's.
#[derive(Debug, thiserror::Error)]
pub enum FileStoreError {
    /// Another installation marked it.
    #[error(
        "it belongs to another installation of Nervecenter; give each a bucket or a prefix of its own, such as s3://BUCKET/PRODUCTION"
    )]
    Foreign,
    /// Nobody marked it, and none of the files that the database names is there.
    #[error(
        "it holds none of the files that the database names; copy them there first (from the folder `blobs` of the data folder, under the same names), or correct its address"
    )]
    Empty,
    /// There is no such bucket.
    #[error("there is no such bucket; make it first, or correct its name")]
    Absent,
    /// It does not answer, or it refuses.
    #[error(transparent)]
    Files(#[from] BlobError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// The setting that names this installation.
const INSTALLATION: &str = "installation";

/// The name of this installation, made once: 32 hex digits.
///
/// # Errors
/// The database fails.
pub async fn installation(db: &Db) -> store::Result<String> {
    let mut w = db.write().await?;
    let fresh = hex::encode(random::<16>());
    let own = nodes::setting(&mut w, INSTALLATION, fresh.as_bytes()).await?;
    w.commit().await?;
    Ok(String::from_utf8_lossy(&own).into_owned())
}

/// Passes the file store of this installation, and marks one that belongs to nobody. The folder of a server belongs to the server.
///
/// # Errors
/// [`FileStoreError`].
pub async fn claim(db: &Db, blobs: &Blobs) -> Result<(), FileStoreError> {
    if !blobs.is_bucket() {
        return Ok(());
    }
    let own = installation(db).await?.into_bytes();
    let owner = match blobs.owner().await {
        Err(e) if e.is_no_bucket() => return Err(FileStoreError::Absent),
        owner => owner?,
    };
    match owner {
        Some(owner) if owner == own => Ok(()),
        Some(_) => Err(FileStoreError::Foreign),
        None if lacks_all(db, blobs).await? => Err(FileStoreError::Empty),
        None => {
            match blobs.mark_owner(own.clone()).await {
                Err(e) if e.is_no_bucket() => return Err(FileStoreError::Absent),
                done => done?,
            }
            // Somebody else may have come at the same moment.
            match blobs.owner().await? {
                Some(owner) if owner == own => Ok(()),
                _ => Err(FileStoreError::Foreign),
            }
        }
    }
}

/// Whether there are files by the database, and the first of no kind is there.
async fn lacks_all(db: &Db, blobs: &Blobs) -> Result<bool, FileStoreError> {
    let mut any = false;
    for kind in [FileKind::Firmware, FileKind::Archive, FileKind::Delta] {
        let mut r = db.read().await?;
        let first = files::next(&mut r, kind, 0).await?;
        drop(r);
        if let Some(file) = first {
            any = true;
            if blobs.has(&file.file).await? {
                return Ok(false);
            }
        }
    }
    Ok(any)
}
