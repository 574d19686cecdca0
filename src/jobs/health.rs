//! The server's health check: every two seconds it does a small amount of each kind of work, such as a write to
//! the database.

use crate::access::sha256;
use crate::app::App;
use crate::health::Problem;
use crate::limits::{HEALTH_LOOK_EVERY, HEALTH_LOOK_TIME};
use crate::store;
use crate::store::node::nodes;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// What is checked besides the database.
pub struct Watched {
    /// The data folder, whose disk must keep free space.
    pub folder: PathBuf,
    /// Bytes that must stay free.
    pub reserve: u64,
    /// Files that must not change while the server runs, with the SHA-256 of each.
    pub files: Vec<(PathBuf, [u8; 32])>,
}

/// Checks until `stop` is cancelled.
pub async fn run(app: App, watched: Watched, stop: CancellationToken) {
    let mut tick = tokio::time::interval(HEALTH_LOOK_EVERY);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        let found = stop
            .run_until_cancelled(collect_problems(&app, &watched))
            .await;
        app.health.set(found.unwrap_or_default());
    }
}

async fn collect_problems(app: &App, watched: &Watched) -> Vec<Problem> {
    let mut found = Vec::new();
    // The commit must be included: on a full disk a transaction can begin and only its commit fails.
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
    nodes::record_check(&mut w, app.node, app.now()).await?;
    w.commit().await
}

/// Bytes that this process may still write to the disk of a folder; `None` when the system does not tell.
fn free(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

/// SHA-256 of a small file; `None` when it cannot be read.
pub fn digest_of(path: &Path) -> Option<[u8; 32]> {
    std::fs::read(path).ok().map(|content| sha256(&content))
}
