//! `nervecenter firmware publish|list|download|delete`: firmware of a server.

use super::upload::upload;
use super::{Client, Refused, Remote, part};
use crate::cli::exit::Code;
use crate::cli::image::{Image, open};
use crate::cli::output;
use crate::firmware::kind::FirmwareKind;
use anyhow::{Context as _, bail};
use clap::Args;
use futures_util::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

/// Upload signed firmware, and release it if you say where.
#[derive(Args)]
pub(in crate::cli) struct Publish {
    #[command(flatten)]
    remote: Remote,
    /// The file.
    file: PathBuf,
    /// Make a release of it in this deployment group; may be repeated.
    #[arg(long, value_name = "GROUP")]
    deploy: Vec<String>,
}

/// List the product's firmware, highest version first.
#[derive(Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    remote: Remote,
}

/// Download a firmware.
#[derive(Args)]
pub(in crate::cli) struct Download {
    #[command(flatten)]
    remote: Remote,
    /// Its uuid.
    uuid: String,
    /// Where to write it [default: UUID.fw, or UUID.bin of an ESP-IDF image].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Delete a firmware that no release ever used.
#[derive(Args)]
pub(in crate::cli) struct Delete {
    #[command(flatten)]
    remote: Remote,
    /// Its uuid.
    uuid: String,
}

/// Whether the server refused an upload since it has this firmware.
fn is_taken(e: &anyhow::Error) -> bool {
    has_status(e, StatusCode::UNPROCESSABLE_ENTITY)
        && e.to_string().contains("uuid has already been taken")
}

/// Whether the server refused something with this status.
fn has_status(e: &anyhow::Error, status: StatusCode) -> bool {
    e.downcast_ref::<Refused>()
        .is_some_and(|r| r.status == status)
}

/// The uuid of a firmware of a product that a person names by its uuid or, where that is clear, by its version.
pub(super) async fn named(client: &Client, product: &str, name: &str) -> anyhow::Result<String> {
    let list = format!("{product}/firmwares");
    match client.get(&format!("{list}/{}", part(name))).await {
        Ok(found) => return Ok(found["uuid"].as_str().unwrap_or(name).to_owned()),
        Err(e) if has_status(&e, StatusCode::NOT_FOUND) => {}
        Err(e) => return Err(e),
    }
    let all = client.get(&list).await?;
    let all = all.as_array().map(Vec::as_slice).unwrap_or_default();
    let with = all.iter().filter(|f| f["version"] == name);
    let found: Vec<&str> = with.filter_map(|f| f["uuid"].as_str()).collect();
    match found[..] {
        [one] => Ok(one.to_owned()),
        [] => bail!(
            "there is no firmware {name:?} in this product; `nervecenter firmware list` shows those there are"
        ),
        _ => bail!(
            "there are several firmwares of version {name}, say which by its uuid: {}",
            found.join(", ")
        ),
    }
}

/// A progress bar, which is hidden unless stderr is a terminal.
pub(super) fn bar(what: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {eta}")
    {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar
}

impl Publish {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<Code> {
        // Checked before the upload, so that a file that the server would refuse is not sent in vain.
        let image = match Image::read(&mut open(&self.file)?) {
            Ok(image) => image,
            Err(e) => {
                output::error(&e.to_string());
                return Ok(Code::BadFirmware);
            }
        };
        if image.unsigned() {
            output::error("the file is not signed; sign it with `nervecenter firmware sign`");
            return Ok(Code::BadFirmware);
        }
        let mut remote = self.remote.clone();
        if remote.product.is_none() {
            remote.product = image.product().map(str::to_owned);
        }
        let client = remote.client()?;
        let product = client.in_product().await?;
        // Before the upload, so that a mistyped name does not leave half of the work done.
        for group in &self.deploy {
            let path = format!("{product}/deployments/{}", part(group));
            client.get(&path).await?;
        }
        let list = format!("{product}/firmwares");
        let made = upload(&client, &list, "firmware", &self.file, &bar("uploading")).await;
        let made = match made {
            // A build that is repeated, or whose releases failed, goes on with what is there.
            Err(e) if !self.deploy.is_empty() && is_taken(&e) => {
                client.done("this firmware was uploaded before");
                client.get(&format!("{list}/{}", image.uuid())).await?
            }
            made => made?,
        };
        let uuid = made["uuid"]
            .as_str()
            .context("the server gave no uuid")?
            .to_owned();
        client.one(&made)?;
        let mut code = Code::Done;
        for group in &self.deploy {
            let path = format!("{product}/deployments/{}", part(group));
            let body = json!({"deployment": {"firmware": uuid}});
            match client.send(Method::PUT, &path, &body).await {
                Ok(_) => client.done(&format!("released in {group}")),
                Err(e) => {
                    output::error(&format!("{group}: {e:#}"));
                    code = Code::Failed;
                }
            }
        }
        Ok(code)
    }
}

impl List {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<Code> {
        let client = self.remote.client()?;
        let all = client
            .get(&format!("{}/firmwares", client.in_product().await?))
            .await?;
        client.table(
            &all,
            &[
                ("VERSION", "/version"),
                ("TOOL", "/tool"),
                ("PLATFORM", "/platform"),
                ("ARCH", "/architecture"),
                ("UUID", "/uuid"),
                ("AUTHOR", "/author"),
            ],
        )?;
        Ok(Code::Done)
    }
}

impl Download {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<Code> {
        let client = self.remote.client()?;
        let path = format!(
            "{}/firmwares/{}/download",
            client.in_product().await?,
            part(&self.uuid)
        );
        let answer = client.request(Method::GET, &path).send().await?;
        if !answer.status().is_success() {
            client
                .full_answer(client.request(Method::GET, &path))
                .await?;
            bail!("the file could not be downloaded");
        }
        // The link that the server redirected to has the file's extension.
        let end = answer.url().path().rsplit_once('.').map(|(_, end)| end);
        let end = FirmwareKind::ALL
            .into_iter()
            .find(|k| end == Some(k.extension()));
        let end = end.unwrap_or(FirmwareKind::Fwup).extension();
        let target = self
            .output
            .unwrap_or_else(|| format!("{}.{end}", self.uuid).into());
        let folder = target.parent().filter(|p| !p.as_os_str().is_empty());
        let mut staged = tempfile::NamedTempFile::new_in(folder.unwrap_or(".".as_ref()))?;
        let bar = bar("downloading");
        bar.set_length(answer.content_length().unwrap_or(0));
        let mut chunks = answer.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            staged.write_all(&chunk)?;
            bar.inc(chunk.len() as u64);
        }
        bar.finish_and_clear();
        staged
            .persist(&target)
            .with_context(|| format!("could not write {}", target.display()))?;
        client.done(&format!("wrote {}", target.display()));
        Ok(Code::Done)
    }
}

impl Delete {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<Code> {
        let client = self.remote.client()?;
        let path = format!(
            "{}/firmwares/{}",
            client.in_product().await?,
            part(&self.uuid)
        );
        client.delete(&path).await?;
        client.done("deleted");
        Ok(Code::Done)
    }
}
