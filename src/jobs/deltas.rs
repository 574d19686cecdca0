//! The job that makes deltas, one at a time, because both images of a resource are in memory during the work.
//! The row of a delta is also its job, so that after a crash it is taken up again. A delta becomes visible only
//! after it was decoded and compared with the target.

use crate::app::App;
use crate::blob::{Blob, Look, Staged};
use crate::bus::BusMessage;
use crate::delta::bundle;
use crate::domain::catalog::firmware_checks::Digests;
use crate::domain::catalog::stored_files::require_sound;
use crate::firmware::kind::FirmwareKind;
use crate::ids::{FileKey, FirmwareId};
use crate::limits::{DELTA_TIME, DELTA_TRIES, ESP_DELTA_BYTES, TICK};
use crate::store;
use crate::store::catalog::deltas::DeltaRow;
use crate::store::catalog::files::FileKind;
use crate::store::catalog::{deltas, files, firmwares};
use crate::store::words::DeltaState;
use fwup::delta::DeltaError;
use std::fs::File;
use std::io::{BufWriter, Read as _, Write as _};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Runs until `stop` is cancelled.
pub async fn run(app: App, stop: CancellationToken) {
    let mut hints = app.bus.listen();
    let mut tick = app.clock().every(TICK);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
            hint = hints.next() => match hint {
                Some(BusMessage::Delta) => {}
                Some(_) => continue,
                None => return,
            },
        }
        while !stop.is_cancelled() {
            match next(&app).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(e) => {
                    tracing::warn!(error = %e, "delta job not taken, the next tick tries again");
                    break;
                }
            }
        }
    }
}

/// Takes one job and does it. Returns false when there was none.
async fn next(app: &App) -> store::Result<bool> {
    if !app.health.has_room() {
        return Ok(false);
    }
    let now = app.now();
    let mut w = app.db.write().await?;
    let job = deltas::take(&mut w, app.node, now.before(DELTA_TIME), now).await?;
    w.commit().await?;
    let Some(job) = job else { return Ok(false) };
    if job.tries > DELTA_TRIES {
        fail(
            app,
            &job,
            DeltaState::TimedOut,
            "no try of it came to an end in time",
        )
        .await?;
        return Ok(true);
    }
    let started = std::time::Instant::now();
    match make(app, &job).await {
        Ok((sums, file)) => {
            let size = i64::try_from(sums.size).unwrap_or(i64::MAX);
            let (whole, parts) = (&sums.whole, &sums.parts);
            let mut w = app.db.write().await?;
            let (now, node) = (app.now(), app.node);
            let own =
                deltas::completed(&mut w, job.id, node, size, whole, parts, &file, now).await?;
            w.commit().await?;
            if !own {
                tracing::warn!(source = %job.source_id, target = %job.target_id, "a delta was made that another node makes by now; it is left");
                return Ok(true);
            }
            let took = started.elapsed();
            tracing::info!(source = %job.source_id, target = %job.target_id, size, ?took, "delta made");
        }
        Err(Failure::Never(why)) => fail(app, &job, DeltaState::Failed, &why).await?,
        Err(Failure::MayPass(why)) => {
            let now = app.now();
            let pause = retry_pause(now.since(job.inserted_at));
            tracing::warn!(source = %job.source_id, target = %job.target_id, why, ?pause, "delta not made, it is tried again");
            let free = now.before(DELTA_TIME).after(pause);
            let mut w = app.db.write().await?;
            deltas::retry(&mut w, job.id, app.node, &why, free, now).await?;
            w.commit().await?;
        }
    }
    wake_groups(app, job.target_id).await?;
    Ok(true)
}

/// The pause before a failed delta is tried again: half its age, between 15 s and an hour, so that the pauses
/// grow. A full disk or an unreadable file may recover; a pair that can never succeed is marked as such
/// instead.
fn retry_pause(age: Duration) -> Duration {
    (age / 2).clamp(Duration::from_secs(15), Duration::from_secs(3600))
}

