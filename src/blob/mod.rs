//! Stored files, named for what they are, over `object_store`. Callers never build a path.

pub mod download_urls;
mod sound;

pub use crate::ids::Blob;
pub use sound::Damage;
pub(crate) use sound::Look;

use crate::limits::UPLOAD_BYTES;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectStore, ObjectStoreExt as _};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a file could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The store.
    #[error("file store: {0}")]
    Store(#[from] object_store::Error),
    /// The disk.
    #[error("file store: {0}")]
    Io(#[from] io::Error),
}

/// Where a file of this name is.
fn key(blob: Blob) -> Key {
    Key::from(blob.to_string())
}

/// Where files are.
#[derive(Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    root: PathBuf,
    looked: Arc<sound::Looked>,
}

/// A file on its way in, on this node's disk; gone when dropped.
pub struct Staged {
    file: tempfile::NamedTempFile,
}

impl Staged {
    /// The file, for writing and checking.
    pub fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }
}

impl Blobs {
    /// Files under a folder, made when absent.
    ///
    /// # Errors
    /// The disk's.
    pub fn local(root: &Path) -> Result<Self, BlobError> {
        for part in ["firmware", "deltas", "archives", "staging"] {
            std::fs::create_dir_all(root.join(part))?;
        }
        let store = LocalFileSystem::new_with_prefix(root)?;
        Ok(Self {
            store: Arc::new(store),
            root: root.to_owned(),
            looked: Arc::default(),
        })
    }

    /// Removes what uploads left that a crash cut short; for the one process that serves these files, at its start.
    ///
    /// # Errors
    /// The disk's.
    pub fn sweep(&self) -> Result<(), BlobError> {
        for left in std::fs::read_dir(self.root.join("staging"))?.flatten() {
            // A file that cannot be removed now is tried again at the next start.
            let _ = std::fs::remove_file(left.path());
        }
        Ok(())
    }

    /// A new file to write to.
    ///
    /// # Errors
    /// The disk's.
    pub fn stage(&self) -> Result<Staged, BlobError> {
        let file = tempfile::Builder::new()
            .suffix(".part")
            .tempfile_in(self.root.join("staging"))?;
        Ok(Staged { file })
    }

    /// Moves a staged file to its name, durably: data, then name. Call it off the async threads.
    ///
    /// # Errors
    /// The disk's.
    pub fn keep(&self, staged: Staged, blob: Blob) -> Result<(), BlobError> {
        staged.file.as_file().sync_all()?;
        let path = self.root.join(key(blob).as_ref());
        staged.file.persist(&path).map_err(|e| e.error)?;
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    /// A stored file as a seekable file of this machine.
    ///
    /// # Errors
    /// Absent, or the disk's.
    pub async fn open(&self, blob: Blob) -> Result<File, BlobError> {
        let found = self.store.get(&key(blob)).await?;
        match found.payload {
            GetResultPayload::File(file, _) => Ok(file),
            GetResultPayload::Stream(mut parts) => {
                let mut file = tempfile::tempfile_in(self.root.join("staging"))?;
                let mut left = UPLOAD_BYTES;
                while let Some(part) = parts.try_next().await? {
                    left = left
                        .checked_sub(part.len() as u64)
                        .ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
                    io::Write::write_all(&mut file, &part)?;
                }
                Ok(file)
            }
        }
    }

    /// A stretch of a stored file, in order.
    ///
    /// # Errors
    /// Absent, or the disk's.
    pub async fn read(
        &self,
        blob: Blob,
        range: std::ops::Range<u64>,
    ) -> Result<BoxStream<'static, io::Result<Bytes>>, BlobError> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        let found = self.store.get_opts(&key(blob), options).await?;
        Ok(found.into_stream().map_err(io::Error::other).boxed())
    }

    /// Removes a stored file; absent is fine.
    ///
    /// # Errors
    /// The disk's.
    pub async fn remove(&self, blob: Blob) -> Result<(), BlobError> {
        match self.store.delete(&key(blob)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }
}
