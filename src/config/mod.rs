//! Settings of the server. Of a setting's sources, the first that exists wins: a flag, the variable
//! `NERVECENTER_…`, the file, the default. All are checked before any port is bound.

mod bucket;
mod cluster;
mod mail;
mod oidc;
mod print;
mod values;

use crate::access::vault::Secret;
use crate::blob::BucketSettings;
use crate::limits::DISK_RESERVE;
use crate::oidc::Settings as OidcSettings;
use crate::store::words::NodeRole;
use bucket::BucketOptions;
use clap::{Args, Parser};
pub use cluster::BusSettings;
use cluster::ClusterOptions;
use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, Tokio1Executor};
pub use mail::*;
pub use oidc::OidcOptions;
use print::{masked, mib, on_off};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
pub(crate) use values::node_key;
use values::{
    bytes_per_second, connect_rate, database_connections, origin, registrations, switch,
    switch_word, tls_name,
};

/// Why the settings are not valid.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read or parsed.
    #[error("--config {path}: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// A setting has an invalid value.
    #[error("--{flag} {value:?}: {why}")]
    Value {
        /// The flag of the setting.
        flag: &'static str,
        /// The given value.
        value: String,
        /// What is wrong and what is expected.
        why: String,
    },
    /// A setting of a sign-in provider has an invalid value.
    #[error("[[oidc]] {provider}: {field} (--oidc-{field}) {value:?}: {why}")]
    Provider {
        /// The provider's name, or its number where it has none.
        provider: String,
        /// The setting.
        field: &'static str,
        /// The given value.
        value: String,
        /// What is wrong and what is expected.
        why: String,
    },
}

