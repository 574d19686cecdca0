//! HTTP listeners for people and downloads: bounded in number, and a head must arrive in time.

use crate::api::Peer;
use crate::budget::{Account, OnceAMinute};
use crate::limits::{
    DOWNLOAD_STALL, GIVE_WAY_EVERY, HTTP_CONNECTIONS, HTTP_HEAD_TIME, HTTP_STOP_TIME,
    SLOW_PEER_PATIENCE, STRANGER_PATIENCE, STRANGERS_AT_ONCE,
};
use crate::sendfile::{Sendfile, Socket};
use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_util::io::InspectWriter;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Takes a connection out of the list when it has ended, however it ended.
struct Left(Arc<Running>, u64);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.leave(self.1);
    }
}

/// Serves until it is told to stop, then lets running requests end.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    gives_way: GivesWay,
) {
    let bounds = Bounds {
        connections: HTTP_CONNECTIONS,
        stall: DOWNLOAD_STALL,
        patience: match gives_way {
            GivesWay::Slowest => SLOW_PEER_PATIENCE,
            GivesWay::Strangers => STRANGER_PATIENCE,
        },
        gives_way,
    };
    serve_with(listener, router, stop, bounds).await;
}

/// What a listener allows.
struct Bounds {
    connections: usize,
    stall: Duration,
    /// A connection keeps its place for this long, whoever waits.
    patience: Duration,
    gives_way: GivesWay,
}

/// Who gives way when all places are taken and somebody may wait for one.
#[derive(Debug, Clone, Copy)]
pub(super) enum GivesWay {
    /// One of the product that holds the most places, and of those the one that got the fewest bytes a second: for downloads.
    /// Who has shown no valid link goes first. A device on a line of 3 KiB/s is an honest one, and keeps its place for as long as
    /// there are others; a device that is cut resumes.
    Slowest,
    /// Those that have shown no valid token, many at once: for the web. A login is done before that, and a person with a token
    /// has a share that is bounded elsewhere.
    Strangers,
}

/// A connection, as far as its progress is concerned.
struct Progress {
    account: Account,
    began: Instant,
    sent: Arc<AtomicU64>,
    cut: CancellationToken,
}

/// The connections of a listener, by number.
#[derive(Default)]
struct Running(Mutex<(u64, HashMap<u64, Progress>)>);

impl Running {
    fn lock(&self) -> MutexGuard<'_, (u64, HashMap<u64, Progress>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, account: Account, sent: Arc<AtomicU64>, cut: CancellationToken) -> u64 {
        let mut all = self.lock();
        all.0 += 1;
        let number = all.0;
        let began = Instant::now();
        all.1.insert(
            number,
            Progress {
                account,
                began,
                sent,
                cut,
            },
        );
        number
    }

    fn leave(&self, number: u64) {
        self.lock().1.remove(&number);
    }

    /// Cuts those that have to give way.
    fn make_room(&self, bounds: &Bounds) {
        let all = self.lock();
        let rate = |p: &Progress| {
            let millis = p.began.elapsed().as_millis().max(1);
            u128::from(p.sent.load(Ordering::Relaxed)) * 1_000 / millis
        };
        let mut held: HashMap<i64, usize> = HashMap::new();
        for whose in all.1.values().filter_map(|p| p.account.number()) {
            *held.entry(whose).or_default() += 1;
        }
        let tried = all
            .1
            .values()
            .filter(|p| p.began.elapsed() >= bounds.patience && !p.cut.is_cancelled());
        match bounds.gives_way {
            GivesWay::Slowest => tried
                .min_by_key(|p| {
                    let whose = p.account.number();
                    let held = whose.map_or(usize::MAX, |n| held.get(&n).copied().unwrap_or(0));
                    (Reverse(held), rate(p))
                })
                .into_iter()
                .for_each(|p| p.cut.cancel()),
            GivesWay::Strangers => tried
                .filter(|p| p.account.number().is_none())
                .take(STRANGERS_AT_ONCE)
                .for_each(|p| p.cut.cancel()),
        }
    }
}

