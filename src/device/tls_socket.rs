//! A device's TLS connection that keeps no buffer while nothing is said. rustls' own keeps 4 KiB for what it reads next, which for a
//! fleet that mostly waits is a third of what a device costs. Here records are read into a buffer that all connections of a thread
//! share, and a connection keeps only what is left over: a part of a record, plain text that was not asked for yet, or what the
//! peer did not take yet (`rustls::unbuffered`).

use crate::limits::HANDSHAKE_MESSAGE_BYTES;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Bytes that are read from a socket at once: a whole record of the largest size (RFC 8446, 5.2: 2^14 and 256 of overhead, and a
/// header of 5).
const READ_BYTES: usize = 16_384 + 256 + 5;
/// Plain text of one record at most.
const PLAIN_BYTES: usize = 16_384;
/// What a record takes beside its plain text: header, kind, nonce (TLS 1.2), tag; with some to spare.
const RECORD_BYTES: usize = 64;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; HANDSHAKE_MESSAGE_BYTES + READ_BYTES]);
}

/// A connection of which the server is one end.
pub(super) struct TlsSocket {
    tcp: TcpStream,
    tls: UnbufferedServerConnection,
    /// The beginning of a record, or of a message of the handshake.
    incoming: Vec<u8>,
    /// What was decrypted and not asked for yet.
    plain: Remaining,
    /// What the peer did not take yet.
    outgoing: Remaining,
    /// The peer has said that it sends no more.
    peer_closed: bool,
    /// This end has said so.
    closed: bool,
    /// rustls has refused what the peer sent.
    failed: bool,
}

/// Bytes of which a part was taken. Nothing is kept of them when all were.
#[derive(Default)]
struct Remaining {
    bytes: Vec<u8>,
    taken: usize,
}

impl Remaining {
    fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    fn take(&mut self, number: usize) {
        self.taken += number;
        if self.taken >= self.bytes.len() {
            *self = Self::default();
        }
    }
}

impl TlsSocket {
    /// Shakes hands with a peer. An alert tells it when that fails, if it takes one.
    ///
    /// # Errors
    /// The peer speaks no TLS that this server accepts, or leaves.
    pub(super) async fn accept(config: Arc<ServerConfig>, tcp: TcpStream) -> io::Result<Self> {
        let tls = UnbufferedServerConnection::new(config).map_err(invalid)?;
        let mut own = Self {
            tcp,
            tls,
            incoming: Vec::new(),
            plain: Remaining::default(),
            outgoing: Remaining::default(),
            peer_closed: false,
            closed: false,
            failed: false,
        };
        while own.tls.is_handshaking() {
            poll_fn(|cx| own.poll_send(cx)).await?;
            if own.tls.is_handshaking() && poll_fn(|cx| own.poll_fill(cx)).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        poll_fn(|cx| own.poll_send(cx)).await?;
        Ok(own)
    }

    /// The certificates that the peer has shown, its own first.
    pub(super) fn peer_certificates(&self) -> Option<&[CertificateDer<'static>]> {
        self.tls.peer_certificates()
    }

    /// The connection below.
    pub(super) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// Sends what waits to be sent.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.is_empty() {
            let sent = ready!(Pin::new(&mut self.tcp).poll_write(cx, self.outgoing.rest()))?;
            if sent == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            self.outgoing.take(sent);
        }
        Poll::Ready(Ok(()))
    }

    /// Reads from the socket and decrypts what came; the number of bytes that did, zero when the peer has left.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let kept = self.incoming.len();
            if kept >= HANDSHAKE_MESSAGE_BYTES {
                return Poll::Ready(Err(invalid("a message of the handshake is too long")));
            }
            let Some((before, free)) = scratch.split_at_mut_checked(kept) else {
                return Poll::Ready(Err(invalid("a record is too long")));
            };
            let mut room = ReadBuf::new(free.get_mut(..READ_BYTES).unwrap_or_default());
            ready!(Pin::new(&mut self.tcp).poll_read(cx, &mut room))?;
            let came = room.filled().len();
            if came > 0 {
                before.copy_from_slice(&self.incoming);
                let all = scratch.get_mut(..kept + came).unwrap_or_default();
                let outcome = self.process(all);
                if let Err(e) = outcome {
                    // An alert is on its way to the peer, who may be gone.
                    let _ = self.poll_send(cx);
                    return Poll::Ready(Err(e));
                }
            }
            Poll::Ready(Ok(came))
        })
    }

    /// Decrypts records and answers them; keeps what is no whole one yet.
    fn process(&mut self, all: &mut [u8]) -> io::Result<()> {
        if self.failed {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let mut done = 0;
        let outcome = loop {
            let records = all.get_mut(done..).unwrap_or_default();
            let (discard, step) = self.step(records);
            done += discard;
            match step {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(e) => break Err(e),
            }
        };
        if outcome.is_err() {
            // After an error rustls is asked for the alert that tells the peer and never again: it would look at these bytes anew.
            self.failed = true;
            while self.tls.wants_write() {
                let records = all.get_mut(done..).unwrap_or_default();
                let (discard, step) = self.step(records);
                done += discard;
                if step.is_err() {
                    break;
                }
            }
        }
        self.incoming = all.get(done..).unwrap_or_default().to_vec();
        outcome
    }

    /// One step of rustls: how many of these bytes are done with, and whether there is another step to do.
    fn step(&mut self, records: &mut [u8]) -> (usize, io::Result<bool>) {
        let UnbufferedStatus { mut discard, state } = self.tls.process_tls_records(records);
        let state = match state {
            Ok(state) => state,
            Err(e) => return (discard, Err(invalid(e))),
        };
        let goes_on = match state {
            ConnectionState::ReadTraffic(mut traffic) => {
                while let Some(record) = traffic.next_record() {
                    let record = match record {
                        Ok(record) => record,
                        Err(e) => return (discard, Err(invalid(e))),
                    };
                    discard += record.discard;
                    self.plain.bytes.extend_from_slice(record.payload);
                }
                Ok(true)
            }
            ConnectionState::EncodeTlsData(mut encode) => {
                append(&mut self.outgoing.bytes, 0, |to| match encode.encode(to) {
                    Ok(written) => Ok(Ok(written)),
                    Err(EncodeError::InsufficientSize(e)) => Ok(Err(e.required_size)),
                    Err(e) => Err(invalid(e)),
                })
                .map(|()| true)
            }
            // It goes out by itself, in this order.
            ConnectionState::TransmitTlsData(transmit) => {
                transmit.done();
                Ok(true)
            }
            ConnectionState::PeerClosed => {
                self.peer_closed = true;
                Ok(true)
            }
            // Early data is not accepted (`max_early_data_size` is zero).
            ConnectionState::ReadEarlyData(_) => Err(invalid("early data")),
            _ => Ok(false),
        };
        (discard, goes_on)
    }

    /// Encrypts with what `seal` does once plain text may be sent.
    fn encrypt(
        &mut self,
        room: usize,
        mut seal: impl FnMut(
            &mut rustls::unbuffered::WriteTraffic<'_, rustls::server::ServerConnectionData>,
            &mut [u8],
        ) -> Result<usize, EncryptError>,
    ) -> io::Result<()> {
        let mut incoming = std::mem::take(&mut self.incoming);
        self.process(&mut incoming)?;
        let mut incoming = std::mem::take(&mut self.incoming);
        let UnbufferedStatus { discard, state } = self.tls.process_tls_records(&mut incoming);
        let outcome = match state.map_err(invalid)? {
            ConnectionState::WriteTraffic(mut traffic) => {
                append(&mut self.outgoing.bytes, room, |to| {
                    match seal(&mut traffic, to) {
                        Ok(written) => Ok(Ok(written)),
                        Err(EncryptError::InsufficientSize(e)) => Ok(Err(e.required_size)),
                        Err(e @ EncryptError::EncryptExhausted) => Err(invalid(e)),
                    }
                })
            }
            _ => Err(ErrorKind::BrokenPipe.into()),
        };
        self.incoming = incoming.get(discard..).unwrap_or_default().to_vec();
        outcome
    }
}

