//! All output of the command line. No other file prints.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this room prints"
)]

use serde::Serialize;
use std::io::Write as _;

/// Prints data to stdout.
pub(super) fn data(text: &str) {
    println!("{text}");
    // A closed pipe is no error: the reader has seen enough.
    let _ = std::io::stdout().flush();
}

/// Writes raw data to stdout.
pub(super) fn bytes(raw: &[u8]) {
    let mut out = std::io::stdout().lock();
    // A closed pipe is no error: the reader has seen enough.
    let _ = out.write_all(raw);
    let _ = out.flush();
}

/// Prints data as one line of JSON.
pub(super) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    data(&serde_json::to_string(value)?);
    Ok(())
}

/// Prints a message to stderr.
pub(super) fn talk(text: &str) {
    eprintln!("{text}");
}

/// Prints an error to stderr.
pub(super) fn error(text: &str) {
    eprintln!("error: {text}");
}

/// Writes log lines to stderr; `RUST_LOG` overrides the level.
pub(super) fn logs(default: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    // A second call, as in tests, has no effect.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .try_init();
}

/// Prints a table: columns as wide as their widest text, without lines, so that it can be read by `awk` as well.
pub(super) fn table<'t>(
    titles: impl Iterator<Item = &'t str>,
    rows: impl Iterator<Item = Vec<String>>,
) {
    let mut table = comfy_table::Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_header(titles)
        .add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for line in table.lines() {
        data(line.trim_end());
    }
}
