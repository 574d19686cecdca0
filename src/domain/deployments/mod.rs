//! Deployment groups: their settings and releases. Which device gets which release is decided in
//! [`crate::rollout`].

pub mod groups;
pub mod imported;
pub mod overview;
pub mod rollouts;
