//! Stored files over `object_store`, each under a name that the store of rows makes ([`FileKey`]). Whether they are on this
//! machine's disk or in a bucket is the file store's affair; it shows only in [`Content`] and in [`Blobs::presigned`].

mod bucket;
pub mod download_urls;
mod outage;
mod sound;

pub use crate::ids::{Blob, FileKey};
pub use bucket::BucketSettings;
pub use sound::Damage;
pub(crate) use sound::Look;

use crate::clock::Micros;
use crate::limits::{
    BLOB_PART_BYTES, BUCKET_ANSWER, BUCKET_SILENCE, CHECKSUM_PART_BYTES, FILE_PUTS, LINK_LIFE,
    UPLOAD_BYTES,
};
use bucket::Bucket;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::signer::Url;
use object_store::{
    GetOptions, GetRange, GetResultPayload, MultipartUpload, ObjectStore, ObjectStoreExt as _,
    PutMode,
};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::io::ReaderStream;

/// Why a file could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("file store: {0}")]
    Store(#[from] object_store::Error),
    /// The disk.
    #[error("file store: {0}")]
    Io(#[from] io::Error),
    /// The file with the credentials of a bucket cannot be used.
    #[error("--bucket-credentials {}: {why}", file.display())]
    Credentials {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl BlobError {
    /// Whether a bucket does not answer, or answers that it cannot do what it was asked now: the same may succeed later. What the disk
    /// of this machine says is something else.
    pub fn is_unavailable(&self) -> bool {
        let refused = matches!(
            self,
            Self::Store(
                object_store::Error::PermissionDenied { .. }
                    | object_store::Error::Unauthenticated { .. },
            ) | Self::Credentials { .. }
        );
        refused || self.is_silent()
    }

    /// Whether the service knows no bucket of this name.
    pub fn is_no_bucket(&self) -> bool {
        let said = self.to_string();
        ["NoSuchBucket", "ContainerNotFound", "bucket does not exist"]
            .iter()
            .any(|text| said.contains(text))
    }

    /// Whether a bucket does not answer, or says that it has a fault.
    pub fn is_silent(&self) -> bool {
        matches!(self, Self::Store(object_store::Error::Generic { store, .. }) if *store != "LocalFileSystem")
    }
}

/// A file's name, as the file store takes it.
fn key(file: &FileKey) -> Key {
    Key::from(file.as_str())
}

/// Where a local file store has files.
const FOLDERS: [&str; 4] = ["firmware", "deltas", "archives", "uploads"];

/// The marker that says which installation the files of a bucket belong to.
const OWNER: &str = "nervecenter-installation";

/// Where files are.
#[derive(Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    /// Files on their way in, on this node's disk.
    staging: PathBuf,
    /// Where a local file store leaves parts of files that a crash cut short.
    local: Option<PathBuf>,
    /// The bucket that the files are in, if they are not on this machine.
    bucket: Option<Arc<Bucket>>,
    looked: Arc<sound::Looked>,
    outage: Arc<outage::Outage>,
    putting: Arc<Semaphore>,
}

/// What was asked for of a stored file, in the form that its store offers.
pub enum Content {
    /// The whole file, on this machine: the fastest way to a socket.
    File(File),
    /// The bytes that were asked for, in order.
    Stream(BoxStream<'static, io::Result<Bytes>>),
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
        for part in FOLDERS.iter().chain(&["staging"]) {
            std::fs::create_dir_all(root.join(part))?;
        }
        // A row is written only when its file would survive a power cut: data, then name.
        let store = LocalFileSystem::new_with_prefix(root)?.with_fsync(true);
        Ok(Self {
            store: Arc::new(store),
            staging: root.join("staging"),
            local: Some(root.to_owned()),
            bucket: None,
            looked: Arc::default(),
            outage: Arc::default(),
            putting: Arc::new(Semaphore::new(FILE_PUTS)),
        })
    }

    /// Files in a bucket; `staging` is a folder of this machine for files that are being checked, made when absent. Nothing is asked of
    /// the bucket yet.
    ///
    /// # Errors
    /// The disk's, or settings and credentials that cannot be used.
    pub fn in_bucket(settings: &BucketSettings, staging: PathBuf) -> Result<Self, BlobError> {
        std::fs::create_dir_all(&staging)?;
        let bucket = Bucket::open(settings)?;
        Ok(Self {
            store: bucket.store.clone(),
            staging,
            local: None,
            bucket: Some(Arc::new(bucket)),
            looked: Arc::default(),
            outage: Arc::default(),
            putting: Arc::new(Semaphore::new(FILE_PUTS)),
        })
    }

    /// Whether the files are in a bucket, which other machines reach as well.
    pub fn is_bucket(&self) -> bool {
        self.bucket.is_some()
    }

    /// An address of the bucket from which a device may read this file for as long as a download link is good; none for files of this
    /// machine.
    ///
    /// # Errors
    /// Those of getting credentials to sign with.
    pub async fn presigned(&self, file: &FileKey) -> Result<Option<Url>, BlobError> {
        match &self.bucket {
            Some(bucket) => Ok(Some(bucket.presigned(&key(file), LINK_LIFE).await?)),
            None => Ok(None),
        }
    }

    /// What the marker of the file store says: which installation its files belong to. None when nobody has marked it.
    ///
    /// # Errors
    /// The file store's.
    pub async fn owner(&self) -> Result<Option<Vec<u8>>, BlobError> {
        match self.answered(self.store.get(&Key::from(OWNER))).await {
            Ok(found) => {
                let marker = self.answered(found.bytes()).await?;
                Ok(Some(marker.to_vec()))
            }
            Err(e) => match BlobError::from(e) {
                e if e.is_no_bucket() => Err(e),
                BlobError::Store(object_store::Error::NotFound { .. }) => Ok(None),
                e => Err(e),
            },
        }
    }

    /// Marks the file store as that of an installation, unless it has a mark already: of two that come at once, one does.
    ///
    /// # Errors
    /// The file store's.
    pub async fn mark_owner(&self, owner: Vec<u8>) -> Result<(), BlobError> {
        let place = Key::from(OWNER);
        let marked = self
            .store
            .put_opts(&place, owner.clone().into(), PutMode::Create.into());
        match self.answered(marked).await {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
            // Not every service that speaks S3's language knows conditions.
            Err(e) if e.to_string().contains("NotImplemented") => {
                self.answered(self.store.put(&place, owner.into())).await?;
                Ok(())
            }
            Err(e) => Err(e.into()),
        }
    }

    /// Whether there is a file of this name.
    ///
    /// # Errors
    /// The file store's.
    pub async fn has(&self, file: &FileKey) -> Result<bool, BlobError> {
        match self.answered(self.store.head(&key(file))).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// Removes what uploads left that a crash cut short; for the one process that serves these files, at its start.
    ///
    /// # Errors
    /// The disk's.
    pub fn sweep(&self) -> Result<(), BlobError> {
        for left in std::fs::read_dir(&self.staging)?.flatten() {
            // A file that cannot be removed now is tried again at the next start.
            let _ = std::fs::remove_file(left.path());
        }
        let Some(root) = &self.local else {
            return Ok(());
        };
        for folder in FOLDERS {
            for left in std::fs::read_dir(root.join(folder))?.flatten() {
                // So the local file store calls what it has not got whole yet, and never lists it.
                if left.file_name().to_string_lossy().contains('#') {
                    let _ = std::fs::remove_file(left.path());
                }
            }
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
            .tempfile_in(&self.staging)?;
        Ok(Staged { file })
    }

    /// Stores a staged file under a name, durably. Never within a transaction of the database: it takes as long as the disk
    /// or the network does. A row that is then not written leaves the file to [`crate::jobs::leftovers`].
    ///
    /// # Errors
    /// The file store's; then there is no such file.
    pub async fn put(&self, mut staged: Staged, file: &FileKey) -> Result<(), BlobError> {
        // Each holds a part in memory.
        let _place = self.putting.acquire().await;
        let size = staged.file().metadata()?.len();
        let staged = Arc::new(staged);
        if size <= BLOB_PART_BYTES as u64 {
            let whole = part(&staged, 0, size).await?;
            let place = key(file);
            self.answered(self.store.put(&place, whole.into())).await?;
            return Ok(());
        }
        let place = key(file);
        let mut upload = self.answered(self.store.put_multipart(&place)).await?;
        match self.parts(&staged, size, upload.as_mut()).await {
            Ok(()) => Ok(()),
            Err(e) => {
                // What cannot be removed now is no file of this name either, and goes at the next start.
                let _ = upload.abort().await;
                Err(e)
            }
        }
    }

    /// The names in this folder that were stored longer ago than this, seen from `now`.
    ///
    /// # Errors
    /// The file store's.
    pub async fn names(
        &self,
        folder: &str,
        age: Duration,
        now: Micros,
    ) -> Result<Vec<String>, BlobError> {
        let mut all = self.store.list(Some(&Key::from(folder)));
        let mut names = Vec::new();
        while let Some(meta) = self.answered(all.try_next()).await? {
            let stored = Micros(meta.last_modified.timestamp_micros());
            if now.since(stored) > age {
                names.push(meta.location.to_string());
            }
        }
        Ok(names)
    }

    /// A stored file as a seekable file of this machine.
    ///
    /// # Errors
    /// Absent, or the disk's.
    pub async fn open(&self, file: &FileKey) -> Result<File, BlobError> {
        let place = key(file);
        let found = self.answered(self.store.get(&place)).await?;
        match found.payload {
            GetResultPayload::File(file, _) => Ok(file),
            GetResultPayload::Stream(mut parts) => {
                let file = tempfile::tempfile_in(&self.staging)?;
                let mut file = tokio::fs::File::from_std(file);
                let mut left = UPLOAD_BYTES;
                while let Some(part) = self.answered(parts.try_next()).await? {
                    left = left
                        .checked_sub(part.len() as u64)
                        .ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
                    file.write_all(&part).await?;
                }
                // Only this tells an error of the last piece.
                file.flush().await?;
                // Whoever opens a file begins at its beginning.
                file.rewind().await?;
                Ok(file.into_std().await)
            }
        }
    }

    /// A stretch of a stored file.
    ///
    /// # Errors
    /// Absent, or the disk's.
    pub async fn read(
        &self,
        file: &FileKey,
        range: std::ops::Range<u64>,
    ) -> Result<Content, BlobError> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        let place = key(file);
        let found = self.answered(self.store.get_opts(&place, options)).await?;
        Ok(match found.payload {
            GetResultPayload::File(file, _) => Content::File(file),
            GetResultPayload::Stream(parts) => Content::Stream(unless_silent(parts)),
        })
    }

    /// A whole stored file of this length, piece by piece. Unlike those of [`Blobs::read`], its errors say whether it is the bucket that
    /// is away.
    ///
    /// # Errors
    /// Absent, or the file store's, also of each piece.
    pub async fn pieces(
        &self,
        file: &FileKey,
        length: u64,
    ) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, BlobError> {
        Ok(match self.read(file, 0..length).await? {
            Content::File(file) => {
                let file = tokio::fs::File::from_std(file);
                let pieces = ReaderStream::with_capacity(file, CHECKSUM_PART_BYTES);
                pieces.map_err(BlobError::from).boxed()
            }
            Content::Stream(pieces) => {
                let silent = |e: io::Error| object_store::Error::Generic {
                    store: "bucket",
                    source: Box::new(e),
                };
                pieces.map_err(move |e| silent(e).into()).boxed()
            }
        })
    }

    /// Removes a stored file; absent is fine.
    ///
    /// # Errors
    /// The disk's.
    pub async fn remove(&self, file: &FileKey) -> Result<(), BlobError> {
        let place = key(file);
        match self.answered(self.store.delete(&place)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    async fn parts(
        &self,
        staged: &Arc<Staged>,
        size: u64,
        upload: &mut dyn MultipartUpload,
    ) -> Result<(), BlobError> {
        let mut at = 0;
        while at < size {
            let length = (size - at).min(BLOB_PART_BYTES as u64);
            let bytes = part(staged, at, length).await?;
            self.answered(upload.put_part(bytes.into())).await?;
            at += length;
        }
        self.answered(upload.complete()).await?;
        Ok(())
    }

    /// What the file store answers, which a bucket does within a time. A disk takes the time that it needs.
    async fn answered<T>(
        &self,
        asked: impl Future<Output = object_store::Result<T>>,
    ) -> object_store::Result<T> {
        if self.bucket.is_none() {
            return asked.await;
        }
        let silent = |e: tokio::time::error::Elapsed| object_store::Error::Generic {
            store: "bucket",
            source: Box::new(e),
        };
        let answer = timeout(BUCKET_ANSWER, asked).await.map_err(silent);
        let answer = answer.and_then(|answer| answer);
        self.outage.note(is_answer(&answer));
        answer
    }

    /// Whether it is worth asking for a file: while the bucket does not answer, for one in a while.
    pub(crate) fn may_ask(&self) -> bool {
        self.outage.may_ask()
    }
}

/// Whether a bucket has said how it is with a file, also that there is none, or another one.
fn is_answer<T>(answer: &object_store::Result<T>) -> bool {
    use object_store::Error::{AlreadyExists, NotFound, NotModified, Precondition};
    match answer {
        Ok(_) => true,
        Err(e) => matches!(
            e,
            NotFound { .. } | AlreadyExists { .. } | NotModified { .. } | Precondition { .. }
        ),
    }
}

/// The bytes of a bucket, for a reader who may be slow: what counts is how long the bucket is silent while it is read from.
fn unless_silent(
    parts: BoxStream<'static, object_store::Result<Bytes>>,
) -> BoxStream<'static, io::Result<Bytes>> {
    let pieces = futures_util::stream::unfold(parts, async |mut parts| {
        let piece = match timeout(BUCKET_SILENCE, parts.next()).await {
            Ok(piece) => piece?.map_err(io::Error::other),
            Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut)),
        };
        Some((piece, parts))
    });
    pieces.boxed()
}

/// A stretch of a staged file, read off the async threads.
async fn part(staged: &Arc<Staged>, at: u64, length: u64) -> io::Result<Vec<u8>> {
    let staged = staged.clone();
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        staged.file.as_file().read_exact_at(&mut bytes, at)?;
        Ok(bytes)
    });
    read.await.map_err(io::Error::other)?
}
