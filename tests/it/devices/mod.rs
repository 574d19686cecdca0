//! Devices as people manage them: identities, certificates, lists, history.

mod attempts;
mod bulk;
mod certificate_zoo;
mod certificates;
mod extensions;
mod facets;
mod fields;
mod history;
pub mod jobs;
mod lists;
mod location;
mod map;
mod moves;
pub mod script_jobs;
mod snippets;
mod trouble;
