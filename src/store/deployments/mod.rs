//! Deployment groups, their releases, and in-flight updates in the database.

pub mod attempts;
pub mod comparisons;
pub mod deployment_groups;
pub mod inflight;
pub mod overview;
pub mod releases;
pub mod rollouts;
pub mod server_bandwidth;
