//! What is told of what happened: events, the audit log, the server's log.

mod audit;
mod story;
mod stream;
