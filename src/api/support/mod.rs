//! Help for devices in the field: scripts, webhooks, mail rules, notifications.

mod mail_rules;
mod notifications;
mod scripts;
mod webhooks;

use super::http::contract::Contract;

pub(super) fn routes(contract: &mut Contract) {
    scripts::routes(contract);
    webhooks::routes(contract);
    mail_rules::routes(contract);
    notifications::routes(contract);
}
