//! The local terminal: in raw mode while a device's console is shown, and restored afterwards.

use rustix::termios::{self, OptionalActions, Termios};
use std::io::{IsTerminal as _, Read as _};
use tokio::sync::mpsc;

/// A terminal in raw mode. It is restored when this is dropped.
pub(super) struct Raw(Option<Termios>);

impl Raw {
    /// Sets the terminal to raw mode, if there is one.
    ///
    /// # Errors
    /// The terminal refuses the change.
    pub(super) fn enter() -> anyhow::Result<Self> {
        if !std::io::stdin().is_terminal() {
            return Ok(Self(None));
        }
        let before = termios::tcgetattr(rustix::stdio::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        termios::tcsetattr(rustix::stdio::stdin(), OptionalActions::Flush, &raw)?;
        Ok(Self(Some(before)))
    }

    /// Whether stdin is a terminal.
    pub(super) fn is_terminal(&self) -> bool {
        self.0.is_some()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // A terminal that is gone needs no restoring.
            let _ = termios::tcsetattr(rustix::stdio::stdin(), OptionalActions::Flush, before);
        }
    }
}

/// Rows and columns of the terminal.
pub(super) fn size() -> Option<(u16, u16)> {
    let size = termios::tcgetwinsize(rustix::stdio::stdout()).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row, size.ws_col))
}

/// Reads stdin in a thread of its own, which ends with the process.
pub(super) fn typed() -> mpsc::Receiver<Vec<u8>> {
    let (to, typed) = mpsc::channel(16);
    std::thread::spawn(move || {
        let mut buffer = [0u8; 1024];
        let mut stdin = std::io::stdin().lock();
        while let Ok(n) = stdin.read(&mut buffer) {
            let end = n == 0 || to.blocking_send(buffer[..n].to_vec()).is_err();
            if end {
                return;
            }
        }
    });
    typed
}
