//! Files that go from the page cache to a socket without passing through this process.
//!
//! hyper owns each connection, and it can only write bytes that a body gives it. So a body gives it a *stand-in*: a slice of
//! one block of zeros that all connections share, as long as the next piece of the file. The socket knows a stand-in by its
//! address and sends the piece in its place with `sendfile(2)`. Heads, keep-alive, pipelining, time limits and the count of
//! sent bytes stay what they are for every other answer, and a download holds no buffer.
//!
//! This rests on hyper passing the body's slices to `poll_write_vectored` as they are, which it does for a socket whose
//! `is_write_vectored` is true. Were they copied, a download would consist of zeros: `tests/it/catalog/downloads.rs` would tell.
//!
//! `sendfile` waits for the disk when a piece is not in the page cache, and would hold up everything else on its thread. A
//! thread for each call would cost a good part of the call again (a hand-over takes about 15 µs, 256 KiB about 10 µs), and most files
//! are asked for by a whole fleet at once. So each piece is looked for in the cache first, which does not wait
//! (`preadv2(2)` with `RWF_NOWAIT`), and only one that is not there is read into it on a thread for blocking work.

use crate::limits::{DOWNLOAD_HELD_BYTES, DOWNLOAD_PIECE_BYTES, DOWNLOAD_STEP_BYTES};
use axum::body::Body;
use bytes::Bytes;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// Its content is never looked at, so that the kernel gives it no memory.
static STAND_IN: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(vec![0; DOWNLOAD_PIECE_BYTES]));

fn is_stand_in(slice: &[u8]) -> bool {
    !slice.is_empty() && STAND_IN.as_ptr_range().contains(&slice.as_ptr())
}

/// Where in a file the bytes of a stand-in are.
struct Piece {
    file: Arc<File>,
    at: u64,
    left: usize,
}

/// The pieces that bodies have put before one connection's socket, in the order in which their stand-ins are written.
#[derive(Clone)]
pub struct Pieces {
    queue: Arc<Mutex<VecDeque<Piece>>>,
    works: Arc<AtomicBool>,
}

/// Whether `sendfile` works here, for all connections of a listener: one that learns that it does not tells the others.
#[derive(Clone)]
pub struct Sendfile(Arc<AtomicBool>);

impl Default for Sendfile {
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(cfg!(target_os = "linux"))))
    }
}

impl Sendfile {
    /// For a new connection.
    pub fn pieces(&self) -> Pieces {
        Pieces {
            queue: Arc::default(),
            works: self.0.clone(),
        }
    }
}

impl Pieces {
    fn queue(&self) -> MutexGuard<'_, VecDeque<Piece>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A body with these bytes of the file, for an answer on this connection.
    pub fn body(&self, file: File, range: Range<u64>) -> Body {
        let begin = (self.clone(), Arc::new(file), range);
        Body::from_stream(futures_util::stream::try_unfold(
            begin,
            |(pieces, file, rest)| async move {
                let left = rest.end.saturating_sub(rest.start);
                let length = usize::try_from(left)
                    .map_or(DOWNLOAD_PIECE_BYTES, |n| n.min(DOWNLOAD_PIECE_BYTES));
                if length == 0 {
                    return Ok(None);
                }
                let bytes = pieces.next(&file, rest.start, length).await?;
                let rest = rest.start + bytes.len() as u64..rest.end;
                Ok::<_, io::Error>(Some((bytes, (pieces, file, rest))))
            },
        ))
    }

    /// What stands for the next piece, of at most `length` bytes: a stand-in, or the bytes themselves.
    async fn next(&self, file: &Arc<File>, at: u64, length: usize) -> io::Result<Bytes> {
        if !self.works.load(Ordering::Relaxed) {
            let length = length.min(DOWNLOAD_HELD_BYTES);
            return on_a_thread(file, move |file| {
                let mut bytes = vec![0; length];
                file.read_exact_at(&mut bytes, at)?;
                Ok(Bytes::from(bytes))
            })
            .await;
        }
        if !cached(file, at, length) {
            on_a_thread(file, move |file| read_over(file, at, length)).await?;
        }
        self.queue().push_back(Piece {
            file: file.clone(),
            at,
            left: length,
        });
        Ok(STAND_IN.slice(..length))
    }
}

async fn on_a_thread<T: Send + 'static>(
    file: &Arc<File>,
    work: impl FnOnce(&File) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let file = file.clone();
    let done = tokio::task::spawn_blocking(move || work(&file)).await;
    done.map_err(io::Error::other)?
}

