//! A fleet in several processes, since a process can have so many open files, and one core, only: starts them, adds up what they
//! count, and ends them.

use super::super::output;
use super::part::{END_TIME, PartMessage};
use crate::sim::{Part, SimReport};
use anyhow::{Context as _, bail};
use serde::Serialize;
use std::ffi::OsString;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

/// The processes of a fleet.
pub(super) struct Processes {
    devices: usize,
    begun: Instant,
    /// A part ends when its own is dropped.
    pipes: Vec<ChildStdin>,
    parts: Arc<Parts>,
    tasks: TaskTracker,
}

/// What is known of the parts.
struct Parts {
    all: Mutex<Vec<Known>>,
    changed: Notify,
}

/// What is known of a part.
#[derive(Debug, Default, Clone)]
struct Known {
    started: bool,
    report: Option<SimReport>,
    /// Whether the report is the final one.
    complete: bool,
    end: Option<End>,
}

/// How a process ended.
#[derive(Debug, Clone)]
struct End {
    why: String,
    /// Whether it was told to.
    told: bool,
}

/// What all processes counted.
#[derive(Debug, Serialize)]
pub(super) struct Sum {
    #[serde(flatten)]
    counted: SimReport,
    processes: usize,
    /// Processes that ended by themselves: their counters are those that they told last.
    pub lost: Vec<Lost>,
}

/// A process that ended by itself.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub(super) struct Lost {
    /// Its number, from 1.
    process: usize,
    why: String,
}

impl Parts {
    fn lock(&self) -> MutexGuard<'_, Vec<Known>> {
        // A task that panicked has changed one field or none.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, number: usize, change: impl FnOnce(&mut Known)) {
        if let Some(known) = self.lock().get_mut(number - 1) {
            change(known);
        }
        self.changed.notify_waiters();
    }

    /// Waits until this is true of the parts.
    async fn until(&self, is: impl Fn(&[Known]) -> bool) {
        loop {
            let changed = self.changed.notified();
            if is(&self.lock()) {
                return;
            }
            changed.await;
        }
    }
}

impl Processes {
    /// Starts this program so many times, each with the given arguments and its part.
    ///
    /// # Errors
    /// A process that did not start. The others are ended then.
    pub(super) async fn start(
        count: usize,
        devices: usize,
        arguments: &[OsString],
    ) -> anyhow::Result<Self> {
        let mut processes = Self {
            devices,
            begun: Instant::now(),
            pipes: Vec::new(),
            parts: Arc::new(Parts {
                all: Mutex::new(vec![Known::default(); count]),
                changed: Notify::new(),
            }),
            tasks: TaskTracker::new(),
        };
        for number in 1..=count {
            let part = Part { number, of: count };
            let mut child = launch(part, arguments)
                .with_context(|| format!("process {number} of {count} did not start"))?;
            processes.pipes.extend(child.stdin.take());
            let parts = processes.parts.clone();
            processes.tasks.spawn(follow(number, child, parts));
        }
        let settled = |all: &[Known]| {
            all.iter().all(|known| known.started) || all.iter().any(|known| known.end.is_some())
        };
        processes.parts.until(settled).await;
        let failed = processes.lost().into_iter().next();
        if let Some(Lost { process, why }) = failed {
            processes.end().await;
            bail!("process {process} of {count} did not start: {why}");
        }
        Ok(processes)
    }

    /// The sum of what the processes have told so far.
    pub(super) fn report(&self) -> SimReport {
        let all = self.parts.lock();
        let reports = all.iter().filter_map(|known| known.report.as_ref());
        SimReport::sum(
            reports,
            self.devices as u64,
            self.begun.elapsed().as_secs_f64(),
        )
    }

    /// Waits until no process is left.
    pub(super) async fn all_ended(&self) {
        let none = |all: &[Known]| all.iter().all(|known| known.end.is_some());
        self.parts.until(none).await;
    }

