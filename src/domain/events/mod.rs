//! The audit log, live device events for watchers, and signals to many devices.

pub mod audits;
pub mod broadcast;
pub mod device_events;
