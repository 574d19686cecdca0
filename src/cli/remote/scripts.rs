//! `nervecenter script …` and `nervecenter archive …`.

use super::firmware::bar;
use super::upload::upload;
use super::{Ask, Client, part};
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
    List,
    /// Keep a script for the product.
    Create {
        /// Its name.
        name: String,
        /// The file with the Elixir code.
        file: PathBuf,
    },
    /// Run a script, by name or number, on a device, and print what it prints.
    Run {
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
    List,
    /// Upload an archive.
    Publish {
        /// The file.
        file: PathBuf,
    },
    /// Delete an archive that no release uses.
    Delete {
        /// Its uuid.
        uuid: String,
    },
}

impl Ask for Script {
    async fn ask(self, client: &Client) -> anyhow::Result<Code> {
        match self {
            Self::List => {
                let path = format!("{}/scripts", client.in_product().await?);
                let all = Value::Array(client.all(&path, &[]).await?);
                client.table(&all, &[("ID", "/id"), ("NAME", "/name"), ("TAGS", "/tags")])?;
            }
            Self::Create { name, file } => {
                let text = std::fs::read_to_string(&file)
                    .with_context(|| format!("could not read {}", file.display()))?;
                let path = format!("{}/scripts", client.in_product().await?);
                let body = json!({"name": name, "text": text});
                client.one(&client.send(Method::POST, &path, &body).await?)?;
            }
            Self::Run {
                identifier,
                script,
                timeout,
            } => {
                let path = format!(
                    "{}/devices/{}/scripts/{}?timeout={timeout}",
                    client.in_product().await?,
                    part(&identifier),
                    part(&script)
                );
                match client
                    .full_answer(client.request(Method::POST, &path))
                    .await?
                {
                    Value::String(text) => output::data(&text),
                    // The script's output was valid JSON.
                    other => output::data(&other.to_string()),
                }
            }
        }
        Ok(Code::Done)
    }
}

impl Ask for Archive {
    async fn ask(self, client: &Client) -> anyhow::Result<Code> {
        match self {
            Self::List => {
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
            Self::Publish { file } => {
                let path = format!("{}/archives", client.in_product().await?);
                let made = upload(client, &path, "archive", &file, &bar("uploading")).await?;
                client.one(&made)?;
            }
            Self::Delete { uuid } => {
                let path = format!("{}/archives/{}", client.in_product().await?, part(&uuid));
                client.delete(&path).await?;
                client.done("deleted");
            }
        }
        Ok(Code::Done)
    }
}
