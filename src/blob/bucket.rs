//! Buckets: files at S3 (or what speaks its language), Google Cloud Storage or Azure, with credentials of the environment, of a file, or
//! of the platform that the server runs on.

use super::BlobError;
use crate::limits::{BUCKET_CONNECT, BUCKET_RETRIES, BUCKET_RETRY_TIME};
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsCredential};
use object_store::azure::{MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder};
use object_store::path::Path as Key;
use object_store::prefix::PrefixStore;
use object_store::signer::{HeaderValue, Method, Signer, Url};
use object_store::{ClientOptions, CredentialProvider, ObjectStore, RetryConfig};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Whose language a bucket speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    S3,
    Google,
    Azure,
}

/// Which bucket the files are in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BucketSettings {
    /// `s3://BUCKET/PREFIX`, `gs://…` or `az://…`.
    #[serde(rename = "bucket")]
    url: String,
    /// Where the service is, if it is not the provider's own.
    #[serde(rename = "bucket-endpoint", skip_serializing_if = "Option::is_none")]
    endpoint: Option<Url>,
    /// The region of an S3 bucket.
    #[serde(rename = "bucket-region", skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    /// The file with the credentials.
    #[serde(rename = "bucket-credentials", skip_serializing_if = "Option::is_none")]
    credentials: Option<PathBuf>,
    #[serde(skip)]
    service: Service,
    #[serde(skip)]
    name: String,
    #[serde(skip)]
    prefix: Key,
}

impl BucketSettings {
    /// Reads the address of a bucket.
    ///
    /// # Errors
    /// What is wrong with it, and what is expected.
    pub fn parse(url: String) -> Result<Self, String> {
        let expected = "such as s3://firmware, s3://firmware/production, gs://… or az://CONTAINER";
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| format!("must be a URL, {expected}"))?;
        let service = match scheme {
            "s3" => Service::S3,
            "gs" => Service::Google,
            "az" => Service::Azure,
            _ => return Err(format!("must begin with s3://, gs:// or az://, {expected}")),
        };
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if name.is_empty() || !name.chars().all(plain) {
            return Err(format!("names no bucket, {expected}"));
        }
        let prefix = Key::parse(prefix.trim_end_matches('/'))
            .map_err(|e| format!("its prefix cannot be used: {e}"))?;
        Ok(Self {
            service,
            name: name.to_owned(),
            prefix,
            url,
            endpoint: None,
            region: None,
            credentials: None,
        })
    }

    /// The same bucket, at this address of the service.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub fn at(mut self, endpoint: &str) -> Result<Self, String> {
        let parsed = Url::parse(endpoint).ok();
        let parsed = parsed.filter(|u| {
            let bare = u.username().is_empty() && u.password().is_none() && u.query().is_none();
            matches!(u.scheme(), "http" | "https") && bare
        });
        self.endpoint =
            Some(parsed.ok_or("must be http:// or https:// with a host, and perhaps a port; keys are in --bucket-credentials")?);
        Ok(self)
    }

    /// The same bucket, in this region.
    ///
    /// # Errors
    /// Only S3 asks for one.
    pub fn in_region(mut self, region: String) -> Result<Self, String> {
        if self.service != Service::S3 {
            return Err("is for buckets of S3 alone; leave it out".into());
        }
        self.region = Some(region);
        Ok(self)
    }

    /// The same bucket, with the credentials of this file.
    pub fn with_credentials(mut self, file: PathBuf) -> Self {
        self.credentials = Some(file);
        self
    }

    /// The address as it was given.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// A bucket, ready to be used.
pub(super) struct Bucket {
    pub store: Arc<dyn ObjectStore>,
    signer: Arc<dyn Signer>,
    prefix: Key,
}

impl Bucket {
    /// Prepares the client; nothing is asked of the service.
    pub fn open(settings: &BucketSettings) -> Result<Self, BlobError> {
        let prefix = settings.prefix.clone();
        Ok(match settings.service {
            Service::S3 => Self::of(s3(settings)?, prefix),
            Service::Google => Self::of(google(settings)?, prefix),
            Service::Azure => Self::of(azure(settings)?, prefix),
        })
    }

    fn of(store: impl ObjectStore + Signer + Clone, prefix: Key) -> Self {
        Self {
            signer: Arc::new(store.clone()),
            store: Arc::new(PrefixStore::new(store, prefix.clone())),
            prefix,
        }
    }

    /// An address from which anybody may read this file for that long.
    pub async fn presigned(&self, file: &Key, life: Duration) -> Result<Url, BlobError> {
        let file = self.prefix.parts().chain(file.parts()).collect();
        let url = self.signer.signed_url(Method::GET, &file, life);
        Ok(url.await?)
    }
}

