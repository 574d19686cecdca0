//! `nervecenter script …`, `archive …`.

use super::{Remote, part};
use crate::cli::exit::Code;
use crate::cli::output;
use anyhow::Context as _;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Support scripts of the product.
#[derive(Subcommand)]
pub(in crate::cli) enum Script {
    /// List the scripts.
    List {
        #[command(flatten)]
        remote: Remote,
    },
    /// Keep a script for the product.
    Create {
        #[command(flatten)]
        remote: Remote,
        /// Its name.
        name: String,
        /// The file with the Elixir code.
        file: PathBuf,
    },
    /// Run a script, by name or number, on a device, and print what it prints.
    Run {
        #[command(flatten)]
        remote: Remote,
        /// The device's identifier.
        identifier: String,
        /// The script.
        script: String,
        /// Milliseconds to wait.
        #[arg(long, default_value_t = 30_000)]
        timeout: u32,
    },
}

/// Archives: signed files for applications on devices.
#[derive(Subcommand)]
pub(in crate::cli) enum Archive {
    /// List the archives.
    List {
        #[command(flatten)]
        remote: Remote,
    },
    /// Upload an archive.
    Publish {
        #[command(flatten)]
        remote: Remote,
        /// The file.
        file: PathBuf,
    },
    /// Delete an archive that no release uses.
    Delete {
        #[command(flatten)]
        remote: Remote,
        /// Its uuid.
        uuid: String,
    },
}

impl Script {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<Code> {
        match self {
            Self::List { remote } => {
                let client = remote.client()?;
                let path = format!("{}/scripts", client.in_product().await?);
                let all = Value::Array(client.all(&path, &[]).await?);
                client.table(&all, &[("ID", "/id"), ("NAME", "/name"), ("TAGS", "/tags")])?;
            }
            Self::Create { remote, name, file } => {
                let client = remote.client()?;
                let text = std::fs::read_to_string(&file)
                    .with_context(|| format!("could not read {}", file.display()))?;
                let path = format!("{}/scripts", client.in_product().await?);
                let body = json!({"name": name, "text": text});
                client.one(&client.send(Method::POST, &path, &body).await?)?;
            }
            Self::Run {
                remote,
                identifier,
                script,
                timeout,
            } => {
                let client = remote.client()?;
                let path = format!(
                    "{}/devices/{}/scripts/{}?timeout={timeout}",
                    client.in_product().await?,
                    part(&identifier),
                    part(&script)
                );
                match client.whole(client.request(Method::POST, &path)).await? {
                    Value::String(text) => output::data(&text),
                    // Output that happens to be JSON.
                    other => output::data(&other.to_string()),
                }
            }
        }
        Ok(Code::Done)
    }
}

impl Archive {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<Code> {
        match self {
            Self::List { remote } => {
                let client = remote.client()?;
                let path = format!("{}/archives", client.in_product().await?);
                let all = client.get(&path).await?;
                client.table(
                    &all,
                    &[
                        ("VERSION", "/version"),
                        ("PLATFORM", "/platform"),
                        ("UUID", "/uuid"),
                        ("SIZE", "/size"),
                    ],
                )?;
            }
            Self::Publish { remote, file } => {
                let client = remote.client()?;
                let path = format!("{}/archives", client.in_product().await?);
                let made = super::firmware::upload(&client, &path, "archive", &file).await?;
                client.one(&made)?;
            }
            Self::Delete { remote, uuid } => {
                let client = remote.client()?;
                let path = format!("{}/archives/{}", client.in_product().await?, part(&uuid));
                client.delete(&path).await?;
                client.done("deleted");
            }
        }
        Ok(Code::Done)
    }
}
