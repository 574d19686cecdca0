//! A database that does not keep up: who comes is refused before TLS, and who is there stays.

use crate::support::bucket::Bucket;
use crate::support::device::Device;
use crate::support::wire::Wire;
use crate::support::{Server, postgres, readings};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Whether a connection is closed at once and without a byte.
async fn is_refused(server: &Server) -> bool {
    let mut socket = TcpStream::connect(&server.devices).await.unwrap();
    let read = timeout(Duration::from_millis(500), socket.read_u8()).await;
    read.is_ok_and(|byte| byte.is_err())
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_does_not_keep_up_nobody_is_let_in_and_who_is_there_stays() {
    let Some(url) = postgres::database().await else {
        return;
    };
    let wire = Wire::to_postgres(&url).await;
    let over = wire.url(&url);
    let bucket = Bucket::start().await;
    let server = Server::node_on(&over, &url, &bucket.flags("cluster"));
    let mut first = Device::secret(&server, "first").await.unwrap();
    first.join(json!({}), json!({})).await;
    server.until_devices(readings::ONLINE, 1).await;
    assert!(!is_refused(&server).await);
    wire.cut(true);
    // What it says waits, and soon has waited for too long.
    let said = json!({"status": "failed", "reason": "x"});
    first.push("status_update", said).await;
    let begun = Instant::now();
    while !is_refused(&server).await {
        assert!(begun.elapsed() < Duration::from_secs(30));
        let came = Device::secret(&server, "second");
        let came = timeout(Duration::from_secs(1), came).await;
        assert!(!came.is_ok_and(|c| c.is_ok()), "it was let in");
        sleep(Duration::from_millis(100)).await;
    }
    wire.cut(false);
    let begun = Instant::now();
    let mut second = loop {
        match Device::secret(&server, "second").await {
            Ok(device) => break device,
            Err(_) => assert!(begun.elapsed() < Duration::from_secs(30)),
        }
        sleep(Duration::from_millis(100)).await;
    };
    second.join(json!({}), json!({})).await;
    server.until_devices(readings::ONLINE, 2).await;
    assert!(first.silent(10).await, "its socket is kept");
}
