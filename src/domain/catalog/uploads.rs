//! Resumable uploads in several requests. An upload lives in memory of the node that began it and is lost with
//! it; the client is then told that it does not exist, and begins again.

use super::firmwares::Upload;
use crate::access::scope::{Product, Scope};
use crate::budget::Slot;
use crate::domain::Context;
use crate::domain::catalog::archives;
use crate::domain::error::field;
use crate::domain::{DomainError, Result};
use crate::ids::{ProductId, UserId};
use crate::limits::{
    UPLOAD_BYTES, UPLOAD_IDLE, UPLOAD_LIFE, UPLOAD_RATE, UPLOAD_SESSIONS, UPLOAD_SESSIONS_A_PERSON,
    UPLOAD_STALL, UPLOAD_WAIT,
};
use crate::store::catalog::archives::ArchiveRow;
use crate::store::catalog::firmwares::FirmwareRow;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// The state of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadStatus {
    /// The upload's id.
    pub id: String,
    /// Size of the whole file in bytes.
    pub size: u64,
    /// Number of bytes received: the offset to continue from.
    pub offset: u64,
}

/// Identifies an upload. The same person who sends the same file continues the same upload.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owner {
    product: ProductId,
    user: UserId,
}

/// What was received so far; `None` once the upload was turned into a firmware or archive.
type SharedUpload = Arc<tokio::sync::Mutex<Option<Upload>>>;

struct UploadSession {
    owner: Owner,
    size: u64,
    sha256: String,
    upload: SharedUpload,
    /// Cancels the request that writes when another one arrives. The older request is likely to be stuck on a
    /// dead connection.
    writer: CancellationToken,
    touched: Instant,
}

/// The incomplete uploads of this node. Their number is bounded.
#[derive(Default)]
pub struct UploadSessions(Mutex<HashMap<String, UploadSession>>);

impl UploadSessions {
    fn all(&self) -> MutexGuard<'_, HashMap<String, UploadSession>> {
        // A panic of a holder leaves no half-made change, because each change is a single call.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn owner(scope: &Scope<Product>) -> Owner {
    Owner {
        product: scope.product().id,
        user: scope.person().id,
    }
}

