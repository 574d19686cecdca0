//! `nervecenter deployment …`: deployment groups of a server.

mod dry_run;
mod status;
mod strays;

use super::{Ask, Client, firmware, part};
use crate::cli::exit::Code;
use crate::cli::output;
use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// Deployment groups: which devices get which firmware, and how fast.
#[derive(Subcommand)]
pub(in crate::cli) enum Deployment {
    /// List the groups.
    List,
    /// Show a group.
    Show {
        /// Its name.
        name: String,
    },
    /// Make a group; it is off until it is activated.
    Create {
        /// Its name.
        name: String,
        /// The firmware of its first release: its uuid, or its version where only one has it.
        #[arg(long)]
        firmware: String,
        /// Devices must have these tags, with commas.
        #[arg(long, value_delimiter = ',')]
        tags: Vec<String>,
        /// Devices must run such a version, such as ">= 1.0.0".
        #[arg(long, default_value = "")]
        version: String,
    },
    /// Change settings, such as concurrent_updates=20 or notes="slow".
    Update {
        /// Its name.
        name: String,
        /// Settings.
        #[arg(required = true, value_name = "KEY=VALUE")]
        settings: Vec<String>,
    },
    /// Make a release of a firmware. Without --archive its devices are told of no archive any more.
    Release {
        /// Its name.
        name: String,
        /// The firmware: its uuid, or its version where only one has it.
        firmware: String,
        /// uuid of the archive that comes with it.
        #[arg(long)]
        archive: Option<String>,
    },
    /// Say what the current release has left to do, or what a release of another firmware would do; changes nothing.
    DryRun {
        /// The group's name.
        name: String,
        /// The firmware that would be released: its uuid, or its version where only one has it.
        #[arg(long)]
        firmware: Option<String>,
        /// File with the workflow (JSON) that it would go by, in place of the group's.
        #[arg(long, value_name = "FILE")]
        workflow: Option<PathBuf>,
    },
    /// List devices in the group that it is not for, and devices that it is for outside.
    Strays {
        /// The group's name.
        name: String,
    },
    /// Put devices into the group: those that are named, else all that its conditions take.
    Adopt {
        /// The group's name.
        name: String,
        /// Identifiers of devices.
        devices: Vec<String>,
    },
    /// Take devices out of the group: those that are named, else all that its conditions do not take.
    Expel {
        /// The group's name.
        name: String,
        /// Identifiers of devices.
        devices: Vec<String>,
    },
    /// Take the current release back: a new release brings what the last good one before it brought.
    Rollback {
        #[command(flatten)]
        why: Why,
    },
    /// List a group's releases, newest first.
    Releases {
        /// Its name.
        name: String,
    },
    /// Switch a group on: it updates its devices.
    Activate {
        /// Its name.
        name: String,
    },
    /// Switch a group off: no update begins, of any release.
    Deactivate {
        /// Its name.
        name: String,
    },
    /// Pause the current release: nobody more is told until it is resumed.
    Pause {
        #[command(flatten)]
        why: Why,
    },
    /// Try the devices again on which the current release failed; failures count anew.
    RetryFailed {
        #[command(flatten)]
        why: Why,
    },
    /// Show what the failed attempts of the current release have in common.
    Failures {
        /// The group's name.
        name: String,
        /// What they are grouped by.
        #[arg(long, default_value = "reason", value_parser = ["reason", "stage", "version"])]
        by: String,
    },
    /// List the deltas to the firmware of the current release.
    Deltas {
        /// The group's name.
        name: String,
    },
    /// Have deltas made again that could not be made, or were withdrawn because they failed on devices.
    RetryDeltas {
        /// The group's name.
        name: String,
        /// uuid of the firmware that the delta is from; all when left out.
        #[arg(long)]
        from: Option<String>,
    },
    /// List the updates in flight, oldest first.
    Inflight {
        /// The group's name.
        name: String,
    },
    /// Say how many devices run the current release; with --watch until all do. It fails when the release stops before.
    Status {
        /// Its name.
        name: String,
        /// Go on until all do.
        #[arg(long)]
        watch: bool,
        /// Fail when they do not after so many seconds.
        #[arg(long, requires = "watch", value_name = "SECONDS")]
        timeout: Option<u64>,
    },
    /// Show how far the current release is, step by step.
    Progress {
        /// Its name.
        name: String,
    },
    /// Approve the step of a release that waits for it; each person counts once.
    Approve {
        #[command(flatten)]
        why: Why,
    },
    /// Go on with a release that was paused or stopped by itself.
    Resume {
        #[command(flatten)]
        why: Why,
    },
    /// End the current release for good; devices that were told finish.
    Abort {
        #[command(flatten)]
        why: Why,
    },
    /// Delete a group; its devices keep running.
    Delete {
        /// Its name.
        name: String,
    },
}

