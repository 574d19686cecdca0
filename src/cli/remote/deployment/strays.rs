//! `nervecenter deployment strays`, `adopt` and `expel`.

use super::group;
use crate::cli::exit::Code;
use crate::cli::output;
use crate::cli::remote::Client;
use reqwest::Method;
use serde_json::json;

/// Lists devices in a group that it is not for, and devices that it is for outside.
pub(super) async fn list(client: &Client, name: &str) -> anyhow::Result<Code> {
    let path = format!("{}/strays", group(client, name).await?);
    let found = client.get(&path).await?;
    if client.json() {
        client.one(&found)?;
        return Ok(Code::Done);
    }
    output::data(&format!(
        "{} in it that it is not for",
        found["inside_count"]
    ));
    client.table(
        &found["inside"],
        &[("DEVICE", "/device"), ("REASON", "/reason")],
    )?;
    output::data(&format!(
        "{} outside that it is for",
        found["outside_count"]
    ));
    client.table(
        &found["outside"],
        &[("DEVICE", "/device"), ("GROUP", "/group")],
    )?;
    Ok(Code::Done)
}

/// Has these devices enter or leave a group; all strays when none are named.
pub(super) async fn correct(
    client: &Client,
    name: &str,
    what: &str,
    devices: Vec<String>,
) -> anyhow::Result<Code> {
    let body = if devices.is_empty() {
        json!({})
    } else {
        json!({ "devices": devices })
    };
    let path = format!("{}/{what}", group(client, name).await?);
    client.one(&client.send(Method::POST, &path, &body).await?)?;
    Ok(Code::Done)
}
