//! `nervecenter device …`: a device's console, shell, and file transfers through a server.

use super::exit::Code;
use super::remote::bulk::Bulk;
use super::remote::device as rest;
use super::remote::find::Facets;
use super::remote::{Group, Remote};
use super::socket::Channel;
use super::{output, runtime, tty};
use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep_until};

/// Devices of a server: find, change and reach them.
#[derive(Subcommand)]
pub(super) enum Device {
    /// List devices, all or those that a query finds.
    List(rest::List),
    /// Count the values of columns among all devices, or those that a query finds.
    Facets(Facets),
    /// Show a device.
    Show(rest::One),
    /// Say why a device is not being updated, or that it will be.
    Why(rest::One),
    /// List the attempts to update a device, newest first.
    Attempts(rest::One),
    /// Register a device.
    Create(rest::Write),
    /// Change a device.
    Update(rest::Write),
    /// Delete a device so that it can be restored.
    Delete(rest::One),
    /// Restore a deleted device.
    Restore(rest::One),
    /// Destroy a deleted device; its identifier is free again.
    Destroy(rest::One),
    /// Ask a device to reboot.
    Reboot(rest::One),
    /// Ask a device to show which one it is.
    Identify(rest::One),
    /// Drop a device's socket; it connects again.
    Reconnect(rest::One),
    /// Send a device a firmware, whole.
    Upgrade(rest::Upgrade),
    /// Move a device to another product.
    Move(rest::Move),
    /// Do something to many devices: shows what it would do, and does it with --yes.
    Bulk(Box<Bulk>),
    /// A device's certificates.
    Cert(Group<rest::Cert>),
    /// Register the devices of a CSV file, all or none; its first line names the columns.
    Import(rest::Files),
    /// Print what happens to devices, a line of JSON each.
    Events(rest::Events),
    /// The device's IEx, shared with whoever else looks at it; Ctrl-] leaves.
    Console(Console),
    /// A shell of the device's operating system; Ctrl-] leaves.
    Shell(Shell),
    /// Send a file to the device, into its folder for files (/data/nerves-hub unless it has another).
    Send(Send),
}

#[derive(Args)]
pub(super) struct Console {
    /// The device's identifier, often its serial number.
    identifier: String,
    #[command(flatten)]
    remote: Remote,
    /// Keep the files that the device sends in this folder.
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Shell {
    /// The device's identifier, often its serial number.
    identifier: String,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Args)]
pub(super) struct Send {
    /// The device's identifier, often its serial number.
    identifier: String,
    /// The file; at most 10 MiB.
    file: PathBuf,
    #[command(flatten)]
    remote: Remote,
    /// Its name on the device [default: as it is called here].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// Ctrl-], the escape key of telnet.
const LEAVE: u8 = 0x1d;
/// Period of the heartbeats that clients send.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// Time in which a connected device opens its terminal.
const PATIENCE: Duration = Duration::from_secs(5);
/// Piped input is done when the device has printed nothing for this long.
const QUIET: Duration = Duration::from_secs(3);

impl Device {
    pub(super) fn run(self) -> anyhow::Result<Code> {
        let rt = runtime()?;
        let code = rt.block_on(async {
            match self {
                Self::List(c) => c.run().await,
                Self::Facets(c) => c.run().await,
                Self::Show(c) => c.show().await,
                Self::Why(c) => c.why().await,
                Self::Attempts(c) => c.attempts().await,
                Self::Create(c) => c.create().await,
                Self::Update(c) => c.update().await,
                Self::Delete(c) => c.delete().await,
                Self::Restore(c) => c.restore().await,
                Self::Destroy(c) => c.destroy().await,
                Self::Reboot(c) => c.act("reboot").await,
                Self::Identify(c) => c.act("identify").await,
                Self::Reconnect(c) => c.act("reconnect").await,
                Self::Upgrade(c) => c.run().await,
                Self::Move(c) => c.run().await,
                Self::Bulk(c) => c.run().await,
                Self::Cert(c) => c.certificates().await,
                Self::Import(c) => c.import().await,
                Self::Events(c) => c.run().await,
                Self::Console(c) => {
                    let topic = format!("user:console:identifier-{}", c.identifier);
                    let channel = c.remote.sockets()?.join(&topic).await?;
                    ConsoleView::new(channel, false, c.files)?.run().await
                }
                Self::Shell(s) => {
                    let topic = format!("user:local_shell:identifier-{}", s.identifier);
                    let channel = s.remote.sockets()?.join(&topic).await?;
                    ConsoleView::new(channel, true, None)?.run().await
                }
                Self::Send(s) => s.run().await,
            }
        });
        // The thread that reads stdin blocks until a key is pressed, so the runtime cannot wait for it.
        rt.shutdown_background();
        code
    }
}

/// A terminal session that is shown to the user.
struct ConsoleView {
    channel: Channel,
    shell: bool,
    raw: tty::Raw,
    files: Files,
}

impl ConsoleView {
    fn new(channel: Channel, shell: bool, files: Option<PathBuf>) -> anyhow::Result<Self> {
        if let Some(folder) = &files {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("could not make {}", folder.display()))?;
        }
        Ok(Self {
            channel,
            shell,
            raw: tty::Raw::enter()?,
            files: Files {
                folder: files,
                open: HashMap::new(),
            },
        })
    }

