//! Looks every two seconds whether this server can do its work, by doing a little of it.

use crate::access::sha256;
use crate::app::App;
use crate::clock;
use crate::health::Problem;
use crate::limits::{HEALTH_LOOK_EVERY, HEALTH_LOOK_TIME};
use crate::store;
use crate::store::node::nodes;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// What is looked at beside the database.
pub struct Watched {
    /// The data folder, whose disk must keep room.
    pub folder: PathBuf,
    /// Bytes that must stay free.
    pub reserve: u64,
    /// Files that must stay as they are, with a digest of their content.
    pub files: Vec<(PathBuf, [u8; 32])>,
}

/// Looks until the server stops.
pub async fn run(app: App, watched: Watched, stop: CancellationToken) {
    let mut tick = tokio::time::interval(HEALTH_LOOK_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        let found = stop
            .run_until_cancelled(collect_problems(&app, &watched))
            .await;
        app.health.set(found.unwrap_or_default());
    }
}

async fn collect_problems(app: &App, watched: &Watched) -> Vec<Problem> {
    let mut found = Vec::new();
    // The commit is what counts: a full disk lets a transaction begin and fails its end.
    let written = tokio::time::timeout(HEALTH_LOOK_TIME, write(app)).await;
    if !matches!(written, Ok(Ok(()))) {
        found.push(Problem::DatabaseUnavailable);
    }
    if app.db.file().is_some_and(|f| !f.in_place()) {
        found.push(Problem::DatabaseFileReplaced);
    }
    if free(&watched.folder).is_some_and(|free| free < watched.reserve) {
        found.push(Problem::DiskFull);
    }
    let same = |(path, digest): &(PathBuf, [u8; 32])| digest_of(path).is_some_and(|d| d == *digest);
    if !watched.files.iter().all(same) {
        found.push(Problem::SecretsChanged);
    }
    found
}

async fn write(app: &App) -> store::Result<()> {
    let mut w = app.db.write().await?;
    nodes::alive(&mut w, app.node, clock::now()).await?;
    w.commit().await
}

/// Bytes that this user may still write on the disk of a folder; none when the system does not say.
fn free(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

/// SHA-256 of a small file; none when it cannot be read.
pub fn digest_of(path: &Path) -> Option<[u8; 32]> {
    std::fs::read(path).ok().map(|content| sha256(&content))
}
