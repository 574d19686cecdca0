//! Deployment groups and their releases.

pub mod groups;
