//! The commands that use the REST API of a server. They work with NervesHub as well.

pub(super) mod bulk;
mod certificate;
pub(super) mod deployment;
pub(super) mod device;
pub(super) mod find;
pub(super) mod firmware;
pub(super) mod job;
pub(super) mod keys;
pub(super) mod login;
pub(super) mod orgs;
pub(super) mod product;
pub(super) mod scripts;
pub(super) mod upload;

pub(super) use crate::segment::segment as part;

use super::exit::Code;
use super::output;
use super::socket::Server;
use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use percent_encoding::percent_decode_str;
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// Which server, who asks, and for what.
#[derive(Args, Clone, Default)]
pub(super) struct Remote {
    /// The server's web address [default: that of `nervecenter login`, else http://127.0.0.1:4000].
    #[arg(long, global = true, env = "NERVECENTER_URL", value_name = "URL")]
    server: Option<String>,
    /// An API token [default: that of `nervecenter login`].
    #[arg(
        long,
        global = true,
        env = "NERVECENTER_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    token: Option<String>,
    /// CA that the server's certificate is trusted by, instead of the system's.
    #[arg(long, global = true, value_name = "CA.pem")]
    server_ca: Option<PathBuf>,
    /// The organization [default: the only one that you belong to].
    #[arg(long, global = true, env = "NERVECENTER_ORG", value_name = "ORG")]
    org: Option<String>,
    /// The product [default: the only one of the organization].
    #[arg(
        long,
        global = true,
        env = "NERVECENTER_PRODUCT",
        value_name = "PRODUCT"
    )]
    product: Option<String>,
    /// Print JSON, as the server answers it.
    #[arg(long, global = true)]
    json: bool,
}

/// Commands about one kind of thing: which server is said once, before or behind them.
#[derive(Args)]
pub(super) struct Group<C: Subcommand> {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    command: C,
}

/// A command that calls a server.
pub(super) trait Ask: Subcommand {
    /// Calls the server and prints the result.
    async fn ask(self, client: &Client) -> anyhow::Result<Code>;
}

impl<C: Ask> Group<C> {
    pub(super) async fn run(self) -> anyhow::Result<Code> {
        self.command.ask(&self.remote.client()?).await
    }
}

/// The stored login, readable only by its owner.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    server: Option<String>,
    token: Option<String>,
    org: Option<String>,
    product: Option<String>,
}

impl Kept {
    fn path() -> anyhow::Result<PathBuf> {
        let under = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty());
        let folder = match under("NERVECENTER_CONFIG_DIR") {
            Some(folder) => PathBuf::from(folder),
            None => match under("XDG_CONFIG_HOME") {
                Some(folder) => PathBuf::from(folder).join("nervecenter"),
                None => PathBuf::from(under("HOME").context("HOME is not set")?)
                    .join(".config/nervecenter"),
            },
        };
        Ok(folder.join("cli.toml"))
    }

    fn read() -> Self {
        // A missing or unreadable file counts as no login.
        Self::path()
            .ok()
            .and_then(|p| std::fs::read_to_string(p).ok())
            .and_then(|text| toml::from_str(&text).ok())
            .unwrap_or_default()
    }

    fn write(&self) -> anyhow::Result<PathBuf> {
        use std::io::Write as _;
        let path = Self::path()?;
        let folder = path.parent().context("no folder")?;
        std::fs::create_dir_all(folder)
            .with_context(|| format!("could not make {}", folder.display()))?;
        // A temporary file is readable only by its owner, and stays so when it is renamed.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(toml::to_string(self)?.as_bytes())?;
        file.persist(&path)?;
        Ok(path)
    }
}

/// A client of one server.
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
    kept: Kept,
    options: Remote,
}

/// The server answered that the token is missing, invalid, or not allowed to do this.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unauthorized(String);

/// The server refused a request or failed.
#[derive(Debug, thiserror::Error)]
#[error("{said}")]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    said: String,
}

/// What things are called, by the part of a path before their name.
const THINGS: [(&str, &str); 12] = [
    ("orgs", "organization"),
    ("products", "product"),
    ("deployments", "deployment group"),
    ("firmwares", "firmware"),
    ("archives", "archive"),
    ("devices", "device"),
    ("scripts", "script"),
    ("keys", "signing key"),
    ("ca_certificates", "CA certificate"),
    ("jobs", "job"),
    ("users", "member"),
    ("service_accounts", "service account"),
];

