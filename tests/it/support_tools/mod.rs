//! What helps people to look after devices: scripts, terminals, webhooks, mail. (`support` is what the tests share.)

mod mail;
mod scripts;
pub mod terminals;
mod webhooks;
