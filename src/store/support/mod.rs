//! Rows of scripts, webhooks, mail, notifications, and who wants to hear of which event.

pub mod mail;
pub mod messages;
pub mod notifications;
pub mod scripts;
pub mod webhooks;