    async fn run(mut self) -> anyhow::Result<Code> {
        if self.raw.is_terminal() {
            output::talk("Waiting for the device; Ctrl-] leaves.\r");
        }
        let mut typed = tty::typed();
        let mut resized = signal(SignalKind::window_change())?;
        let mut beat = tokio::time::interval(HEARTBEAT);
        let (mut there, mut over) = (false, false);
        let patience = sleep_until(Instant::now() + PATIENCE);
        tokio::pin!(patience);
        let mut waited = false;
        let mut last = Instant::now();
        loop {
            tokio::select! {
                said = self.channel.next() => {
                    let (event, payload) = said.context("the server closed the connection")?;
                    last = Instant::now();
                    let open = matches!(event.as_str(), "metadata" | "output" | "up");
                    if open && !there {
                        there = true;
                        self.resize().await?;
                    }
                    self.show(&event, &payload)?;
                }
                // Input waits until the device's terminal is open.
                bytes = typed.recv(), if there && !over => match bytes {
                    None => {
                        over = true;
                        last = Instant::now();
                    }
                    Some(bytes) if bytes.contains(&LEAVE) && self.raw.is_terminal() => {
                        output::talk("\r");
                        return Ok(Code::Done);
                    }
                    Some(bytes) => self.type_in(&bytes).await?,
                },
                () = &mut patience, if !there && !waited => {
                    waited = true;
                    let what = if self.shell { "shell" } else { "remote console" };
                    let why = format!("the device is not connected, or has no {what}");
                    if !self.raw.is_terminal() {
                        bail!(why);
                    }
                    output::talk(&format!("[{why}; waiting for it]\r"));
                }
                _ = resized.recv() => self.resize().await?,
                _ = beat.tick() => self.channel.push("heartbeat", &json!({})).await?,
                () = sleep_until(last + QUIET), if over => return Ok(Code::Done),
            }
        }
    }

    async fn type_in(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let event = if self.shell { "input" } else { "dn" };
        let data = json!({"data": String::from_utf8_lossy(bytes)});
        self.channel.push(event, &data).await
    }

    async fn resize(&mut self) -> anyhow::Result<()> {
        let Some((rows, cols)) = tty::size() else {
            return Ok(());
        };
        let size = if self.shell {
            json!({"rows": rows, "cols": cols})
        } else {
            json!({"height": rows, "width": cols})
        };
        self.channel.push("window_size", &size).await
    }