/// Settings as they are given; what is absent has its default.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Options {
    /// TOML file with these settings, named as the flags are.
    #[arg(long, env = "NERVECENTER_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// Folder for the database, firmware files and keys [default: ./nervecenter-data].
    #[arg(long, env = "NERVECENTER_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// `postgres://…` instead of the SQLite file in the data folder.
    #[arg(
        long,
        env = "NERVECENTER_DATABASE_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub database_url: Option<String>,
    /// Connections to PostgreSQL for devices and jobs [default: 12, of a device node 4]. Beside them there are up to 6 for people, of
    /// a device node none, and 1 to 3 for what servers tell each other.
    #[arg(long, env = "NERVECENTER_DATABASE_CONNECTIONS", value_name = "NUMBER")]
    pub database_connections: Option<u32>,
    /// Bucket for firmware, deltas and archives, in place of the data folder: `s3://BUCKET/PREFIX`, `gs://…` or `az://CONTAINER`.
    #[arg(long, env = "NERVECENTER_BUCKET", value_name = "URL")]
    pub bucket: Option<String>,
    /// Address of the bucket's service, if it is not the provider's own, such as that of MinIO.
    #[arg(long, env = "NERVECENTER_BUCKET_ENDPOINT", value_name = "URL")]
    pub bucket_endpoint: Option<String>,
    /// Region of an S3 bucket; else that of `AWS_REGION`.
    #[arg(long, env = "NERVECENTER_BUCKET_REGION", value_name = "REGION")]
    pub bucket_region: Option<String>,
    /// File with the bucket's credentials; else those of the environment or of the machine.
    #[arg(long, env = "NERVECENTER_BUCKET_CREDENTIALS", value_name = "FILE")]
    pub bucket_credentials: Option<PathBuf>,
    /// Whether devices download from the bucket itself, by presigned links: on or off [default: off].
    #[arg(long, env = "NERVECENTER_BUCKET_DOWNLOADS", value_name = "ON|OFF")]
    #[serde(deserialize_with = "switch_word")]
    pub bucket_downloads: Option<String>,
    /// What this server serves, when several share a database and a bucket: all, web (the API and the console) or device (sockets
    /// and downloads of devices) [default: all].
    #[arg(long, env = "NERVECENTER_ROLE", value_name = "ROLE")]
    pub role: Option<String>,
    /// How servers that share a database and a bucket tell each other what happens: postgres, nats://HOST:PORT, or memory for one
    /// that is alone [default: postgres when there is a bucket and a PostgreSQL database, else memory].
    #[arg(
        long,
        env = "NERVECENTER_BUS",
        value_name = "BUS",
        hide_env_values = true
    )]
    pub bus: Option<String>,
    /// 64 hex digits that encrypt shared secrets and sign links; made and kept when absent.
    #[arg(
        long,
        env = "NERVECENTER_NODE_KEY",
        value_name = "HEX",
        hide_env_values = true
    )]
    pub node_key: Option<String>,
    /// Address of the REST API [default: 127.0.0.1:4000].
    #[arg(long, env = "NERVECENTER_WEB_LISTEN", value_name = "ADDR")]
    pub web_listen: Option<String>,
    /// Address for devices, TLS [default: 0.0.0.0:4001].
    #[arg(long, env = "NERVECENTER_DEVICE_LISTEN", value_name = "ADDR")]
    pub device_listen: Option<String>,
    /// Address for firmware downloads, plain HTTP [default: 0.0.0.0:4002].
    #[arg(long, env = "NERVECENTER_DOWNLOAD_LISTEN", value_name = "ADDR")]
    pub download_listen: Option<String>,
    /// Public base of download links, for a proxy or CDN in front; else the host that the device dialled.
    #[arg(long, env = "NERVECENTER_DOWNLOAD_URL", value_name = "URL")]
    pub download_url: Option<String>,
    /// Further name or address in the device endpoint's certificate; may be repeated.
    #[arg(
        long,
        env = "NERVECENTER_TLS_NAME",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub tls_name: Vec<String>,
    /// Device connects a second; more are closed before the handshake [default: 2000].
    #[arg(long, env = "NERVECENTER_CONNECT_RATE", value_name = "N")]
    pub connect_rate: Option<u32>,
    /// Where other paths of the device endpoint are sent [default: the Nerves documentation].
    #[arg(long, env = "NERVECENTER_REDIRECT_URL", value_name = "URL")]
    pub redirect_url: Option<String>,
    /// Whether devices may come with shared secrets: on or off [default: on].
    #[arg(long, env = "NERVECENTER_SHARED_SECRETS", value_name = "ON|OFF")]
    #[serde(deserialize_with = "switch_word")]
    pub shared_secrets: Option<String>,
    /// Whether a CA may be registered without the proof that its key is yours, as old tools do: on or off [default: off].
    #[arg(long, env = "NERVECENTER_UNPROVEN_CAS", value_name = "ON|OFF")]
    #[serde(deserialize_with = "switch_word")]
    pub unproven_cas: Option<String>,
    /// Public address of the web, for links to it; else the host that was asked.
    #[arg(long, env = "NERVECENTER_WEB_URL", value_name = "URL")]
    pub web_url: Option<String>,
    /// Whether webhooks may go to private addresses: on or off [default: off].
    #[arg(long, env = "NERVECENTER_PRIVATE_WEBHOOKS", value_name = "ON|OFF")]
    #[serde(deserialize_with = "switch_word")]
    pub private_webhooks: Option<String>,
    /// Whether products may take ESP-IDF images, once they say so themselves: on or off [default: off].
    #[arg(long, env = "NERVECENTER_ESP_IDF", value_name = "ON|OFF")]
    #[serde(deserialize_with = "switch_word")]
    pub esp_idf: Option<String>,
    /// Mail server: `smtps://USER:PASSWORD@HOST`, or `smtp://HOST:PORT?tls=required` for STARTTLS; no mail is sent without.
    #[arg(
        long,
        env = "NERVECENTER_SMTP_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub smtp_url: Option<String>,
    /// Who mails are from: `Nervecenter <ota@example.org>`.
    #[arg(long, env = "NERVECENTER_MAIL_FROM", value_name = "ADDRESS")]
    pub mail_from: Option<String>,
    /// Whether people may make accounts for themselves, by a link that is mailed to them: on or off [default: off].
    #[arg(
        long,
        env = "NERVECENTER_OPEN_FOR_REGISTRATIONS",
        value_name = "ON|OFF"
    )]
    #[serde(deserialize_with = "switch_word")]
    pub open_for_registrations: Option<String>,
    /// Send devices to this server instead of letting them in: `https://HOST[:PORT]`. Followed by nerves_hub_link 2.10.0 and
    /// later; older clients try again here.
    #[arg(long, env = "NERVECENTER_REDIRECT_DEVICES", value_name = "URL")]
    pub redirect_devices: Option<String>,
    /// MiB of the disk that must stay free: below it uploads, deltas and device logs are refused, while joins, claims and
    /// reports go on [default: 256].
    #[arg(long, env = "NERVECENTER_DISK_RESERVE_MIB", value_name = "MIB")]
    pub disk_reserve_mib: Option<u64>,
    /// Bytes a second that all deployment groups together send on average [default: no limit].
    #[arg(long, env = "NERVECENTER_BYTES_PER_SECOND", value_name = "BYTES")]
    pub bytes_per_second: Option<u64>,
    /// Sign-in providers of the file.
    #[arg(skip)]
    pub oidc: Vec<OidcOptions>,
    /// One by flags.
    #[command(flatten)]
    #[serde(skip)]
    pub oidc_flags: OidcOptions,
}

