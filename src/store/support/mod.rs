//! Support scripts, webhooks, mail rules, and notifications in the database.

pub mod mail;
pub mod messages;
pub mod notifications;
pub mod scripts;
pub mod webhooks;
