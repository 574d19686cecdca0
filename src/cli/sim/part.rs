//! One of several processes that share a fleet. It is started by `nervecenter sim --processes`, tells its counters on stdout, and
//! ends when its stdin is closed, which happens even when the process at the other end is killed.

use super::super::exit::Code;
use super::super::{output, told_to_stop};
use crate::sim::{Fleet, Plan, SimReport};
use serde::{Deserialize, Serialize};
use std::io::Read as _;
use std::time::Duration;
use tokio::sync::oneshot;

/// A line that a part writes to its stdout.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PartMessage {
    /// All that can be wrong with flags, files and limits is not; devices begin to connect.
    Started,
    /// The counters so far.
    Counted(SimReport),
    /// The final counters.
    Ended(SimReport),
}

/// Pause between two messages.
const TOLD_EVERY: Duration = Duration::from_millis(500);

/// How long a part may take to end when it is told to.
pub(super) const END_TIME: Duration = Duration::from_secs(20);

/// Runs this process's devices until it is told to stop.
pub(super) async fn run(plan: Plan) -> anyhow::Result<Code> {
    let fleet = Fleet::start(plan)?;
    tell(&PartMessage::Started)?;
    let counting = async {
        loop {
            tokio::time::sleep(TOLD_EVERY).await;
            // A report is always written; nobody to read it means that stdin is closed as well.
            let _ = tell(&PartMessage::Counted(fleet.report()));
        }
    };
    tokio::select! {
        () = stdin_closed() => {}
        () = told_to_stop() => {}
        () = counting => {}
    }
    tell(&PartMessage::Ended(fleet.stop().await))?;
    Ok(Code::Done)
}

fn tell(message: &PartMessage) -> anyhow::Result<()> {
    output::bytes(format!("{}\n", serde_json::to_string(message)?).as_bytes());
    Ok(())
}

/// Waits until the process that started this one closes the pipe, or is gone. If the end then takes too long, it is cut short.
async fn stdin_closed() {
    let (closed, wait) = oneshot::channel();
    // A thread of its own, since the runtime would wait for a read of stdin at its end.
    std::thread::spawn(move || {
        let mut bytes = [0; 64];
        while matches!(std::io::stdin().read(&mut bytes), Ok(1..)) {}
        // Whoever waited may have been stopped by a signal before.
        let _ = closed.send(());
        std::thread::sleep(END_TIME);
        std::process::exit(1);
    });
    // An error would mean that the thread is gone, which only ends as above.
    let _ = wait.await;
}
