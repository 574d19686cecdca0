//! Rollout decisions: which device gets which file, and when. It reads and writes the store and sends hints on
//! the bus. It knows no HTTP and no sockets, so the code is the same for one node and for ten.

pub mod choice;
pub mod claim;
pub mod matching;
pub mod offer;
pub mod outcome;
pub mod plan;
pub mod progress;
pub mod reconcile;
pub mod scheduler;
pub mod steps;
pub mod version_requirement;
pub mod why;
pub mod workflow;
