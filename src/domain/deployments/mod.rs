//! Deployment groups: their settings and releases. Which device gets which release is decided in
//! [`crate::rollout`].

pub mod forecast;
pub mod groups;
pub mod imported;
mod members;
pub mod overview;
pub mod rollouts;
pub mod short_progress;
pub mod status;
pub mod strays;
