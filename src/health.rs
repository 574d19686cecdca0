//! What this process knows of its own state: whether it can write, whether its disk has room, whether its files are
//! still the ones that it opened. `jobs::health` keeps it up to date; the status pages show it, and whoever is about
//! to write a large file asks it first.

use arc_swap::ArcSwap;
use std::sync::Arc;

/// What may be wrong with a server, in the words of `/status/ready`. They name no path and no address, since the
/// page needs no login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// The server has not looked yet.
    Starting,
    /// A transaction cannot be committed.
    DatabaseUnavailable,
    /// The SQLite file was removed or replaced while it was open.
    DatabaseFileReplaced,
    /// Less space is free than the reserve.
    DiskFull,
    /// A key or certificate file is missing or not the one that the server began with.
    SecretsChanged,
}

impl Problem {
    /// What an operator does about it.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Starting => "the server is starting",
            Self::DatabaseUnavailable => {
                "the database cannot be written: see the log; the server goes on by itself when it can be again"
            }
            Self::DatabaseFileReplaced => {
                "the database file was removed or replaced: what is written now is lost at the next stop; stop the server and put the file back"
            }
            Self::DiskFull => {
                "the disk is nearly full: uploads, deltas and device logs are refused until there is room"
            }
            Self::SecretsChanged => {
                "a key or certificate file of the data folder was removed or changed: put it back before the next start"
            }
        }
    }
}

/// The last look at the server's state; cheap to clone.
#[derive(Debug, Clone)]
pub struct Health {
    problems: Arc<ArcSwap<Vec<Problem>>>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            problems: Arc::new(ArcSwap::from_pointee(vec![Problem::Starting])),
        }
    }
}

impl Health {
    /// Records what a look found, and logs what began and what ended.
    pub fn set(&self, found: Vec<Problem>) {
        let before = self.problems.load();
        for new in found.iter().filter(|p| !before.contains(p)) {
            tracing::error!(problem = ?new, advice = new.advice(), "the server is not well");
        }
        for over in before.iter().filter(|p| !found.contains(p)) {
            if *over != Problem::Starting {
                tracing::info!(problem = ?over, "the server is well again");
            }
        }
        self.problems.store(Arc::new(found));
    }

    /// What is wrong; empty when the server is ready.
    pub fn problems(&self) -> Arc<Vec<Problem>> {
        self.problems.load_full()
    }

    /// Whether the database took the last write.
    pub fn database_answers(&self) -> bool {
        !self.problems.load().contains(&Problem::DatabaseUnavailable)
    }

    /// Whether there is room for files beyond what joins and reports need.
    pub fn has_room(&self) -> bool {
        !self.problems.load().contains(&Problem::DiskFull)
    }
}
