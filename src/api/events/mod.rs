//! What happened and what happens: the audit log, the stream of device events, the sockets of people.

mod audits;
pub(super) mod socket;
mod stream;

use super::http::contract::Contract;

pub(super) fn routes(contract: &mut Contract) {
    stream::routes(contract);
    audits::routes(contract);
}
