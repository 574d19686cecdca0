//! `nervecenter serve`: runs the server.

use super::exit::Code;
use super::{output, runtime, told_to_stop};
use crate::clock::Clock;
use crate::config::{Config, Options};
use crate::node::{Node, setup};
use clap::Args;
use serde_json::json;

/// Run the server.
#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    options: Options,
    /// Print the settings that would be used, as TOML, and stop.
    #[arg(long)]
    print_config: bool,
    /// Print the addresses as one line of JSON when the server is ready.
    #[arg(long)]
    json: bool,
}

impl Serve {
    pub(super) fn run(self) -> anyhow::Result<Code> {
        let config = match self.options.resolve() {
            Ok(config) => config,
            Err(e) => {
                output::error(&e.to_string());
                return Ok(Code::BadConfig);
            }
        };
        if self.print_config {
            output::data(toml::to_string(&config)?.trim_end());
            return Ok(Code::Done);
        }
        output::logs("info,sqlx=warn");
        let json = self.json;
        runtime()?.block_on(async move {
            let node = Node::start(&config, Clock::default()).await?;
            greet(&node, &config, json).await?;
            let code = tokio::select! {
                () = told_to_stop() => Code::Done,
                () = node.taken_over() => Code::Failed,
            };
            output::talk("stopping; a second signal stops at once");
            tokio::select! {
                () = node.stop() => Ok(code),
                () = told_to_stop() => Ok(Code::Failed),
            }
        })
    }
}

async fn greet(node: &Node, config: &Config, json: bool) -> anyhow::Result<()> {
    let first = setup::first_login(&node.app.db).await?;
    let mut told = "Nervecenter is ready".to_owned();
    if let Some(web) = node.web {
        told.push_str(&format!("\n  web        http://{web}"));
    }
    if let (Some(devices), Some(downloads)) = (node.devices, node.downloads) {
        let own = || format!("http://{downloads}");
        told.push_str(&format!(
            "\n  devices    wss://{devices}   (they must trust {})\n  downloads  {}",
            node.ca_file.display(),
            config.download_url.clone().unwrap_or_else(own)
        ));
    }
    output::talk(&told);
    if let Some(first) = first {
        output::talk(&format!(
            "First login, shown this once: {} with the password {}",
            first.email, first.password
        ));
    }
    if json {
        output::json(&json!({
            "web": node.web,
            "devices": node.devices,
            "downloads": node.downloads,
            "ca": node.ca_file,
        }))?;
    }
    Ok(())
}
