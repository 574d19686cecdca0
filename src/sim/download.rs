//! The downloader of a simulated device: it streams, resumes after a cut, and checks size and checksums.

use super::device::Faults;
use super::stats::{Stats, count};
use aws_lc_rs::digest::{SHA256, digest};
use futures_util::StreamExt as _;
use rand::Rng as _;
use rand::RngExt as _;
use rand::rngs::StdRng;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Lost connections before it gives up (docs/protocol/device.md, "Downloads").
const DISCONNECTS: u32 = 10;
/// Maximum bytes of a file of a simulated device.
const FILE_BYTES: u64 = 400_000_000;
const PART: usize = 1 << 20;

/// The expected file, as the update message describes it.
pub(super) struct Wanted {
    pub url: String,
    pub size: u64,
    pub checksum: String,
    pub partials: Vec<String>,
}

/// Downloads a complete file.
pub(super) async fn fetch(
    client: &reqwest::Client,
    wanted: &Wanted,
    faults: &Faults,
    rng: &mut StdRng,
    stats: &Stats,
) -> Result<Vec<u8>, String> {
    if wanted.size == 0 || wanted.size > FILE_BYTES {
        return Err(format!("a file of {} bytes", wanted.size));
    }
    let total = usize::try_from(wanted.size).map_err(|e| e.to_string())?;
    let mut file = Vec::with_capacity(total);
    let mut lost = 0;
    while file.len() < total {
        let cut = rng
            .random_bool(faults.cut_rate)
            .then(|| rng.random_range(0..total));
        if cut.is_some() {
            count(&stats.cuts);
        }
        let before = file.len();
        if let Err(e) = stretch(client, wanted, faults, &mut file, cut, stats).await? {
            lost += 1;
            if lost > DISCONNECTS {
                return Err(format!("download lost {lost} times, last: {e}"));
            }
            if file.len() == before {
                let pause = 100u64.saturating_mul(1 << lost.min(6));
                tokio::time::sleep(Duration::from_millis(pause + rng.next_u64() % 100)).await;
            }
        }
    }
    check(wanted, &file)?;
    Ok(file)
}

/// Downloads over one connection. The outer error is final; the inner one is a lost connection.
async fn stretch(
    client: &reqwest::Client,
    wanted: &Wanted,
    faults: &Faults,
    file: &mut Vec<u8>,
    cut: Option<usize>,
    stats: &Stats,
) -> Result<Result<(), String>, String> {
    let mut request = client
        .get(&wanted.url)
        .header("content-type", "application/octet-stream");
    let resumed = !file.is_empty();
    if resumed {
        // The real downloader asks for a range whose end is the length, one past the last byte.
        request = request.header("range", format!("bytes={}-{}", file.len(), wanted.size));
    }
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(e) => return Ok(Err(e.to_string())),
    };
    let expected = if resumed { 206 } else { 200 };
    if answer.status() != expected {
        return Err(format!("the download answered {}", answer.status()));
    }
    if answer.content_length() != Some(wanted.size - file.len() as u64) {
        return Err("the download has another length than the update said".into());
    }
    let mut body = answer.bytes_stream();
    while let Some(chunk) = body.next().await {
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(e) => return Ok(Err(e.to_string())),
        };
        stats.bytes.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        file.extend_from_slice(&chunk);
        if let Some(kbps) = faults.slow_kbps {
            let millis = chunk.len() as u64 * 8 / kbps.max(1);
            tokio::time::sleep(Duration::from_millis(millis)).await;
        }
        if cut.is_some_and(|at| file.len() > at) && (file.len() as u64) < wanted.size {
            return Ok(Err("cut".into()));
        }
    }
    Ok(Ok(()))
}

fn check(wanted: &Wanted, file: &[u8]) -> Result<(), String> {
    if file.len() as u64 != wanted.size {
        return Err(format!("{} bytes instead of {}", file.len(), wanted.size));
    }
    if hex::encode_upper(digest(&SHA256, file)) != wanted.checksum {
        return Err("the SHA-256 does not match".into());
    }
    let parts: Vec<String> = file
        .chunks(PART)
        .map(|p| hex::encode_upper(digest(&SHA256, p)))
        .collect();
    if parts == wanted.partials {
        Ok(())
    } else {
        Err("the partial sums do not match".into())
    }
}
