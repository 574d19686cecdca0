//! `nervecenter import …`: imports a fleet from another server.

use super::exit::Code;
use super::{output, runtime};
use crate::access::vault::Vault;
use crate::config::Options;
use crate::import::nerves_hub;
use crate::node::setup;
use anyhow::Context as _;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

/// Take a fleet over from another server.
#[derive(Subcommand)]
pub(super) enum Import {
    /// From an original NervesHub: organizations, people, products, keys, secrets, authorities, devices; firmware, archives and
    /// deployment groups, where the files are there.
    #[command(name = "nerveshub")]
    NervesHub(NervesHub),
}

#[derive(Args)]
pub(super) struct NervesHub {
    /// The original's database, `postgres://…`; it is only read.
    #[arg(long, value_name = "URL")]
    database_url: String,
    /// Folder with the original's stored files: its upload folder, or a copy of its bucket. It is only read.
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,
    /// Folder of this server's data [default: ./nervecenter-data].
    #[arg(long, env = "NERVECENTER_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// This server's own database, if it is PostgreSQL.
    #[arg(
        long,
        env = "NERVECENTER_DATABASE_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    into: Option<String>,
    /// This server's file of settings.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Do it; without this flag it is only tried, and told what would happen.
    #[arg(long)]
    commit: bool,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

impl Import {
    pub(super) fn run(self) -> anyhow::Result<Code> {
        let Self::NervesHub(c) = self;
        output::logs("warn");
        runtime()?.block_on(c.run())
    }
}

impl NervesHub {
    async fn run(self) -> anyhow::Result<Code> {
        let environment = Options::of_environment()?;
        let options = Options {
            data_dir: self.data_dir,
            database_url: self.into,
            config: self.config.or_else(|| environment.config.clone()),
            ..environment
        };
        let config = match options.resolve() {
            Ok(config) => config,
            Err(e) => {
                output::error(&e.to_string());
                return Ok(Code::BadConfig);
            }
        };
        let db = setup::database(&config).await?;
        let vault = Vault::new(&setup::node_key(&config, &db).await?);
        let blobs = setup::files(&config)?;
        if self.commit {
            setup::claim_files(&db, &blobs, config.bucket_url()).await?;
        }
        let from = nerves_hub::From {
            database: &self.database_url,
            files: self.files.as_deref(),
            commit: self.commit,
        };
        let report = nerves_hub::import(&db, &blobs, &vault, &from).await;
        db.close().await;
        let report =
            report.context("the import stopped; what is kept stays, and doing it again goes on")?;
        if self.json {
            output::json(&report)?;
            return Ok(Code::Done);
        }
        for (kind, n) in &report.imported {
            output::data(&format!("imported  {n:>8}  {kind}"));
        }
        for (kind, n) in &report.present {
            output::data(&format!("present   {n:>8}  {kind}"));
        }
        for why in &report.skipped {
            output::data(&format!("skipped             {why}"));
        }
        for left in &report.left {
            output::data(&format!(
                "left      {:>8}  {}: {}",
                left.count, left.what, left.reason
            ));
        }
        if let Some(expected) = report.expected_seconds {
            let took = Duration::from_secs(expected);
            output::talk(&format!(
                "only tried, nothing was changed; --commit does it, in about {took:?}"
            ));
        }
        Ok(Code::Done)
    }
}
