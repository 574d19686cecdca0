//! A group that was switched on, or whose conditions have changed, takes the connected devices that it is for at once; the
//! others when they next join.

use crate::app::App;
use crate::bus::DeviceSignal;
use crate::clock;
use crate::ids::{DeviceId, GroupId, NodeId};
use crate::limits::{TAKE_SLICE, TAKE_WALK, TELL_PAUSE};
use crate::rollout::matching;
use crate::store::deployments::deployment_groups::GroupRow;
use crate::store::{self, devices};

/// Looks at the connected devices that are in no group, for a group that may take them now.
pub fn begin(app: &App, group: &GroupRow) {
    if !group.is_active || group.lock_device_membership {
        return;
    }
    let (taker, group) = (app.clone(), group.clone());
    app.background.spawn(async move {
        let app = taker;
        let taken = app.stopping.run_until_cancelled(take(&app, &group));
        if let Some(Err(e)) = taken.await {
            tracing::warn!(error = %e, group = %group.name, "a group has not taken all connected devices; it takes the others when they next join");
        }
    });
}

async fn take(app: &App, group: &GroupRow) -> store::Result<()> {
    let last = devices::last(&mut app.db.read().await?).await?;
    let mut after = DeviceId::NONE;
    while after < last {
        let mut r = app.db.read().await?;
        let (found, next) = devices::ungrouped(&mut r, group, after, TAKE_WALK).await?;
        drop(r);
        after = next;
        for slice in found.chunks(TAKE_SLICE) {
            hand_over(app, slice).await?;
            tokio::time::sleep(TELL_PAUSE).await;
        }
    }
    Ok(())
}

/// Places some devices, and tells them which archive they may have.
async fn hand_over(app: &App, some: &[(DeviceId, NodeId)]) -> store::Result<()> {
    let mut groups: Vec<GroupId> = Vec::new();
    let mut placed = Vec::new();
    let mut w = app.db.write().await?;
    for (id, node) in some {
        let Some(device) = devices::row(&mut w, *id).await? else {
            continue;
        };
        if let Some(group) = matching::assign_group(&mut w, &device, clock::now()).await? {
            groups.push(group);
            placed.push((*id, *node));
        }
    }
    w.commit().await?;
    for (device, node) in placed {
        app.signal_device(node, device, DeviceSignal::Archive);
    }
    groups.sort();
    groups.dedup();
    groups
        .into_iter()
        .for_each(|group| app.wake_group(Some(group)));
    Ok(())
}