async fn serve_with(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    bounds: Bounds,
) {
    let places = Arc::new(Semaphore::new(bounds.connections));
    let all = Arc::new(Running::default());
    let running = TaskTracker::new();
    let told = OnceAMinute::default();
    let sendfile = Sendfile::default();
    loop {
        let place = match places.clone().try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                // Somebody may wait: the next place is theirs.
                let waits = async {
                    loop {
                        all.make_room(&bounds);
                        tokio::time::sleep(GIVE_WAY_EVERY).await;
                    }
                };
                tokio::select! {
                    () = stop.cancelled() => break,
                    place = places.clone().acquire_owned() => match place {
                        Ok(place) => place,
                        Err(_) => return,
                    },
                    () = waits => return,
                }
            }
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(e) => {
                if told.due() {
                    tracing::warn!(error = %e, "could not accept HTTP connections; said at most once a minute");
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        // Else the end of an answer waits for the peer's word that its beginning came, some 40 ms.
        let _ = socket.set_nodelay(true);
        let routes = TowerToHyperService::new(router.clone());
        let account = Account::default();
        let shown = account.clone();
        let pieces = sendfile.pieces();
        let socket = Socket::new(socket, pieces.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            request.extensions_mut().insert(shown.clone());
            request.extensions_mut().insert(pieces.clone());
            routes.call(request)
        });
        let stop = stop.clone();
        let (sent, cut) = (Arc::new(AtomicU64::new(0)), CancellationToken::new());
        let number = all.enter(account, sent.clone(), cut.clone());
        let all = all.clone();
        let stall = bounds.stall;
        running.spawn(async move {
            let _place = place;
            let _left = Left(all, number);
            let mut socket = TimeoutStream::new(socket);
            socket.set_write_timeout(Some(stall));
            let socket = Box::pin(InspectWriter::new(socket, move |bytes: &[u8]| {
                sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            }));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HTTP_HEAD_TIME)
                .serve_connection(TokioIo::new(socket), service)
                .with_upgrades();
            tokio::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = cut.cancelled() => {
                    tracing::debug!(%peer, "a connection gives way to others");
                    return;
                }
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(e) = ended {
                tracing::debug!(error = %e, "HTTP connection ended");
            }
        });
    }
    running.close();
    // What is not done by then is cut: a device resumes its download.
    let _ = tokio::time::timeout(HTTP_STOP_TIME, running.wait()).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sendfile::Pieces;
    use axum::Extension;
    use axum::body::{Body, Bytes};
    use axum::extract::Path;
    use axum::routing::get;
    use std::net::SocketAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    /// A connection that has asked for the one page that there is.
    async fn asked(at: SocketAddr) -> TcpStream {
        let mut socket = TcpStream::connect(at).await.unwrap();
        let ask = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
        socket.write_all(ask).await.unwrap();
        socket
    }

    /// The same on somebody's account.
    async fn asked_by(at: SocketAddr, whose: i64) -> TcpStream {
        let mut socket = TcpStream::connect(at).await.unwrap();
        let ask = format!("GET /{whose} HTTP/1.1\r\nhost: x\r\n\r\n");
        socket.write_all(ask.as_bytes()).await.unwrap();
        socket
    }

    /// Counts how many answers are being written.
    struct Held(Arc<AtomicUsize>);

    impl Drop for Held {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }

    #[tokio::test]
    #[expect(
        clippy::disallowed_methods,
        reason = "a test has no node to spawn through"
    )]
    async fn who_takes_nothing_is_cut_and_who_is_slow_is_not() {
        let running = Arc::new(AtomicUsize::new(0));
        let counted = running.clone();
        let endless = move || {
            let running = counted.clone();
            async move {
                running.fetch_add(1, Ordering::SeqCst);
                let held = Held(running);
                let chunks = futures_util::stream::repeat_with(move || {
                    let _held = &held;
                    Ok::<_, std::io::Error>(Bytes::from_static(&[7; 16_384]))
                });
                Body::from_stream(chunks)
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(endless));
        let stop = CancellationToken::new();
        let bounds = Bounds {
            connections: HTTP_CONNECTIONS,
            stall: Duration::from_millis(600),
            patience: STRANGER_PATIENCE,
            gives_way: GivesWay::Strangers,
        };
        let server = tokio::spawn(serve_with(listener, router, stop.clone(), bounds));
        let (stuck, mut slow) = (asked(at).await, asked(at).await);
        let mut buffer = vec![0; 4 << 20];
        for _ in 0..12 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            slow.read_exact(&mut buffer).await.unwrap();
        }
        assert_eq!(running.load(Ordering::SeqCst), 1);
        drop((slow, stuck));
        stop.cancel();
        server.await.unwrap();
    }

    /// The same for a stored file, whose bytes never pass through hyper.
    #[tokio::test]
    #[expect(
        clippy::disallowed_methods,
        reason = "a test has no node to spawn through"
    )]
    async fn who_takes_nothing_of_a_file_is_cut_and_who_is_slow_is_not() {
        const SIZE: u64 = 1 << 30;
        let file = |Extension(pieces): Extension<Pieces>| async move {
            let file = tempfile::tempfile().unwrap();
            file.set_len(SIZE).unwrap();
            pieces.body(file, 0..SIZE)
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(file));
        let stop = CancellationToken::new();
        let bounds = Bounds {
            connections: HTTP_CONNECTIONS,
            stall: Duration::from_millis(600),
            patience: STRANGER_PATIENCE,
            gives_way: GivesWay::Strangers,
        };
        let server = tokio::spawn(serve_with(listener, router, stop.clone(), bounds));
        let (mut stuck, mut slow) = (asked(at).await, asked(at).await);
        let mut buffer = vec![0; 4 << 20];
        for _ in 0..12 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            slow.read_exact(&mut buffer).await.unwrap();
        }
        // What was on its way comes, and then the end or an error.
        let mut none = tokio::io::sink();
        let rest = tokio::io::copy(&mut stuck, &mut none);
        let rest = tokio::time::timeout(Duration::from_secs(10), rest).await;
        assert!(rest.unwrap().map_or(true, |n| n < SIZE));
        slow.read_exact(&mut buffer).await.unwrap();
        drop(slow);
        stop.cancel();
        server.await.unwrap();
    }

    #[tokio::test]
    #[expect(
        clippy::disallowed_methods,
        reason = "a test has no node to spawn through"
    )]
    async fn the_slowest_gives_way_when_all_places_are_taken_and_not_before() {
        let endless = || async {
            let chunks = futures_util::stream::repeat_with(|| {
                Ok::<_, std::io::Error>(Bytes::from_static(&[7; 16_384]))
            });
            Body::from_stream(chunks)
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(endless));
        let stop = CancellationToken::new();
        let bounds = Bounds {
            connections: 3,
            stall: DOWNLOAD_STALL,
            patience: Duration::from_millis(200),
            gives_way: GivesWay::Slowest,
        };
        let server = tokio::spawn(serve_with(listener, router, stop.clone(), bounds));
        let mut buffer = vec![0; 8 << 20];
        let (mut fast, mut slow) = (asked(at).await, asked(at).await);
        for _ in 0..4 {
            fast.read_exact(&mut buffer).await.unwrap();
            slow.read_exact(&mut buffer[..1_000]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // The third takes the last place, and the one that is kept free is the slowest one's.
        let mut third = asked(at).await;
        third.read_exact(&mut buffer).await.unwrap();
        let mut rest = Vec::new();
        // Cut: what was on its way comes, and then the end or an error.
        let ended = slow.read_to_end(&mut rest);
        let ended = tokio::time::timeout(Duration::from_secs(10), ended).await;
        assert!(ended.is_ok(), "the slowest still holds its place");
        fast.read_exact(&mut buffer).await.unwrap();
        asked(at).await.read_exact(&mut buffer).await.unwrap();
        stop.cancel();
        server.await.unwrap();
    }

    #[tokio::test]
    #[expect(
        clippy::disallowed_methods,
        reason = "a test has no node to spawn through"
    )]
    async fn who_holds_the_most_places_gives_way_to_others() {
        let endless = |Path(whose): Path<i64>, Extension(account): Extension<Account>| async move {
            account.set(whose);
            let chunks = futures_util::stream::repeat_with(|| {
                Ok::<_, std::io::Error>(Bytes::from_static(&[7; 16_384]))
            });
            Body::from_stream(chunks)
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let router = Router::new().route("/{whose}", get(endless));
        let stop = CancellationToken::new();
        let bounds = Bounds {
            connections: 4,
            stall: DOWNLOAD_STALL,
            patience: Duration::from_millis(200),
            gives_way: GivesWay::Slowest,
        };
        let server = tokio::spawn(serve_with(listener, router, stop.clone(), bounds));
        let mut buffer = vec![0; 8 << 20];
        // The slowest of all is the only one of its product; the other product's fast ones give way.
        let mut alone = asked_by(at, 2).await;
        let mut many = [asked_by(at, 1).await, asked_by(at, 1).await];
        for _ in 0..4 {
            alone.read_exact(&mut buffer[..1_000]).await.unwrap();
            for fast in &mut many {
                fast.read_exact(&mut buffer).await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let mut last = asked_by(at, 1).await;
        last.read_exact(&mut buffer).await.unwrap();
        let [mut one, mut other] = many;
        let (mut none, mut void) = (tokio::io::sink(), tokio::io::sink());
        let cut = async {
            tokio::select! {
                _ = tokio::io::copy(&mut one, &mut none) => {}
                _ = tokio::io::copy(&mut other, &mut void) => {}
            }
        };
        let cut = tokio::time::timeout(Duration::from_secs(10), cut).await;
        assert!(cut.is_ok(), "nobody gave way");
        for _ in 0..4 {
            alone.read_exact(&mut buffer).await.unwrap();
        }
        stop.cancel();
        server.await.unwrap();
    }
}
