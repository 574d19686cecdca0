//! Rows of deployment groups, their releases and in-flight updates.

pub mod deployment_groups;
pub mod inflight;
pub mod releases;
