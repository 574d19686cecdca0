//! Keys that devices hold on other networks.

use crate::clock::Micros;
use crate::ids::DeviceId;
use crate::ingest::said::NetworkIdentity;
use crate::store::devices::{self, iroh_endpoints, network_identities};
use crate::store::{self, Write};

/// Takes a report of them. A bad entry costs none of the others; a key that another device holds stays there.
///
/// # Errors
/// The database's, or the device is gone.
pub(super) async fn report(
    w: &mut Write,
    device: DeviceId,
    all: &[NetworkIdentity],
    now: Micros,
) -> store::Result<()> {
    for i in all {
        one(w, device, i, now).await?;
    }
    Ok(())
}

async fn one(
    w: &mut Write,
    device: DeviceId,
    i: &NetworkIdentity,
    now: Micros,
) -> store::Result<()> {
    let (instance, key) = (&i.instance, &i.identifier);
    if i.service == "iroh" {
        // What a person of the own organization entered becomes the device's.
        let row = devices::row(w, device).await?;
        let org = row.ok_or(store::Error::Missing("devices"))?.org_id;
        if iroh_endpoints::give_way(w, org, key).await? {
            tracing::warn!(%device, "another organization has entered this iroh endpoint");
            return Ok(());
        }
    }
    let own =
        network_identities::report(w, device, i.service, instance, key, &i.details, now).await?;
    if !own {
        tracing::warn!(%device, service = i.service, "another device holds this network identity");
    }
    Ok(())
}