/// Whether a stretch is in the page cache, as far as bytes at equal distances tell, without waiting for the disk. A file system
/// that cannot tell counts as one that has to wait.
#[cfg(target_os = "linux")]
fn cached(file: &File, at: u64, length: usize) -> bool {
    use rustix::io::{ReadWriteFlags, preadv2};
    let there = |at| {
        let mut byte = [0];
        let mut into = [io::IoSliceMut::new(&mut byte)];
        preadv2(file, &mut into, at, ReadWriteFlags::NOWAIT) == Ok(1)
    };
    let mut looked_at = (0..length).step_by(DOWNLOAD_HELD_BYTES);
    looked_at.all(|n| there(at + n as u64)) && there(at + length as u64 - 1)
}

#[cfg(not(target_os = "linux"))]
fn cached(_: &File, _: u64, _: usize) -> bool {
    false
}

/// Reads a stretch, so that it is in the page cache.
fn read_over(file: &File, at: u64, length: usize) -> io::Result<()> {
    let mut part = [0; DOWNLOAD_STEP_BYTES];
    let mut done = 0;
    while done < length {
        let n = (length - done).min(DOWNLOAD_STEP_BYTES);
        file.read_exact_at(&mut part[..n], at + done as u64)?;
        done += n;
    }
    Ok(())
}

/// What a call sends, and whether it was refused rather than failed: by a kernel or a file system that has no `sendfile`.
#[cfg(target_os = "linux")]
fn send(socket: &TcpStream, piece: &Piece, most: usize) -> io::Result<usize> {
    use rustix::io::Errno;
    let mut at = piece.at;
    match rustix::fs::sendfile(socket, &*piece.file, Some(&mut at), most) {
        Ok(n) => Ok(n),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            Err(io::ErrorKind::Unsupported.into())
        }
        Err(e) => Err(e.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn send(_: &TcpStream, _: &Piece, _: usize) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Sends what is in the page cache already by way of a small buffer: for the pieces that were on their way when `sendfile`
/// turned out not to work.
fn copy(socket: &TcpStream, piece: &Piece, most: usize) -> io::Result<usize> {
    let mut bytes = [0; DOWNLOAD_STEP_BYTES];
    let n = piece
        .file
        .read_at(&mut bytes[..most.min(DOWNLOAD_STEP_BYTES)], piece.at)?;
    if n == 0 {
        return Ok(0);
    }
    socket.try_write(&bytes[..n])
}

/// A socket that sends pieces of files in the place of stand-ins.
pub struct Socket {
    inner: TcpStream,
    pieces: Pieces,
}

impl Socket {
    /// Over a connection, with what its bodies put before it.
    pub fn new(inner: TcpStream, pieces: Pieces) -> Self {
        Self { inner, pieces }
    }

    /// Sends from the first piece, at most as many bytes as its stand-in has.
    fn poll_piece(&self, cx: &mut Context<'_>, stand_in: usize) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.inner.poll_write_ready(cx))?;
            let mut queue = self.pieces.queue();
            let piece = queue.front_mut().ok_or(io::ErrorKind::InvalidData)?;
            let most = stand_in.min(piece.left);
            let works = self.pieces.works.load(Ordering::Relaxed);
            let sent = if works {
                let socket = &self.inner;
                socket.try_io(Interest::WRITABLE, || send(socket, piece, most))
            } else {
                copy(&self.inner, piece, most)
            };
            match sent {
                Ok(0) => {
                    let why = "a stored file became shorter while it was sent";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, why)));
                }
                Ok(n) => {
                    piece.at += n as u64;
                    piece.left -= n;
                    if piece.left == 0 {
                        queue.pop_front();
                    }
                    return Poll::Ready(Ok(n));
                }
                Err(e) if e.kind() == io::ErrorKind::Unsupported && works => {
                    tracing::info!("sendfile does not work here, stored files are read instead");
                    self.pieces.works.store(false, Ordering::Relaxed);
                }
                Err(e)
                    if matches!(
                        e.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) => {}
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if is_stand_in(bytes) {
            return self.poll_piece(cx, bytes.len());
        }
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let ordinary = slices.iter().take_while(|s| !is_stand_in(s)).count();
        let (before, after) = slices.split_at(ordinary);
        if let Some(stand_in) = after.first()
            && before.iter().all(|s| s.is_empty())
        {
            return self.poll_piece(cx, stand_in.len());
        }
        Pin::new(&mut self.inner).poll_write_vectored(cx, before)
    }

    /// Without this, hyper would copy what it is given.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, into)
    }
}

#[cfg(test)]
mod tests;
