//! The stream between real ends: rustls' own client over sockets of this machine, by way of a wire that cuts what is sent into pieces.

use super::*;
use crate::device::tls::provider;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

/// The settings of both ends.
struct Ends {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

impl Ends {
    fn new(version: &'static SupportedProtocolVersion) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".into()]).unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let client = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let mut server = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        server.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().unwrap();
        Self {
            server: Arc::new(server),
            client: Arc::new(client),
        }
    }

    /// A connection; what either end sends arrives in pieces by this seed. Every other one has messages of the handshake in several
    /// records.
    async fn connect(&self, seed: u64) -> (TlsSocket, TlsStream<TcpStream>) {
        let (near, far) = wire(seed, 0.0).await;
        let name = ServerName::try_from("localhost").unwrap();
        let mut config = ClientConfig::clone(&self.client);
        config.max_fragment_size = (seed % 2 == 1).then_some(64);
        let client = TlsConnector::from(Arc::new(config)).connect(name, near);
        let server = TlsSocket::accept(self.server.clone(), far);
        let (server, client) = tokio::join!(server, client);
        (server.unwrap(), client.unwrap())
    }
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap());
    let (near, accepted) = tokio::join!(near, listener.accept());
    let (near, far) = (near.unwrap(), accepted.unwrap().0);
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    (near, far)
}

/// Two sockets with a wire between them that cuts what is sent into pieces, of which it damages such a share.
async fn wire(seed: u64, damage: f64) -> (TcpStream, TcpStream) {
    let ((near, one), (two, far)) = tokio::join!(pair(), pair());
    let (one, two) = (one.into_split(), two.into_split());
    for (n, (mut from, mut to)) in [(one.0, two.1), (two.0, one.1)].into_iter().enumerate() {
        let mut chance = StdRng::seed_from_u64(seed * 2 + n as u64);
        tokio::spawn(async move {
            loop {
                let most = if chance.random_bool(0.5) { 7 } else { 5_000 };
                let mut piece = vec![0; chance.random_range(1..=most)];
                match from.read(&mut piece).await {
                    Ok(number) if number > 0 => {
                        if chance.random_bool(damage) {
                            piece[chance.random_range(0..number)] ^= 1 << chance.random_range(0..8);
                        }
                        if to.write_all(&piece[..number]).await.is_err() {
                            return;
                        }
                        if chance.random_bool(0.1) {
                            tokio::task::yield_now().await;
                        }
                    }
                    _ => {
                        let _ = to.shutdown().await;
                        return;
                    }
                }
            }
        });
    }
    (near, far)
}

fn kept(socket: &TlsSocket) -> usize {
    let all = [
        &socket.incoming,
        &socket.plain.bytes,
        &socket.outgoing.bytes,
    ];
    all.iter().map(|bytes| bytes.capacity()).sum()
}

#[tokio::test]
async fn what_is_sent_arrives_however_it_is_cut_and_nothing_is_kept() {
    for version in VERSIONS {
        let ends = Ends::new(version);
        for seed in 0..8 {
            let (mut server, mut client) = ends.connect(seed).await;
            for size in [1, 100, 16_384, 16_385, 100_000, 3] {
                let sent: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
                let mut there = vec![0; size];
                let mut back = vec![0; size];
                let echo = async {
                    server.read_exact(&mut there).await.unwrap();
                    server.write_all(&there).await.unwrap();
                    server.flush().await.unwrap();
                };
                let own = async {
                    let (mut read, mut write) = tokio::io::split(&mut client);
                    let write = async {
                        write.write_all(&sent).await.unwrap();
                        write.flush().await.unwrap();
                    };
                    tokio::join!(write, read.read_exact(&mut back)).1.unwrap();
                };
                tokio::join!(echo, own);
                assert_eq!(back, sent);
                assert_eq!(kept(&server), 0, "{size}");
            }
        }
    }
}

#[tokio::test]
async fn an_end_is_told_from_a_cut() {
    for version in VERSIONS {
        let ends = Ends::new(version);
        let (mut server, mut client) = ends.connect(1).await;
        client.write_all(b"last").await.unwrap();
        client.shutdown().await.unwrap();
        let mut read = Vec::new();
        server.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"last");
        // It may still be answered, and says that it ends.
        let (mut server, mut client) = ends.connect(2).await;
        server.write_all(b"bye").await.unwrap();
        server.shutdown().await.unwrap();
        let mut read = Vec::new();
        client.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"bye");
        let (mut server, client) = ends.connect(3).await;
        drop(client);
        let cut = server.read_u8().await.unwrap_err();
        assert_eq!(cut.kind(), ErrorKind::UnexpectedEof);
    }
}

#[tokio::test]
async fn keys_are_renewed_and_sessions_resumed() {
    let ends = Ends::new(&rustls::version::TLS13);
    let (mut server, mut client) = ends.connect(4).await;
    for _ in 0..5 {
        client.get_mut().1.refresh_traffic_keys().unwrap();
        client.write_all(b"anew").await.unwrap();
        let mut read = [0; 4];
        server.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"anew");
        server.write_all(b"well").await.unwrap();
        client.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"well");
    }
    let (_server, client) = ends.connect(5).await;
    let kind = client.get_ref().1.handshake_kind();
    assert_eq!(kind, Some(rustls::HandshakeKind::Resumed));
}