/// Which group, and why something is done to its release.
#[derive(Args)]
pub(in crate::cli) struct Why {
    /// The group's name.
    name: String,
    /// For the audit log.
    #[arg(long)]
    reason: Option<String>,
}

async fn post(client: &Client, what: &str, why: Why) -> anyhow::Result<Value> {
    let path = format!("{}/{what}", group(client, &why.name).await?);
    let body = json!({"reason": why.reason});
    client.send(Method::POST, &path, &body).await
}

async fn steer(client: &Client, what: &str, why: Why) -> anyhow::Result<Code> {
    shown(client, &post(client, what, why).await?)
}

/// Shows how far a release is: the sentence, and its steps.
fn shown(client: &Client, progress: &Value) -> anyhow::Result<Code> {
    if client.json() {
        client.one(progress)?;
        return Ok(Code::Done);
    }
    let sentence = progress["sentence"].as_str().unwrap_or_default();
    output::data(&format!("Release {}: {sentence}", progress["release"]));
    client.table(
        &progress["steps"],
        &[
            ("STEP", "/name"),
            ("STATE", "/state"),
            ("UPDATING", "/in_flight"),
            ("INSTALLED", "/installed"),
            ("VALIDATED", "/validated"),
            ("FAILED", "/failed"),
            ("APPROVALS", "/approvals"),
        ],
    )?;
    Ok(Code::Done)
}

/// The path of a group.
async fn group(client: &Client, name: &str) -> anyhow::Result<String> {
    Ok(format!(
        "{}/deployments/{}",
        client.in_product().await?,
        part(name)
    ))
}

/// Lists what a group has below its own address.
async fn list(
    client: &Client,
    name: &str,
    what: &str,
    columns: &[(&str, &str)],
) -> anyhow::Result<Code> {
    let path = format!("{}/{what}", group(client, name).await?);
    client.table(&client.get(&path).await?, columns)?;
    Ok(Code::Done)
}

async fn put(client: &Client, name: &str, settings: Value) -> anyhow::Result<Code> {
    let path = group(client, name).await?;
    let body = json!({ "deployment": settings });
    client.one(&client.send(Method::PUT, &path, &body).await?)?;
    Ok(Code::Done)
}

