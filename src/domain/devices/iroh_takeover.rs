//! Assigns connected devices to a deployment group as soon as it is switched on or its conditions change.
//! Devices that are offline are assigned when they join.

use crate::bus::DeviceSignal;
use crate::domain::Context;
use crate::ids::{DeviceId, GroupId, NodeId};
use crate::limits::{TAKE_SLICE, TAKE_WALK, TELL_PAUSE};
use crate::rollout::matching;
use crate::store::deployments::deployment_groups::GroupRow;
use crate::store::{self, devices};

/// Looks among the connected devices without a group for those that the group matches now.
pub fn begin(context: &Context, group: &GroupRow) {
    if !group.is_active || group.lock_device_membership {
        return;
    }
    let (taker, group) = (context.clone(), group.clone());
    context.background.spawn(async move {
        let context = taker;
        let taken = context.stopping.run_until_cancelled(take(&context, &group));
        if let Some(Err(e)) = taken.await {
            tracing::warn!(error = %e, group = %group.name, "a group has not taken all connected devices; it takes the others when they next join");
        }
    });
}

async fn take(context: &Context, group: &GroupRow) -> store::Result<()> {
    let last = devices::last(&mut context.db.read().await?).await?;
    let mut after = DeviceId::NONE;
    while after < last {
        let mut r = context.db.read().await?;
        let (found, next) = devices::ungrouped(&mut r, group, after, TAKE_WALK).await?;
        drop(r);
        after = next;
        for slice in found.chunks(TAKE_SLICE) {
            hand_over(context, slice).await?;
            tokio::time::sleep(TELL_PAUSE).await;
        }
    }
    Ok(())
}

/// Assigns a batch of devices to their groups, and signals them to check for their archive.
async fn hand_over(context: &Context, some: &[(DeviceId, NodeId)]) -> store::Result<()> {
    let mut groups: Vec<GroupId> = Vec::new();
    let mut placed = Vec::new();
    let mut w = context.db.write().await?;
    for (id, node) in some {
        let Some(device) = devices::row(&mut w, *id).await? else {
            continue;
        };
        if let Some(group) = matching::assign_group(&mut w, &device, context.now()).await? {
            groups.push(group);
            placed.push((*id, *node));
        }
    }
    w.commit().await?;
    for (device, node) in placed {
        context.signal_device(node, device, DeviceSignal::Archive);
    }
    groups.sort();
    groups.dedup();
    groups
        .into_iter()
        .for_each(|group| context.wake_group(Some(group)));
    Ok(())
}
