//! Signals to many devices after a change. They are sent page by page in the background, so that no request
//! waits, and the bus, which drops messages that its readers do not take in time, is not flooded.

use crate::bus::{BusMessage, DeviceSignal};
use crate::domain::Context;
use crate::ids::{DeviceId, GroupId, NodeId, OrgId, ProductId};
use crate::limits::{PAGE_SIZE, TELL_PAUSE};
use crate::store;
use std::sync::atomic::Ordering;

/// The devices to signal.
#[derive(Debug, Clone, Copy)]
enum Whom {
    Product(ProductId),
    Group(GroupId),
    Org(OrgId),
}

/// Signals a product's connected devices that their extensions have changed.
pub fn of_extensions(context: &Context, product: ProductId) {
    begin(context, Whom::Product(product), DeviceSignal::Extensions);
}

/// Signals an organization's connected devices that its signing keys have changed. A device that is offered an
/// update before its signal is sent gets the keys first (`device::link`).
pub fn of_keys(context: &Context, org: OrgId) {
    context.key_changes.fetch_add(1, Ordering::Relaxed);
    context.bus.send(BusMessage::KeysChanged);
    begin(context, Whom::Org(org), DeviceSignal::Keys);
}

/// Signals a group's connected devices to check for their archive.
pub fn of_archive(context: &Context, group: GroupId) {
    begin(context, Whom::Group(group), DeviceSignal::Archive);
}

fn begin(context: &Context, whom: Whom, nudge: DeviceSignal) {
    let teller = context.clone();
    context.background.spawn(async move {
        let context = teller;
        let told = context.stopping.run_until_cancelled(tell(&context, whom, nudge));
        if let Some(Err(e)) = told.await {
            tracing::warn!(error = %e, ?whom, "not all devices were told of a change; they learn it when they next connect");
        }
    });
}

async fn tell(context: &Context, whom: Whom, nudge: DeviceSignal) -> store::Result<()> {
    let mut after = DeviceId::NONE;
    loop {
        let page = page(context, whom, after).await?;
        let Some((last, _)) = page.last() else {
            return Ok(());
        };
        after = *last;
        for (device, node) in page {
            context.signal_device(node, device, nudge);
        }
        tokio::time::sleep(TELL_PAUSE).await;
    }
}

async fn page(
    context: &Context,
    whom: Whom,
    after: DeviceId,
) -> store::Result<Vec<(DeviceId, NodeId)>> {
    let most = i64::try_from(PAGE_SIZE).unwrap_or(i64::MAX);
    let mut r = context.db.read().await?;
    match whom {
        Whom::Product(p) => {
            crate::store::devices::connections::of_product(&mut r, p, after, most).await
        }
        Whom::Group(g) => {
            crate::store::devices::connections::of_group(&mut r, g, after, most).await
        }
        Whom::Org(o) => crate::store::devices::connections::of_org(&mut r, o, after, most).await,
    }
}
