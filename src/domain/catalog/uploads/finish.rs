//! Makes a firmware or an archive of a complete upload, by the same checks as an upload in one request.

use super::{bytes, claim, discard, finished, handed_over};
use crate::access::scope::{Product, Scope};
use crate::clock::Micros;
use crate::domain::catalog::archives;
use crate::domain::catalog::firmwares::Upload;
use crate::domain::{Context, DomainError, Result};
use crate::ids::UploadId;
use crate::limits::UPLOAD_FINISH;
use crate::store::catalog::archives::ArchiveRow;
use crate::store::catalog::firmwares::FirmwareRow;
use crate::store::catalog::uploads::{self, PartRow};
use futures_util::TryStreamExt as _;

/// Turns a complete upload into a firmware.
///
/// # Errors
/// The errors of an upload in one request. The received file is deleted then, unless the database or the file
/// store could not be reached.
pub async fn firmware(context: &Context, scope: Scope<Product>, id: &str) -> Result<FirmwareRow> {
    let (task, id) = (context.clone(), id.to_owned());
    let work = async move {
        let taken = Taken::take(&task, &scope, &id).await?;
        let made = match taken.gather(&task).await {
            Ok(upload) => upload.finish(&task, &scope).await,
            Err(e) => Err(e),
        };
        taken.end(&task, made).await
    };
    finished(context, work).await
}

/// Turns a complete upload into an archive.
///
/// # Errors
/// Those of [`firmware`].
pub async fn archive(context: &Context, scope: Scope<Product>, id: &str) -> Result<ArchiveRow> {
    let (task, id) = (context.clone(), id.to_owned());
    let work = async move {
        let taken = Taken::take(&task, &scope, &id).await?;
        let made = match taken.gather(&task).await {
            Ok(upload) => archives::finish(&task, &scope, upload).await,
            Err(e) => Err(e),
        };
        taken.end(&task, made).await
    };
    finished(context, work).await
}

/// A complete upload that something is made of. Nobody else finds it until it is over, or until [`UPLOAD_FINISH`] has passed, when
/// the process that took it is taken for dead.
struct Taken {
    id: UploadId,
    size: u64,
    sha256: String,
    until: Micros,
}

impl Taken {
    async fn take(context: &Context, scope: &Scope<Product>, id: &str) -> Result<Self> {
        let claimed = claim(context, scope, id).await?;
        let at = handed_over(context, &claimed).await?.received;
        if at != claimed.size {
            let text = format!(
                "The upload stands at byte {at} of {}; send the rest first.",
                claimed.size
            );
            return Err(DomainError::Conflict(text));
        }
        let now = context.now();
        let until = now.after(UPLOAD_FINISH);
        let mut w = context.db.write().await?;
        let taken = uploads::take(&mut w, &claimed.id, until, now).await?;
        w.commit().await?;
        if !taken {
            return Err(DomainError::NotFound);
        }
        Ok(Self {
            id: claimed.id,
            size: bytes(claimed.size),
            sha256: claimed.sha256,
            until,
        })
    }

    /// Puts the parts together in a staging file.
    async fn gather(&self, context: &Context) -> Result<Upload> {
        let mut r = context.db.read().await?;
        let parts = uploads::of_upload(&mut r, &self.id).await?;
        drop(r);
        let mut upload = Upload::begin(context)?;
        for part in &parts {
            append(context, &mut upload, part).await?;
        }
        if upload.received() != self.size {
            return Err(DomainError::Fault("parts of an upload are missing".into()));
        }
        upload.expect(self.sha256.clone());
        Ok(upload)
    }

    /// Ends the upload, whatever was made of it. One that only could not be worked on now is there for another try.
    async fn end<T>(self, context: &Context, made: Result<T>) -> Result<T> {
        let again = match &made {
            Ok(_) => false,
            Err(e) => e.passing().is_some() || matches!(e, DomainError::Busy(_)),
        };
        let ended = async {
            let mut w = context.db.write().await?;
            let mut files = Vec::new();
            if again {
                uploads::give_back(&mut w, &self.id, self.until).await?;
            } else {
                files = uploads::remove(&mut w, &self.id).await?;
            }
            w.commit().await?;
            Ok::<_, crate::store::Error>(files)
        };
        match ended.await {
            Ok(files) => discard(context, files),
            // It is found again after its time, and expires.
            Err(e) => tracing::warn!(error = %e, "a complete upload is not ended yet"),
        }
        made
    }
}

/// Appends the bytes of a stored part.
async fn append(context: &Context, upload: &mut Upload, part: &PartRow) -> Result<()> {
    let end = bytes(part.begins_at) + bytes(part.length);
    let length = bytes(part.length);
    let mut pieces = context.blobs.pieces(&part.file, length).await?;
    while let Some(piece) = pieces.try_next().await? {
        upload.write(piece).await?;
    }
    if upload.received() != end {
        return Err(DomainError::Fault(format!(
            "a part of an upload is damaged: {}",
            part.file
        )));
    }
    Ok(())
}
