//! Uploads in several requests, so that one that was cut goes on where it stopped. They live on the node that began them and
//! end with it: whoever then goes on is told that there is none, and begins anew.

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

/// How an upload stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadStatus {
    /// What names it.
    pub id: String,
    /// Bytes of the whole file.
    pub size: u64,
    /// Bytes that have come: where to go on.
    pub offset: u64,
}

/// Whose upload of which file: the same person who sends the same file goes on with it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owner {
    product: ProductId,
    user: UserId,
}

/// What has come; empty once something is made of it.
type SharedUpload = Arc<tokio::sync::Mutex<Option<Upload>>>;

struct UploadSession {
    owner: Owner,
    size: u64,
    sha256: String,
    upload: SharedUpload,
    /// Ends the request that writes, when another one comes: it may be one whose sender is long gone.
    writer: CancellationToken,
    touched: Instant,
}

/// Uploads that wait for more. What a stranger can fill is bounded.
#[derive(Default)]
pub struct UploadSessions(Mutex<HashMap<String, UploadSession>>);

impl UploadSessions {
    fn all(&self) -> MutexGuard<'_, HashMap<String, UploadSession>> {
        // Nothing is half done when a holder panics: each change is one call.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn owner(scope: &Scope<Product>) -> Owner {
    Owner {
        product: scope.product().id,
        user: scope.person().id,
    }
}

/// A place for receiving a file, after some waiting if need be. Whatever takes a file from a person passes here, so that
/// none is taken when the disk has no room.
///
/// # Errors
/// [`DomainError::TooMany`] while this person's others take its share, [`DomainError::Busy`] while the server has no place.
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

/// Whether an upload comes fast enough to keep its place.
pub struct Pace {
    begun: Instant,
    bytes: u64,
}

impl Pace {
    /// The first byte is awaited.
    pub fn begin() -> Self {
        Self {
            begun: Instant::now(),
            bytes: 0,
        }
    }

    /// Counts what came; false when it was less than [`UPLOAD_RATE`] on average for longer than [`UPLOAD_STALL`]. Each stretch
    /// of time counts by itself, so that what came fast at first does not pay for silence afterwards.
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

/// Begins an upload, or finds the one of the same file that was cut.
///
/// # Errors
/// A size or a sum that cannot be, or too many uploads that wait.
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

/// Takes the turn of the request that writes until now.
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

/// How an upload stands. A request that still writes to it is ended: whoever asks has given that one up.
///
/// # Errors
/// [`DomainError::NotFound`].
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

/// Takes bytes from `offset` on, as far as they come.
///
/// # Errors
/// [`DomainError::NotFound`]; [`DomainError::Conflict`] with the right offset; more than was announced; a stream that broke off, whose
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
            // A disk that fails leaves nothing to go on from.
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

/// Gives an upload up.
///
/// # Errors
/// [`DomainError::NotFound`].
pub fn cancel(context: &Context, scope: &Scope<Product>, id: &str) -> Result<()> {
    lock_session(context, scope, id)?;
    context.upload_sessions.all().remove(id);
    Ok(())
}

/// The whole upload; from here on there is nothing to go on with.
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

/// Waits for work that goes on when the asker does not wait for it.
async fn finished<T: Send + 'static>(
    context: &Context,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let done = context.background.spawn(work).await;
    done.map_err(|e| DomainError::Fault(e.to_string()))?
}

/// Makes a firmware of a whole upload.
///
/// # Errors
/// As for an upload in one request; what was received is gone then.
pub async fn firmware(context: &Context, scope: Scope<Product>, id: &str) -> Result<FirmwareRow> {
    let (upload, task) = (take_complete(context, &scope, id).await?, context.clone());
    finished(context, async move { upload.finish(&task, &scope).await }).await
}

/// Makes an archive of a whole upload.
///
/// # Errors
/// As for an upload in one request; what was received is gone then.
pub async fn archive(context: &Context, scope: Scope<Product>, id: &str) -> Result<ArchiveRow> {
    let (upload, task) = (take_complete(context, &scope, id).await?, context.clone());
    let work = async move { archives::finish(&task, &scope, upload).await };
    finished(context, work).await
}

#[cfg(test)]
mod tests;
