//! The command line: a file a command. Data goes to stdout, talk to stderr; exit codes are in [`exit`].

mod admin;
mod delta;
mod demo;
mod device;
pub mod exit;
mod firmware;
mod output;
mod serve;
mod sim;
mod socket;
mod tty;

use clap::{Parser, Subcommand};
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
    Sim(sim::Sim),
    /// Make the delta between two firmware files, offline.
    Delta(delta::Delta),
    /// Look into, check and sign fwup firmware files, offline.
    #[command(subcommand)]
    Firmware(firmware::Firmware),
    /// Talk to a device through a server: its console, its shell, its files.
    #[command(subcommand)]
    Device(device::Device),
    /// Work on a server's own data, whether it runs or not.
    #[command(subcommand)]
    Admin(admin::Admin),
}

/// Runs a command; the exit code that it ends with.
pub fn run(cli: Cli) -> Code {
    // Already installed is fine.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let outcome = match cli.command {
        Command::Serve(c) => c.run(),
        Command::Demo(c) => c.run(),
        Command::Sim(c) => c.run(),
        Command::Delta(c) => c.run(),
        Command::Firmware(c) => c.run(),
        Command::Device(c) => c.run(),
        Command::Admin(c) => c.run(),
    };
    match outcome {
        Ok(code) => code,
        Err(e) => {
            output::error(&format!("{e:#}"));
            Code::Failed
        }
    }
}

/// A runtime for the commands that talk to the network.
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
            // Without a handler there is still the interrupt.
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
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
