use super::*;
use std::io::Write as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Some pieces and a bit, without a pattern that a shift would hide.
fn content() -> Vec<u8> {
    let bytes = (0..3 * DOWNLOAD_PIECE_BYTES as u64 + 77).map(|n| ((n * n) >> 7 ^ n) as u8);
    bytes.collect()
}

fn stored(content: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file
}

/// Both ends of a connection; the first is the server's.
async fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap());
    let (client, server) = tokio::join!(client, listener.accept());
    (server.unwrap().0, client.unwrap())
}

/// What comes over the connection when this range of the file is the body of an answer with this head, as hyper writes it,
/// and how the writing ended.
async fn sent(
    server: TcpStream,
    mut client: TcpStream,
    sendfile: &Sendfile,
    file: File,
    range: Range<u64>,
) -> (Vec<u8>, io::Result<()>) {
    let pieces = sendfile.pieces();
    let mut socket = Socket::new(server, pieces.clone());
    let mut parts = pieces.body(file, range).into_data_stream();
    let write = async move {
        socket.write_all(b"head").await?;
        while let Some(part) = futures_util::StreamExt::next(&mut parts).await {
            socket.write_all(&part.map_err(io::Error::other)?).await?;
        }
        Ok(())
    };
    let mut got = Vec::new();
    let (written, read) = tokio::join!(write, client.read_to_end(&mut got));
    read.unwrap();
    (got, written)
}

fn headed(content: &[u8]) -> Vec<u8> {
    [b"head", content].concat()
}

#[tokio::test]
async fn a_stretch_of_a_file_comes_as_it_is() {
    let content = content();
    let sendfile = Sendfile::default();
    for range in [0..content.len(), 5..DOWNLOAD_PIECE_BYTES + 9, 7..8, 3..3] {
        let (server, client) = connection().await;
        let wanted = headed(&content[range.clone()]);
        let range = range.start as u64..range.end as u64;
        let (got, ended) = sent(server, client, &sendfile, stored(&content), range).await;
        ended.unwrap();
        assert!(got == wanted, "{} bytes came", got.len());
    }
    assert_eq!(
        sendfile.0.load(Ordering::Relaxed),
        cfg!(target_os = "linux")
    );
}

#[tokio::test]
async fn a_file_is_read_where_sendfile_does_not_work() {
    let content = content();
    let sendfile = Sendfile(Arc::new(AtomicBool::new(false)));
    let (server, client) = connection().await;
    let range = 1..content.len() as u64;
    let (got, ended) = sent(server, client, &sendfile, stored(&content), range).await;
    ended.unwrap();
    assert!(got == headed(&content[1..]));
}

/// The kernel refuses `sendfile` to what is open for appending.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_refusal_in_the_middle_is_not_noticed_by_who_downloads() {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    let content = content();
    let sendfile = Sendfile::default();
    let (server, client) = connection().await;
    let flags = fcntl_getfl(&server).unwrap();
    fcntl_setfl(&server, flags | OFlags::APPEND).unwrap();
    let range = 0..content.len() as u64;
    let (got, ended) = sent(server, client, &sendfile, stored(&content), range).await;
    ended.unwrap();
    assert!(got == headed(&content), "{} bytes came", got.len());
    let works = sendfile.0.load(Ordering::Relaxed);
    assert!(!works, "the next downloads do not try it");
}

#[tokio::test]
async fn a_file_that_is_shorter_than_was_said_breaks_off() {
    let content = content();
    for works in [true, false] {
        let sendfile = Sendfile(Arc::new(AtomicBool::new(works)));
        let (server, client) = connection().await;
        let range = 0..content.len() as u64 + 1;
        let (got, ended) = sent(server, client, &sendfile, stored(&content), range).await;
        assert!(ended.is_err());
        assert!(headed(&content).starts_with(&got), "only what there was");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_is_not_in_the_page_cache_is_brought_there_first() {
    let content = content();
    let file = stored(&content);
    file.sync_all().unwrap();
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
    let file = Arc::new(file);
    let pieces = Sendfile::default().pieces();
    let bytes = pieces.next(&file, 9, DOWNLOAD_PIECE_BYTES).await.unwrap();
    assert!(is_stand_in(&bytes));
    assert!(cached(&file, 9, DOWNLOAD_PIECE_BYTES));
}
