//! The command line, with one file for each command. Data goes to stdout and messages to stderr; exit codes are
//! in [`exit`].

mod admin;
mod delta;
mod demo;
mod device;
pub mod exit;
mod firmware;
mod image;
mod import;
mod output;
mod remote;
mod serve;
mod sim;
mod socket;
mod tty;

use clap::{CommandFactory as _, Parser, Subcommand};
use exit::Code;

/// Over-the-air updates for fleets of Nerves devices.
#[derive(Parser)]
#[command(name = "nervecenter", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server; without any setting: data in ./nervecenter-data, devices on port 4001.
    Serve(Box<serve::Serve>),
    /// Show it: a server, two signed firmwares and a simulated fleet that it updates before your eyes.
    Demo(demo::Demo),
    /// Simulated devices against any server.
    Sim(Box<sim::Sim>),
    /// Make the delta between two firmware files, offline.
    Delta(delta::Delta),
    /// Look into, check and sign fwup firmware files; publish them.
    #[command(subcommand)]
    Firmware(firmware::Firmware),
    /// Devices of a server: find and change them, talk to them.
    #[command(subcommand)]
    Device(device::Device),
    /// Deployment groups of a server: which devices get which firmware, and how fast.
    Deployment(remote::Group<remote::deployment::Deployment>),
    /// Organizations and their people.
    Org(remote::Group<remote::orgs::Org>),
    /// Products.
    Product(remote::Group<remote::product::Product>),
    /// Actions on many devices: how far they are; end and undo them.
    Job(remote::Group<remote::job::Job>),
    /// Public keys whose firmware a server accepts.
    Key(remote::Group<remote::keys::Key>),
    /// Certificate authorities whose devices may connect.
    Ca(remote::Group<remote::keys::Ca>),
    /// Support scripts.
    Script(remote::Group<remote::scripts::Script>),
    /// Archives: signed files for applications on devices.
    Archive(remote::Group<remote::scripts::Archive>),
    /// API tokens.
    Token(remote::Group<remote::login::Token>),
    /// Log in to a server.
    Login(remote::login::Login),
    /// Forget the login.
    Logout(remote::login::Logout),
    /// Say who is logged in, and where.
    Whoami(remote::login::Whoami),
    /// Find devices, groups, firmware, products and organizations by a few letters.
    Find(remote::find::Find),
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
    /// Work on a server's own data, whether it runs or not.
    #[command(subcommand)]
    Admin(Box<admin::Admin>),
    /// Take a fleet over from another server.
    #[command(subcommand)]
    Import(import::Import),
}

/// Runs a command and returns its exit code.
pub fn run(cli: Cli) -> Code {
    // An error means that a provider is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let outcome = match cli.command {
        Command::Serve(c) => c.run(),
        Command::Demo(c) => c.run(),
        Command::Sim(c) => c.run(),
        Command::Delta(c) => c.run(),
        Command::Firmware(c) => c.run(),
        Command::Device(c) => c.run(),
        Command::Deployment(c) => block_on(c.run()),
        Command::Org(c) => block_on(c.run()),
        Command::Product(c) => block_on(c.run()),
        Command::Job(c) => block_on(c.run()),
        Command::Key(c) => block_on(c.run()),
        Command::Ca(c) => block_on(c.run()),
        Command::Script(c) => block_on(c.run()),
        Command::Archive(c) => block_on(c.run()),
        Command::Token(c) => block_on(c.run()),
        Command::Login(c) => block_on(c.run()),
        Command::Logout(c) => block_on(c.run()),
        Command::Whoami(c) => block_on(c.run()),
        Command::Find(c) => block_on(c.run()),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "nervecenter", &mut text);
            output::bytes(&text);
            Ok(Code::Done)
        }
        Command::Man => manual(),
        Command::Admin(c) => c.run(),
        Command::Import(c) => c.run(),
    };
    match outcome {
        Ok(code) => code,
        Err(e) => {
            output::error(&format!("{e:#}"));
            remote::code_of(&e)
        }
    }
}

fn block_on(work: impl Future<Output = anyhow::Result<Code>>) -> anyhow::Result<Code> {
    runtime()?.block_on(work)
}

/// Prints the manual page, including the exit codes.
fn manual() -> anyhow::Result<Code> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut text)?;
    text.extend_from_slice(exit::MANUAL.as_bytes());
    output::bytes(&text);
    Ok(Code::Done)
}

/// A runtime for the commands that use the network.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?)
}

/// Waits for SIGINT or SIGTERM.
async fn told_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        let Ok(mut terminate) =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        else {
            // If the handler cannot be installed, the interrupt still works.
            let _ = interrupt.await;
            return;
        };
        tokio::select! {
            _ = interrupt => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    let _ = interrupt.await;
}

#[cfg(test)]
mod tests;
