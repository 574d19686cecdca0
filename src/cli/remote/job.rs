//! `nervecenter job …`.

use super::{Ask, Client, part};
use crate::cli::exit::Code;
use crate::cli::output;
use clap::Subcommand;
use futures_util::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// Actions on many devices.
#[derive(Subcommand)]
pub(in crate::cli) enum Job {
    /// List the actions on many devices of the last 30 days, newest first.
    List,
    /// Say how far one is, and why devices were left as they are.
    Show {
        /// Its number.
        id: i64,
    },
    /// Say what it came to at each device.
    Results {
        /// Its number.
        id: i64,
        /// Only devices that were changed (or answered), unchanged, refused, or have failed.
        #[arg(long)]
        outcome: Option<String>,
        /// As CSV, with the whole output of a script.
        #[arg(long)]
        csv: bool,
    },
    /// End one; what it has done stays done.
    Cancel {
        /// Its number.
        id: i64,
    },
    /// Put back what one has changed, within ten minutes of its end.
    Undo {
        /// Its number.
        id: i64,
    },
}

/// How often a job is asked for while it is waited for.
const EVERY: Duration = Duration::from_millis(300);

async fn path(client: &Client, id: i64) -> anyhow::Result<String> {
    Ok(format!("{}/jobs/{id}", client.in_product().await?))
}

/// Why devices are left as they are, a line each.
pub(super) fn reasons(all: &Value) {
    for one in all.as_array().into_iter().flatten() {
        let reason = one["reason"].as_str().unwrap_or_default();
        output::data(&format!("{} left as they are: {reason}", one["count"]));
    }
}

fn ended(client: &Client, job: &Value) -> anyhow::Result<Code> {
    if client.json() {
        client.one(job)?;
    } else {
        output::data(&format!(
            "job {}: {}, {} of {} devices {}",
            job["id"],
            job["state"].as_str().unwrap_or_default(),
            job["changed"],
            job["total"],
            match job["script"] {
                Value::Null => "changed",
                _ => "answered",
            }
        ));
        reasons(&job["errors"]);
    }
    Ok(match job["state"].as_str() {
        Some("done") => Code::Done,
        _ => Code::Failed,
    })
}

/// Waits until a job has ended, and says how.
pub(super) async fn wait(client: &Client, id: i64) -> anyhow::Result<Code> {
    let path = path(client, id).await?;
    loop {
        let job = client.get(&path).await?;
        if job["state"] != "running" {
            return ended(client, &job);
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Prints the results of a job as CSV, as they come.
async fn save(client: &Client, id: i64, outcome: Option<&str>) -> anyhow::Result<()> {
    let narrowed = outcome.map_or(String::new(), |word| format!("?outcome={}", part(word)));
    let path = format!("{}/results.csv{narrowed}", path(client, id).await?);
    let answer = client.request(Method::GET, &path).send().await?;
    if !answer.status().is_success() {
        client
            .full_answer(client.request(Method::GET, &path))
            .await?;
    }
    let mut chunks = answer.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        output::bytes(&chunk?);
    }
    Ok(())
}

impl Ask for Job {
    async fn ask(self, client: &Client) -> anyhow::Result<Code> {
        match self {
            Self::List => {
                let list = format!("{}/jobs", client.in_product().await?);
                let all = Value::Array(client.all(&list, &[]).await?);
                let columns = [
                    ("ID", "/id"),
                    ("ACTION", "/action"),
                    ("STATE", "/state"),
                    ("DONE", "/done"),
                    ("FAILED", "/failed"),
                    ("OF", "/total"),
                    ("BY", "/by"),
                    ("AT", "/created_at"),
                    ("UNDO UNTIL", "/undo_until"),
                ];
                client.table(&all, &columns)?;
            }
            Self::Show { id } => client.one(&client.get(&path(client, id).await?).await?)?,
            Self::Results {
                id,
                outcome,
                csv: true,
            } => save(client, id, outcome.as_deref()).await?,
            Self::Results { id, outcome, .. } => {
                let results = format!("{}/results", path(client, id).await?);
                let mut pairs = Vec::new();
                if let Some(outcome) = &outcome {
                    pairs.push(("outcome", outcome.as_str()));
                }
                let all = Value::Array(client.all(&results, &pairs).await?);
                let columns = [
                    ("DEVICE", "/device"),
                    ("OUTCOME", "/outcome"),
                    ("REASON", "/reason"),
                    ("OUTPUT", "/output"),
                ];
                client.table(&all, &columns)?;
            }
            Self::Cancel { id } => {
                let cancel = format!("{}/cancel", path(client, id).await?);
                client.send(Method::POST, &cancel, &json!({})).await?;
                client.done("cancelled; what it has done stays done");
            }
            Self::Undo { id } => {
                let undo = format!("{}/undo", path(client, id).await?);
                let begun = client.send(Method::POST, &undo, &json!({})).await?;
                let number = begun["id"].as_i64().unwrap_or_default();
                return wait(client, number).await;
            }
        }
        Ok(Code::Done)
    }
}