async fn fail(app: &App, job: &DeltaRow, status: DeltaState, why: &str) -> store::Result<()> {
    tracing::info!(source = %job.source_id, target = %job.target_id, why, "no delta, full files instead");
    let mut w = app.db.write().await?;
    deltas::not_made(&mut w, job.id, app.node, status, why, app.now()).await?;
    w.commit().await?;
    wake_groups(app, job.target_id).await
}

async fn wake_groups(app: &App, target: FirmwareId) -> store::Result<()> {
    let mut r = app.db.read().await?;
    for (group,) in deltas::groups_of_target(&mut r, target).await? {
        app.wake_group(Some(group));
    }
    Ok(())
}

enum Failure {
    Never(String),
    MayPass(String),
}

async fn make(app: &App, job: &DeltaRow) -> Result<(Digests, FileKey), Failure> {
    let later = |e: &dyn std::fmt::Display| Failure::MayPass(e.to_string());
    let mut r = app.db.read().await.map_err(|e| later(&e))?;
    let target = firmwares::row(&mut r, job.target_id)
        .await
        .map_err(|e| later(&e))?;
    drop(r);
    let target = target.ok_or_else(|| Failure::Never("the target was deleted".into()))?;
    let from = open(app, job.source_id).await?;
    let to = open(app, job.target_id).await?;
    let staged = app.blobs.stage().map_err(|e| later(&e))?;
    let (size, kind) = (
        u64::try_from(target.size).unwrap_or(0),
        FirmwareKind::stored(&target.tool),
    );
    let built = tokio::task::spawn_blocking(move || build(kind, from, to, size, staged));
    let (staged, sums) = built.await.map_err(|e| later(&e))??;
    let file = FileKind::Delta.new_key();
    app.blobs.put(staged, &file).await.map_err(|e| later(&e))?;
    Ok((sums, file))
}

/// Opens the file of a firmware. A damaged file is refused: it may be repaired later, and a delta from it would
/// be wrong.
async fn open(app: &App, firmware: FirmwareId) -> Result<File, Failure> {
    let later = |e: &dyn std::fmt::Display| Failure::MayPass(e.to_string());
    let blob = Blob::Firmware(firmware);
    let mut r = app.db.read().await.map_err(|e| later(&e))?;
    let file = files::of(&mut r, blob).await.map_err(|e| later(&e))?;
    drop(r);
    let file = file.ok_or_else(|| Failure::Never("one of the two was deleted".into()))?;
    require_sound(app, &file, Look::Known)
        .await
        .map_err(|e| later(&e))?;
    app.blobs.open(&file.file).await.map_err(|e| later(&e))
}

fn build(
    kind: FirmwareKind,
    mut from: File,
    mut to: File,
    size: u64,
    mut staged: Staged,
) -> Result<(Staged, Digests), Failure> {
    let disk = |e: std::io::Error| Failure::MayPass(e.to_string());
    if kind == FirmwareKind::EspIdf {
        let patch = patch(&mut from, &mut to)?;
        staged.file().write_all(&patch).map_err(disk)?;
        return finish(staged);
    }
    let out = BufWriter::new(&mut *staged.file());
    bundle(&mut from, &mut to, size, out).map_err(|e: DeltaError| {
        if e.may_pass() {
            Failure::MayPass(e.to_string())
        } else {
            Failure::Never(e.to_string())
        }
    })?;
    finish(staged)
}

fn finish(mut staged: Staged) -> Result<(Staged, Digests), Failure> {
    let disk = |e: std::io::Error| Failure::MayPass(e.to_string());
    let sums = Digests::of(staged.file()).map_err(disk)?;
    Ok((staged, sums))
}

/// Computes the patch between two ESP-IDF images.
fn patch(from: &mut File, to: &mut File) -> Result<Vec<u8>, Failure> {
    let read = |file: &mut File| {
        let mut image = Vec::new();
        // One byte over the limit is enough to detect that the image is too large.
        file.take(ESP_DELTA_BYTES as u64 + 1)
            .read_to_end(&mut image)?;
        Ok(image)
    };
    let disk = |e: std::io::Error| Failure::MayPass(e.to_string());
    let (from, to) = (read(from).map_err(disk)?, read(to).map_err(disk)?);
    detools::create(&from, &to).map_err(|e| Failure::Never(e.to_string()))
}
