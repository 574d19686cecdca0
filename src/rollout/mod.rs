//! Rollout decisions: which device gets which file, and when. It reads and writes the store and sends hints on
//! the bus. It knows no HTTP and no sockets, so the code is the same for one node and for ten.

pub mod bandwidth;
pub mod choice;
pub mod claim;
pub mod comparison;
pub mod forecast;
pub mod matching;
pub mod offer;
pub mod outcome;
pub mod plan;
pub mod policy;
pub mod progress;
mod queue;
pub mod reconcile;
pub mod rollback;
pub mod rollout_state;
pub mod scheduler;
pub mod steps;
mod stopping;
pub mod version_requirement;
pub mod why;
pub mod workflow;
