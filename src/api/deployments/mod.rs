//! Deployment groups and their releases.

mod fields;
mod forecast;
mod groups;
mod overview;
mod rollouts;
mod strays;
mod view;

use super::http::contract::Contract;

pub(super) fn routes(contract: &mut Contract) {
    groups::routes(contract);
    rollouts::routes(contract);
    overview::routes(contract);
    forecast::routes(contract);
    strays::routes(contract);
}
