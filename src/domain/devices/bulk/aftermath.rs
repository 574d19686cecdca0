//! What is told when a batch is committed: devices, groups, and devices that were sent a firmware.

use crate::bus::DeviceSignal;
use crate::domain::Context;
use crate::ids::{DeviceId, GroupId};
use crate::rollout::scheduler;
use crate::store;
use crate::store::devices::connections;
use std::collections::HashMap;

/// What a batch has left to do when it is committed.
#[derive(Debug, Default)]
pub(super) struct Aftermath {
    signals: Vec<(DeviceId, DeviceSignal)>,
    groups: Vec<GroupId>,
    /// Devices that were sent a firmware.
    pub(super) claims: Vec<DeviceId>,
}

impl Aftermath {
    /// Tells those of these devices that are connected.
    pub(super) fn signal(&mut self, devices: &[DeviceId], signal: DeviceSignal) {
        self.signals.extend(devices.iter().map(|d| (*d, signal)));
    }

    pub(super) fn wake(&mut self, group: Option<GroupId>) {
        if let Some(group) = group.filter(|g| !self.groups.contains(g)) {
            self.groups.push(group);
        }
    }

    pub(super) async fn settle(self, context: &Context) -> store::Result<()> {
        self.groups
            .iter()
            .for_each(|g| context.wake_group(Some(*g)));
        let ids: Vec<DeviceId> = self.signals.iter().map(|s| s.0).collect();
        let mut r = context.db.read().await?;
        let nodes = connections::nodes_of(&mut r, &ids).await?;
        drop(r);
        let nodes: HashMap<_, _> = nodes.into_iter().collect();
        for (device, signal) in self.signals {
            if let Some(node) = nodes.get(&device) {
                context.signal_device(*node, device, signal);
            }
        }
        scheduler::tell(&context.db, &context.bus, &self.claims).await
    }
}
