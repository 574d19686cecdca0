//! What devices cause. Everything that they do at their own rate, connecting, joining, reporting, leaving, goes through one
//! queue to one writer, which takes whatever waits into one transaction ([`crate::store::batch`]) and treats it alike:
//!
//! 1. **read** what is on record of all devices of the batch ([`state`]),
//! 2. **decide** for one word of one device after the other what changes ([`decide`], which knows neither database nor
//!    clock),
//! 3. **write** the changes, one statement a kind ([`mod@write`]),
//! 4. after the commit, **ask** what devices that have joined are to be told ([`ask`]).
//!
//! So the number of statements does not grow with the batch: at most twelve for connects and joins, whatever comes of them,
//! and a few more where a batch has everything at once, or where claims wait for its devices, which are taken and told together
//! too. Two things remain one by one, after the changes of their batch and in its transaction, since each depends on what the one
//! before it has taken: the turn of a device that polls ([`poll`], some twenty statements), and network identities (up to five
//! each, ten in a report).

pub mod ask;
pub mod bearers;
pub mod decide;
pub mod newcomers;
pub mod poll;
pub mod said;
pub mod state;
pub mod write;

pub use bearers::BearerWriter;
pub use newcomers::NewcomerWriter;
pub use said::{ConnectInfo, DeviceWrite, Join, NetworkIdentity, Record, Reported, WriteOutcome};
pub use write::IngestWriter;
