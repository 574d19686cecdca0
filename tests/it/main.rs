//! Whole-system tests: a whole server, in this process or as the real binary, real sockets, real TLS, both databases.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    missing_docs
)]

mod accounts;
mod catalog;
mod cli;
mod cluster;
mod console;
mod deployments;
mod devices;
mod events;
mod faults;
mod import;
mod protocol;
mod rest_api;
mod rollout;
mod simulation;
mod support;
mod support_tools;
mod time;
mod walls;
