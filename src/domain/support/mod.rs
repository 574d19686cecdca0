//! Support of devices in the field: terminals, scripts, webhooks, mail, and notifications.

pub mod mail_rules;
pub mod notifications;
pub mod remote_requests;
pub mod script_runs;
pub mod scripts;
pub mod terminal_access;
pub mod terminals;
pub mod webhooks;