/// Appends what `write` writes, which says how much room it needs when that is too little.
fn append(
    to: &mut Vec<u8>,
    room: usize,
    mut write: impl FnMut(&mut [u8]) -> io::Result<Result<usize, usize>>,
) -> io::Result<()> {
    let before = to.len();
    let mut room = room;
    loop {
        to.resize(before + room, 0);
        let outcome = write(to.get_mut(before..).unwrap_or_default());
        match outcome {
            Ok(Ok(written)) => {
                to.truncate(before + written);
                return Ok(());
            }
            Ok(Err(needed)) if needed > room => room = needed,
            Ok(Err(_)) => return Err(invalid("a record that has no size")),
            Err(e) => {
                to.truncate(before);
                return Err(e);
            }
        }
    }
}

fn invalid(e: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, e)
}

impl AsyncRead for TlsSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let own = self.get_mut();
        while own.plain.is_empty() {
            // Answers to the peer's own messages, such as new keys, wait for nobody.
            if let Poll::Ready(Err(e)) = own.poll_send(cx) {
                return Poll::Ready(Err(e));
            }
            if own.peer_closed {
                return Poll::Ready(Ok(()));
            }
            if ready!(own.poll_fill(cx))? == 0 {
                // Without a word: somebody may have cut the connection to shorten what was said (RFC 8446, 6.1).
                return Poll::Ready(Err(ErrorKind::UnexpectedEof.into()));
            }
        }
        let rest = own.plain.rest();
        let number = rest.len().min(to.remaining());
        to.put_slice(rest.get(..number).unwrap_or_default());
        own.plain.take(number);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TlsSocket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let own = self.get_mut();
        ready!(own.poll_send(cx))?;
        let part = data.get(..PLAIN_BYTES).unwrap_or(data);
        if part.is_empty() {
            return Poll::Ready(Ok(0));
        }
        own.encrypt(part.len() + RECORD_BYTES, |traffic, to| {
            traffic.encrypt(part, to)
        })?;
        // What is not taken now is sent by the next write or flush.
        if let Poll::Ready(Err(e)) = own.poll_send(cx) {
            return Poll::Ready(Err(e));
        }
        Poll::Ready(Ok(part.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_send(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let own = self.get_mut();
        if !own.closed {
            own.closed = true;
            own.encrypt(RECORD_BYTES, |traffic, to| traffic.queue_close_notify(to))?;
        }
        ready!(own.poll_send(cx))?;
        Pin::new(&mut own.tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[allow(
    clippy::disallowed_methods,
    reason = "the wire of a test ends with its test"
)]
mod tests;
