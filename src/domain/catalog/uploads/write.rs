//! A request that brings bytes of an upload. A task of its own stores them ([`Keeper`]), so that what came is kept however the request
//! ends: the future of a request whose client has gone away is dropped.

use super::keeper::Keeper;
use super::{Pace, UploadStatus, bytes, claim, reserve_slot};
use crate::access::scope::{Product, Scope};
use crate::domain::{Context, DomainError, Result};
use crate::limits::{UPLOAD_CHUNKS, UPLOAD_STALL};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// The answer to a request that ended before its last byte.
pub(super) fn cut() -> DomainError {
    DomainError::Bad("the upload broke off; what came is kept".into())
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
    body: S,
) -> Result<UploadStatus>
where
    S: Stream<Item = std::result::Result<Bytes, E>> + Unpin,
{
    let claimed = claim(context, scope, id).await?;
    let slot = reserve_slot(context, scope.person().id).await?;
    let size = bytes(claimed.size);
    let (to, chunks) = mpsc::channel(UPLOAD_CHUNKS);
    let (ready, begins) = oneshot::channel();
    let keeper = Keeper::new(context, &claimed);
    let keeping = context.background.spawn(async move {
        let kept = keeper.run(&claimed, offset, ready, chunks).await;
        drop(slot);
        kept
    });
    let sent = match begins.await {
        Ok(()) => send(body, size - offset, to).await,
        // The keeper says why.
        Err(_) => Ok(()),
    };
    let kept = keeping
        .await
        .map_err(|e| DomainError::Fault(e.to_string()))?;
    let offset = kept?;
    sent?;
    Ok(UploadStatus {
        id: id.to_owned(),
        size,
        offset,
    })
}

/// Passes a body on to whoever keeps it, as long as it comes fast enough and is not longer than `left`.
async fn send<S, E>(mut body: S, mut left: u64, to: mpsc::Sender<Bytes>) -> Result<()>
where
    S: Stream<Item = std::result::Result<Bytes, E>> + Unpin,
{
    let mut pace = Pace::begin();
    loop {
        let next = tokio::select! {
            next = timeout(UPLOAD_STALL, body.next()) => next.map_err(|_| cut())?,
            () = to.closed() => return Err(cut()),
        };
        let Some(chunk) = next else {
            return Ok(());
        };
        let chunk = chunk.map_err(|_| cut())?;
        if !pace.keeps(chunk.len()) {
            return Err(cut());
        }
        left = left
            .checked_sub(chunk.len() as u64)
            .ok_or(DomainError::TooLarge)?;
        to.send(chunk).await.map_err(|_| cut())?;
    }
}
