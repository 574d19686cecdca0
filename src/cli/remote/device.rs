//! `nervecenter device list|show|create|…`: devices of a server.

use super::certificate::Create;
use super::{Ask, Client, Remote, part};
use crate::cli::exit::Code;
use crate::cli::output;
use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use futures_util::StreamExt as _;
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

#[derive(Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    remote: Remote,
    /// A query, such as 'connection = connected and not (tags contains prod)'; plain text searches.
    query: Option<String>,
    /// Sort by: identifier, inserted_at, connection_last_seen_at and others.
    #[arg(long, default_value = "identifier")]
    sort: String,
}

#[derive(Args)]
pub(in crate::cli) struct One {
    #[command(flatten)]
    remote: Remote,
    /// The device's identifier.
    identifier: String,
}

#[derive(Args)]
pub(in crate::cli) struct Write {
    #[command(flatten)]
    remote: Remote,
    /// The device's identifier.
    identifier: String,
    /// Free text.
    #[arg(long)]
    description: Option<String>,
    /// Tags, with commas; they replace those that it has.
    #[arg(long, value_delimiter = ',')]
    tags: Option<Vec<String>>,
    /// Whether it is updated by itself.
    #[arg(long, value_name = "ON|OFF")]
    updates: Option<Switch>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub(in crate::cli) enum Switch {
    On,
    Off,
}

#[derive(Args)]
pub(in crate::cli) struct Upgrade {
    #[command(flatten)]
    remote: Remote,
    /// The device's identifier.
    identifier: String,
    /// The firmware's uuid.
    uuid: String,
}

#[derive(Args)]
pub(in crate::cli) struct Move {
    #[command(flatten)]
    remote: Remote,
    /// The device's identifier.
    identifier: String,
    /// The organization that it goes to.
    to_org: String,
    /// The product that it goes to.
    to_product: String,
}

#[derive(Args)]
pub(in crate::cli) struct Files {
    #[command(flatten)]
    remote: Remote,
    /// The file.
    file: PathBuf,
}

#[derive(Args)]
pub(in crate::cli) struct Events {
    #[command(flatten)]
    remote: Remote,
    /// Only this device; all of the product without.
    identifier: Option<String>,
}

/// Certificates of a device.
#[derive(Subcommand)]
pub(in crate::cli) enum Cert {
    /// Make a key and a certificate on this machine; it asks no server.
    Create(Create),
    /// List a device's certificates.
    List {
        /// The device's identifier.
        identifier: String,
    },
    /// Register a certificate of a device.
    Import {
        /// The device's identifier.
        identifier: String,
        /// The certificate.
        #[arg(value_name = "CERT.pem")]
        file: PathBuf,
    },
}

async fn device(client: &Client, identifier: &str) -> anyhow::Result<String> {
    Ok(format!(
        "{}/devices/{}",
        client.in_product().await?,
        part(identifier)
    ))
}

impl List {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<Code> {
        let client = self.remote.client()?;
        let path = format!("{}/devices", client.in_product().await?);
        let mut pairs = vec![("sort", self.sort.as_str())];
        if let Some(query) = &self.query {
            pairs.push(("query", query));
        }
        let rows = Value::Array(client.all(&path, &pairs).await?);
        client.table(
            &rows,
            &[
                ("IDENTIFIER", "/identifier"),
                ("CONNECTION", "/connection_status"),
                ("VERSION", "/version"),
                ("GROUP", "/deployment_group/name"),
                ("TAGS", "/tags"),
                ("LAST SEEN", "/last_communication"),
            ],
        )?;
        Ok(Code::Done)
    }
}

impl One {
    pub(in crate::cli) async fn show(self) -> anyhow::Result<Code> {
        let client = self.remote.client()?;
        client.one(
            &client
                .get(&device(&client, &self.identifier).await?)
                .await?,
        )?;
        Ok(Code::Done)
    }

    /// The sentence, and the rules with what each found.
    pub(in crate::cli) async fn why(self) -> anyhow::Result<Code> {
        let client = self.remote.client()?;
        let path = format!("{}/why", device(&client, &self.identifier).await?);
        let why = client.get(&path).await?;
        if client.json() {
            client.one(&why)?;
            return Ok(Code::Done);
        }
        output::data(why["sentence"].as_str().unwrap_or_default());
        client.table(
            &why["checks"],
            &[("RULE", "/rule"), ("OK", "/ok"), ("FOUND", "/value")],
        )?;
        Ok(Code::Done)
    }

    pub(in crate::cli) async fn attempts(self) -> anyhow::Result<Code> {
        let client = self.remote.client()?;
        let path = format!("{}/attempts", device(&client, &self.identifier).await?);
        client.table(
            &client.get(&path).await?,
            &[
                ("AT", "/at"),
                ("SECONDS", "/seconds"),
                ("FROM", "/from/version"),
                ("TO", "/to/version"),
                ("FILE", "/kind"),
                ("STAGE", "/stage"),
                ("OUTCOME", "/outcome"),
                ("REASON", "/reason"),
            ],
        )?;
        Ok(Code::Done)
    }

    pub(in crate::cli) async fn delete(self) -> anyhow::Result<Code> {
        let client = self.remote.client()?;
        client
            .delete(&device(&client, &self.identifier).await?)
            .await?;
        client.done("deleted; `device restore` brings it back");
        Ok(Code::Done)
    }

    pub(in crate::cli) async fn destroy(self) -> anyhow::Result<Code> {
        let client = self.remote.client()?;
        let path = format!("{}/destroy", device(&client, &self.identifier).await?);
        client.delete(&path).await?;
        client.done("destroyed; its identifier is free again");
        Ok(Code::Done)
    }