/// Reserves an upload slot, waiting a while if none is free. Everything that receives a file from a person
/// passes here, so that no file is received when the disk is nearly full.
///
/// # Errors
/// [`DomainError::TooMany`] while this person uses its share; [`DomainError::Busy`] while the server has no
/// free slot.
pub async fn reserve_slot(context: &Context, person: UserId) -> Result<Slot<UserId>> {
    context.require_room()?;
    let until = Instant::now() + UPLOAD_WAIT;
    loop {
        match context.limiters.upload_slots.take(person) {
            Ok(slot) => return Ok(slot),
            Err(why) if Instant::now() >= until => return Err(why.into()),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Measures whether an upload arrives fast enough to keep its slot.
pub struct Pace {
    begun: Instant,
    bytes: u64,
}

impl Pace {
    /// Starts measuring before the first byte.
    pub fn begin() -> Self {
        Self {
            begun: Instant::now(),
            bytes: 0,
        }
    }

    /// Counts received bytes. Returns false when the average was below [`UPLOAD_RATE`] for longer than
    /// [`UPLOAD_STALL`]. Each interval is measured by itself, so that a fast start does not excuse a later
    /// stall.
    pub fn keeps(&mut self, came: usize) -> bool {
        self.keeps_at(Instant::now(), came)
    }

    fn keeps_at(&mut self, now: Instant, came: usize) -> bool {
        self.bytes += came as u64;
        let time = now.saturating_duration_since(self.begun);
        if time <= UPLOAD_STALL {
            return true;
        }
        let kept = self.bytes >= time.as_secs() * UPLOAD_RATE;
        (self.begun, self.bytes) = (now, 0);
        kept
    }
}

/// Begins an upload, or finds the interrupted one of the same file.
///
/// # Errors
/// A validation error for an impossible size or checksum; [`DomainError::TooMany`] or [`DomainError::Busy`] for
/// too many incomplete uploads.
pub async fn begin(
    context: &Context,
    scope: &Scope<Product>,
    size: Option<i64>,
    sha256: Option<&str>,
) -> Result<UploadStatus> {
    let size = size
        .and_then(|s| u64::try_from(s).ok())
        .filter(|s| (1..=UPLOAD_BYTES).contains(s));
    let text = format!("must be between 1 and {UPLOAD_BYTES}");
    let size = size.ok_or_else(|| field("size", &text))?;
    let sha256 = sha256.unwrap_or_default().to_ascii_uppercase();
    if sha256.len() != 64 || !sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(field(
            "sha256",
            "must be the file's SHA-256 in 64 hex digits",
        ));
    }
    context.require_room()?;
    let (owner, now) = (owner(scope), Instant::now());
    let known = {
        let mut all = context.upload_sessions.all();
        all.retain(|_, s| now.duration_since(s.touched) < UPLOAD_LIFE);
        let same = |s: &UploadSession| s.owner == owner && s.size == size && s.sha256 == sha256;
        let found = all.iter().find(|(_, s)| same(s));
        found.map(|(id, _)| id.clone())
    };
    if let Some(id) = known {
        return status(context, scope, &id).await;
    }
    let upload = Upload::begin(context)?;
    let mut all = context.upload_sessions.all();
    let own = all.values().filter(|s| s.owner.user == owner.user).count();
    if own >= UPLOAD_SESSIONS_A_PERSON {
        return Err(DomainError::TooMany(UPLOAD_IDLE));
    }
    if all.len() >= UPLOAD_SESSIONS {
        let oldest = all.iter().min_by_key(|(_, s)| s.touched);
        let idle = oldest.filter(|(_, s)| now.duration_since(s.touched) > UPLOAD_IDLE);
        let Some(id) = idle.map(|(id, _)| id.clone()) else {
            let text = "Too many uploads are under way on this server; try again in a few minutes.";
            return Err(DomainError::Busy(text.into()));
        };
        all.remove(&id);
    }
    let id = uuid::Uuid::new_v4().to_string();
    let session = UploadSession {
        owner,
        size,
        sha256,
        upload: Arc::new(tokio::sync::Mutex::new(Some(upload))),
        writer: CancellationToken::new(),
        touched: now,
    };
    all.insert(id.clone(), session);
    Ok(UploadStatus {
        id,
        size,
        offset: 0,
    })
}

/// Cancels the request that writes at present, and makes the caller the writer.
fn lock_session(
    context: &Context,
    scope: &Scope<Product>,
    id: &str,
) -> Result<(u64, SharedUpload, CancellationToken)> {
    let mut all = context.upload_sessions.all();
    let found = all.get_mut(id).filter(|s| s.owner == owner(scope));
    let session = found.ok_or(DomainError::NotFound)?;
    session.touched = Instant::now();
    session.writer.cancel();
    session.writer = CancellationToken::new();
    Ok((session.size, session.upload.clone(), session.writer.clone()))
}

/// The state of an upload. A request that still writes to it is cancelled: a client that asks for the offset
/// has given up that request.
///
/// # Errors
/// [`DomainError::NotFound`] when the person has no such upload.
pub async fn status(context: &Context, scope: &Scope<Product>, id: &str) -> Result<UploadStatus> {
    let (size, upload, _) = lock_session(context, scope, id)?;
    let upload = upload.lock().await;
    let offset = upload.as_ref().ok_or(DomainError::NotFound)?.received();
    Ok(UploadStatus {
        id: id.to_owned(),
        size,
        offset,
    })
}

/// Appends bytes from `offset` on.
///
/// # Errors
/// [`DomainError::NotFound`] when there is no such upload; [`DomainError::Conflict`] with the right offset when
/// `offset` is another; [`DomainError::TooLarge`] for more than was announced. When the stream breaks off, the
/// bytes until there are kept.
pub async fn write<S, E>(
    context: &Context,
    scope: &Scope<Product>,
    id: &str,
    offset: u64,
    mut body: S,
) -> Result<UploadStatus>
where
    S: Stream<Item = std::result::Result<Bytes, E>> + Unpin,
{
    let (size, upload, ended) = lock_session(context, scope, id)?;
    let _place = reserve_slot(context, scope.person().id).await?;
    let mut upload = upload.lock().await;
    let upload = upload.as_mut().ok_or(DomainError::NotFound)?;
    if upload.received() != offset {
        let text = format!(
            "The upload stands at byte {}, not at {offset}; go on from there.",
            upload.received()
        );
        return Err(DomainError::Conflict(text));
    }
    let cut = || DomainError::Bad("the upload broke off; what came is kept".into());
    let mut pace = Pace::begin();
    loop {
        let next = tokio::time::timeout(UPLOAD_STALL, body.next());
        let next = ended.run_until_cancelled(next).await.ok_or_else(cut)?;
        let Some(chunk) = next.map_err(|_| cut())? else {
            break;
        };
        let chunk = chunk.map_err(|_| cut())?;
        if !pace.keeps(chunk.len()) {
            return Err(cut());
        }
        if upload.received() + chunk.len() as u64 > size {
            return Err(DomainError::TooLarge);
        }
        if let Err(e) = upload.write(chunk).await {
            // After a failed write the file's content is unknown, so the upload cannot be continued.
            context.upload_sessions.all().remove(id);
            return Err(e);
        }
    }
    Ok(UploadStatus {
        id: id.to_owned(),
        size,
        offset: upload.received(),
    })
}

/// Cancels an upload.
///
/// # Errors
/// [`DomainError::NotFound`] when the person has no such upload.
pub fn cancel(context: &Context, scope: &Scope<Product>, id: &str) -> Result<()> {
    lock_session(context, scope, id)?;
    context.upload_sessions.all().remove(id);
    Ok(())
}

/// Takes the complete upload out of the sessions. From here on it cannot be continued.
async fn take_complete(context: &Context, scope: &Scope<Product>, id: &str) -> Result<Upload> {
    let (size, slot, _) = lock_session(context, scope, id)?;
    let mut slot = slot.lock().await;
    let at = slot.as_ref().ok_or(DomainError::NotFound)?.received();
    if at != size {
        let text = format!("The upload stands at byte {at} of {size}; send the rest first.");
        return Err(DomainError::Conflict(text));
    }
    let mut upload = slot.take().ok_or(DomainError::NotFound)?;
    let session = context
        .upload_sessions
        .all()
        .remove(id)
        .ok_or(DomainError::NotFound)?;
    upload.expect(session.sha256);
    Ok(upload)
}

/// Runs work in a task of its own, so that it is completed even when the client disconnects, and waits for its
/// result.
async fn finished<T: Send + 'static>(
    context: &Context,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let done = context.background.spawn(work).await;
    done.map_err(|e| DomainError::Fault(e.to_string()))?
}

/// Turns a complete upload into a firmware.
///
/// # Errors
/// The errors of an upload in one request. The received file is deleted then.
pub async fn firmware(context: &Context, scope: Scope<Product>, id: &str) -> Result<FirmwareRow> {
    let (upload, task) = (take_complete(context, &scope, id).await?, context.clone());
    finished(context, async move { upload.finish(&task, &scope).await }).await
}

/// Turns a complete upload into an archive.
///
/// # Errors
/// The errors of an upload in one request. The received file is deleted then.
pub async fn archive(context: &Context, scope: Scope<Product>, id: &str) -> Result<ArchiveRow> {
    let (upload, task) = (take_complete(context, &scope, id).await?, context.clone());
    let work = async move { archives::finish(&task, &scope, upload).await };
    finished(context, work).await
}

#[cfg(test)]
mod tests;
