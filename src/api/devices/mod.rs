//! Devices: what they are, what they are asked to do, what they hold and what they report.

mod attempts;
mod bulk;
mod ca_certificates;
mod commands;
mod csv_import;
mod device;
mod device_certificates;
pub(super) mod extensions;
mod facets;
mod fields;
mod filter;
mod history;
mod iroh_endpoints;
mod job_results;
mod jobs;
mod location;
mod logs;
mod map;
mod metrics;
mod trouble;
mod view;
mod why;

use super::http::contract::Contract;

pub use filter::filter;

/// What 409 means where a serial number names a certificate.
const SAME_SERIAL: &str =
    "Several have this serial number, from different signers; the answer says how to name one";

pub(super) fn routes(contract: &mut Contract) {
    ca_certificates::routes(contract);
    iroh_endpoints::routes(contract);
    device::routes(contract);
    commands::routes(contract);
    csv_import::routes(contract);
    bulk::routes(contract);
    jobs::routes(contract);
    device_certificates::routes(contract);
    history::routes(contract);
    attempts::routes(contract);
    why::routes(contract);
    facets::routes(contract);
    map::routes(contract);
    extensions::routes(contract);
    location::routes(contract);
    logs::routes(contract);
    metrics::routes(contract);
    trouble::routes(contract);
}
