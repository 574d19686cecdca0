//! Help for devices in the field: scripts, webhooks, mail rules.

pub mod mail_rules;
pub mod scripts;
pub mod webhooks;
