//! The scrub job: reads all stored files slowly and continuously, so that silent damage on the disk is found
//! before a device needs the file.

use super::each_tick;
use crate::access::random_id;
use crate::app::App;
use crate::blob::Look;
use crate::domain::catalog::stored_files::{FileError, require_sound};
use crate::limits::{DAMAGED_LOOK_EVERY, SCRUB_PAUSE, SCRUB_RATE};
use crate::store::catalog::files::{self, FileKind, FileRow};
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Reads all files until `stop` is cancelled.
pub async fn all(app: App, stop: CancellationToken) {
    let mut first = true;
    loop {
        for kind in [FileKind::Firmware, FileKind::Archive, FileKind::Delta] {
            // It starts at a random file: a server that is restarted daily would otherwise never reach its last
            // files.
            let from = if first {
                somewhere(&app, kind).await
            } else {
                0
            };
            if stop
                .run_until_cancelled(walk(&app, kind, from))
                .await
                .is_none()
            {
                return;
            }
        }
        first = false;
        if stop
            .run_until_cancelled(app.clock().sleep(SCRUB_PAUSE))
            .await
            .is_none()
        {
            return;
        }
    }
}

/// Checks damaged files again, so that a repaired file is used within a minute.
pub async fn damaged(app: App, stop: CancellationToken) {
    let failed = "damaged files not looked at";
    each_tick(
        app.clock().every(DAMAGED_LOOK_EVERY),
        Duration::ZERO,
        stop,
        failed,
        || {
            let app = app.clone();
            async move {
                let mut r = app.db.read().await?;
                let found = files::damaged(&mut r).await?;
                drop(r);
                for file in found {
                    said(require_sound(&app, &file, Look::Known).await);
                }
                Ok(false)
            }
        },
    )
    .await;
}

/// A random id up to the highest one of this kind of file.
async fn somewhere(app: &App, kind: FileKind) -> i64 {
    let Ok(mut r) = app.db.read().await else {
        return 0;
    };
    let last = files::last(&mut r, kind).await.unwrap_or(0);
    random_id().checked_rem(last).map_or(0, i64::abs)
}

async fn walk(app: &App, kind: FileKind, from: i64) {
    let mut after = from;
    loop {
        match next(app, kind, after).await {
            Ok(Some(file)) => {
                after = file.id;
                said(require_sound(app, &file, Look::Anew).await);
                let pause = Duration::from_millis(file.size * 1_000 / SCRUB_RATE);
                sleep(pause.max(Duration::from_millis(10))).await;
            }
            Ok(None) => return,
            Err(e) => {
                tracing::warn!(error = %e, "stored files not looked at, tried again soon");
                sleep(Duration::from_secs(60)).await;
            }
        }
    }
}

async fn next(app: &App, kind: FileKind, after: i64) -> crate::store::Result<Option<FileRow>> {
    let mut r = app.db.read().await?;
    files::next(&mut r, kind, after).await
}

/// Logs why a file could not be checked. Damage itself was reported where it was found.
fn said(found: Result<(), FileError>) {
    match found {
        Ok(()) | Err(FileError::Damaged(..) | FileError::Remade) => {}
        Err(e) => tracing::warn!(error = %e, "a stored file was not looked at"),
    }
}
