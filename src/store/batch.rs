//! Group commit: what arrives at device rate shares transactions instead of having one each.

use super::{Db, Error, Result, Write};
use crate::limits::{BATCH_PATIENCE, BATCH_QUEUE, BATCH_RETRY, BATCH_ROWS};
use std::future::Future;
use tokio::sync::{mpsc, oneshot};

/// A change that can be written together with others. It may be applied twice when the first transaction failed for
/// another record's sake, so it must only depend on itself and the database.
pub trait Record: Send + Sync + 'static {
    /// What its sender learns.
    type Answer: Send + 'static;

    /// Records are applied in this order inside a batch (the sort is stable), so that two writers lock rows in one order.
    fn key(&self) -> i64;

    /// Applies it inside the batch's transaction.
    fn apply(&self, w: &mut Write) -> impl Future<Output = Result<Self::Answer>> + Send;
}

type Slot<R> = (R, oneshot::Sender<Result<<R as Record>::Answer>>);

/// The sending side: bounded, so that a slow database slows its senders down.
pub struct Batcher<R: Record> {
    queue: mpsc::Sender<Slot<R>>,
}

impl<R: Record> Clone for Batcher<R> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
        }
    }
}

impl<R: Record> Batcher<R> {
    /// The sender and the task that writes; the task ends when every sender is gone and the queue is empty.
    pub fn new(db: Db) -> (Self, impl Future<Output = ()> + Send) {
        let (queue, records) = mpsc::channel(BATCH_QUEUE);
        (Self { queue }, write_all(db, records))
    }

    /// Writes a record and waits until it is committed.
    pub async fn write(&self, record: R) -> Result<R::Answer> {
        let (answer, committed) = oneshot::channel();
        self.queue
            .send((record, answer))
            .await
            .map_err(|_| Error::Stopping)?;
        committed.await.map_err(|_| Error::Stopping)?
    }
}

/// Takes whatever is waiting, up to the limit, into one transaction: a quiet server commits at once, a busy one by
/// the hundred, without a timer in between.
async fn write_all<R: Record>(db: Db, mut records: mpsc::Receiver<Slot<R>>) {
    let mut batch = Vec::with_capacity(BATCH_ROWS);
    while records.recv_many(&mut batch, BATCH_ROWS).await > 0 {
        batch.sort_by_key(|(r, _)| r.key());
        let taken = std::mem::take(&mut batch);
        match persist(&db, &taken).await {
            Ok(answers) => {
                for ((_, to), answer) in taken.into_iter().zip(answers) {
                    // The sender may have gone away; the record is written all the same.
                    let _ = to.send(Ok(answer));
                }
            }
            Err(e) if e.is_unavailable() => {
                tracing::error!(error = %e, records = taken.len(), "what devices said is lost: the database was away for too long");
                for (_, to) in taken {
                    let _ = to.send(Err(e.clone()));
                }
            }
            Err(e) if taken.len() == 1 => {
                for (_, to) in taken {
                    let _ = to.send(Err(e.clone()));
                }
            }
            Err(e) => {
                tracing::debug!(error = %e, records = taken.len(), "batch failed, writing one by one");
                for (record, to) in taken {
                    let alone = one(&db, &record).await;
                    let _ = to.send(alone);
                }
            }
        }
    }
}

/// Writes a batch, and goes on trying while the engine itself is away or full: the records wait here and their senders
/// behind the queue, both bounded. Nothing is tried one by one meanwhile, since each try would wait for the engine too.
async fn persist<R: Record>(db: &Db, batch: &[Slot<R>]) -> Result<Vec<R::Answer>> {
    let begun = tokio::time::Instant::now();
    let mut pause = BATCH_RETRY;
    let mut told = false;
    loop {
        match together(db, batch).await {
            Err(e) if e.is_unavailable() && begun.elapsed() < BATCH_PATIENCE => {
                if !told {
                    tracing::warn!(error = %e, records = batch.len(), "the database is away; what devices say waits");
                    told = true;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(BATCH_RETRY * 16);
            }
            outcome => {
                if told && outcome.is_ok() {
                    tracing::info!(
                        records = batch.len(),
                        "the database is back; what waited is written"
                    );
                }
                return outcome;
            }
        }
    }
}

async fn together<R: Record>(db: &Db, batch: &[Slot<R>]) -> Result<Vec<R::Answer>> {
    let mut w = db.write().await?;
    let mut answers = Vec::with_capacity(batch.len());
    for (record, _) in batch {
        answers.push(record.apply(&mut w).await?);
    }
    w.commit().await?;
    Ok(answers)
}

async fn one<R: Record>(db: &Db, record: &R) -> Result<R::Answer> {
    let mut w = db.write().await?;
    let answer = record.apply(&mut w).await?;
    w.commit().await?;
    Ok(answer)
}
