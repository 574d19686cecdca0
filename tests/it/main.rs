//! Whole-system tests: the real binary, real sockets, real TLS, both databases.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    missing_docs
)]

mod archives;
mod certificate_zoo;
mod certificates;
mod cli;
mod console_files;
mod device;
mod downloads;
mod esp_idf;
mod extensions;
mod faults;
mod history;
mod hostile;
mod moves;
mod nerves_hub;
mod polling;
mod protocol;
mod remote;
mod rest_api;
mod rollout;
mod scripts;
mod simulator;
mod snippets;
mod story;
mod support;
mod terminals;
mod uploads;
mod uploads_slow;
mod walls;
