//! Resumable uploads in several requests. An upload is a row, and what came of it is in the file store in parts, so that every node of
//! the database goes on with it, also after a restart.
//!
//! A request that is stuck on a dead connection may hold bytes that came and are not stored yet. A newer request about the same upload
//! makes it stop, and waits until it has stored them ([`handed_over`]).

mod finish;
mod keeper;
mod pace;
mod parts;
mod storing;
mod write;

pub use finish::{archive, firmware};
pub use pace::Pace;
pub use write::write;

use crate::access::scope::{Product, Scope};
use crate::budget::Slot;
use crate::domain::Context;
use crate::domain::error::field;
use crate::domain::{DomainError, Result};
use crate::ids::{FileKey, UserId};
use crate::limits::{
    UPLOAD_BYTES, UPLOAD_HANDOVER, UPLOAD_HANDOVER_LOOK, UPLOAD_IDLE, UPLOAD_LIFE, UPLOAD_SESSIONS,
    UPLOAD_SESSIONS_A_PERSON, UPLOAD_WAIT,
};
use crate::store::catalog::uploads::{self, UploadRow, UploadState};
use crate::store::{self, Write};
use std::time::{Duration, Instant};

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

/// A number of bytes as the database has it.
fn bytes(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
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
    let possible = |size: &i64| (1..=UPLOAD_BYTES).contains(&bytes(*size));
    let text = format!("must be between 1 and {UPLOAD_BYTES}");
    let size = size.filter(possible).ok_or_else(|| field("size", &text))?;
    let sha256 = sha256.unwrap_or_default().to_ascii_uppercase();
    if sha256.len() != 64 || !sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(field(
            "sha256",
            "must be the file's SHA-256 in 64 hex digits",
        ));
    }
    context.require_room()?;
    let now = context.now();
    let mut w = context.db.write().await?;
    uploads::turn(&mut w).await?;
    let mut files = remove_expired(&mut w, context).await?;
    let known = uploads::same(&mut w, scope, size, &sha256, now).await?;
    let id = match &known {
        Some(known) => known.clone(),
        None => {
            files.extend(make_room(&mut w, context, scope.person().id).await?);
            uploads::add(&mut w, scope, size, &sha256, now).await?
        }
    };
    w.commit().await?;
    discard(context, files);
    if known.is_some() {
        return go_on(context, scope, id.as_str()).await;
    }
    Ok(UploadStatus {
        id: id.as_str().to_owned(),
        size: bytes(size),
        offset: 0,
    })
}

/// Makes sure that one more upload may begin; the files of the idle one that had to make room for it.
async fn make_room(w: &mut Write, context: &Context, person: UserId) -> Result<Vec<FileKey>> {
    let now = context.now();
    let most = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let there_are = uploads::counts(w, person, now).await?;
    if there_are.own >= most(UPLOAD_SESSIONS_A_PERSON) {
        return Err(DomainError::TooMany(UPLOAD_IDLE));
    }
    if there_are.total < most(UPLOAD_SESSIONS) {
        return Ok(Vec::new());
    }
    match uploads::idle(w, now.before(UPLOAD_IDLE), now, 1)
        .await?
        .first()
    {
        Some(idle) => Ok(uploads::remove(w, idle).await?),
        None => Err(DomainError::Busy(
            "Too many uploads are under way on this server; try again in a few minutes.".into(),
        )),
    }
}

/// Ends the uploads that nobody goes on with; the files of their parts.
async fn remove_expired(w: &mut Write, context: &Context) -> store::Result<Vec<FileKey>> {
    let now = context.now();
    let most = i64::try_from(UPLOAD_SESSIONS).unwrap_or(i64::MAX);
    let mut expired = uploads::idle(w, now.before(UPLOAD_LIFE), now, most).await?;
    // In the same order everywhere, since two nodes may do this at once.
    expired.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    let mut files = Vec::new();
    for id in &expired {
        files.extend(uploads::remove(w, id).await?);
    }
    Ok(files)
}

