//! What happened and what happens: the audit log, events of devices for those who watch, messages to all nodes.

pub mod audits;
pub mod broadcast;
pub mod device_events;
