//! What happened and what happens: the audit log, the stream of device events, the sockets of people.

pub mod audits;
pub mod socket;
pub mod stream;