/// Names what was not found. The server does not, since it does not say whether something is hidden or not there.
fn told(e: anyhow::Error, path: &str) -> anyhow::Error {
    let refused = e.downcast_ref::<Refused>();
    if refused.is_none_or(|r| r.status != StatusCode::NOT_FOUND) {
        return e;
    }
    let path = path.split('?').next().unwrap_or_default();
    let parts: Vec<String> = path
        .split('/')
        .map(|p| percent_decode_str(p).decode_utf8_lossy().into_owned())
        .collect();
    let mut named: Vec<(&str, &String)> = Vec::new();
    for pair in parts.windows(2).filter(|pair| pair[1] != "bulk") {
        let thing = THINGS.iter().find(|(part, _)| pair[0] == *part);
        named.extend(thing.map(|(_, noun)| (*noun, &pair[1])));
    }
    let Some((noun, name)) = named.pop() else {
        return e;
    };
    let place: Vec<String> = named.into_iter().map(|(_, name)| name.clone()).collect();
    let within = match place.is_empty() {
        true => String::new(),
        false => format!(" in {}", place.join("/")),
    };
    let said = format!("there is no {noun} {name:?}{within}, or your token may not see it");
    let status = StatusCode::NOT_FOUND;
    Refused { status, said }.into()
}

/// The exit code for an error.
pub(super) fn code_of(e: &anyhow::Error) -> Code {
    if e.is::<Unauthorized>() {
        Code::Denied
    } else {
        Code::Failed
    }
}

impl Remote {
    fn server_url(&self, kept: &Kept) -> String {
        let given = self.server.clone().or_else(|| kept.server.clone());
        let url = given.unwrap_or_else(|| "http://127.0.0.1:4000".into());
        url.trim_end_matches('/').to_owned()
    }

    fn http(&self) -> anyhow::Result<reqwest::Client> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(20))
            .read_timeout(Duration::from_secs(300))
            .user_agent(concat!("nervecenter/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &self.server_ca {
            let pem = std::fs::read(path)
                .with_context(|| format!("could not read {}", path.display()))?;
            let certs = reqwest::Certificate::from_pem_bundle(&pem)
                .with_context(|| format!("{} is no PEM certificate", path.display()))?;
            builder = builder.tls_certs_only(certs);
        }
        Ok(builder.build()?)
    }

    /// A client with a token.
    ///
    /// # Errors
    /// [`Unauthorized`] when nobody is logged in.
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        let kept = Kept::read();
        let token = self.token.clone().or_else(|| kept.token.clone());
        let token = token.ok_or_else(|| {
            let text = "nobody is logged in; run `nervecenter login`, or give --token or NERVECENTER_TOKEN";
            Unauthorized(text.into())
        })?;
        Ok(Client {
            http: self.http()?,
            base: self.server_url(&kept),
            token,
            kept,
            options: self.clone(),
        })
    }

    /// The same server, for WebSocket connections.
    ///
    /// # Errors
    /// [`Unauthorized`] when nobody is logged in.
    pub(super) fn sockets(&self) -> anyhow::Result<Server> {
        let client = self.client()?;
        Ok(Server {
            server: client.base,
            token: client.token,
            server_ca: self.server_ca.clone(),
        })
    }
}

