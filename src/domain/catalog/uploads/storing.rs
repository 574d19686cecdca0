//! The right to store parts of an upload, which one request has at a time.

use super::parts::PartFile;
use super::write::cut;
use super::{bytes, discard, handed_over};
use crate::domain::{Context, DomainError, Result};
use crate::ids::UploadId;
use crate::limits::UPLOAD_PARTS;
use crate::store::catalog::uploads::{self, NewPart, UploadRow};

/// The right of a request to store parts of an upload.
#[derive(Clone)]
pub struct Storing {
    pub context: Context,
    id: UploadId,
    /// The number of the request.
    writer: i64,
}

impl Storing {
    /// What the request needs that has claimed an upload. It may not store anything yet.
    pub fn new(context: &Context, claimed: &UploadRow) -> Self {
        Self {
            context: context.clone(),
            id: claimed.id.clone(),
            writer: claimed.writer,
        }
    }

    /// Gets the right, once an older request has given it up; the bytes that are stored.
    pub async fn take_over(&self, claimed: &UploadRow) -> Result<u64> {
        handed_over(&self.context, claimed).await?;
        let mut w = self.context.db.write().await?;
        let held = uploads::hold(&mut w, &self.id, self.writer).await?;
        w.commit().await?;
        held.map(bytes).ok_or_else(cut)
    }

    /// Whether a newer request has come, or the upload is over.
    pub async fn is_superseded(&self) -> bool {
        let looked = async {
            let mut r = self.context.db.read().await?;
            uploads::state(&mut r, &self.id).await
        };
        match looked.await {
            Ok(state) => state.is_none_or(|s| s.writer != self.writer),
            // It shows at the next look, or when the part is stored.
            Err(_) => false,
        }
    }

    /// Stores a part, and moves the upload on when it is stored.
    pub async fn store(&self, part: PartFile, last: bool) -> Result<()> {
        let new = NewPart {
            begins_at: i64::try_from(part.begins_at).unwrap_or(i64::MAX),
            length: i64::try_from(part.length()).unwrap_or(i64::MAX),
            file: uploads::new_part_key(),
        };
        let blobs = &self.context.blobs;
        blobs.put(part.whole().await?, &new.file).await?;
        let now = self.context.now();
        let mut w = self.context.db.write().await?;
        let parts = uploads::append(&mut w, &self.id, self.writer, &new, last, now).await?;
        if parts.is_some_and(|n| n <= UPLOAD_PARTS) {
            w.commit().await?;
            return Ok(());
        }
        drop(w);
        discard(&self.context, vec![new.file]);
        match parts {
            Some(_) => Err(DomainError::Detail(format!(
                "The upload came in more than {UPLOAD_PARTS} pieces; give it up, and send larger ones."
            ))),
            None => Err(cut()),
        }
    }

    /// Gives the right up after a failure. If that fails as well, the next request waits for a while before it takes this one for dead.
    pub async fn give_up(&self) {
        if let Err(e) = self.release().await {
            tracing::debug!(error = %e, "an upload is not given up yet");
        }
    }

    /// Gives the right up.
    pub async fn release(&self) -> Result<()> {
        let mut w = self.context.db.write().await?;
        uploads::release(&mut w, &self.id, self.writer).await?;
        w.commit().await?;
        Ok(())
    }
}
