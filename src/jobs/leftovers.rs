//! Removes stored files that no row names: a file is stored before its row is written, and deleted after its row is.

use crate::app::App;
use crate::domain::catalog::file_store;
use crate::limits::{LEFTOVER_AGE, LEFTOVERS_EVERY};
use crate::store::catalog::files::{self, FileKind};
use tokio_util::sync::CancellationToken;

/// Looks now and then until it is told to stop.
pub async fn run(app: App, stop: CancellationToken) {
    let mut tick = app.clock().every(LEFTOVERS_EVERY);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        for kind in [FileKind::Firmware, FileKind::Archive, FileKind::Delta] {
            match stop.run_until_cancelled(remove(&app, kind)).await {
                Some(Ok(())) => {}
                Some(Err(e)) => {
                    tracing::warn!(error = %e, "left-over files not removed, the next look tries again");
                }
                None => return,
            }
        }
    }
}

async fn remove(app: &App, kind: FileKind) -> anyhow::Result<()> {
    file_store::claim(&app.db, &app.blobs).await?;
    let old = app
        .blobs
        .names(kind.folder(), LEFTOVER_AGE, app.now())
        .await?;
    for some in old.chunks(100) {
        let mut r = app.db.read().await?;
        let unknown = files::unknown(&mut r, some.to_vec()).await?;
        drop(r);
        for file in unknown {
            app.blobs.remove(&file).await?;
            tracing::info!(%file, "a stored file that nothing names any more is removed");
        }
    }
    Ok(())
}
