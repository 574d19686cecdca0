//! What a product offers: firmware, archives, signing keys, uploads, shared secrets, settings.

mod archives;
mod finder;
mod firmwares;
mod keys;
mod org_summary;
pub(super) mod products;
mod series;
mod shared_secrets;
pub(super) mod summary;
mod upload;
mod uploads;

use super::http::contract::Contract;

pub(super) fn routes(contract: &mut Contract) {
    keys::routes(contract);
    products::routes(contract);
    summary::routes(contract);
    org_summary::routes(contract);
    series::routes(contract);
    finder::routes(contract);
    shared_secrets::routes(contract);
    firmwares::routes(contract);
    uploads::routes(contract);
    archives::routes(contract);
}