/// Checked settings.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Config {
    /// The data folder.
    pub data_dir: PathBuf,
    /// The PostgreSQL URL; `None` for the SQLite file in the data folder.
    #[serde(serialize_with = "masked")]
    pub database_url: Option<String>,
    /// Connections to PostgreSQL for devices and jobs.
    pub database_connections: u32,
    /// The bucket that files are in; `None` for the data folder.
    #[serde(flatten)]
    pub bucket: Option<BucketSettings>,
    /// Whether devices download from the bucket itself.
    #[serde(serialize_with = "on_off")]
    pub bucket_downloads: bool,
    /// What this node serves.
    pub role: NodeRole,
    /// How nodes tell each other what happens.
    pub bus: BusSettings,
    /// The node key, if it is configured.
    #[serde(skip)]
    pub node_key: Option<[u8; 32]>,
    /// Address of the REST API.
    pub web_listen: SocketAddr,
    /// Address of the device endpoint.
    pub device_listen: SocketAddr,
    /// Address of the firmware downloads.
    pub download_listen: SocketAddr,
    /// Public base URL of download links.
    pub download_url: Option<String>,
    /// Additional names in the device endpoint's certificate.
    pub tls_name: Vec<String>,
    /// Maximum new device connections a second.
    pub connect_rate: u32,
    /// Where other paths of the device endpoint are redirected to.
    pub redirect_url: String,
    /// Whether devices may authenticate with shared secrets.
    #[serde(serialize_with = "on_off")]
    pub shared_secrets: bool,
    /// Whether a CA may be registered without a proof of possession.
    #[serde(serialize_with = "on_off")]
    pub unproven_cas: bool,
    /// Public base URL of the web API.
    pub web_url: Option<String>,
    /// Whether webhooks may be delivered to private addresses.
    #[serde(serialize_with = "on_off")]
    pub private_webhooks: bool,
    /// Whether products may accept ESP-IDF images.
    #[serde(serialize_with = "on_off")]
    pub esp_idf: bool,
    /// How mail is sent; `None` for no mail.
    #[serde(flatten)]
    pub mail: Option<Mail>,
    /// Whether people may make accounts for themselves.
    #[serde(serialize_with = "on_off")]
    pub open_for_registrations: bool,
    /// Another server that all devices are redirected to.
    pub redirect_devices: Option<String>,
    /// Bytes that must stay free on the disk of the data folder.
    #[serde(rename = "disk-reserve-mib", serialize_with = "mib")]
    pub disk_reserve: u64,
    /// Bytes a second that all deployment groups together send on average; `None` for no limit.
    pub bytes_per_second: Option<i64>,
    /// Sign-in providers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub oidc: Vec<OidcSettings>,
}

impl Config {
    /// Whether this server is a node among others.
    pub fn is_among_others(&self) -> bool {
        self.bus != BusSettings::Memory
    }

    /// The address of the bucket, for messages; empty when files are in the data folder.
    pub fn bucket_url(&self) -> &str {
        self.bucket.as_ref().map_or("", BucketSettings::url)
    }
}

/// Nothing but the settings of the environment.
#[derive(Parser)]
struct Environment {
    #[command(flatten)]
    options: Options,
}

impl Options {
    /// The settings that the environment names, for commands that work on a server's data beside it and have few flags of their own.
    ///
    /// # Errors
    /// A variable whose value is no such setting.
    pub fn of_environment() -> Result<Self, clap::Error> {
        Ok(Environment::try_parse_from(["nervecenter"])?.options)
    }

