//! Statements in the log of a server or of a command that runs beside it.

use super::statements::{TARGET, note, wanted};
use std::process::Command;

/// What a child process of a test logs: warnings, and statements when they are to be noted.
pub fn filter() -> &'static str {
    if wanted() {
        "warn,sqlx::query=debug"
    } else {
        "warn"
    }
}

/// Notes the statements of servers in this process, which run on threads that are named by their engine; those of SQLite on
/// the driver's own.
pub fn subscribe() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| {
            if wanted() {
                "off,sqlx::query=debug"
            } else {
                "off"
            }
            .to_owned()
        });
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(false)
            .with_writer(|| Lines)
            .init();
    });
}

/// Takes whole lines, as the formatter writes them.
struct Lines;

impl std::io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let postgres = std::thread::current().name() == Some("postgres");
        let engine = if postgres { "postgres" } else { "sqlite" };
        if !take(engine, line) {
            eprint!("{}", String::from_utf8_lossy(line));
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs a command, notes its statements, and takes their lines out of its stderr, which tests compare.
pub fn output(command: &mut Command, engine: &str) -> std::process::Output {
    let mut out = command.env("RUST_LOG", filter()).output().unwrap();
    let said = out.stderr.split_inclusive(|b| *b == b'\n');
    let rest: Vec<&[u8]> = said.filter(|line| !take(engine, line)).collect();
    out.stderr = rest.concat();
    out
}

/// Notes the statement of a log line. Whether the line is nothing else, so that it can be left out.
pub fn take(engine: &str, line: &[u8]) -> bool {
    let line = String::from_utf8_lossy(line);
    let Some((before, said)) = line.split_once(&format!(" {TARGET}: ")) else {
        return false;
    };
    let text = ["db.statement=", "summary="]
        .iter()
        .filter_map(|field| unquoted(said.split_once(field)?.1))
        .find(|text| !text.is_empty());
    if let Some(text) = text {
        note(engine, &text);
    }
    before.ends_with("DEBUG")
}

/// The text between quotes that Rust's `Debug` wrote.
fn unquoted(quoted: &str) -> Option<String> {
    let mut text = String::new();
    let mut chars = quoted.strip_prefix('"')?.chars();
    loop {
        match chars.next()? {
            '"' => return Some(text),
            '\\' => match chars.next()? {
                'n' | 't' | 'r' => text.push(' '),
                'u' => {
                    let rest = chars.as_str().strip_prefix('{')?;
                    let (number, after) = rest.split_once('}')?;
                    text.push(char::from_u32(u32::from_str_radix(number, 16).ok()?)?);
                    chars = after.chars();
                }
                plain => text.push(plain),
            },
            plain => text.push(plain),
        }
    }
}

#[test]
fn a_statement_is_read_from_its_log_line() {
    let said = r#""\n\nSELECT \"a\"\n FROM b\u{1}\n" rows_affected=0"#;
    assert_eq!(unquoted(said).unwrap().trim(), "SELECT \"a\"  FROM b\u{1}");
    assert_eq!(unquoted("none"), None);
}