    fn show(&mut self, event: &str, payload: &Value) -> anyhow::Result<()> {
        let text = |key: &str| payload[key].as_str().unwrap_or_default().to_owned();
        match event {
            "up" | "output" => output::bytes(text("data").as_bytes()),
            "message" => {
                let words = [text("name"), text("text"), text("event")];
                let words: Vec<_> = words.into_iter().filter(|w| !w.is_empty()).collect();
                output::talk(&format!("\r\n[{}]\r", words.join(": ")));
            }
            "error" => output::talk(&format!("\r\n[{}]\r", text("reason"))),
            "exited" => output::talk(&format!(
                "\r\n[the shell ended: {}]\r",
                payload["exit_code"]
            )),
            "status" if payload["status"] == "failed" => {
                bail!("the device has no shell: {}", text("reason"))
            }
            event if event.starts_with("file-data") => {
                if let Some(line) = self.files.take(event, payload)? {
                    output::talk(&format!("\r\n[{line}]\r"));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Files that the device sends.
struct Files {
    folder: Option<PathBuf>,
    open: HashMap<String, File>,
}

impl Files {
    /// Handles a part of a file. Returns a message for the user, if any.
    fn take(&mut self, event: &str, payload: &Value) -> anyhow::Result<Option<String>> {
        let name = payload["filename"].as_str().unwrap_or_default();
        // The server checks names as well, but this writes into a folder on the user's machine.
        let safe = Path::new(name).file_name().is_some_and(|f| f == name)
            && !name.starts_with('.')
            && !name.contains(char::is_control);
        let Some(folder) = &self.folder else {
            let begins = event == "file-data/start";
            let hint = format!("the device sends {name}; --files DIR keeps such files");
            return Ok(begins.then_some(hint));
        };
        let path = folder.join(name);
        match event {
            "file-data/start" if !safe => {
                let text = "the device sends a file with a hidden name or a path; it is not kept";
                Ok(Some(text.into()))
            }
            _ if !safe => Ok(None),
            "file-data/start" => {
                // Only new files are created: an existing one may be the user's own, or a link to another
                // place.
                match File::create_new(&path) {
                    Ok(file) => {
                        self.open.insert(name.to_owned(), file);
                        Ok(None)
                    }
                    Err(e) => Ok(Some(format!("{} is not kept: {e}", path.display()))),
                }
            }
            "file-data" => {
                let data = STANDARD.decode(payload["data"].as_str().unwrap_or_default())?;
                if let Some(file) = self.open.get_mut(name) {
                    file.write_all(&data)?;
                }
                Ok(None)
            }
            "file-data/stop" => {
                let done = self.open.remove(name);
                Ok(done.map(|_| format!("received {}", path.display())))
            }
            _ => Ok(Some(format!("{name}: {}", payload["reason"]))),
        }
    }
}

impl Send {
    async fn run(self) -> anyhow::Result<Code> {
        let mut file = File::open(&self.file)
            .with_context(|| format!("could not read {}", self.file.display()))?;
        let length = file.metadata()?.len();
        let name = match (&self.name, self.file.file_name()) {
            (Some(name), _) => name.clone(),
            (None, Some(name)) => name.to_string_lossy().into_owned(),
            (None, None) => bail!("{} is no file", self.file.display()),
        };
        let topic = format!("user:console:identifier-{}", self.identifier);
        let mut channel = self.remote.sockets()?.join(&topic).await?;
        ready(&mut channel).await?;
        let bar = indicatif::ProgressBar::new(length);
        let start = json!({ "filename": name });
        channel.push("file-data/start", &start).await?;
        let mut chunk = [0u8; 1024];
        let mut number = 0u64;
        loop {
            let n = file.read(&mut chunk)?;
            if n == 0 {
                break;
            }
            let data = STANDARD.encode(&chunk[..n]);
            let part = json!({"filename": name, "chunk": number, "data": data});
            number += 1;
            send(&mut channel, "file-data", &part).await?;
            bar.inc(n as u64);
        }
        send(&mut channel, "file-data/stop", &start).await?;
        // The server answers only events that it could not pass on.
        let end = Instant::now() + Duration::from_millis(500);
        while let Ok(Some(said)) = tokio::time::timeout_at(end, channel.next()).await {
            refused(&said)?;
        }
        bar.finish_and_clear();
        output::talk(&format!("sent {name}, {length} bytes"));
        Ok(Code::Done)
    }
}

/// Waits until the device's console is open.
async fn ready(channel: &mut Channel) -> anyhow::Result<()> {
    let there = async {
        while let Some((event, _)) = channel.next().await {
            if event == "metadata" {
                return true;
            }
        }
        false
    };
    match tokio::time::timeout(PATIENCE, there).await {
        Ok(true) => Ok(()),
        Ok(false) => bail!("the server closed the connection"),
        Err(_) => bail!("the device is not connected, or has no remote console"),
    }
}

/// Sends a part of a file, and checks whether an earlier one was refused.
async fn send(channel: &mut Channel, event: &str, part: &Value) -> anyhow::Result<()> {
    channel.push(event, part).await?;
    // Reads only what has arrived already.
    let now = Instant::now();
    while let Ok(Some(said)) = tokio::time::timeout_at(now, channel.next()).await {
        refused(&said)?;
    }
    Ok(())
}

fn refused((event, payload): &(String, Value)) -> anyhow::Result<()> {
    if event.ends_with("error") {
        bail!(
            "not sent: {}",
            payload["reason"].as_str().unwrap_or("no reason given")
        );
    }
    Ok(())
}
