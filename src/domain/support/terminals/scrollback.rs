//! The recent output of a terminal, limited in lines and in bytes.

use crate::limits::{SCROLLBACK_BYTES, SCROLLBACK_LINES};
use std::collections::VecDeque;

/// The recent output: complete lines, oldest first, and the unfinished one.
#[derive(Debug, Default)]
pub(super) struct Scrollback {
    lines: VecDeque<String>,
    last: String,
    bytes: usize,
}

impl Scrollback {
    /// Appends output.
    pub(super) fn add(&mut self, text: &str) {
        for part in text.split_inclusive('\n') {
            self.last.push_str(part);
            self.bytes += part.len();
            // A line without an end is cut, or it would grow without limit.
            if part.ends_with('\n') || self.last.len() > SCROLLBACK_BYTES / 4 {
                self.lines.push_back(std::mem::take(&mut self.last));
            }
            while self.lines.len() > SCROLLBACK_LINES || self.bytes > SCROLLBACK_BYTES {
                match self.lines.pop_front() {
                    Some(gone) => self.bytes -= gone.len(),
                    None => break,
                }
            }
        }
    }

    /// All kept output as one text.
    pub(super) fn all(&self) -> String {
        let mut all = String::with_capacity(self.bytes);
        all.extend(self.lines.iter().map(String::as_str));
        all.push_str(&self.last);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_and_the_unfinished_one_are_kept() {
        let mut s = Scrollback::default();
        for i in 0..SCROLLBACK_LINES + 10 {
            s.add(&format!("{i}"));
            s.add("\r\n");
        }
        s.add("iex> ");
        let all = s.all();
        assert!(all.starts_with("10\r\n11\r\n"), "{}", &all[..20]);
        assert!(all.ends_with("\r\niex> "));
        assert_eq!(all.lines().count(), SCROLLBACK_LINES + 1);
    }

    #[test]
    fn a_line_without_an_end_is_bounded() {
        let mut s = Scrollback::default();
        for _ in 0..2_000 {
            s.add(&"x".repeat(1_000));
        }
        assert!(s.all().len() <= SCROLLBACK_BYTES + 1_000);
        assert_eq!(s.bytes, s.all().len());
    }
}
