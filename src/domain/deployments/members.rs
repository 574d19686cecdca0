//! Which devices of a product a group takes, whether they are in it or not.

use crate::access::scope::{Product, Scope};
use crate::domain::Result;
use crate::domain::deployments::groups::GroupRow;
use crate::ids::{DeviceId, GroupId, ProductId};
use crate::limits::SUMMARY_PAGE;
use crate::rollout::matching::{GroupConditions, RunningFirmware};
use crate::store::devices::summaries::{self, DeviceSummary};
use crate::store::ingest::read;
use crate::store::{Db, On};
use std::collections::HashMap;

/// A device with its tags, which are empty where nobody asks for them.
pub(super) type Tagged = (DeviceSummary, Vec<String>);

/// The devices that are in a group or of its platform and architecture, page by page, so that a large fleet takes neither much
/// memory nor a connection for long.
pub(super) struct Pages<'g> {
    product: ProductId,
    group: &'g GroupRow,
    tagged: bool,
    behind: Option<String>,
}

impl<'g> Pages<'g> {
    pub(super) fn of(scope: &Scope<Product>, group: &'g GroupRow, tagged: bool) -> Self {
        Self {
            product: scope.product().id,
            group,
            tagged,
            behind: Some(String::new()),
        }
    }

    /// The next page; `None` after the last.
    pub(super) async fn next(&mut self, db: &Db) -> Result<Option<Vec<Tagged>>> {
        let Some(behind) = self.behind.take() else {
            return Ok(None);
        };
        let mut r = db.read().await?;
        let g = self.group;
        let about = (g.id, g.platform.as_str(), g.architecture.as_str());
        let page = summaries::page(&mut r, self.product, about, &behind, SUMMARY_PAGE).await?;
        if i64::try_from(page.len()).is_ok_and(|n| n == SUMMARY_PAGE) {
            self.behind = page.last().map(|d| d.identifier.clone());
        }
        let mut tags: HashMap<DeviceId, Vec<String>> = HashMap::new();
        if self.tagged {
            let ids: Vec<DeviceId> = page.iter().map(|d| d.id).collect();
            for (device, tag) in read::tags(&mut r, &[], &ids).await?.1 {
                tags.entry(device).or_default().push(tag);
            }
        }
        let with_tags = page.into_iter().map(|device| {
            let tags = tags.remove(&device.id).unwrap_or_default();
            (device, tags)
        });
        Ok(Some(with_tags.collect()))
    }
}

/// What a device runs; `None` until it has told.
pub(super) fn running(device: &DeviceSummary) -> Option<RunningFirmware<'_>> {
    RunningFirmware::of(
        &device.fw_version,
        &device.fw_platform,
        &device.fw_architecture,
    )
}

/// The conditions of a group; `tags` are those that its devices need.
pub(super) fn conditions<'g>(group: &'g GroupRow, tags: &'g [String]) -> GroupConditions<'g> {
    GroupConditions {
        platform: &group.platform,
        architecture: &group.architecture,
        requirement: &group.version_requirement,
        tags,
        operator: group.tag_operator,
    }
}

/// The names of groups by their ids.
pub(super) async fn group_names(
    on: &mut impl On,
    groups: impl IntoIterator<Item = GroupId>,
) -> Result<HashMap<GroupId, String>> {
    let mut names = HashMap::new();
    for id in groups {
        if let Some(group) = crate::store::deployments::deployment_groups::row(on, id).await? {
            names.insert(id, group.name);
        }
    }
    Ok(names)
}
