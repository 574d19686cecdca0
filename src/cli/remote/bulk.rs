//! `nervecenter device bulk`: something is done to many devices. Without `--yes` it is only shown.

use super::{Client, Remote, job};
use crate::cli::exit::Code;
use crate::cli::output;
use clap::{ArgGroup, Args};
use reqwest::Method;
use serde_json::{Map, Value, json};

#[derive(Args)]
#[command(
    group(ArgGroup::new("devices").required(true).args(["query", "identifiers"])),
    group(ArgGroup::new("action").required(true).args([
        "tag_add", "tag_remove", "tags", "group", "no_group", "updates", "clear_penalty", "reboot",
        "reconnect", "firmware", "script", "move_to", "delete", "restore",
    ]))
)]
pub(in crate::cli) struct Bulk {
    #[command(flatten)]
    remote: Remote,
    /// The devices that a query finds, such as 'tags contains eu and connection = connected'; an empty one finds all.
    #[arg(long)]
    query: Option<String>,
    /// These devices, with commas.
    #[arg(long, value_delimiter = ',', value_name = "IDENTIFIER")]
    identifiers: Option<Vec<String>>,
    /// Leave these devices out, with commas.
    #[arg(long, value_delimiter = ',', value_name = "IDENTIFIER")]
    except: Vec<String>,
    /// Give them tags beside their own, with commas.
    #[arg(long, value_delimiter = ',', value_name = "TAG")]
    tag_add: Option<Vec<String>>,
    /// Take tags from them, with commas.
    #[arg(long, value_delimiter = ',', value_name = "TAG")]
    tag_remove: Option<Vec<String>>,
    /// Give them these tags instead of their own, with commas.
    #[arg(long, value_delimiter = ',', value_name = "TAG")]
    tags: Option<Vec<String>>,
    /// Put them into a deployment group.
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// Take them out of their deployment groups.
    #[arg(long)]
    no_group: bool,
    /// Switch their automatic updates.
    #[arg(long, value_name = "ON|OFF")]
    updates: Option<super::device::Switch>,
    /// Let them out of the penalty box.
    #[arg(long)]
    clear_penalty: bool,
    /// Ask them to reboot.
    #[arg(long)]
    reboot: bool,
    /// Drop their sockets; they connect again.
    #[arg(long)]
    reconnect: bool,
    /// Send them this firmware, whole; their automatic updates are off then.
    #[arg(long, value_name = "UUID")]
    firmware: Option<String>,
    /// Run a script of the product on them, by its name or number.
    #[arg(long, value_name = "SCRIPT")]
    script: Option<String>,
    /// Milliseconds to wait for a device's answer to the script, 300000 at most.
    #[arg(long, requires = "script", default_value_t = 30_000)]
    timeout: u32,
    /// Move them to another product.
    #[arg(long, value_name = "ORG/PRODUCT")]
    move_to: Option<String>,
    /// Delete them so that they can be restored.
    #[arg(long)]
    delete: bool,
    /// Restore them; a query finds deleted devices by 'deleted = true'.
    #[arg(long)]
    restore: bool,
    /// Only show what would be done, as without --yes.
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Do it, and wait until it is done.
    #[arg(long)]
    yes: bool,
    /// Do not wait; `job show` says how far it is.
    #[arg(long, requires = "yes")]
    no_wait: bool,
}

impl Bulk {
    /// The word of the action, and what it takes.
    fn action(&self) -> anyhow::Result<(&'static str, Value)> {
        let tags = [
            ("tags_add", &self.tag_add),
            ("tags_remove", &self.tag_remove),
            ("tags_set", &self.tags),
        ];
        for (word, given) in tags {
            if let Some(tags) = given {
                return Ok((word, json!({ "tags": tags })));
            }
        }
        if let Some(to) = &self.move_to {
            let Some((org, product)) = to.split_once('/') else {
                anyhow::bail!("--move-to takes an organization and a product, as ORG/PRODUCT");
            };
            return Ok(("move", json!({"org": org, "product": product})));
        }
        if let Some(updates) = self.updates {
            let enabled = matches!(updates, super::device::Switch::On);
            return Ok(("updates", json!({ "enabled": enabled })));
        }
        if let Some(uuid) = &self.firmware {
            return Ok(("firmware", json!({ "uuid": uuid })));
        }
        if let Some(script) = &self.script {
            let args = json!({"script": script, "timeout": self.timeout});
            return Ok(("script", args));
        }
        if self.group.is_some() || self.no_group {
            return Ok(("group", json!({ "group": self.group })));
        }
        let plain = [
            ("clear_penalty", self.clear_penalty),
            ("reboot", self.reboot),
            ("reconnect", self.reconnect),
            ("delete", self.delete),
            ("restore", self.restore),
        ];
        let chosen = plain.iter().find(|(_, given)| *given);
        let (word, _) = chosen.ok_or_else(|| anyhow::anyhow!("say what to do to them"))?;
        Ok((word, json!({})))
    }

    fn form(&self) -> anyhow::Result<Map<String, Value>> {
        let (action, args) = self.action()?;
        let mut form = Map::new();
        form.insert("action".into(), action.into());
        form.insert("args".into(), args);
        form.insert("except".into(), json!(self.except));
        if let Some(query) = &self.query {
            form.insert("query".into(), query.as_str().into());
        }
        if let Some(identifiers) = &self.identifiers {
            form.insert("identifiers".into(), json!(identifiers));
        }
        Ok(form)
    }

    pub(in crate::cli) async fn run(self) -> anyhow::Result<Code> {
        let client = self.remote.client()?;
        let path = format!("{}/devices/bulk", client.in_product().await?);
        let mut form = self.form()?;
        form.insert("dry_run".into(), true.into());
        let shown = client
            .send(Method::POST, &path, &form.clone().into())
            .await?;
        if !self.yes {
            preview(&client, &shown)?;
            client.done("nothing was done; add --yes to do it");
            return Ok(Code::Done);
        }
        form.remove("dry_run");
        form.insert("confirm".into(), shown["confirm"].clone());
        let begun = client.send(Method::POST, &path, &form.into()).await?;
        let number = begun["id"].as_i64().unwrap_or_default();
        if self.no_wait {
            client.one(&begun)?;
            return Ok(Code::Done);
        }
        job::wait(&client, number).await
    }
}

fn preview(client: &Client, shown: &Value) -> anyhow::Result<()> {
    if client.json() {
        return client.one(shown);
    }
    output::data(&format!(
        "{} devices match, {} would change",
        shown["matches"], shown["would_change"]
    ));
    job::reasons(&shown["refused"]);
    let sample = shown["sample"].as_array().into_iter().flatten();
    let names: Vec<&str> = sample.filter_map(Value::as_str).collect();
    if !names.is_empty() {
        output::data(&format!("among them: {}", names.join(", ")));
    }
    Ok(())
}
