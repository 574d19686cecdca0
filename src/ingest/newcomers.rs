//! Devices that register themselves with a product's shared secret when they first come: many at once when a batch leaves
//! the factory, so they are added by the set, as all that they do afterwards.

use crate::ids::DeviceId;
use crate::store::ingest::write::{self, Newcomer};
use crate::store::{self, Write, batch};
use std::collections::HashMap;

/// Adds newcomers. Their device's number; `None` when the identifier was taken at the same moment.
#[derive(Debug)]
pub struct NewcomerWriter;

impl batch::Writer for NewcomerWriter {
    type Record = Newcomer;
    type Outcome = Option<DeviceId>;

    /// They have no number yet. Their product's is as good to take turns by.
    fn key(newcomer: &Newcomer) -> i64 {
        newcomer.product.number()
    }

    async fn write(
        &self,
        w: &mut Write,
        newcomers: &[&Newcomer],
    ) -> store::Result<Vec<store::Result<Option<DeviceId>>>> {
        let added = write::newcomers(w, newcomers).await?;
        let mut added: HashMap<String, DeviceId> =
            added.into_iter().map(|(id, name)| (name, id)).collect();
        // Of two with one identifier the first has it.
        let numbers = newcomers.iter().map(|n| Ok(added.remove(&n.identifier)));
        Ok(numbers.collect())
    }
}
