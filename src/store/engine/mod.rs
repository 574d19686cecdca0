//! The macros that run one text on either engine, and the connections that they run on ([`connection`]).

/// One statement of the ledger, which only the unit tests of this crate have: they prepare each on both engines, and
/// `.ci/statements.py` names those that no test runs.
#[cfg(test)]
pub struct Statement {
    /// `room.verb`.
    pub name: &'static str,
    pub text: &'static str,
    /// The text for PostgreSQL: another one where a set of rows is an argument.
    #[cfg_attr(not(test), expect(dead_code, reason = "the ledger is read by tests"))]
    pub postgres: &'static str,
}

#[cfg(test)]
inventory::collect!(Statement);

/// Names a statement, for the ledger, and evaluates to its text.
macro_rules! sql {
    ($name:expr, $text:expr) => {{
        #[cfg(test)]
        inventory::submit! {
            $crate::store::engine::Statement { name: $name, text: $text, postgres: $text }
        }
        $text
    }};
}

/// Runs the same tokens on whichever engine `$on` is, and tells the connection how it went: one that never hears the
/// end (the future was dropped) or hears of an error is not used again.
macro_rules! on_engine {
    ($on:expr, |$c:ident| $body:expr) => {{
        let on = &mut *$on;
        let outcome = match $crate::store::engine::On::conn(on) {
            $crate::store::engine::Conn::Sqlite($c) => $body,
            $crate::store::engine::Conn::Postgres($c) => $body,
        };
        $crate::store::engine::On::settle(on, outcome.is_ok());
        outcome
    }};
}

/// All rows.
macro_rules! fetch_all {
    ($on:expr, $text:expr $(, $a:expr)* $(,)?) => {{
        let text: &'static str = $text;
        on_engine!($on, |c| sqlx::query_as(text)$(.bind($a))*.fetch_all(c).await)
            .map_err($crate::store::Error::from)
    }};
}

/// The first row, if any.
macro_rules! fetch_optional {
    ($on:expr, $text:expr $(, $a:expr)* $(,)?) => {{
        let text: &'static str = $text;
        on_engine!($on, |c| sqlx::query_as(text)$(.bind($a))*.fetch_optional(c).await)
            .map_err($crate::store::Error::from)
    }};
}

/// Runs a change; the number of rows it touched.
macro_rules! execute {
    ($on:expr, $text:expr $(, $a:expr)* $(,)?) => {{
        let text: &'static str = $text;
        on_engine!($on, |c| sqlx::query(text)$(.bind($a))*.execute(c).await.map(|r| r.rows_affected()))
            .map_err($crate::store::Error::from)
    }};
}

mod connection;
mod db;
mod error;
pub mod fold;
mod priority;
#[macro_use]
mod sets;
mod statistics;
pub mod waits;

pub use connection::{Conn, Dialect, On, Read, Write, dialect};
pub use db::Db;
pub use error::{Error, Result};
pub use sets::{BigInt, Column, SetText, Text, execute_set, fetch_set};