/// A slow device reads a file for as long as it needs. The client's own time limits would count its slowness, so that `Blobs` has limits of
/// its own.
fn client(settings: &BucketSettings) -> ClientOptions {
    let plain = settings.endpoint.as_ref();
    ClientOptions::new()
        .with_allow_http(plain.is_some_and(|e| e.scheme() == "http"))
        .with_connect_timeout(BUCKET_CONNECT)
        .with_read_timeout_disabled()
        .with_timeout_disabled()
        .with_user_agent(HeaderValue::from_static(concat!(
            "Nervecenter/",
            env!("CARGO_PKG_VERSION")
        )))
}

fn retry() -> RetryConfig {
    RetryConfig {
        max_retries: BUCKET_RETRIES,
        retry_timeout: BUCKET_RETRY_TIME,
        ..RetryConfig::default()
    }
}

fn s3(settings: &BucketSettings) -> Result<AmazonS3, BlobError> {
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(&settings.name)
        .with_client_options(client(settings))
        .with_retry(retry());
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/'));
    }
    if let Some(region) = &settings.region {
        builder = builder.with_region(region);
    }
    if let Some(file) = &settings.credentials {
        let found = CredentialsFile::new(file.clone());
        found.read()?;
        builder = builder.with_credentials(Arc::new(found));
    }
    Ok(builder.build()?)
}

fn google(settings: &BucketSettings) -> Result<GoogleCloudStorage, BlobError> {
    let mut builder = GoogleCloudStorageBuilder::from_env()
        .with_bucket_name(&settings.name)
        .with_client_options(client(settings))
        .with_retry(retry());
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_base_url(endpoint.as_str().trim_end_matches('/'));
    }
    if let Some(file) = &settings.credentials {
        builder = builder.with_service_account_path(file.to_string_lossy());
    }
    Ok(builder.build()?)
}

fn azure(settings: &BucketSettings) -> Result<MicrosoftAzure, BlobError> {
    let mut builder = MicrosoftAzureBuilder::from_env()
        .with_container_name(&settings.name)
        .with_client_options(client(settings))
        .with_retry(retry());
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/').to_owned());
    }
    if let Some(file) = &settings.credentials {
        let lines = Lines::read(file)?;
        builder = builder
            .with_account(lines.require("account_name")?)
            .with_access_key(lines.require("account_key")?);
    }
    Ok(builder.build()?)
}

/// The lines `name = value` of a file, as AWS's tools write them: of its section `[default]`, or of a file without sections.
struct Lines<'a> {
    file: &'a Path,
    values: Vec<(String, String)>,
}

impl<'a> Lines<'a> {
    fn read(file: &'a Path) -> Result<Self, BlobError> {
        let text = std::fs::read_to_string(file).map_err(|e| BlobError::Credentials {
            file: file.to_owned(),
            why: e.to_string(),
        })?;
        let mut section = "default";
        let mut values = Vec::new();
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
                section = name.trim();
            } else if let Some((name, value)) = line.split_once('=')
                && section == "default"
            {
                values.push((name.trim().to_lowercase(), value.trim().to_owned()));
            }
        }
        Ok(Self { file, values })
    }

    fn find(&self, name: &str) -> Option<&str> {
        let found = self.values.iter().find(|(n, v)| n == name && !v.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    fn require(&self, name: &str) -> Result<&str, BlobError> {
        self.find(name).ok_or_else(|| BlobError::Credentials {
            file: self.file.to_owned(),
            why: format!("it has no line `{name} = …`"),
        })
    }
}

/// AWS's credentials in a file, read again when it has changed: a key is exchanged without a restart.
#[derive(Debug)]
struct CredentialsFile {
    path: PathBuf,
    known: Mutex<Option<(SystemTime, Arc<AwsCredential>)>>,
}

impl CredentialsFile {
    fn new(path: PathBuf) -> Self {
        Self {
            path,
            known: Mutex::new(None),
        }
    }

    fn read(&self) -> Result<Arc<AwsCredential>, BlobError> {
        let changed = std::fs::metadata(&self.path).and_then(|m| m.modified());
        let changed = changed.map_err(|e| BlobError::Credentials {
            file: self.path.clone(),
            why: e.to_string(),
        })?;
        // It is whole between any two statements.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, found)) = known.as_ref().filter(|(at, _)| *at == changed) {
            return Ok(found.clone());
        }
        let lines = Lines::read(&self.path)?;
        let found = Arc::new(AwsCredential {
            key_id: lines.require("aws_access_key_id")?.to_owned(),
            secret_key: lines.require("aws_secret_access_key")?.to_owned(),
            token: lines.find("aws_session_token").map(str::to_owned),
        });
        *known = Some((changed, found.clone()));
        Ok(found)
    }
}

#[async_trait::async_trait]
impl CredentialProvider for CredentialsFile {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        self.read().map_err(|e| object_store::Error::Generic {
            store: "S3",
            source: Box::new(e),
        })
    }
}

#[cfg(test)]
mod tests;
