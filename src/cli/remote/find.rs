//! `nervecenter find` and `nervecenter device facets`: what is there, and how much of it.

use super::{Remote, query};
use crate::cli::exit::Code;
use crate::cli::output;
use clap::Args;
use serde_json::Value;

/// Find devices, groups, firmware, products and organizations by a few letters.
#[derive(Args)]
pub(in crate::cli) struct Find {
    #[command(flatten)]
    remote: Remote,
    /// A part of a name; of a device's identifier three letters at least, or all of it.
    text: String,
    /// How many of each kind.
    #[arg(long, default_value = "5")]
    limit: u64,
}

/// Count the values of columns among the devices of a list.
#[derive(Args)]
pub(in crate::cli) struct Facets {
    #[command(flatten)]
    remote: Remote,
    /// Columns with commas: version, platform, architecture, connection, health_status, deployment_group, tags, updates.
    #[arg(long)]
    by: String,
    /// A query, such as 'connection = connected'; all devices without.
    query: Option<String>,
}

impl Find {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<Code> {
        let client = self.remote.client()?;
        let limit = self.limit.to_string();
        let mut pairs = vec![("q", self.text.as_str()), ("limit", &limit)];
        // Without a product named, everything is looked at.
        pairs.extend(self.remote.org.as_deref().map(|org| ("org", org)));
        pairs.extend(self.remote.product.as_deref().map(|p| ("product", p)));
        let found = client.get(&format!("search?{}", query(&pairs))).await?;
        if client.json() {
            client.one(&found)?;
            return Ok(Code::Done);
        }
        for (kind, what, key) in [
            ("devices", "device", "identifier"),
            ("groups", "group", "name"),
            ("firmware", "firmware", "uuid"),
            ("products", "product", "name"),
        ] {
            for hit in found[kind].as_array().into_iter().flatten() {
                let text = |key: &str| hit[key].as_str().unwrap_or_default().to_owned();
                let place = [text("org"), text("product")].join("/");
                let place = place.trim_end_matches('/');
                let more = text("version");
                let line = format!("{what:13} {} {more}", text(key));
                output::data(&format!("{:60} {place}", line.trim_end()));
            }
        }
        for org in found["orgs"].as_array().into_iter().flatten() {
            output::data(&format!(
                "{:13} {}",
                "organization",
                org.as_str().unwrap_or_default()
            ));
        }
        Ok(Code::Done)
    }
}

impl Facets {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<Code> {
        let client = self.remote.client()?;
        let mut pairs = vec![("by", self.by.as_str())];
        pairs.extend(self.query.as_deref().map(|q| ("query", q)));
        let product = client.in_product().await?;
        let path = format!("{product}/device_facets?{}", query(&pairs));
        let found = client.get(&path).await?;
        if client.json() {
            client.one(&found)?;
            return Ok(Code::Done);
        }
        for (column, values) in found.as_object().into_iter().flatten() {
            let title = column.to_uppercase();
            let values: &Value = values;
            client.table(values, &[(&title, "/value"), ("DEVICES", "/count")])?;
        }
        Ok(Code::Done)
    }
}
