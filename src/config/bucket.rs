//! Settings of the bucket that files are kept in.

use super::print::without_passwords;
use super::{ConfigError, switch};
use crate::blob::BucketSettings;
use std::path::PathBuf;

/// The settings as they are given.
pub(super) struct BucketOptions {
    pub bucket: Option<String>,
    pub endpoint: Option<String>,
    pub region: Option<String>,
    pub credentials: Option<PathBuf>,
    pub downloads: Option<String>,
}

impl BucketOptions {
    /// Checks them: the bucket, if there is one, and whether devices download from it.
    pub fn check(self) -> Result<(Option<BucketSettings>, bool), ConfigError> {
        let bad = |flag, value: &str, why: String| ConfigError::Value {
            flag,
            value: without_passwords(value),
            why,
        };
        let downloads = switch("bucket-downloads", self.downloads, false)?;
        let Some(url) = self.bucket else {
            let path = self.credentials.map(|p| p.display().to_string());
            let on = downloads.then(|| "on".to_owned());
            let alone = [
                ("bucket-endpoint", self.endpoint),
                ("bucket-region", self.region),
                ("bucket-credentials", path),
                ("bucket-downloads", on),
            ];
            return match alone.into_iter().find_map(|(f, v)| Some((f, v?))) {
                None => Ok((None, false)),
                Some((flag, value)) => Err(bad(flag, &value, "needs --bucket beside it".into())),
            };
        };
        let mut settings =
            BucketSettings::parse(url.clone()).map_err(|why| bad("bucket", &url, why))?;
        if let Some(endpoint) = self.endpoint {
            let placed = settings.at(&endpoint);
            settings = placed.map_err(|why| bad("bucket-endpoint", &endpoint, why))?;
        }
        if let Some(region) = self.region {
            let placed = settings.in_region(region.clone());
            settings = placed.map_err(|why| bad("bucket-region", &region, why))?;
        }
        if let Some(file) = self.credentials {
            settings = settings.with_credentials(file);
        }
        Ok((Some(settings), downloads))
    }
}
