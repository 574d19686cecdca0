//! Background work. A job has no input beyond its row, may be run twice, and shows its state in the database.

pub mod deltas;
pub mod housekeeping;
pub mod webhooks;
