//! Which statements the unit tests run, read from what sqlx logs.

use super::statements;
use std::sync::Once;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// From now on each statement is noted, when [`statements::wanted`].
pub fn record() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if statements::wanted() {
            let set = tracing::subscriber::set_global_default(Statements);
            set.expect("no unit test of this crate sets a global subscriber");
        }
    });
}

/// A subscriber that keeps nothing but the texts of statements.
struct Statements;

impl Subscriber for Statements {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == statements::TARGET
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        // Each SQLite connection works in a thread of its own, named by sqlx or by `engine::priority`.
        let thread = std::thread::current();
        let sqlite = thread
            .name()
            .is_some_and(|n| n.starts_with("sqlx-sqlite") || n.starts_with("people-read"));
        let text = if text.whole.is_empty() {
            text.summary
        } else {
            text.whole
        };
        statements::note(if sqlite { "sqlite" } else { "postgres" }, &text);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// What sqlx says of a statement: its first words, and the whole of it when it has more.
#[derive(Default)]
struct Text {
    summary: String,
    whole: String,
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.clone_into(&mut self.whole),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
