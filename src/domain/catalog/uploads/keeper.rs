//! Keeps what a request brings of an upload.

use super::parts::PartFile;
use super::storing::Storing;
use super::write::cut;
use crate::domain::{Context, DomainError, Result};
use crate::limits::{UPLOAD_LOOK, UPLOAD_PART_TIME, UPLOAD_STOP_TIME};
use crate::store::catalog::uploads::UploadRow;
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

/// Stores the bytes of a request in parts. A part is being stored while the next one comes.
pub struct Keeper {
    storing: Storing,
    /// Bytes that came, with those of requests before.
    received: u64,
    part: Option<PartFile>,
    stored: Option<JoinHandle<Result<()>>>,
}

impl Keeper {
    /// One for the request that has claimed an upload.
    pub fn new(context: &Context, claimed: &UploadRow) -> Self {
        Self {
            storing: Storing::new(context, claimed),
            received: 0,
            part: None,
            stored: None,
        }
    }

    /// Stores what comes until the request ends or a newer one is there; the bytes that are stored then. `ready` hears when the
    /// first byte is waited for.
    pub async fn run(
        mut self,
        claimed: &UploadRow,
        offset: u64,
        ready: oneshot::Sender<()>,
        mut chunks: mpsc::Receiver<Bytes>,
    ) -> Result<u64> {
        self.received = self.storing.take_over(claimed).await?;
        if self.received != offset {
            let text = format!(
                "The upload stands at byte {}, not at {offset}; go on from there.",
                self.received
            );
            self.storing.give_up().await;
            return Err(DomainError::Conflict(text));
        }
        // A client that is gone already sends nothing.
        let _ = ready.send(());
        let received = self.receive(&mut chunks).await;
        // Ends the request also while it waits for bytes.
        drop(chunks);
        let kept = match received {
            Ok(ended) => self.rest().await.map(|()| ended),
            Err(e) => Err(e),
        };
        match kept {
            Ok(Ended::Whole) => Ok(self.received),
            Ok(Ended::Cut) => Err(cut()),
            Err(e) => {
                self.storing.give_up().await;
                Err(e)
            }
        }
    }

    /// Takes what comes, until there is no more of it, a newer request has come, or the server stops.
    async fn receive(&mut self, chunks: &mut mpsc::Receiver<Bytes>) -> Result<Ended> {
        let mut looks = interval_at(Instant::now() + UPLOAD_LOOK, UPLOAD_LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stopping = self.storing.context.stopping.clone();
        let stopped = async {
            stopping.cancelled().await;
            sleep(UPLOAD_STOP_TIME).await;
        };
        tokio::pin!(stopped);
        loop {
            tokio::select! {
                chunk = chunks.recv() => match chunk {
                    Some(chunk) => self.write(chunk).await?,
                    None => return Ok(Ended::Whole),
                },
                () = &mut stopped => return Ok(Ended::Cut),
                _ = looks.tick() => {
                    if self.storing.is_superseded().await {
                        return Ok(Ended::Cut);
                    }
                    if self.part.as_ref().is_some_and(|p| p.begun.elapsed() > UPLOAD_PART_TIME) {
                        self.store_part().await?;
                    }
                }
            }
        }
    }

    async fn write(&mut self, mut chunk: Bytes) -> Result<()> {
        while !chunk.is_empty() {
            let part = match self.part.take() {
                Some(part) => part,
                None => PartFile::begin(&self.storing.context, self.received)?,
            };
            let before = chunk.len();
            let part = part.write(&mut chunk).await?;
            self.received += (before - chunk.len()) as u64;
            let full = part.is_full();
            self.part = Some(part);
            if full {
                self.store_part().await?;
            }
        }
        Ok(())
    }

    /// Begins to store the part, after the one before it.
    async fn store_part(&mut self) -> Result<()> {
        self.stored().await?;
        if let Some(part) = self.part.take() {
            let storing = self.storing.clone();
            let tasks = &self.storing.context.background;
            self.stored = Some(tasks.spawn(async move { storing.store(part, false).await }));
        }
        Ok(())
    }

    /// Waits for the part that is being stored.
    async fn stored(&mut self) -> Result<()> {
        match self.stored.take() {
            Some(stored) => stored
                .await
                .map_err(|e| DomainError::Fault(e.to_string()))?,
            None => Ok(()),
        }
    }

    /// Stores what has not been stored, and gives the upload to the next request.
    async fn rest(&mut self) -> Result<()> {
        self.stored().await?;
        match self.part.take() {
            Some(part) => self.storing.store(part, true).await,
            None => self.storing.release().await,
        }
    }
}

/// Why a request brings no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// There is no more of it, or its connection broke.
    Whole,
    /// A newer one has come, or the server stops.
    Cut,
}
