//! `nervecenter deployment status`: once, or until the release is everywhere, has stopped or was ended.

use super::group;
use crate::cli::exit::Code;
use crate::cli::output;
use crate::cli::remote::{Client, Refused};
use anyhow::bail;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

/// Between two looks at the release.
const LOOK: Duration = Duration::from_secs(1);

/// How long a server may be away, as while it starts anew, before the watch gives up.
const AWAY: Duration = Duration::from_secs(120);

/// The steps of a release in a line: `Canary done | Sign-off waits | Everyone else`.
fn drawn(progress: &Value) -> String {
    let steps = progress["steps"].as_array().map_or(&[][..], Vec::as_slice);
    let text = |step: &Value| {
        let name = step["name"].as_str().unwrap_or_default();
        match step["state"].as_str() {
            Some("done") => format!("{name} done"),
            Some("current") if step["type"] == "approval_required" => format!("{name} waits"),
            Some("current") => format!("{name} {}", step["installed"]),
            _ => name.to_owned(),
        }
    };
    steps.iter().map(text).collect::<Vec<_>>().join(" | ")
}

/// How far a release is.
struct Look {
    /// What is printed at the end.
    summary: Value,
    /// The steps in a line.
    line: String,
    /// What the release does or waits for.
    sentence: String,
    devices: u64,
    updated: u64,
    /// `running`, `paused`, `stopped` or `aborted`.
    state: String,
}

async fn look(client: &Client, name: &str) -> anyhow::Result<Look> {
    let path = group(client, name).await?;
    let found = client.get(&path).await?;
    let progress = client.get(&format!("{path}/progress")).await?;
    let steps = progress["steps"].as_array().map_or(&[][..], Vec::as_slice);
    let in_flight = |step: &Value| step["in_flight"].as_u64().unwrap_or_default();
    let version = found["current_release"]["firmware"]["version"]
        .as_str()
        .unwrap_or_default();
    let (devices, updated) = (&progress["devices"], &progress["updated"]);
    Ok(Look {
        summary: json!({
            "name": name, "state": found["state"], "version": version, "devices": devices,
            "updated": updated, "updating": steps.iter().map(in_flight).sum::<u64>(),
            "deltas": progress["status"], "rollout": progress["state"],
        }),
        line: format!("{version} {}", drawn(&progress)),
        sentence: progress["sentence"].as_str().unwrap_or_default().to_owned(),
        devices: devices.as_u64().unwrap_or_default(),
        updated: updated.as_u64().unwrap_or_default(),
        state: progress["state"].as_str().unwrap_or_default().to_owned(),
    })
}

/// Shows how far the current release of a group is.
pub(super) async fn once(client: &Client, name: &str) -> anyhow::Result<Code> {
    client.one(&look(client, name).await?.summary)?;
    Ok(Code::Done)
}

/// What is shown while somebody watches: a bar on a terminal, else a line whenever something changed, for the log of a build.
struct Screen {
    bar: Option<ProgressBar>,
    last: String,
}

impl Screen {
    fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| ProgressBar::new(0));
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}");
        if let (Some(bar), Ok(style)) = (&bar, style) {
            bar.set_style(style);
        }
        let last = String::new();
        Self { bar, last }
    }

    fn show(&mut self, look: &Look) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(look.devices);
                bar.set_position(look.updated);
                bar.set_message(look.line.clone());
            }
            None => self.say(format!(
                "{}: {} of {} devices. {}",
                look.line, look.updated, look.devices, look.sentence
            )),
        }
    }

    /// Says what was not said just before.
    fn say(&mut self, text: String) {
        if self.last != text {
            match &self.bar {
                Some(bar) => bar.println(&text),
                None => output::talk(&text),
            }
            self.last = text;
        }
    }
}

/// Shows how far the current release of a group is until all devices run it. It fails when the release stops or is ended before, and
/// after `timeout`.
pub(super) async fn watch(
    client: &Client,
    name: &str,
    timeout: Option<Duration>,
) -> anyhow::Result<Code> {
    let began = Instant::now();
    let mut screen = Screen::new();
    let mut seen = Instant::now();
    loop {
        let late = timeout.is_some_and(|most| began.elapsed() >= most);
        match look(client, name).await {
            Ok(look) => {
                seen = Instant::now();
                screen.show(&look);
                let everywhere = look.updated >= look.devices;
                if everywhere || matches!(&*look.state, "stopped" | "aborted") {
                    return ended(client, &look, everywhere);
                }
                if late {
                    client.one(&look.summary)?;
                    bail!("--timeout is over: {}", look.sentence);
                }
            }
            // A server that is away for a while goes on with the release when it is back.
            Err(e) if passes(&e) && !late && seen.elapsed() < AWAY => screen.say(format!("{e:#}")),
            Err(e) => return Err(e),
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn ended(client: &Client, look: &Look, everywhere: bool) -> anyhow::Result<Code> {
    client.one(&look.summary)?;
    if !everywhere {
        bail!("{}", look.sentence);
    }
    Ok(Code::Done)
}

/// Whether a failure may be over at the next try: the server is not there, or has no time.
fn passes(e: &anyhow::Error) -> bool {
    match e.downcast_ref::<Refused>() {
        Some(refused) => refused.status.is_server_error() || refused.status == 429,
        None => e.is::<reqwest::Error>() || e.chain().any(|cause| cause.is::<reqwest::Error>()),
    }
}