    fn lost(&self) -> Vec<Lost> {
        let all = self.parts.lock();
        let ends = all.iter().enumerate();
        ends.filter_map(|(n, known)| {
            let end = known.end.as_ref()?;
            (!end.told || !known.complete).then(|| Lost {
                process: n + 1,
                why: end.why.clone(),
            })
        })
        .collect()
    }

    /// Ends the processes, and returns the sum of their final counters.
    pub(super) async fn stop(mut self) -> Sum {
        let seconds = self.begun.elapsed().as_secs_f64();
        self.end().await;
        let mut counted = self.report();
        counted.seconds = seconds;
        let processes = self.parts.lock().len();
        Sum {
            counted,
            processes,
            lost: self.lost(),
        }
    }

    async fn end(&mut self) {
        for known in self.parts.lock().iter_mut().filter(|k| k.end.is_none()) {
            known.end = Some(End {
                why: "it did not end in time and was killed".to_owned(),
                told: true,
            });
        }
        self.pipes.clear();
        self.tasks.close();
        // A process that is still there then is killed when this runtime ends, with the task that follows it.
        let patience = END_TIME + Duration::from_secs(5);
        let _ = tokio::time::timeout(patience, self.tasks.wait()).await;
    }
}

fn launch(part: Part, arguments: &[OsString]) -> anyhow::Result<Child> {
    let program = std::env::current_exe()?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .arg(format!("--part={}/{}", part.number, part.of))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C reaches this process alone, which ends the others in its turn.
        .process_group(0)
        .kill_on_drop(true);
    Ok(command.spawn()?)
}

/// Reads what a process tells until it ends.
async fn follow(number: usize, mut child: Child, parts: Arc<Parts>) {
    let (out, errors) = (child.stdout.take(), child.stderr.take());
    let (_, last) = tokio::join!(
        lines(out, |line| {
            match serde_json::from_str(&line) {
                Ok(PartMessage::Started) => parts.change(number, |known| known.started = true),
                Ok(PartMessage::Counted(report)) => {
                    parts.change(number, |known| known.report = Some(report));
                }
                Ok(PartMessage::Ended(report)) => parts.change(number, |known| {
                    known.report = Some(report);
                    known.complete = true;
                }),
                Err(_) => output::talk(&format!("process {number}: {line}")),
            }
        }),
        lines(errors, |line| output::talk(&format!(
            "process {number}: {line}"
        ))),
    );
    let status = child.wait().await;
    parts.change(number, |known| {
        let told = known.end.is_some();
        if !told {
            let why = reason(status, last);
            if known.started {
                output::error(&format!("process {number} ended by itself: {why}"));
            }
            known.end = Some(End { why, told });
        } else if !known.complete {
            let why = reason(status, last);
            known.end = Some(End { why, told });
        }
    });
}

/// Passes the lines on, and returns the last one.
async fn lines(
    from: Option<impl AsyncRead + Unpin>,
    mut each: impl FnMut(String),
) -> Option<String> {
    let mut lines = BufReader::new(from?).lines();
    let mut last = None;
    // What is no text ends the lines, as the end of the process does.
    while let Ok(Some(line)) = lines.next_line().await {
        if !line.trim().is_empty() {
            last = Some(line.clone());
        }
        each(line);
    }
    last
}

fn reason(status: std::io::Result<ExitStatus>, last: Option<String>) -> String {
    let status = status.map_or_else(|e| e.to_string(), |status| status.to_string());
    match last {
        None => status,
        Some(line) => {
            let line = line.strip_prefix("error: ").unwrap_or(&line);
            format!("{line} ({status})")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;

    #[test]
    fn the_reason_of_an_end_is_its_last_error_and_its_status() {
        let killed = || Ok(ExitStatus::from_raw(9));
        assert_eq!(reason(killed(), None), "signal: 9 (SIGKILL)");
        let line = Some("error: no such file".to_owned());
        assert_eq!(
            reason(Ok(ExitStatus::from_raw(0x100)), line),
            "no such file (exit status: 1)"
        );
    }
}