#[tokio::test]
async fn what_is_no_tls_is_refused_with_an_alert() {
    let ends = Ends::new(&rustls::version::TLS13);
    let (mut near, far) = pair().await;
    // A record of the handshake that holds a message of no kind.
    near.write_all(&[22, 3, 1, 0, 4, 99, 0, 0, 0])
        .await
        .unwrap();
    let refused = TlsSocket::accept(ends.server.clone(), far).await;
    assert_eq!(refused.err().unwrap().kind(), ErrorKind::InvalidData);
    let mut alert = Vec::new();
    near.read_to_end(&mut alert).await.unwrap();
    assert_eq!(alert.first(), Some(&21), "{alert:?}");
    // Who says nothing more in the middle of it.
    let (mut near, far) = pair().await;
    near.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
    drop(near);
    let refused = TlsSocket::accept(ends.server, far).await;
    assert_eq!(refused.err().unwrap().kind(), ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn a_message_of_the_handshake_that_never_ends_is_not_kept_for_ever() {
    let ends = Ends::new(&rustls::version::TLS13);
    let (mut near, far) = pair().await;
    // A ClientHello of 16 MiB, in records of 16 KiB.
    let mut record = vec![22, 3, 1, 0x40, 0];
    record.resize(5 + 0x4000, 0);
    let mut first = record.clone();
    first[5..9].copy_from_slice(&[1, 0xff, 0xff, 0xff]);
    let sends = async {
        near.write_all(&first).await?;
        for _ in 0..64 {
            near.write_all(&record).await?;
        }
        Ok::<_, io::Error>(())
    };
    let accepts = TlsSocket::accept(ends.server, far);
    let (_, refused) = tokio::join!(sends, accepts);
    assert_eq!(refused.err().unwrap().kind(), ErrorKind::InvalidData);
}

#[tokio::test]
async fn a_peer_that_does_not_read_holds_one_record_up() {
    let ends = Ends::new(&rustls::version::TLS13);
    let (near, far) = pair().await;
    let name = ServerName::try_from("localhost").unwrap();
    let client = TlsConnector::from(ends.client.clone()).connect(name, near);
    let (server, client) = tokio::join!(TlsSocket::accept(ends.server.clone(), far), client);
    let (mut server, mut client) = (server.unwrap(), client.unwrap());
    let piece = vec![7; 60_000];
    let mut written = 0;
    let wait = Duration::from_millis(300);
    while let Ok(number) = tokio::time::timeout(wait, server.write(&piece)).await {
        written += number.unwrap();
    }
    assert!(server.outgoing.bytes.capacity() < 2 * READ_BYTES);
    let reads = async {
        let mut all = vec![0; written];
        client.read_exact(&mut all).await.unwrap();
        all
    };
    let (all, flushed) = tokio::join!(reads, server.flush());
    flushed.unwrap();
    assert!(all.iter().all(|byte| *byte == 7));
}

/// A damaged handshake, or records that are none: an error, and no panic; also when the server goes on to write and to end.
#[tokio::test]
async fn whatever_a_peer_sends_ends_the_connection_alone() {
    let mut chance = StdRng::seed_from_u64(22);
    for version in VERSIONS {
        let ends = Ends::new(version);
        for seed in 0..300 {
            let (near, far) = wire(seed, 0.02).await;
            let name = ServerName::try_from("localhost").unwrap();
            let mut config = ClientConfig::clone(&ends.client);
            config.max_fragment_size = (seed % 2 == 1).then_some(64);
            let client = TlsConnector::from(Arc::new(config)).connect(name, near);
            let client = async {
                let mut client = client.await.ok()?;
                let _ = client.write_all(&[1; 3_000]).await;
                Some(client.into_inner().0)
            };
            let server = async {
                let mut server = TlsSocket::accept(ends.server.clone(), far).await.ok()?;
                let mut read = [0; 3_000];
                let _ = server.read_exact(&mut read).await;
                Some(server)
            };
            let (server, client) = tokio::join!(server, client);
            if let (Some(mut server), Some(mut near)) = (server, client) {
                let _ = near.write_all(&records(&mut chance)).await;
                let _ = near.shutdown().await;
                let mut read = Vec::new();
                assert!(server.read_to_end(&mut read).await.is_err());
                let _ = server.write_all(b"more").await;
                let _ = server.shutdown().await;
            }
            let (mut near, far) = pair().await;
            near.write_all(&records(&mut chance)).await.unwrap();
            near.shutdown().await.unwrap();
            let refused = TlsSocket::accept(ends.server.clone(), far).await;
            assert!(refused.is_err());
        }
    }
}

/// Records with plausible headers and any content, the last one perhaps cut off.
fn records(chance: &mut StdRng) -> Vec<u8> {
    let mut all = Vec::new();
    for _ in 0..chance.random_range(1..6) {
        let length = chance.random_range(0..600_u16);
        let kind = chance.random_range(20..25);
        all.extend([kind, 3, 3]);
        all.extend(length.to_be_bytes());
        // The message of a handshake that it may be, with a length that goes beyond the record or not.
        let message = [chance.random_range(0..26), 0, chance.random_range(0..4)];
        all.extend(
            (0..usize::from(length)).map(|n| message.get(n).copied().unwrap_or(chance.random())),
        );
    }
    all.truncate(all.len() - chance.random_range(0..3));
    all
}