/// Encodes query parameters.
pub(super) fn query(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

impl Client {
    /// A client of the server at `base`, for this product, which ignores the stored login.
    pub(super) fn of(
        base: String,
        token: String,
        org: &str,
        product: &str,
    ) -> anyhow::Result<Self> {
        let options = Remote {
            org: Some(org.to_owned()),
            product: Some(product.to_owned()),
            ..Remote::default()
        };
        Ok(Self {
            http: options.http()?,
            base,
            token,
            kept: Kept::default(),
            options,
        })
    }

    pub(super) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}/api/{path}", self.base);
        self.http.request(method, url).bearer_auth(&self.token)
    }

    /// Sends a request and returns the whole answer; `null` when it is empty.
    ///
    /// # Errors
    /// The server cannot be reached, or it refuses the request with a message.
    pub(super) async fn full_answer(
        &self,
        request: reqwest::RequestBuilder,
    ) -> anyhow::Result<Value> {
        let answer = request
            .send()
            .await
            .map_err(|e| anyhow::anyhow!(e).context(format!("could not reach {}", self.base)))?;
        let status = answer.status();
        let text = answer.text().await?;
        if text.is_empty() && status.is_success() {
            return Ok(Value::Null);
        }
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        if status.is_success() {
            return Ok(body);
        }
        let said = match &body["errors"]["detail"] {
            Value::String(detail) => detail.clone(),
            _ if body["errors"].is_object() => body["errors"].to_string(),
            _ => format!("{} answers with status {status}", self.base),
        };
        if let Some(rows) = body["errors"]["rows"].as_array() {
            for row in rows {
                output::error(&format!("line {}: {}", row["line"], row["errors"]));
            }
        }
        match status {
            StatusCode::UNAUTHORIZED => Err(Unauthorized(format!(
                "{said} (is the token valid, and is its role high enough?)"
            ))
            .into()),
            _ => Err(Refused { status, said }.into()),
        }
    }

    /// Sends a JSON body and returns the `data` of the answer.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<Value> {
        let request = self.request(method, path).json(body);
        let mut whole = self.full_answer(request).await.map_err(|e| told(e, path))?;
        Ok(whole["data"].take())
    }

    /// Returns the `data` of a resource.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let asked = self.full_answer(self.request(Method::GET, path)).await;
        let mut whole = asked.map_err(|e| told(e, path))?;
        Ok(whole["data"].take())
    }

    /// Deletes a resource.
    pub(super) async fn delete(&self, path: &str) -> anyhow::Result<()> {
        let asked = self.full_answer(self.request(Method::DELETE, path)).await;
        asked.map_err(|e| told(e, path))?;
        Ok(())
    }

    /// Reads all pages of a list.
    pub(super) async fn all(
        &self,
        path: &str,
        pairs: &[(&str, &str)],
    ) -> anyhow::Result<Vec<Value>> {
        let mut rows = Vec::new();
        for page in 1.. {
            let number = page.to_string();
            let mut pairs = pairs.to_vec();
            pairs.push(("pagination[page]", &number));
            pairs.push(("pagination[page_size]", "500"));
            let request = self.request(Method::GET, &format!("{path}?{}", query(&pairs)));
            let mut whole = self.full_answer(request).await?;
            let Value::Array(some) = whole["data"].take() else {
                bail!("{} answered without a list", self.base);
            };
            rows.extend(some);
            let pages = whole["pagination"]["total_pages"].as_u64().unwrap_or(1);
            if page >= pages {
                break;
            }
        }
        Ok(rows)
    }

    /// The organization: the given one, or the only one of the person.
    pub(super) async fn org(&self) -> anyhow::Result<String> {
        let given = self.options.org.clone().or_else(|| self.kept.org.clone());
        match given {
            Some(org) => Ok(org),
            None => self.only("orgs", "organization", "--org").await,
        }
    }

    /// `orgs/ORG`, with the name encoded.
    pub(super) async fn in_org(&self) -> anyhow::Result<String> {
        Ok(format!("orgs/{}", part(&self.org().await?)))
    }

    /// `orgs/ORG/products/PRODUCT`, with the names encoded.
    pub(super) async fn in_product(&self) -> anyhow::Result<String> {
        let org = self.in_org().await?;
        let given = self.options.product.clone();
        let product = match given.or_else(|| self.kept.product.clone()) {
            Some(product) => product,
            None => {
                let list = format!("{org}/products");
                self.only(&list, "product", "--product").await?
            }
        };
        Ok(format!("{org}/products/{}", part(&product)))
    }

    async fn only(&self, path: &str, what: &str, flag: &str) -> anyhow::Result<String> {
        let all = self.get(path).await?;
        let names: Vec<&str> = all
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|o| o["name"].as_str())
            .collect();
        match names[..] {
            [one] => Ok(one.to_owned()),
            [] => bail!("there is no {what} yet"),
            _ => bail!(
                "there are several {what}s, say which with {flag} (or {}): {}",
                flag.replace("--", "NERVECENTER_").to_uppercase(),
                names.join(", ")
            ),
        }
    }

    /// Prints rows as a table, or as JSON.
    pub(super) fn table(&self, rows: &Value, columns: &[(&str, &str)]) -> anyhow::Result<()> {
        if self.options.json {
            return output::json(rows);
        }
        let titles = columns.iter().map(|(title, _)| *title);
        let lines = rows.as_array().into_iter().flatten().map(|row| {
            let at = columns.iter().map(|(_, at)| row.pointer(at));
            at.map(|value| cell(value.unwrap_or(&Value::Null)))
                .collect()
        });
        output::table(titles, lines);
        Ok(())
    }

    /// Prints one resource with a line for each field, or as JSON.
    pub(super) fn one(&self, thing: &Value) -> anyhow::Result<()> {
        if self.options.json {
            return output::json(thing);
        }
        for (key, value) in thing.as_object().into_iter().flatten() {
            output::data(&format!("{key:26} {}", cell(value)));
        }
        Ok(())
    }

    /// Prints that something was done, unless the output is JSON.
    pub(super) fn done(&self, text: &str) {
        if !self.options.json {
            output::talk(text);
        }
    }

    /// Whether answers are printed as JSON.
    pub(super) fn json(&self) -> bool {
        self.options.json
    }
}

/// A value as it is printed in a table.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(s) => s.replace(char::is_control, " "),
        Value::Array(all) => all.iter().map(cell).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
