//! Group commit: what arrives at device rate shares transactions instead of having one each.

use super::engine::waits::StoreWaits;
use super::{Db, Error, Result, Write};
use crate::limits::{
    BATCH_BUSY, BATCH_GATHER, BATCH_PATIENCE, BATCH_QUEUE, BATCH_RETRY, BATCH_ROWS,
};
use std::future::Future;
use tokio::sync::{mpsc, oneshot};

/// Writes records together. A record may be written twice when the first transaction failed for another record's sake, so
/// it must only depend on itself and the database.
pub trait Writer: Send + Sync + 'static {
    /// What is written.
    type Record: Send + Sync + 'static;

    /// What its sender learns.
    type Outcome: Send + 'static;

    /// Records are written in this order inside a batch (the sort is stable), so that two writers lock rows in one order.
    fn key(record: &Self::Record) -> i64;

    /// Writes records inside the batch's transaction; an outcome for each, in their order. An error fails all of them, and
    /// then each is tried by itself.
    fn write(
        &self,
        w: &mut Write,
        records: &[&Self::Record],
    ) -> impl Future<Output = Result<Vec<Result<Self::Outcome>>>> + Send;

    /// Whether something is to be read for an outcome when it is committed.
    fn asks(_: &Self::Outcome) -> bool {
        false
    }

    /// Reads what these outcomes ask for, outside of any transaction.
    fn ask(_: &Db, _: &mut [Self::Outcome]) -> impl Future<Output = Result<()>> + Send {
        std::future::ready(Ok(()))
    }

    /// Tidies up after a batch that is committed and answered.
    fn tidy(&self, _: &Db, _: &[&Self::Record]) -> impl Future<Output = Result<()>> + Send {
        std::future::ready(Ok(()))
    }
}

type Answer<W> = oneshot::Sender<Result<<W as Writer>::Outcome>>;
type Slot<W> = (<W as Writer>::Record, Answer<W>);
type Outcomes<W> = Vec<Result<<W as Writer>::Outcome>>;

/// The sending side: bounded, so that a slow database slows its senders down.
pub struct Batcher<W: Writer> {
    queue: mpsc::Sender<Slot<W>>,
    waits: StoreWaits,
}

impl<W: Writer> Clone for Batcher<W> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
            waits: self.waits.clone(),
        }
    }
}

impl<W: Writer> Batcher<W> {
    /// The sender and the task that writes; the task ends when every sender is gone and the queue is empty.
    pub fn new(db: Db, writer: W) -> (Self, impl Future<Output = ()> + Send) {
        let (queue, records) = mpsc::channel(BATCH_QUEUE);
        let waits = db.waits().clone();
        (Self { queue, waits }, write_all(db, writer, records))
    }

    /// Writes a record and waits until it is committed.
    pub async fn write(&self, record: W::Record) -> Result<W::Outcome> {
        let _wait = self.waits.begin();
        let (answer, committed) = oneshot::channel();
        self.queue
            .send((record, answer))
            .await
            .map_err(|_| Error::Stopping)?;
        committed.await.map_err(|_| Error::Stopping)?
    }
}

/// Takes whatever is waiting, up to the limit, into one transaction: a quiet server commits at once, a busy one gathers for a
/// moment, since a transaction costs its statements and hand-overs between threads however few records it has.
async fn write_all<W: Writer>(db: Db, writer: W, mut records: mpsc::Receiver<Slot<W>>) {
    let mut batch = Vec::with_capacity(BATCH_ROWS);
    while records.recv_many(&mut batch, BATCH_ROWS).await > 0 {
        batch.sort_by_key(|(r, _)| W::key(r));
        let (taken, senders): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
        let taken: Vec<&W::Record> = taken.iter().collect();
        match persist(&db, &writer, &taken).await {
            Ok(outcomes) => answer::<W>(&db, senders, outcomes),
            Err(e) if e.is_unavailable() => {
                tracing::error!(error = %e, records = taken.len(), "what devices said is lost: the database was away for too long");
                for to in senders {
                    let _ = to.send(Err(e.clone()));
                }
                continue;
            }
            Err(e) if taken.len() == 1 => {
                for to in senders {
                    let _ = to.send(Err(e.clone()));
                }
                continue;
            }
            Err(e) => {
                tracing::debug!(error = %e, records = taken.len(), "batch failed, writing one by one");
                for (record, to) in taken.iter().zip(senders) {
                    let alone = one(&db, &writer, record).await;
                    answer::<W>(&db, vec![to], vec![alone]);
                }
            }
        }
        if let Err(e) = writer.tidy(&db, &taken).await {
            tracing::warn!(error = %e, "what is kept of devices beyond its bounds was not deleted");
        }
        if taken.len() >= BATCH_BUSY && records.len() < BATCH_ROWS {
            tokio::time::sleep(BATCH_GATHER).await;
        }
    }
}

/// Tells the senders what came of their records. Those whose outcomes ask for something wait until it is read, while the next
/// batch is written.
fn answer<W: Writer>(db: &Db, senders: Vec<Answer<W>>, outcomes: Outcomes<W>) {
    let (mut asking, mut asked) = (Vec::new(), Vec::new());
    for (to, outcome) in senders.into_iter().zip(outcomes) {
        match outcome {
            Ok(outcome) if W::asks(&outcome) => {
                asking.push(to);
                asked.push(outcome);
            }
            // The sender may have gone away; the record is written all the same.
            outcome => {
                let _ = to.send(outcome);
            }
        }
    }
    if asking.is_empty() {
        return;
    }
    let db = db.clone();
    tokio::spawn(async move {
        let read = W::ask(&db, &mut asked).await;
        for (to, outcome) in asking.into_iter().zip(asked) {
            let _ = to.send(read.clone().map(|()| outcome));
        }
    });
}

/// Writes a batch, and goes on trying while the engine itself is away or full: the records wait here and their senders
/// behind the queue, both bounded. Nothing is tried one by one meanwhile, since each try would wait for the engine too.
async fn persist<W: Writer>(db: &Db, writer: &W, batch: &[&W::Record]) -> Result<Outcomes<W>> {
    // Its senders may have given up by the time that the database is back.
    let _wait = db.waits().begin();
    let begun = tokio::time::Instant::now();
    let mut pause = BATCH_RETRY;
    let mut told = false;
    loop {
        match together(db, writer, batch).await {
            Err(e) if e.is_unavailable() && begun.elapsed() < BATCH_PATIENCE => {
                if !told {
                    tracing::warn!(error = %e, records = batch.len(), "the database is away; what devices say waits");
                    told = true;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(BATCH_RETRY * 16);
            }
            Err(Error::Conflict) if begun.elapsed() < BATCH_PATIENCE => {
                tracing::debug!(
                    records = batch.len(),
                    "a batch met another change of the same rows; it is written again"
                );
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

async fn together<W: Writer>(db: &Db, writer: &W, batch: &[&W::Record]) -> Result<Outcomes<W>> {
    let mut w = db.write().await?;
    let outcomes = writer.write(&mut w, batch).await?;
    w.commit().await?;
    Ok(outcomes)
}

async fn one<W: Writer>(db: &Db, writer: &W, record: &W::Record) -> Result<W::Outcome> {
    let outcomes = together(db, writer, &[record]).await?;
    outcomes.into_iter().next().unwrap_or(Err(Error::Stopping))
}
