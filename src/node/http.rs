//! HTTP listeners for people and downloads: bounded in number, and a head must arrive in time.

use crate::api::Peer;
use crate::budget::OnceAMinute;
use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at once on one listener.
const CONNECTIONS: usize = 4_096;
/// A request's head must be there in this time; idle keep-alive connections end with it.
const HEAD: Duration = Duration::from_secs(30);
/// What goes on when the server stops may take this long.
const GRACE: Duration = Duration::from_secs(10);

/// A peer that takes nothing of its answer for this long is cut, or it would hold its place for ever; a device's
/// downloader gives up a silent connection after 60 s itself, and resumes.
const STALL: Duration = Duration::from_secs(90);

/// Serves until it is told to stop, then lets running requests end.
pub(super) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    serve_with(listener, router, stop, STALL).await;
}

async fn serve_with(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    stall: Duration,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let running = TaskTracker::new();
    let told = OnceAMinute::default();
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
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
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            routes.call(request)
        });
        let stop = stop.clone();
        running.spawn(async move {
            let _place = place;
            let mut socket = TimeoutStream::new(socket);
            socket.set_write_timeout(Some(stall));
            let socket = Box::pin(socket);
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .serve_connection(TokioIo::new(socket), service)
                .with_upgrades();
            tokio::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
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
    let _ = tokio::time::timeout(GRACE, running.wait()).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, Bytes};
    use axum::routing::get;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

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
        let server = tokio::spawn(serve_with(
            listener,
            router,
            stop.clone(),
            Duration::from_millis(600),
        ));
        let ask = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
        let mut stuck = TcpStream::connect(at).await.unwrap();
        stuck.write_all(ask).await.unwrap();
        let mut slow = TcpStream::connect(at).await.unwrap();
        slow.write_all(ask).await.unwrap();
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
}
