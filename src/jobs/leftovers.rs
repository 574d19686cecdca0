//! Removes stored files that no row names: a file is stored before its row is written, and deleted after its row is.

use crate::app::App;
use crate::domain::catalog::file_store;
use crate::ids::FileKey;
use crate::limits::{LEFTOVER_AGE, LEFTOVERS_EVERY};
use crate::store;
use crate::store::catalog::files::{self, FileKind};
use crate::store::catalog::uploads;
use tokio_util::sync::CancellationToken;

/// Looks now and then until it is told to stop.
pub async fn run(app: App, stop: CancellationToken) {
    let mut tick = app.clock().every(LEFTOVERS_EVERY);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        let kinds = [FileKind::Firmware, FileKind::Archive, FileKind::Delta];
        let folders = kinds.map(FileKind::folder);
        for folder in folders.into_iter().chain([uploads::FOLDER]) {
            match stop.run_until_cancelled(remove(&app, folder)).await {
                Some(Ok(())) => {}
                Some(Err(e)) => {
                    tracing::warn!(error = %e, "left-over files not removed, the next look tries again");
                }
                None => return,
            }
        }
    }
}

async fn remove(app: &App, folder: &str) -> anyhow::Result<()> {
    file_store::claim(&app.db, &app.blobs).await?;
    let old = app.blobs.names(folder, LEFTOVER_AGE, app.now()).await?;
    for some in old.chunks(100) {
        for file in unknown(app, folder, some.to_vec()).await? {
            app.blobs.remove(&file).await?;
            tracing::info!(%file, "a stored file that nothing names any more is removed");
        }
    }
    Ok(())
}

/// Of these names in a folder those that no row has.
async fn unknown(app: &App, folder: &str, names: Vec<String>) -> store::Result<Vec<FileKey>> {
    let mut r = app.db.read().await?;
    if folder == uploads::FOLDER {
        uploads::unknown(&mut r, names).await
    } else {
        files::unknown(&mut r, names).await
    }
}
