//! A part of an upload on its way into the file store.

use crate::blob::{BlobError, Staged};
use crate::domain::{Context, Result, blocking};
use crate::limits::{BLOB_PART_BYTES, CHECKSUM_PART_BYTES};
use bytes::{Bytes, BytesMut};
use std::io::Write as _;
use std::time::Instant;

/// A part while it comes: in a staging file, with its end in memory. It has at most [`BLOB_PART_BYTES`], which the file store takes in
/// one piece.
pub struct PartFile {
    /// Where in the upload it begins.
    pub begins_at: u64,
    /// When its first byte came.
    pub begun: Instant,
    length: usize,
    buffer: BytesMut,
    staged: Staged,
}

impl PartFile {
    /// An empty part.
    ///
    /// # Errors
    /// The disk's.
    pub fn begin(context: &Context, begins_at: u64) -> Result<Self> {
        Ok(Self {
            begins_at,
            begun: Instant::now(),
            length: 0,
            buffer: BytesMut::new(),
            staged: context.blobs.stage()?,
        })
    }

    /// Bytes of it.
    pub fn length(&self) -> u64 {
        self.length as u64
    }

    /// Whether nothing more fits in.
    pub fn is_full(&self) -> bool {
        self.length >= BLOB_PART_BYTES
    }

    /// Appends as many of these bytes as fit in.
    ///
    /// # Errors
    /// The disk's.
    pub async fn write(mut self, chunk: &mut Bytes) -> Result<Self> {
        let fits = chunk.len().min(BLOB_PART_BYTES - self.length);
        self.length += fits;
        self.buffer.extend_from_slice(&chunk.split_to(fits));
        if self.buffer.len() >= CHECKSUM_PART_BYTES {
            return self.flushed().await;
        }
        Ok(self)
    }

    /// The whole part in its staging file.
    ///
    /// # Errors
    /// The disk's.
    pub async fn whole(self) -> Result<Staged> {
        Ok(self.flushed().await?.staged)
    }

    async fn flushed(mut self) -> Result<Self> {
        if self.buffer.is_empty() {
            return Ok(self);
        }
        let written = blocking(move || {
            self.staged.file().write_all(&self.buffer)?;
            self.buffer.clear();
            Ok::<_, std::io::Error>(self)
        });
        Ok(written.await?.map_err(BlobError::from)?)
    }
}