/// Ends the uploads that nobody goes on with, and removes what came of them.
///
/// # Errors
/// Those of the database.
pub async fn expire(context: &Context) -> store::Result<()> {
    let now = context.now();
    let mut r = context.db.read().await?;
    let expired = uploads::idle(&mut r, now.before(UPLOAD_LIFE), now, 1).await?;
    drop(r);
    if expired.is_empty() {
        return Ok(());
    }
    let mut w = context.db.write().await?;
    let files = remove_expired(&mut w, context).await?;
    w.commit().await?;
    discard(context, files);
    Ok(())
}

/// Removes stored parts that no row names any more. Nobody waits for it, and what cannot be removed now is left to `jobs::leftovers`.
fn discard(context: &Context, files: Vec<FileKey>) {
    if files.is_empty() {
        return;
    }
    let blobs = context.blobs.clone();
    context.background.spawn(async move {
        for file in files {
            if let Err(e) = blobs.remove(&file).await {
                tracing::warn!(%file, error = %e, "a part of an upload is left over");
            }
        }
    });
}

/// Makes the caller the newest request about an upload, which older ones give way to.
async fn claim(context: &Context, scope: &Scope<Product>, id: &str) -> Result<UploadRow> {
    let mut w = context.db.write().await?;
    let claimed = uploads::claim(&mut w, scope, id, context.now()).await?;
    w.commit().await?;
    claimed.ok_or(DomainError::NotFound)
}

/// Waits until no request stores parts of the upload any more. One that takes too long is taken for dead: it stores nothing from then
/// on.
async fn handed_over(context: &Context, claimed: &UploadRow) -> Result<UploadState> {
    let until = Instant::now() + UPLOAD_HANDOVER;
    let mut state = UploadState {
        writer: claimed.writer,
        holder: claimed.holder,
        received: claimed.received,
    };
    while let Some(holder) = state.holder {
        if Instant::now() >= until {
            let mut w = context.db.write().await?;
            uploads::release(&mut w, &claimed.id, holder).await?;
            w.commit().await?;
        } else {
            tokio::time::sleep(UPLOAD_HANDOVER_LOOK).await;
        }
        let mut r = context.db.read().await?;
        let now = uploads::state(&mut r, &claimed.id).await?;
        state = now.ok_or(DomainError::NotFound)?;
    }
    Ok(state)
}

/// The state of an upload. A request that still writes to it stores what came and ends: a client that asks for
/// the offset has given up that request. Without one nothing is changed.
///
/// # Errors
/// [`DomainError::NotFound`] when the person has no such upload.
pub async fn status(context: &Context, scope: &Scope<Product>, id: &str) -> Result<UploadStatus> {
    let mut r = context.db.read().await?;
    let found = uploads::find(&mut r, scope, id, context.now()).await?;
    drop(r);
    let found = found.ok_or(DomainError::NotFound)?;
    if found.holder.is_some() {
        return go_on(context, scope, id).await;
    }
    Ok(UploadStatus {
        id: id.to_owned(),
        size: bytes(found.size),
        offset: bytes(found.received),
    })
}

/// The state of an upload that the person goes on with.
async fn go_on(context: &Context, scope: &Scope<Product>, id: &str) -> Result<UploadStatus> {
    let claimed = claim(context, scope, id).await?;
    let state = handed_over(context, &claimed).await?;
    Ok(UploadStatus {
        id: id.to_owned(),
        size: bytes(claimed.size),
        offset: bytes(state.received),
    })
}

/// Cancels an upload.
///
/// # Errors
/// [`DomainError::NotFound`] when the person has no such upload.
pub async fn cancel(context: &Context, scope: &Scope<Product>, id: &str) -> Result<()> {
    let mut w = context.db.write().await?;
    let claimed = uploads::claim(&mut w, scope, id, context.now()).await?;
    let claimed = claimed.ok_or(DomainError::NotFound)?;
    let files = uploads::remove(&mut w, &claimed.id).await?;
    w.commit().await?;
    discard(context, files);
    Ok(())
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

#[cfg(test)]
mod tests;
