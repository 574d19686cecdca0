//! Devices that register themselves with a product's shared secret when they first come: many at once when a batch leaves
//! the factory, so they are added by the set, as all that they do afterwards.

use crate::ids::DeviceId;
use crate::store::ingest::told::{self, By, Entry};
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
        let numbers: Vec<Option<DeviceId>> = newcomers
            .iter()
            .map(|n| added.remove(&n.identifier))
            .collect();
        let made = newcomers.iter().zip(&numbers);
        let entries: Vec<Entry> = made.filter_map(|(n, id)| Some(entry(n, (*id)?))).collect();
        told::audit(w, &entries).await?;
        Ok(numbers.into_iter().map(Ok).collect())
    }
}

/// What the audit log says of a newcomer that was added.
fn entry(newcomer: &Newcomer, device: DeviceId) -> Entry {
    let name = &newcomer.identifier;
    Entry {
        org: newcomer.org,
        product: newcomer.product,
        by: By::Device,
        device,
        text: format!("Device {name} registered itself with a secret of the product"),
        at: newcomer.at,
    }
}
