//! What devices cause: joins, reports and polls, as records that are written in batches.

pub mod join;
pub mod poll;
pub mod records;
