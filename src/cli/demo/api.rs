//! The REST API as the demo uses it: as a developer's script would.

use crate::cli::remote::Client;
use crate::cli::remote::upload::upload;
use anyhow::Context as _;
use indicatif::ProgressBar;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;

/// The API, within the demo's product.
pub(super) struct Api(pub(super) Client);

impl Api {
    pub(super) async fn upload(&self, path: &Path) -> anyhow::Result<String> {
        let to = format!("{}/firmwares", self.0.in_product().await?);
        let data = upload(&self.0, &to, "firmware", path, &ProgressBar::hidden())
            .await
            .with_context(|| format!("could not upload {}", path.display()))?;
        data["uuid"]
            .as_str()
            .map(str::to_owned)
            .context("an upload without uuid")
    }

    pub(super) async fn group(&self, name: &str, firmware: &str, slots: u64) -> anyhow::Result<()> {
        let path = format!("{}/deployments", self.0.in_product().await?);
        let body =
            json!({"name": name, "firmware": firmware, "conditions": {"version": "", "tags": []}});
        self.0.send(Method::POST, &path, &body).await?;
        let changes = json!({"is_active": true, "concurrent_updates": slots});
        self.set_group(name, changes).await
    }

    pub(super) async fn release(&self, group: &str, firmware: &str) -> anyhow::Result<()> {
        self.set_group(group, json!({ "firmware": firmware })).await
    }

    /// Changes a deployment group.
    pub(super) async fn set_group(&self, group: &str, changes: Value) -> anyhow::Result<()> {
        let path = format!("{}/deployments/{group}", self.0.in_product().await?);
        let body = json!({"deployment": changes});
        self.0.send(Method::PUT, &path, &body).await?;
        Ok(())
    }

    /// Changes a device.
    pub(super) async fn set_device(&self, device: &str, changes: &Value) -> anyhow::Result<()> {
        let path = format!("{}/devices/{device}", self.0.in_product().await?);
        self.0.send(Method::PUT, &path, changes).await?;
        Ok(())
    }

    /// Has devices report their health and send their logs.
    pub(super) async fn want_reports(&self) -> anyhow::Result<()> {
        let path = format!("{}/extensions", self.0.in_product().await?);
        let body = json!({"extensions": {"health": true, "logging": true, "geo": true}});
        self.0.send(Method::PUT, &path, &body).await?;
        Ok(())
    }
}
