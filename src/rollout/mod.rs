//! The decisions: which device gets which file, and when. It reads and writes the store and sends hints; it knows no
//! HTTP and no socket, so one node or ten is one code path.

pub mod choice;
pub mod claim;
pub mod matching;
pub mod offer;
pub mod outcome;
pub mod reconcile;
pub mod scheduler;
pub mod version_requirement;