impl Ask for Deployment {
    async fn ask(self, client: &Client) -> anyhow::Result<Code> {
        match self {
            Self::List => {
                let path = format!("{}/deployments", client.in_product().await?);
                let all = client.get(&path).await?;
                client.table(
                    &all,
                    &[
                        ("NAME", "/name"),
                        ("STATE", "/state"),
                        ("VERSION", "/current_release/firmware/version"),
                        ("PLATFORM", "/current_release/firmware/platform"),
                        ("DEVICES", "/device_count"),
                        ("RELEASES", "/releases_count"),
                        ("TAGS", "/conditions/tags"),
                    ],
                )?;
            }
            Self::Show { name } => {
                client.one(&client.get(&group(client, &name).await?).await?)?;
            }
            Self::Create {
                name,
                firmware,
                tags,
                version,
            } => {
                let product = client.in_product().await?;
                let firmware = firmware::named(client, &product, &firmware).await?;
                let path = format!("{product}/deployments");
                let conditions = json!({"version": version, "tags": tags});
                let body = json!({"name": name, "firmware": firmware, "conditions": conditions});
                client.one(&client.send(Method::POST, &path, &body).await?)?;
                client.done("it is off; `nervecenter deployment activate` switches it on");
            }
            Self::Update { name, settings } => return put(client, &name, read(&settings)?).await,
            Self::Release {
                name,
                firmware,
                archive,
            } => {
                let product = client.in_product().await?;
                let firmware = firmware::named(client, &product, &firmware).await?;
                let release = json!({"firmware": firmware, "archive": archive});
                return put(client, &name, release).await;
            }
            Self::DryRun {
                name,
                firmware,
                workflow,
            } => {
                let product = client.in_product().await?;
                let firmware = match firmware {
                    Some(name) => Some(firmware::named(client, &product, &name).await?),
                    None => None,
                };
                return dry_run::show(client, &name, firmware, workflow).await;
            }
            Self::Strays { name } => return strays::list(client, &name).await,
            Self::Adopt { name, devices } => {
                return strays::correct(client, &name, "adopt", devices).await;
            }
            Self::Expel { name, devices } => {
                return strays::correct(client, &name, "expel", devices).await;
            }
            Self::Rollback { why } => {
                let done = post(client, "rollback", why).await?;
                client.done(&format!(
                    "{} devices go back, {} after the update that they are in the middle of",
                    done["done"], done["in_the_middle"]
                ));
                return shown(client, &done["rollout"]);
            }
            Self::Releases { name } => {
                let columns = [
                    ("NUMBER", "/number"),
                    ("VERSION", "/firmware/version"),
                    ("UUID", "/firmware/uuid"),
                    ("ARCHIVE", "/archive_uuid"),
                    ("AT", "/inserted_at"),
                ];
                return list(client, &name, "releases", &columns).await;
            }
            Self::Activate { name } => {
                return put(client, &name, json!({"state": "on"})).await;
            }
            Self::Deactivate { name } => {
                return put(client, &name, json!({"state": "off"})).await;
            }
            Self::Pause { why } => return steer(client, "pause", why).await,
            Self::RetryFailed { why } => {
                let done = post(client, "retry_failed", why).await?;
                client.done(&format!("{} devices are tried again", done["devices"]));
                return shown(client, &done["rollout"]);
            }
            Self::Failures { name, by } => {
                let what = format!("failures?by={by}");
                let by = by.to_uppercase();
                let columns = [
                    (&*by, "/value"),
                    ("DEVICES", "/count"),
                    ("SUCH AS", "/devices"),
                    ("LAST", "/last"),
                ];
                return list(client, &name, &what, &columns).await;
            }
            Self::Deltas { name } => {
                let columns = [
                    ("FROM", "/from_version"),
                    ("UUID", "/from_uuid"),
                    ("STATUS", "/status"),
                    ("SIZE", "/size"),
                    ("SAVED", "/saved"),
                    ("ERROR", "/error"),
                ];
                return list(client, &name, "deltas", &columns).await;
            }
            Self::RetryDeltas { name, from } => {
                let path = format!("{}/deltas/retry", group(client, &name).await?);
                let body = json!({ "from": from });
                client.one(&client.send(Method::POST, &path, &body).await?)?;
            }
            Self::Inflight { name } => {
                let columns = [
                    ("DEVICE", "/device"),
                    ("STAGE", "/stage"),
                    ("PERCENT", "/percent"),
                    ("FILE", "/kind"),
                    ("SINCE", "/since"),
                ];
                return list(client, &name, "inflight", &columns).await;
            }
            Self::Status { name, watch, .. } if !watch => return status::once(client, &name).await,
            Self::Status { name, timeout, .. } => {
                let timeout = timeout.map(Duration::from_secs);
                return status::watch(client, &name, timeout).await;
            }
            Self::Progress { name } => {
                let path = format!("{}/progress", group(client, &name).await?);
                return shown(client, &client.get(&path).await?);
            }
            Self::Approve { why } => return steer(client, "approve", why).await,
            Self::Resume { why } => return steer(client, "resume", why).await,
            Self::Abort { why } => return steer(client, "abort", why).await,
            Self::Delete { name } => {
                client.delete(&group(client, &name).await?).await?;
                client.done("deleted");
            }
        }
        Ok(Code::Done)
    }
}

fn read(settings: &[String]) -> anyhow::Result<Value> {
    let mut map = Map::new();
    for text in settings {
        let (key, value) = text
            .split_once('=')
            .with_context(|| format!("{text:?} is not KEY=VALUE"))?;
        if matches!(key, "firmware" | "archive") {
            bail!(
                "{key} makes a release; use `nervecenter deployment release NAME FIRMWARE [--archive ARCHIVE]`"
            );
        }
        // A value that is valid JSON is sent as such, any other as a string.
        let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        map.insert(key.to_owned(), value);
    }
    Ok(map.into())
}
