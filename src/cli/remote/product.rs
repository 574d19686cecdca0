//! `nervecenter product …`.

use super::{Ask, Client, part};
use crate::cli::exit::Code;
use crate::cli::output;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

/// Products.
#[derive(Subcommand)]
pub(in crate::cli) enum Product {
    /// List the products.
    List,
    /// Say how the fleet is, what rolls out, and what waits for a person.
    Summary,
    /// Make a product.
    Create {
        /// Its name.
        name: String,
    },
    /// Delete an empty product.
    Delete {
        /// Its name.
        name: String,
    },
}

impl Ask for Product {
    async fn ask(self, client: &Client) -> anyhow::Result<Code> {
        match self {
            Self::List => {
                let path = format!("{}/products", client.in_org().await?);
                client.table(&client.get(&path).await?, &[("NAME", "/name")])?;
            }
            Self::Summary => return summary(client).await,
            Self::Create { name } => {
                let path = format!("{}/products", client.in_org().await?);
                let body = json!({ "name": name });
                client.one(&client.send(Method::POST, &path, &body).await?)?;
            }
            Self::Delete { name } => {
                let path = format!("{}/products/{}", client.in_org().await?, part(&name));
                client.delete(&path).await?;
                client.done("deleted");
            }
        }
        Ok(Code::Done)
    }
}

/// Counts in a line: `connected 2, not_seen 1`; what no device is is left out.
fn counts(of: &Value) -> String {
    let all = of.as_object().into_iter().flatten();
    let some = all.filter(|(_, n)| n.as_i64() != Some(0));
    let texts = some.map(|(word, n)| format!("{word} {n}"));
    texts.collect::<Vec<_>>().join(", ")
}

async fn summary(client: &Client) -> anyhow::Result<Code> {
    let path = format!("{}/summary", client.in_product().await?);
    let found = client.get(&path).await?;
    if client.json() {
        client.one(&found)?;
        return Ok(Code::Done);
    }
    output::data(&format!("{} devices", found["devices"]));
    for what in ["connection", "health", "updates"] {
        output::data(&format!("{what:12} {}", counts(&found[what])));
    }
    client.table(
        &found["versions"],
        &[("VERSION", "/version"), ("DEVICES", "/count")],
    )?;
    client.table(
        &found["rollouts"],
        &[
            ("GROUP", "/group"),
            ("VERSION", "/version"),
            ("STATE", "/state"),
            ("UPDATED", "/updated"),
            ("OF", "/devices"),
            ("FAILED", "/failed"),
            ("NOW", "/sentence"),
        ],
    )?;
    for one in found["attention"].as_array().into_iter().flatten() {
        let text = |key: &str| one[key].as_str().unwrap_or_default();
        output::data(&format!("! {}: {}", text("severity"), text("title")));
        if let Some(query) = one["query"].as_str() {
            output::data(&format!("    nervecenter device list '{query}'"));
        }
    }
    Ok(Code::Done)
}
