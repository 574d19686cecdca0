//! What the tests share: a server in this process or as a child process, clients by role, a raw device.

pub mod api;
pub mod authenticator;
pub mod bucket;
pub mod ca;
pub mod contract;
pub mod device;
pub mod dump;
pub mod fixtures;
pub mod hosted;
pub mod inbox;
pub mod inspect;
pub mod issuer;
pub mod nats;
pub mod nodes;
pub mod ports;
pub mod postgres;
pub mod readings;
pub mod server;
pub mod sim;
pub mod statement_log;
pub mod statements;
pub mod viewer;
pub mod wire;

/// A number that whoever runs the tests may give in a variable.
pub fn number(variable: &str, default: i64) -> i64 {
    let given = std::env::var(variable).ok();
    given.and_then(|n| n.parse().ok()).unwrap_or(default)
}

pub use api::Api;
pub use server::{Engine, Server};
