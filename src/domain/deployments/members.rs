//! Which devices of a product a group takes, whether they are in it or not.

use crate::access::scope::{Product, Scope};
use crate::domain::Result;
use crate::domain::deployments::groups::GroupRow;
use crate::ids::{DeviceId, GroupId, ProductId};
use crate::limits::SURVEY_PAGE;
use crate::rollout::matching::{RunningFirmware, tags_fit, version_fits};
use crate::store::devices::survey::{self, Surveyed};
use crate::store::ingest::read;
use crate::store::{Db, On};
use std::collections::HashMap;

/// A device with its tags, which are empty where nobody asks for them.
pub(super) type Tagged = (Surveyed, Vec<String>);

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
        let page = survey::page(&mut r, self.product, about, &behind, SURVEY_PAGE).await?;
        if i64::try_from(page.len()).is_ok_and(|n| n == SURVEY_PAGE) {
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

/// Whether the conditions of a group take a device; `wanted` are the tags of the conditions. A device that has not told what it
/// runs is taken by none.
pub(super) fn takes(group: &GroupRow, wanted: &[String], (device, tags): &Tagged) -> bool {
    let (version, platform, architecture) = (
        &device.fw_version,
        &device.fw_platform,
        &device.fw_architecture,
    );
    RunningFirmware::of(version, platform, architecture).is_some_and(|runs| {
        runs.platform == group.platform
            && runs.architecture == group.architecture
            && tags_fit(wanted, tags, group.tag_operator)
            && version_fits(&group.version_requirement, runs.version)
    })
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
