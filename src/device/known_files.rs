//! Stored files that were asked for a moment ago: when a fleet downloads one file at once, the database is asked for it once
//! a second and not once a device.

use crate::app::App;
use crate::blob::{Blob, BlobError, Look};
use crate::limits::{KNOWN_FILE_LIFE, KNOWN_FILES};
use crate::store::catalog::files::FileRow;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The rows, each with the time at which it was read.
#[derive(Default)]
pub(super) struct KnownFiles(Mutex<HashMap<Blob, (Instant, FileRow)>>);

impl KnownFiles {
    fn rows(&self) -> MutexGuard<'_, HashMap<Blob, (Instant, FileRow)>> {
        // The map is whole between any two statements.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file, when its row was read just now and what is stored is sound. Whatever else there is to say of a file is
    /// found out with the database.
    pub(super) async fn sound(&self, app: &App, blob: Blob) -> Result<Option<FileRow>, BlobError> {
        let row = self.rows().get(&blob).cloned();
        let Some((_, file)) = row.filter(|(read, _)| read.elapsed() < KNOWN_FILE_LIFE) else {
            return Ok(None);
        };
        let damage = app
            .blobs
            .damage(&file.file, file.size, &file.checksum, Look::Known)
            .await?;
        if damage.is_some() {
            // Its row says so from now on, and until the file is sound again.
            self.rows().remove(&blob);
            return Ok(None);
        }
        Ok(Some(file))
    }

    /// Remembers a row that was read at this time. A delta may be made anew at any time, and a file that was damaged has to be
    /// noted as mended: these are asked for each time.
    pub(super) fn remember(&self, file: &FileRow, read: Instant) {
        if file.damaged || matches!(file.blob, Blob::Delta(..)) {
            return;
        }
        let mut rows = self.rows();
        if rows.len() >= KNOWN_FILES {
            rows.clear();
        }
        rows.insert(file.blob, (read, file.clone()));
    }
}
