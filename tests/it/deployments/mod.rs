//! Deployment groups: whom they update and when, releases in steps, and what people do to them.

mod dead_server;
mod fleet;
mod limits;
mod rules;
mod steps;
mod stops;