    pub(in crate::cli) async fn restore(self) -> anyhow::Result<Code> {
        let client = self.remote.client()?;
        let path = device(&client, &self.identifier).await?;
        let body = json!({"deleted_at": null});
        client.one(&client.send(Method::PUT, &path, &body).await?)?;
        Ok(Code::Done)
    }

    /// Runs one of the actions `reboot`, `identify`, and `reconnect`.
    pub(in crate::cli) async fn act(self, action: &str) -> anyhow::Result<Code> {
        let client = self.remote.client()?;
        let path = format!("{}/{action}", device(&client, &self.identifier).await?);
        client.send(Method::POST, &path, &json!({})).await?;
        client.done(&format!("asked {} to {action}", self.identifier));
        Ok(Code::Done)
    }
}

impl Write {
    fn fields(&self) -> Map<String, Value> {
        let mut map = Map::new();
        if let Some(d) = &self.description {
            map.insert("description".into(), d.as_str().into());
        }
        if let Some(t) = &self.tags {
            map.insert("tags".into(), json!(t));
        }
        if let Some(u) = self.updates {
            map.insert("updates_enabled".into(), matches!(u, Switch::On).into());
        }
        map
    }

    pub(in crate::cli) async fn create(self) -> anyhow::Result<Code> {
        let client = self.remote.client()?;
        let path = format!("{}/devices", client.in_product().await?);
        let mut body = self.fields();
        body.insert("identifier".into(), self.identifier.as_str().into());
        client.one(&client.send(Method::POST, &path, &body.into()).await?)?;
        Ok(Code::Done)
    }

    pub(in crate::cli) async fn update(self) -> anyhow::Result<Code> {
        let client = self.remote.client()?;
        let path = device(&client, &self.identifier).await?;
        let body = self.fields();
        client.one(&client.send(Method::PUT, &path, &body.into()).await?)?;
        Ok(Code::Done)
    }
}

impl Upgrade {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<Code> {
        let client = self.remote.client()?;
        let path = format!("{}/upgrade", device(&client, &self.identifier).await?);
        client
            .send(Method::POST, &path, &json!({"uuid": self.uuid}))
            .await?;
        client.done("sent, whole; its automatic updates are off now");
        Ok(Code::Done)
    }
}

impl Move {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<Code> {
        let client = self.remote.client()?;
        let path = format!("{}/move", device(&client, &self.identifier).await?);
        let body = json!({"new_org_name": self.to_org, "new_product_name": self.to_product});
        client.one(&client.send(Method::POST, &path, &body).await?)?;
        Ok(Code::Done)
    }
}

impl Files {
    /// Registers the devices of a CSV file, all or none.
    pub(in crate::cli) async fn import(self) -> anyhow::Result<Code> {
        let client = self.remote.client()?;
        let path = format!("{}/devices/import", client.in_product().await?);
        let file = tokio::fs::File::open(&self.file)
            .await
            .with_context(|| format!("could not open {}", self.file.display()))?;
        let stream = tokio_util::io::ReaderStream::new(file);
        let request = client
            .request(Method::POST, &path)
            .header("content-type", "text/csv")
            .body(reqwest::Body::wrap_stream(stream));
        let answer = client.full_answer(request).await?;
        client.done(&format!(
            "{} devices registered",
            answer["data"]["imported"]
        ));
        let ignored = answer["data"]["ignored_columns"].as_array();
        if let Some(columns) = ignored.filter(|c| !c.is_empty()) {
            let names: Vec<&str> = columns.iter().filter_map(Value::as_str).collect();
            client.done(&format!(
                "columns that were left, since they mean nothing here: {}",
                names.join(", ")
            ));
        }
        if client.json() {
            client.one(&answer["data"])?;
        }
        Ok(Code::Done)
    }
}

impl Events {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<Code> {
        let client = self.remote.client()?;
        let path = match &self.identifier {
            Some(d) => format!("{}/events", device(&client, d).await?),
            None => format!("{}/events", client.in_product().await?),
        };
        let answer = client.request(Method::GET, &path).send().await?;
        if !answer.status().is_success() {
            client
                .full_answer(client.request(Method::GET, &path))
                .await?;
        }
        let mut chunks = answer.bytes_stream();
        let mut text = String::new();
        while let Some(chunk) = chunks.next().await {
            text.push_str(&String::from_utf8_lossy(&chunk?));
            while let Some((event, rest)) = text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|l| l.strip_prefix(name));
                if let (Some(kind), Some(data)) = (field("event: "), field("data: ")) {
                    output::data(&format!("{{\"event\":\"{kind}\",\"data\":{data}}}"));
                }
                text = rest.to_owned();
            }
        }
        Ok(Code::Done)
    }
}

impl Ask for Cert {
    async fn ask(self, client: &Client) -> anyhow::Result<Code> {
        match self {
            Self::Create(create) => return create.run(Some(&client.org().await?)),
            Self::List { identifier } => {
                let path = format!("{}/certificates", device(client, &identifier).await?);
                let all = client.get(&path).await?;
                let columns = [
                    ("SERIAL", "/serial"),
                    ("FROM", "/not_before"),
                    ("UNTIL", "/not_after"),
                ];
                client.table(&all, &columns)?;
            }
            Self::Import { identifier, file } => {
                let pem = std::fs::read(&file)
                    .with_context(|| format!("could not read {}", file.display()))?;
                let path = format!("{}/certificates", device(client, &identifier).await?);
                let body = json!({"cert": STANDARD.encode(pem)});
                client.one(&client.send(Method::POST, &path, &body).await?)?;
            }
        }
        Ok(Code::Done)
    }
}
