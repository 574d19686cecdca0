//! Whether a stored file is what was accepted. The length is looked at before each use; the content is read once after a
//! start, again when the file changed, and in the slow walk of `jobs::scrub`.

use super::{BlobError, Blobs, FileKey};
use crate::limits::{FILE_LOOK_EVERY, FILE_LOOKS, FILES_REMEMBERED};
use aws_lc_rs::digest::{Context, SHA256};
use object_store::{ObjectMeta, ObjectStoreExt as _};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::Semaphore;

/// What is wrong with a stored file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// There is none.
    #[error("it is missing")]
    Missing,
    /// It is longer or shorter.
    #[error("it has {0} bytes")]
    Length(u64),
    /// It has the right length and another content.
    #[error("its content has changed")]
    Content,
    /// The disk cannot read it.
    #[error("the disk cannot read it")]
    Unreadable,
}

/// What was found when a file was last read, and how to tell that it is still the same file.
struct Found {
    stamp: String,
    damage: Option<Damage>,
    /// When it was last seen to be the same.
    at: Instant,
}

/// What is known of the files since the start.
pub(super) struct Looked {
    found: Mutex<HashMap<FileKey, Found>>,
    /// Places for reading whole files: a start at which a whole fleet wants files reads a few at a time.
    places: Semaphore,
}

impl Default for Looked {
    fn default() -> Self {
        Self {
            found: Mutex::default(),
            places: Semaphore::new(FILE_LOOKS),
        }
    }
}

impl Looked {
    fn found(&self) -> MutexGuard<'_, HashMap<FileKey, Found>> {
        // The map is whole between any two statements.
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, file: &FileKey, stamp: &str) -> Option<Option<Damage>> {
        let mut found = self.found();
        let known = found.get_mut(file).filter(|f| f.stamp == stamp)?;
        known.at = Instant::now();
        Some(known.damage)
    }

    /// Whether a file was seen to be sound a moment ago.
    fn lately(&self, file: &FileKey) -> bool {
        let found = self.found();
        let known = found.get(file).filter(|f| f.damage.is_none());
        known.is_some_and(|f| f.at.elapsed() < FILE_LOOK_EVERY)
    }

    fn remember(&self, file: FileKey, stamp: String, damage: Option<Damage>) {
        let mut found = self.found();
        if found.len() >= FILES_REMEMBERED {
            // Rare enough that reading files once more costs less than keeping an order.
            found.clear();
        }
        let at = Instant::now();
        found.insert(file, Found { stamp, damage, at });
    }
}

/// Which reading of a file is good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// That of [`Look::Known`], which may be a second old: a file that is offered to a whole fleet is not looked at for each device,
    /// and is looked at again when it is downloaded.
    Lately,
    /// One since the start, if the file was not changed since.
    Known,
    /// One that is done now; in a bucket, which checks what it keeps by itself and is paid for what is read, the one of [`Look::Known`].
    Anew,
}

impl Blobs {
    /// What is wrong with a stored file that must have this length and SHA-256 (upper-case hex); none when it is sound.
    ///
    /// # Errors
    /// The disk's, when it says nothing about the file.
    pub(crate) async fn damage(
        &self,
        file: &FileKey,
        size: u64,
        checksum: &str,
        look: Look,
    ) -> Result<Option<Damage>, BlobError> {
        if look == Look::Lately && self.looked.lately(file) {
            return Ok(None);
        }
        let place = super::key(file);
        let meta = match self.answered(self.store.head(&place)).await {
            Ok(meta) => meta,
            Err(object_store::Error::NotFound { .. }) => return Ok(Some(Damage::Missing)),
            Err(e) => return Err(e.into()),
        };
        if meta.size != size {
            return Ok(Some(Damage::Length(meta.size)));
        }
        let stamp = stamp(&meta);
        let known = || match look {
            Look::Known | Look::Lately => self.looked.known(file, &stamp),
            Look::Anew if self.is_bucket() => self.looked.known(file, &stamp),
            Look::Anew => None,
        };
        if let Some(damage) = known() {
            return Ok(damage);
        }
        let _place = self.looked.places.acquire().await;
        // Whoever had the place before may have read the same file.
        if let Some(damage) = known() {
            return Ok(damage);
        }
        let opened = self.open(file).await?;
        let read = tokio::task::spawn_blocking(move || digest(opened)).await;
        let damage = match read.map_err(io::Error::other)? {
            Ok(found) if found == checksum => None,
            Ok(_) => Some(Damage::Content),
            Err(e) if e.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
                Some(Damage::Unreadable)
            }
            Err(e) => return Err(e.into()),
        };
        // What a bucket keeps is read again before it is condemned for good: what came from it may have been wrong once.
        if !(self.is_bucket() && damage.is_some()) {
            self.looked.remember(file.clone(), stamp, damage);
        }
        Ok(damage)
    }
}

/// Tells a file from one that took its place.
fn stamp(meta: &ObjectMeta) -> String {
    let tag = meta.e_tag.as_deref().unwrap_or_default();
    format!("{tag} {}", meta.last_modified.timestamp_micros())
}

/// SHA-256 of a file as upper-case hex, read piece by piece.
fn digest(mut file: File) -> io::Result<String> {
    let mut sum = Context::new(&SHA256);
    let mut piece = vec![0; 256 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex::encode_upper(sum.finish())),
            n => sum.update(&piece[..n]),
        }
    }
}