    /// Reads the file, if there is one, and checks all settings.
    ///
    /// # Errors
    /// The first invalid setting.
    pub fn resolve(mut self) -> Result<Config, ConfigError> {
        if let Some(path) = self.config.clone() {
            self.fill(read(&path)?);
        }
        let address = |flag, given: Option<String>, default: &str| {
            let value = given.unwrap_or_else(|| default.to_owned());
            value.parse::<SocketAddr>().map_err(|_| ConfigError::Value {
                flag,
                why: "not an address with a port, such as 0.0.0.0:4001 or [::]:4001".into(),
                value,
            })
        };
        let url = |flag, value: Option<String>, schemes: &[&str]| match value {
            Some(v) if !schemes.iter().any(|s| v.starts_with(s)) => Err(ConfigError::Value {
                flag,
                why: format!("must begin with {}", schemes.join(" or ")),
                value: v.split('@').next_back().unwrap_or_default().to_owned(),
            }),
            v => Ok(v),
        };
        let web = &["http://", "https://"];
        let redirect = url("redirect-url", self.redirect_url, web)?;
        let (bucket, bucket_downloads) = BucketOptions {
            bucket: self.bucket,
            endpoint: self.bucket_endpoint,
            region: self.bucket_region,
            credentials: self.bucket_credentials,
            downloads: self.bucket_downloads,
        }
        .check()?;
        let (role, bus) = ClusterOptions {
            role: self.role,
            bus: self.bus,
            shared: bucket.is_some() && self.database_url.is_some(),
        }
        .check()?;
        Ok(Config {
            role,
            bus,
            data_dir: self.data_dir.unwrap_or_else(|| "./nervecenter-data".into()),
            database_url: url(
                "database-url",
                self.database_url,
                &["postgres://", "postgresql://"],
            )?,
            database_connections: database_connections(self.database_connections, role)?,
            bucket,
            bucket_downloads,
            node_key: self.node_key.map(node_key).transpose()?,
            web_listen: address("web-listen", self.web_listen, "127.0.0.1:4000")?,
            device_listen: address("device-listen", self.device_listen, "0.0.0.0:4001")?,
            download_listen: address("download-listen", self.download_listen, "0.0.0.0:4002")?,
            download_url: url("download-url", self.download_url, web)?,
            tls_name: self
                .tls_name
                .into_iter()
                .map(tls_name)
                .collect::<Result<_, _>>()?,
            connect_rate: self.connect_rate.map_or(Ok(2_000), connect_rate)?,
            redirect_url: redirect.unwrap_or_else(|| "https://docs.nerves-hub.org/".into()),
            shared_secrets: switch("shared-secrets", self.shared_secrets, true)?,
            unproven_cas: switch("unproven-cas", self.unproven_cas, false)?,
            web_url: url("web-url", self.web_url.clone(), web)?,
            private_webhooks: switch("private-webhooks", self.private_webhooks, false)?,
            esp_idf: switch("esp-idf", self.esp_idf, false)?,
            open_for_registrations: registrations(
                self.open_for_registrations,
                self.smtp_url.is_some(),
            )?,
            mail: mail(self.smtp_url, self.mail_from, self.web_url.is_some())?,
            redirect_devices: self.redirect_devices.map(origin).transpose()?,
            disk_reserve: self
                .disk_reserve_mib
                .map_or(DISK_RESERVE, |m| m.saturating_mul(1 << 20)),
            bytes_per_second: self.bytes_per_second.map(bytes_per_second).transpose()?,
            oidc: oidc::providers(self.oidc, self.oidc_flags, self.web_url.is_some())?,
        })
    }

    /// Takes the settings from the file that neither a flag nor a variable gave.
    fn fill(&mut self, file: Self) {
        self.data_dir = self.data_dir.take().or(file.data_dir);
        self.database_url = self.database_url.take().or(file.database_url);
        self.database_connections = self.database_connections.or(file.database_connections);
        self.bucket = self.bucket.take().or(file.bucket);
        self.bucket_endpoint = self.bucket_endpoint.take().or(file.bucket_endpoint);
        self.bucket_region = self.bucket_region.take().or(file.bucket_region);
        self.bucket_credentials = self.bucket_credentials.take().or(file.bucket_credentials);
        self.bucket_downloads = self.bucket_downloads.take().or(file.bucket_downloads);
        self.role = self.role.take().or(file.role);
        self.bus = self.bus.take().or(file.bus);
        self.node_key = self.node_key.take().or(file.node_key);
        self.web_listen = self.web_listen.take().or(file.web_listen);
        self.device_listen = self.device_listen.take().or(file.device_listen);
        self.download_listen = self.download_listen.take().or(file.download_listen);
        self.download_url = self.download_url.take().or(file.download_url);
        self.connect_rate = self.connect_rate.or(file.connect_rate);
        self.redirect_url = self.redirect_url.take().or(file.redirect_url);
        self.shared_secrets = self.shared_secrets.take().or(file.shared_secrets);
        self.unproven_cas = self.unproven_cas.take().or(file.unproven_cas);
        self.web_url = self.web_url.take().or(file.web_url);
        self.private_webhooks = self.private_webhooks.take().or(file.private_webhooks);
        self.esp_idf = self.esp_idf.take().or(file.esp_idf);
        self.smtp_url = self.smtp_url.take().or(file.smtp_url);
        self.mail_from = self.mail_from.take().or(file.mail_from);
        self.open_for_registrations = self
            .open_for_registrations
            .take()
            .or(file.open_for_registrations);
        self.redirect_devices = self.redirect_devices.take().or(file.redirect_devices);
        self.disk_reserve_mib = self.disk_reserve_mib.or(file.disk_reserve_mib);
        self.bytes_per_second = self.bytes_per_second.or(file.bytes_per_second);
        self.oidc = file.oidc;
        if self.tls_name.is_empty() {
            self.tls_name = file.tls_name;
        }
    }
}

fn read(path: &Path) -> Result<Options, ConfigError> {
    let bad = |why: String| ConfigError::File {
        path: path.to_owned(),
        why,
    };
    let text = std::fs::read_to_string(path).map_err(|e| bad(e.to_string()))?;
    toml::from_str(&text).map_err(|e| bad(e.to_string()))
}

#[cfg(test)]
mod example;

#[cfg(test)]
mod tests;
