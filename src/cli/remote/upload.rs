//! Uploads files to a server: resumable in several requests, or in a single request if the server knows no
//! other way.

use super::{Client, Refused};
use crate::cli::image::Image;
use anyhow::Context as _;
use aws_lc_rs::digest;
use indicatif::ProgressBar;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncSeekExt as _;

/// Consecutive attempts without progress before giving up.
const ATTEMPTS: u32 = 8;
/// The longest pause between two attempts.
const PAUSE: Duration = Duration::from_secs(30);

/// Uploads a file as `part` (`firmware` or `archive`) to the list at `path`, and returns the `data` of the
/// answer. If an earlier call was interrupted, it continues there.
pub(in crate::cli) async fn upload(
    client: &Client,
    path: &str,
    part: &'static str,
    file: &Path,
    bar: &ProgressBar,
) -> anyhow::Result<Value> {
    let could_not = || format!("could not read {}", file.display());
    let (size, sum) = summed(file).with_context(could_not)?;
    bar.set_length(size);
    let one = Uploading {
        client,
        list: path,
        uploads: format!("{}/uploads", path.rsplit_once('/').map_or("", |p| p.0)),
        part,
        file,
        size,
        bar,
    };
    let made = one.run(&sum).await;
    bar.finish_and_clear();
    made
}

/// Size and SHA-256 of the file.
fn summed(file: &Path) -> std::io::Result<(u64, String)> {
    let mut open = std::fs::File::open(file)?;
    let (mut size, mut context) = (0, digest::Context::new(&digest::SHA256));
    let mut piece = vec![0; 1 << 16];
    loop {
        match open.read(&mut piece)? {
            0 => return Ok((size, hex::encode(context.finish()))),
            n => {
                size += n as u64;
                context.update(&piece[..n]);
            }
        }
    }
}

struct Uploading<'u> {
    client: &'u Client,
    list: &'u str,
    uploads: String,
    part: &'static str,
    file: &'u Path,
    size: u64,
    bar: &'u ProgressBar,
}

/// Whether another attempt could help: after a network failure, or when the server is busy or restarts.
fn passing(e: &anyhow::Error) -> bool {
    match e.downcast_ref::<Refused>() {
        Some(refused) => {
            let s = refused.status;
            s.is_server_error()
                || matches!(
                    s,
                    StatusCode::REQUEST_TIMEOUT
                        | StatusCode::TOO_MANY_REQUESTS
                        | StatusCode::CONFLICT
                        | StatusCode::NOT_FOUND
                )
        }
        None => e.chain().any(|cause| cause.is::<reqwest::Error>()),
    }
}

impl Uploading<'_> {
    async fn run(&self, sum: &str) -> anyhow::Result<Value> {
        let (mut failures, mut furthest) = (0, 0);
        loop {
            let failed = match self.begin(sum).await {
                Ok(None) => return self.whole().await,
                Ok(Some((id, offset))) => {
                    if offset > furthest {
                        (failures, furthest) = (0, offset);
                    }
                    match self.send(&id, offset).await {
                        Ok(()) => match self.finish(&id).await {
                            Ok(made) => return Ok(made),
                            Err(e) => e,
                        },
                        Err(e) => e,
                    }
                }
                Err(e) => e,
            };
            failures += 1;
            if !passing(&failed) || failures > ATTEMPTS {
                return Err(failed);
            }
            tokio::time::sleep(Duration::from_secs(1 << (failures - 1)).min(PAUSE)).await;
        }
    }

    /// The upload's id and the offset to continue from; `None` when the server has no resumable uploads.
    async fn begin(&self, sum: &str) -> anyhow::Result<Option<(String, u64)>> {
        let body = json!({"size": self.size, "sha256": sum});
        let begun = self.client.send(Method::POST, &self.uploads, &body).await;
        let data = match begun {
            Ok(data) => data,
            Err(e) => {
                let status = e.downcast_ref::<Refused>().map(|r| r.status);
                return match status {
                    Some(StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) => Ok(None),
                    _ => Err(e),
                };
            }
        };
        let id = data["id"].as_str().context("the server gave no id")?;
        let offset = data["offset"].as_u64().unwrap_or(0);
        Ok(Some((id.to_owned(), offset)))
    }

    /// The file from an offset on, counted on the progress bar.
    async fn body(&self, offset: u64) -> anyhow::Result<reqwest::Body> {
        let could_not = || format!("could not read {}", self.file.display());
        let mut open = tokio::fs::File::open(self.file)
            .await
            .with_context(could_not)?;
        open.seek(std::io::SeekFrom::Start(offset))
            .await
            .with_context(could_not)?;
        self.bar.set_position(offset);
        let counted = self.bar.clone();
        let chunks = tokio_util::io::ReaderStream::with_capacity(open, 65_536);
        let chunks = futures_util::StreamExt::inspect(chunks, move |chunk| {
            if let Ok(bytes) = chunk {
                counted.inc(bytes.len() as u64);
            }
        });
        Ok(reqwest::Body::wrap_stream(chunks))
    }

    async fn send(&self, id: &str, offset: u64) -> anyhow::Result<()> {
        if offset == self.size {
            return Ok(());
        }
        let path = format!("{}/{id}?offset={offset}", self.uploads);
        let request = self.client.request(Method::PATCH, &path);
        let request = request
            .header("content-type", "application/octet-stream")
            .header("content-length", self.size - offset)
            .body(self.body(offset).await?);
        self.client.full_answer(request).await?;
        Ok(())
    }

    async fn finish(&self, id: &str) -> anyhow::Result<Value> {
        let path = format!("{}/{id}/{}", self.uploads, self.part);
        match self.client.send(Method::POST, &path, &json!({})).await {
            Ok(made) => Ok(made),
            // The answer may be lost although the server has created the firmware.
            Err(e) if passing(&e) => match self.made().await {
                Some(made) => Ok(made),
                None => Err(e),
            },
            Err(e) => Err(e),
        }
    }

    /// What the server has stored under this UUID.
    async fn made(&self) -> Option<Value> {
        let mut open = std::fs::File::open(self.file).ok()?;
        let image = Image::read(&mut open).ok()?;
        let path = format!("{}/{}", self.list, image.uuid());
        self.client.get(&path).await.ok()
    }

    /// Uploads in a single request, as NervesHub does.
    async fn whole(&self) -> anyhow::Result<Value> {
        let shown = self
            .file
            .file_name()
            .map(|n| n.to_string_lossy().into_owned());
        let body = self.body(0).await?;
        let part = reqwest::multipart::Part::stream_with_length(body, self.size)
            .file_name(shown.unwrap_or_else(|| "file.fw".into()));
        let form = reqwest::multipart::Form::new().part(self.part, part);
        let request = self.client.request(Method::POST, self.list).multipart(form);
        Ok(self.client.full_answer(request).await?["data"].take())
    }
}
