//! `nervecenter deployment dry-run`.

use super::group;
use crate::cli::exit::Code;
use crate::cli::output;
use crate::cli::remote::Client;
use anyhow::Context as _;
use reqwest::Method;
use serde_json::{Map, Value};
use std::path::PathBuf;

/// Shows what the current release has left to do, or what a release of this firmware would do.
pub(super) async fn show(
    client: &Client,
    name: &str,
    firmware: Option<String>,
    workflow: Option<PathBuf>,
) -> anyhow::Result<Code> {
    let mut body = Map::new();
    if let Some(firmware) = firmware {
        body.insert("firmware".into(), firmware.into());
    }
    if let Some(file) = workflow {
        let why = || format!("--workflow {}", file.display());
        let text = std::fs::read_to_string(&file).with_context(why)?;
        let workflow: Value = serde_json::from_str(&text).with_context(why)?;
        body.insert("workflow".into(), workflow);
    }
    let path = format!("{}/dry_run", group(client, name).await?);
    let found = client.send(Method::POST, &path, &body.into()).await?;
    if client.json() {
        client.one(&found)?;
        return Ok(Code::Done);
    }
    output::data(&format!(
        "{}: {} devices, {} run it already",
        found["firmware"]["version"].as_str().unwrap_or_default(),
        found["devices"],
        found["already"]
    ));
    client.table(
        &found["steps"],
        &[
            ("STEP", "/name"),
            ("DEVICES", "/devices"),
            ("READY", "/ready"),
            ("DELTAS", "/deltas"),
            ("BYTES", "/bytes"),
            ("NOT BEFORE", "/begins_at"),
            ("SENT", "/sent_at"),
            ("THEN WAITS FOR", "/then"),
        ],
    )?;
    let lines = |of: &str| found[of].as_array().cloned().unwrap_or_default();
    for out in lines("kept_out") {
        let rule = out["rule"].as_str().unwrap_or_default();
        output::data(&format!("{} devices do not get it: {rule}", out["count"]));
    }
    for warning in lines("warnings") {
        output::data(&format!("! {}", warning.as_str().unwrap_or_default()));
    }
    Ok(Code::Done)
}
